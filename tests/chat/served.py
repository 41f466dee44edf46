"""A model server for tests: a transport that speaks the real protocol, and breaks it where a test wants that."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np

from pilot.client import LlmClient
from pilot.protocol import Delta, Done, StreamPart, Usage, chunk, event
from pilot.store import Turn


def said(*candidates: str, logprobs: Sequence[float] = (), pieces: int = 3) -> list[bytes]:
    """The events of one request: candidate after candidate, each in pieces, then its end."""
    parts: list[StreamPart] = []
    for index, text in enumerate(candidates):
        step = max(1, len(text) // pieces)
        for number, start in enumerate(range(0, len(text), step)):
            logprob = logprobs[index] if logprobs and number == 0 else 0.0 if logprobs else None
            parts.append(Delta(text[start : start + step], index, logprob))
        parts.append(Done("stop", index))
    return [*(event(chunk("c", "m", part)) for part in (*parts, Usage(1, 1))), event("[DONE]")]


@dataclass
class Served(httpx.AsyncBaseTransport):
    """Plays `replies` in turn, the last one again and again; embeds by hashing words; keeps what was asked."""

    replies: Sequence[Sequence[bytes]] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0  # pieces of the last answer that were taken
    closed: bool = False
    embeds: bool = True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content or b"{}")
        if request.url.path.endswith("/embeddings"):
            return httpx.Response(200, json=_vectors(body["input"])) if self.embeds else httpx.Response(500)
        self.asked.append(body)
        pieces = self.replies[min(len(self.asked), len(self.replies)) - 1]
        return httpx.Response(200, stream=_Pieces(self, pieces))

    def client(self) -> LlmClient:
        return LlmClient("http://model", transport=self)


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, server: Served, pieces: Sequence[bytes]) -> None:
        self._server = server
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._server.sent = 0
        for piece in self._pieces:
            self._server.sent += 1
            yield piece

    async def aclose(self) -> None:
        self._server.closed = True


def _vectors(texts: list[str]) -> dict[str, Any]:
    """Texts with the same words are alike: crude, but a real similarity."""
    rows = []
    for text in texts:
        vector = np.zeros(64)
        for word in text.lower().split():
            vector[sum(word.strip(".,?!").encode()) % 64] += 1
        rows.append(vector)
    return {"data": [{"index": index, "embedding": list(map(float, row))} for index, row in enumerate(rows)]}


def turn(question: str, *events: dict[str, Any], text: str = "") -> Turn:
    """An earlier turn as the store keeps it."""
    return Turn("t", "c", 0, question, {"events": list(events), "text": text}, datetime.now(UTC))
