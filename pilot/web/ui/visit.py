"""What a handler knows of its visitor: his language, and how often to draw for him."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from time import monotonic
from typing import Any

import gradio as gr

from pilot.chat.events import Event
from pilot.i18n import Language, Texts
from pilot.web.answer import Answer, fold
from pilot.web.language import language_of
from pilot.web.visitors import remember

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # for every event of the page
FRAME_SECONDS = 0.06  # a page that is drawn more often only costs


class Speaker:
    """`speak(request)`: the sentences in this visitor's language. What is asked afterwards is asked in his name."""

    def __init__(self, default: Language) -> None:
        self.default = default

    def __call__(self, request: gr.Request) -> Texts:
        remember(request.cookies, str(request.session_hash))
        accept = request.headers.get("accept-language", "")
        return Texts(language_of(request.cookies, accept, default=self.default))


async def frames(answer: Answer, events: AsyncGenerator[Event, None]) -> AsyncIterator[Answer]:
    """The growing answer, drawn at most once per frame however fast its events come; the last state always.

    Closing it closes `events`, which stops the model.
    """
    shown, changed = monotonic(), False
    async with aclosing(events) as stream:
        coming = asyncio.ensure_future(anext(stream, None))
        try:
            while True:
                left = max(FRAME_SECONDS - (monotonic() - shown), 0.0)
                await asyncio.wait({coming}, timeout=left if changed else None)
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
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)  # a generator that runs cannot be closed
    if changed:
        yield answer
