"""What a handler knows of its visitor: his language, what he wants stopped, and how often to draw for him."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

import gradio as gr

from pilot.chat.events import Event
from pilot.i18n import Language, Texts
from pilot.web.answer import Answer, fold
from pilot.web.language import language_of
from pilot.web.visitors import remember

# For every event of the page, which says itself what it does: none of Gradio's own signs, nor the work of drawing them.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}
FRAME_SECONDS = 0.06  # a page that is drawn more often only costs

T = TypeVar("T")


class Speaker:
    """`speak(request)`: the sentences in this visitor's language. What is asked afterwards is asked in his name."""

    def __init__(self, default: Language) -> None:
        self.default = default

    def __call__(self, request: gr.Request) -> Texts:
        remember(request.cookies, str(request.session_hash))
        accept = request.headers.get("accept-language", "")
        return Texts(language_of(request.cookies, accept, default=self.default))


class Stops:
    """What runs in one tab, by visitor, and may be stopped there.

    Not by Gradio's `cancels`: they drop the connection on which all else of that visitor comes, and on a slow machine
    what was asked just then is lost with it.
    """

    def __init__(self) -> None:
        self._running: dict[str, list[asyncio.Event]] = {}

    @contextmanager
    def watched(self, request: gr.Request) -> Iterator[asyncio.Event]:
        """An event that is set when this visitor stops what runs in the block."""
        name, stop = str(request.session_hash), asyncio.Event()
        self._running.setdefault(name, []).append(stop)
        try:
            yield stop
        finally:
            self._running[name].remove(stop)
            if not self._running[name]:
                del self._running[name]

    def ask(self, request: gr.Request) -> bool:
        """False where nothing runs: what ran there broke."""
        running = self._running.get(str(request.session_hash), ())
        for stop in running:
            stop.set()
        return bool(running)


async def unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work comes back with; None where it was stopped before, which cancels it."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        await _ended(doing, stopping)


async def frames(answer: Answer, events: AsyncGenerator[Event, None], stop: asyncio.Event) -> AsyncIterator[Answer]:
    """The growing answer, drawn at most once per frame however fast its events come; the last state always, which is
    `stopped` once `stop` is set.

    Stopping or closing it closes `events`, which stops the model.
    """
    shown, changed = monotonic(), False
    async with aclosing(events) as stream:
        coming = asyncio.ensure_future(anext(stream, None))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while True:
                left = max(FRAME_SECONDS - (monotonic() - shown), 0.0)
                await asyncio.wait({coming, stopping}, timeout=left if changed else None,
                                   return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
                if stop.is_set():
                    answer, changed = replace(answer, stopped=True), True
                    break
                if changed and monotonic() - shown >= FRAME_SECONDS:
                    yield answer
                    shown, changed = monotonic(), False
                if not coming.done():
                    continue
                event = coming.result()
                if event is None:
                    break
                answer, changed = fold(answer, event), True
                coming = asyncio.ensure_future(anext(stream, None))
        finally:
            await _ended(coming, stopping)  # a generator that runs cannot be closed
    if changed:
        yield answer


async def _ended(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
