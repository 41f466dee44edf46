"""Questions and answers as turns of conversations: told while they come about, kept however they end."""

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from pilot.chat.events import Event, Failed, Finished, RowsReady, SqlDelta, TextDelta, to_json
from pilot.datasource.refusals import keyed, told
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.store import ConversationKind, Store, Turn

logger = logging.getLogger(__name__)

KEPT_ROWS = 200
Answering = Callable[[list[Turn]], AsyncGenerator[Event, None]]


class Turns:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def tell(
        self, kind: ConversationKind, target: str, question: str, conversation: str, answer: Answering, texts: Texts
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer, kept as a turn: also of one that failed, or that its reader stopped. A conversation
        about something else is not gone on with: a new one begins.
        """
        kept: list[Event] = []
        try:
            if conversation and not await asyncio.to_thread(self._is_about, conversation, kind, target):
                conversation = ""
            turns = await asyncio.to_thread(self._store.turns, conversation) if conversation else []
            async with aclosing(answer(turns)) as events:
                async for event in events:
                    kept.append(event)
                    if not isinstance(event, Finished | Failed):
                        yield event
        except PilotError as error:
            kept.append(_failed(told(error, texts)))
        except (asyncio.CancelledError, GeneratorExit):
            await self._keep(kind, target, question, conversation, kept)
            raise
        except Exception:  # noqa: BLE001  the reader is told, the log knows why
            kept.append(_failed(unexpected(texts)))
        stored = await self._keep(kind, target, question, conversation, kept)
        failure = kept[-1] if kept and isinstance(kept[-1], Failed) else None
        yield stored if failure is None else replace(failure, conversation=stored.conversation or conversation)

    def _is_about(self, conversation: str, kind: ConversationKind, target: str) -> bool:
        """Raises NotFound."""
        found = self._store.conversation(conversation)
        return (found.kind, found.target) == (kind, target)

    async def _keep(
        self, kind: ConversationKind, target: str, question: str, conversation: str, events: list[Event]
    ) -> Finished:
        """Store the turn, in a new conversation where none is given. Nothing is kept of a question that was refused."""
        told = [_short(event) for event in events if not isinstance(event, SqlDelta | TextDelta | Finished)]
        text = "".join(event.text for event in events if isinstance(event, TextDelta))
        if all(isinstance(event, Failed) for event in events):
            return Finished()
        return await asyncio.to_thread(self._stored, kind, target, question, conversation,
                                       {"events": told, "text": text})  # fmt: skip

    def _stored(
        self, kind: ConversationKind, target: str, question: str, conversation: str, answer: dict[str, Any]
    ) -> Finished:
        if not conversation:
            conversation = self._store.create_conversation(kind, target, question).id
        return Finished(self._store.add_turn(conversation, question, answer).id, conversation)


def _failed(error: PilotError) -> Failed:
    key, values = keyed(error)
    return Failed(error.code, error.message, error.remedy, key=key, values=values)


def unexpected(texts: Texts) -> PilotError:
    """What to say of the exception that is being handled, which nobody foresaw. The log has it under the same name."""
    name = uuid.uuid4().hex[:8]
    logger.exception("error %s", name)
    return PilotError(texts("errors.unexpected", name=name), remedy=texts("errors.unexpected.remedy"))


def _short(event: Event) -> dict[str, Any]:
    """An event as the store keeps it: of many rows only the first, as many as a page shows."""
    if isinstance(event, RowsReady) and len(event.rows.rows) > KEPT_ROWS:
        event = RowsReady(replace(event.rows, rows=event.rows.rows[:KEPT_ROWS], truncated=True))
    return to_json(event)
