"""What is cut off a conversation that is too long, and what never is."""

import threading
from collections.abc import Sequence

import pytest

from pilot.errors import PromptTooLong
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.trimming import trimmed
from pilot.protocol import ChatRequest, Message, Usage
from tests.model.asking import ask

TALK = [
    Message(role="system", content="S" * 5),
    Message(role="user", content="a" * 10),
    Message(role="assistant", content="b" * 10),
    Message(role="user", content="c" * 10),
    Message(role="assistant", content="d" * 10),
    Message(role="user", content="0123456789"),
]


def letters(messages: Sequence[Message]) -> list[int]:
    """A tokenizer that anyone can follow: a letter is a token; it reads 100."""
    text = "".join(message.content for message in messages)
    if len(text) > 100:
        raise PromptTooLong("too long")
    return [ord(letter) for letter in text]


@pytest.mark.parametrize(
    ("most", "left"),
    [
        (55, "SSSSS" + "a" * 10 + "b" * 10 + "c" * 10 + "d" * 10 + "0123456789"),
        (54, "SSSSS" + "c" * 10 + "d" * 10 + "0123456789"),
        (34, "SSSSS0123456789"),
        (9, "SSSSS6789"),
        (6, "SSSSS9"),
    ],
)
def test_oldest_turns_go_first_then_the_beginning_of_the_last_message(most: int, left: str) -> None:
    assert "".join(map(chr, trimmed(TALK, most, letters))) == left


def test_what_the_system_says_is_not_cut() -> None:
    with pytest.raises(PromptTooLong, match="leaves no room"):
        trimmed(TALK, 5, letters)


def test_text_that_no_tokenizer_would_read_is_cut_too() -> None:
    talk = [Message(role="user", content="x" * 1000 + "end")]
    assert "".join(map(chr, trimmed(talk, 20, letters))) == "x" * 17 + "end"


@pytest.mark.parametrize(("field", "most"), [(40, 40), (-1, 1024 - 100)])
def test_request_is_trimmed_where_the_client_asks(field: int, most: int, causal: CausalAdapter) -> None:
    request = ask("customers " * 3000 + "how many?", truncate_prompt_tokens=field, max_tokens=100, temperature=0)
    *_, usage = causal.stream(request, threading.Event())
    assert isinstance(usage, Usage)
    assert most - 8 <= usage.prompt_tokens <= most
    assert usage.completion_tokens <= 100


def test_request_is_refused_with_both_counts_where_it_does_not(causal: CausalAdapter) -> None:
    request: ChatRequest = ask("customers " * 3000)
    with pytest.raises(PromptTooLong, match=r"has \d+ tokens; this model reads 1024 tokens"):
        list(causal.stream(request, threading.Event()))
