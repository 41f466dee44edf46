"""How often a growing answer is drawn."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from pilot.chat.events import Event, Finished, TextDelta
from pilot.web.answer import Answer
from pilot.web.ui.visit import FRAME_SECONDS, frames, unless


async def test_a_burst_is_drawn_once_and_whole() -> None:
    async def burst() -> AsyncGenerator[Event, None]:
        for _ in range(1000):
            yield TextDelta("x")
        yield Finished("m", "c")

    drawn = [answer async for answer in frames(Answer("q"), burst(), asyncio.Event())]
    assert len(drawn) < 10
    assert drawn[-1].text == "x" * 1000
    assert drawn[-1].finished


async def test_what_came_is_drawn_before_a_long_silence() -> None:
    silence = asyncio.Event()

    async def then_silent() -> AsyncGenerator[Event, None]:
        yield TextDelta("a")
        yield TextDelta("b")
        await silence.wait()

    growing = frames(Answer("q"), then_silent(), asyncio.Event())
    assert (await asyncio.wait_for(anext(growing), 5)).text == "ab"
    silence.set()
    assert [answer async for answer in growing] == []


async def test_a_steady_stream_is_drawn_while_it_runs() -> None:
    async def steady() -> AsyncGenerator[Event, None]:
        for _ in range(30):
            await asyncio.sleep(FRAME_SECONDS / 5)
            yield TextDelta("x")

    lengths = [len(answer.text) async for answer in frames(Answer("q"), steady(), asyncio.Event())]
    assert 2 < len(lengths) < 30
    assert lengths[-1] == 30


async def test_leaving_stops_the_model() -> None:
    left = asyncio.Event()

    async def endless() -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield TextDelta("x")
                await asyncio.sleep(0.01)
        finally:
            left.set()

    async def watch() -> None:
        async for _ in frames(Answer("q"), endless(), asyncio.Event()):
            pass

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.1)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert left.is_set()


async def test_stopping_ends_the_model_and_says_so() -> None:
    stop, closed = asyncio.Event(), asyncio.Event()

    async def then_silent() -> AsyncGenerator[Event, None]:
        try:
            yield TextDelta("half")
            await asyncio.Event().wait()
        finally:
            closed.set()

    growing = frames(Answer("q"), then_silent(), stop)
    assert (await anext(growing)).running
    stop.set()
    (last,) = [answer async for answer in growing]
    assert (last.text, last.stopped, last.running) == ("half", True, False)
    assert closed.is_set()


async def test_work_that_is_stopped_is_cancelled() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> str:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert await unless(stop, work()) is None
    assert cancelled.is_set()


async def test_work_that_ends_first_comes_back_or_fails() -> None:
    async def broken() -> str:
        raise ValueError("broken")

    assert await unless(asyncio.Event(), asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ValueError, match="broken"):
        await unless(asyncio.Event(), broken())
