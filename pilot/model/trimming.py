"""A conversation that is too long, made to fit: the oldest turns go first, then the beginning of the last message."""

from collections.abc import Callable, Sequence

from pilot.errors import PromptTooLong
from pilot.protocol import Message

Encode = Callable[[Sequence[Message]], list[int]]


def trimmed(messages: Sequence[Message], most: int, encode: Encode) -> list[int]:
    """The prompt in at most `most` tokens; what the system says stays whole.

    Raises PromptTooLong when that alone is too much.
    """
    while (prompt := _within(messages, most, encode)) is None:
        shorter = _without_oldest(messages)
        if len(shorter) == len(messages):
            return _by_its_end(messages, most, encode)
        messages = shorter
    return prompt


def _within(messages: Sequence[Message], most: int, encode: Encode) -> list[int] | None:
    try:
        prompt = encode(messages)
    except PromptTooLong:
        return None
    return prompt if len(prompt) <= most else None


def _without_oldest(messages: Sequence[Message]) -> list[Message]:
    """Without the first question and its answer; the last message always stays."""
    system = [message for message in messages[:-1] if message.role == "system"]
    turns = [message for message in messages[:-1] if message.role != "system"][1:]
    while turns and turns[0].role != "user":
        del turns[0]
    return [*system, *turns, messages[-1]]


def _by_its_end(messages: Sequence[Message], most: int, encode: Encode) -> list[int]:
    """The longest end of the last message that fits, found by halving."""
    *before, last = messages
    fits = 0
    too_long = len(last.content)
    found = None
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        prompt = _within([*before, Message(role=last.role, content=last.content[-middle:])], most, encode)
        if prompt is None:
            too_long = middle
        else:
            fits, found = middle, prompt
    if found is None:
        raise PromptTooLong(
            f"what the system says leaves no room for a question in {most} tokens",
            remedy="Shorten it, or raise truncate_prompt_tokens or MAX_POSITION_EMBEDDINGS.",
            size=f"more than {most} tokens",
            context=most,
        )
    return found
