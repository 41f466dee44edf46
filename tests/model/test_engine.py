"""Bounded, fair, and nobody's fault is another's."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pilot.errors import ModelBusy, ModelFailed, ModelTimeout, PilotError, PromptTooLong
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.adapters.scripted import Reply, Script, ScriptedAdapter
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.engine import Engine
from pilot.protocol import ChatRequest, Delta, Done, PilotCard, StreamPart, Usage
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import PATIENCE, engine_of, scripted

SLOW = Reply(deltas=("a",) * 100_000, delay=0.01)  # longer than any test waits


class Watched(ModelAdapter):
    """Not parallel; notes how many drive it at once, and when each was let go. `step` lets it give each token."""

    def __init__(self, step: Callable[[], object] = lambda: time.sleep(0.01)) -> None:
        self.inside = 0
        self.most_inside = 0
        self.tokens = 0
        self.stop = threading.Event()
        self._step = step
        self._counting = threading.Lock()

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "Watched":
        return cls()

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        self._count(1)
        self.stop = stop
        try:
            for _ in range(request.limit or 0):
                if stop.is_set():
                    break
                self._step()
                self.tokens += 1
                yield Delta("a")
            yield Done("cancelled" if stop.is_set() else "stop")
            yield Usage(1, self.tokens)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._counting:
            self.inside += change
            self.most_inside = max(self.most_inside, self.inside)

    def count(self, text: str) -> int:
        return len(text)

    @property
    def card(self) -> PilotCard:
        return ScriptedAdapter().card


async def answer(engine: Engine, request: ChatRequest) -> list[StreamPart]:
    return [part async for part in engine.stream(request)]


async def begin(engine: Engine) -> asyncio.Task[list[StreamPart]]:
    """A request that has its place, or waits for one."""
    task = asyncio.create_task(answer(engine, ask()))
    await asyncio.sleep(0)
    return task


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0.001)


async def test_parts_come_in_order_to_the_end() -> None:
    engine = scripted(Reply(text="one two three"))
    await engine.load()
    assert await answer(engine, ask()) == [Delta("one"), Delta(" two"), Delta(" three"), Done(), Usage(5, 3)]


async def test_no_limit_in_the_request_means_the_servers() -> None:
    engine = scripted(Reply(text="a b c d e"), max_new_tokens=2)
    await engine.load()
    assert reason_of(await answer(engine, ask())) == "length"
    assert reason_of(await answer(engine, ask(max_tokens=50))) == "stop"


async def test_while_it_loads_it_is_busy() -> None:
    engine = scripted()
    with pytest.raises(ModelBusy, match="loading") as caught:
        await answer(engine, ask())
    assert caught.value.retry_after > 0


async def test_full_queue_refuses_at_once_and_says_when_to_come_again() -> None:
    engine = scripted(SLOW, concurrency=1, queue_length=1)
    await engine.load()
    running, waiting = await begin(engine), await begin(engine)
    with pytest.raises(ModelBusy, match="1 requests run and 1 wait") as caught:
        await answer(engine, ask())
    assert caught.value.retry_after >= 1
    for task in (running, waiting):
        task.cancel()
    await asyncio.wait([running, waiting])


async def test_nobody_waits_for_ever() -> None:
    engine = scripted(SLOW, concurrency=1, queue_seconds=0.05)
    await engine.load()
    running = await begin(engine)
    with pytest.raises(ModelBusy, match="1 requests run") as caught:
        await answer(engine, ask())
    assert caught.value.retry_after >= 1
    running.cancel()
    await asyncio.wait([running])


async def test_answer_that_takes_too_long_is_ended_and_its_place_is_free() -> None:
    engine = scripted(SLOW.model_copy(update={"when": "slow"}), Reply(text="well"), concurrency=1, answer_seconds=0.1)
    await engine.load()
    with pytest.raises(ModelTimeout, match=r"longer than 0\.1 s"):
        await answer(engine, ask("slow"))
    engine._answer_seconds = PATIENCE
    assert text_of(await answer(engine, ask())) == "well"


async def test_deadline_holds_for_a_model_that_says_nothing() -> None:
    engine = scripted(Reply(text="late", delay=3600), answer_seconds=0.05)
    await engine.load()
    with pytest.raises(ModelTimeout):
        await answer(engine, ask())


async def test_client_that_leaves_while_waiting_gives_its_place_in_the_queue_to_another() -> None:
    engine = scripted(SLOW, concurrency=1, queue_length=1)
    await engine.load()
    running, waiting = await begin(engine), await begin(engine)
    waiting.cancel()
    await asyncio.wait([waiting])
    next_waiting = await begin(engine)
    assert not next_waiting.done()
    for task in (running, next_waiting):
        task.cancel()
    await asyncio.wait([running, next_waiting])


async def test_client_that_leaves_frees_the_place_within_one_token() -> None:
    may_go_on = threading.Semaphore(1)
    adapter = Watched(may_go_on.acquire)
    engine = engine_of(adapter)
    await engine.load()
    parts = engine.stream(ask(max_tokens=1000))
    await anext(parts)
    leaving = asyncio.create_task(parts.aclose())
    await until(adapter.stop.is_set)
    may_go_on.release(1000)
    await leaving
    assert adapter.inside == 0
    assert adapter.tokens <= 2
    assert reason_of(await answer(engine, ask(max_tokens=1))) == "stop"


async def test_real_model_stops_when_the_client_leaves(causal: CausalAdapter) -> None:
    engine = engine_of(causal)
    await engine.load()
    left, passes = threading.Event(), itertools.count(1)

    def wait_at_the_third(*_: object) -> None:
        if next(passes) == 3:
            left.wait(PATIENCE)

    hook = causal._model.register_forward_pre_hook(wait_at_the_third)
    parts = engine.stream(ask(max_tokens=900, temperature=0))
    await anext(parts)
    (stop,) = engine._stops
    leaving = asyncio.create_task(parts.aclose())
    await until(stop.is_set)
    left.set()
    await leaving
    assert len(text_of(await answer(engine, ask(max_tokens=9, temperature=0)))) > 0
    hook.remove()
    assert next(passes) <= 3 + 9 + 1


async def test_real_model_answers_many_at_once_as_each_alone(causal: CausalAdapter) -> None:
    engine = engine_of(causal, concurrency=6, queue_length=20)
    await engine.load()
    wishes = [ask("customers " * (7 * number), max_tokens=25, seed=number, n=1 + number % 3) for number in range(12)]
    together = await asyncio.gather(*(answer(engine, wish) for wish in wishes))
    for wish, parts in zip(wishes, together, strict=True):
        alone = list(causal.stream(wish, threading.Event()))
        assert [text_of(parts, index) for index in range(wish.n)] == [text_of(alone, index) for index in range(wish.n)]
        used, used_alone = parts[-1], alone[-1]
        assert isinstance(used, Usage)
        assert isinstance(used_alone, Usage)
        assert used.completion_tokens == used_alone.completion_tokens


async def test_metrics_show_what_the_model_saves(causal: CausalAdapter) -> None:
    engine = engine_of(causal)
    await engine.load()
    for _ in range(2):
        await answer(engine, ask("customers " * 99, max_tokens=1))
    shown = dict(line.split() for line in engine.metrics.text().decode().splitlines() if not line.startswith("#"))
    assert float(shown["pilot_prefix_hits"]) >= 1
    assert float(shown["pilot_prefix_tokens"]) >= 64
    assert float(shown["pilot_rows"]) == 0


async def test_adapter_that_is_not_parallel_is_never_driven_twice_at_once() -> None:
    adapter = Watched()
    engine = engine_of(adapter, concurrency=5)
    await engine.load()
    await asyncio.gather(*(answer(engine, ask(max_tokens=3)) for _ in range(6)))
    assert adapter.most_inside == 1


async def test_parallel_adapter_runs_as_many_as_allowed() -> None:
    class Parallel(Watched):
        parallel = True

    adapter = Parallel(threading.Barrier(4, timeout=60).wait)  # nobody goes on until four are there
    engine = engine_of(adapter, concurrency=4)
    await engine.load()
    await asyncio.gather(*(answer(engine, ask(max_tokens=1)) for _ in range(8)))
    assert adapter.most_inside == 4


async def test_those_who_wait_are_served_in_order() -> None:
    engine = scripted(concurrency=1)
    await engine.load()
    served: list[int] = []

    async def one(number: int) -> None:
        await answer(engine, ask(str(number)))
        served.append(number)

    await asyncio.gather(*(one(number) for number in range(8)))
    assert served == list(range(8))


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(deltas=("a",), failure="out of luck"), "out of luck"),
        (Reply(deltas=("a",), cut=True), "ended its answer too early"),
    ],
    ids=["fails", "is cut off"],
)
async def test_one_answer_that_breaks_off_leaves_the_others_alone(reply: Reply, says: str) -> None:
    engine = scripted(reply.model_copy(update={"when": "bad"}), Reply(text="well"), concurrency=3)
    await engine.load()
    good, bad, also_good = await asyncio.gather(
        answer(engine, ask()), answer(engine, ask("bad")), answer(engine, ask()), return_exceptions=True
    )
    assert isinstance(good, list)
    assert isinstance(also_good, list)
    assert text_of(good) == text_of(also_good) == "well"
    assert isinstance(bad, ModelFailed)
    assert says in bad.message
    assert text_of(await answer(engine, ask())) == "well"


async def test_what_a_library_raises_becomes_a_model_failure(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Watched):
        def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
            yield Delta("a")
            raise ZeroDivisionError

    engine = engine_of(Broken())
    await engine.load()
    with pytest.raises(ModelFailed, match="broke off") as caught:
        await answer(engine, ask())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "ZeroDivisionError" in caplog.text


async def test_adapters_own_errors_pass_as_they_are() -> None:
    engine = Engine(lambda: ScriptedAdapter(context=3), name="scripted")
    await engine.load()
    with pytest.raises(PromptTooLong):
        await answer(engine, ask("more than three words"))


async def test_model_that_cannot_be_loaded_says_why() -> None:
    def load() -> ModelAdapter:
        raise PilotError("no weights")

    with pytest.raises(PilotError, match="no weights"):
        await Engine(load, name="none").load()


async def test_closing_cancels_what_runs() -> None:
    engine = scripted(SLOW)
    await engine.load()
    running = await begin(engine)
    assert await asyncio.to_thread(engine.close)
    assert reason_of(await running) == "cancelled"


async def test_probe_does_not_wait_for_a_stuck_model_and_does_not_pile_up() -> None:
    adapter = ScriptedAdapter(Script(replies=(Reply(text="late", delay=3600),)))
    engine = engine_of(adapter, probe_seconds=0.05)
    await engine.load()
    for _ in range(2):
        with pytest.raises(ModelFailed, match="no token"):
            await engine.probe()
    assert len(adapter.heard) == 1
    assert await asyncio.to_thread(engine.close)


async def test_probe_asks_for_one_token_and_trusts_a_fresh_one() -> None:
    adapter = ScriptedAdapter()
    engine = Engine(lambda: adapter, name="scripted")
    await engine.load()
    await engine.probe()
    await engine.probe()
    assert [request.limit for request in adapter.heard] == [1]
