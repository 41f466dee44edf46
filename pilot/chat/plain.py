"""Plain conversation with the served model, or a clear word on what it can do instead."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from pilot.chat.events import Event, Finished, Notice, TextDelta
from pilot.chat.memory import exchanges, messages
from pilot.chat.question import plain_question
from pilot.client import LlmClient
from pilot.errors import ModelUnable
from pilot.i18n import Texts
from pilot.prompts.plain import system
from pilot.protocol import ChatRequest, Delta, Done, Message
from pilot.store import Turn


class PlainChat:
    """`can_chat` is what the served model's card says."""

    def __init__(self, client: LlmClient, *, can_chat: bool, model: str, texts: Texts) -> None:
        self._client = client
        self._can_chat = can_chat
        self._model = model
        self._texts = texts

    async def answer(self, message: str, history: Sequence[Turn] = ()) -> AsyncGenerator[Event, None]:
        """The model's words as they come. Closing it stops the model.

        Raises InputInvalid, ModelUnable after a Notice that says what the served model is good for, or a ModelError.
        """
        asked = plain_question(message, self._texts)
        if not self._can_chat:
            yield Notice("chat.notice.cannot_chat", {"model": self._model or "?"})
            raise ModelUnable(self._texts("chat.failed.cannot_chat"), remedy=self._texts("chat.failed.larger_model"))
        request = ChatRequest(
            model=self._model,
            messages=[
                Message(role="system", content=system()),
                *messages(exchanges(history)),
                Message(role="user", content=asked),
            ],
        )
        async with aclosing(self._client.stream(request)) as parts:
            async for part in parts:
                if isinstance(part, Delta):
                    yield TextDelta(part.text)
                elif isinstance(part, Done) and part.reason == "length":
                    yield Notice("chat.notice.cut_off", {})
        yield Finished()
