"""Conversations as the store keeps them, back on the page."""

from anyio import to_thread

from pilot.errors import NotFound
from pilot.store import Store, Turn
from pilot.web.answer import Answer, restored
from pilot.web.ui.thread import Thread, of_answers


async def open_thread(store: Store, conversation: str) -> tuple[Thread, str]:
    """A stored conversation and what it was asked of. One that is gone is empty."""
    try:
        kept = await to_thread.run_sync(store.conversation, conversation)
        turns = await to_thread.run_sync(store.turns, conversation)
    except NotFound:
        return Thread(), ""
    return of_answers(conversation, tuple(_answer(turn) for turn in turns)), kept.target


def _answer(turn: Turn) -> Answer:
    return restored(turn.question, turn.answer, message=turn.id)
