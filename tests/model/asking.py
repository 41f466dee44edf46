"""Requests, and what their answers say."""

from collections.abc import Iterable
from typing import Any

from pilot.protocol import ChatRequest, Delta, Done, Message, StreamPart


def ask(text: str = "How many customers are there?", **fields: Any) -> ChatRequest:
    return ChatRequest(messages=[Message(role="user", content=text)], **fields)


def text_of(parts: Iterable[StreamPart], index: int = 0) -> str:
    return "".join(part.text for part in parts if isinstance(part, Delta) and part.index == index)


def reason_of(parts: Iterable[StreamPart], index: int = 0) -> str:
    return next(part.reason for part in parts if isinstance(part, Done) and part.index == index)
