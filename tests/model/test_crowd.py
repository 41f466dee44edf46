"""Two hundred clients at once: each gets its answer or is sent away, and the server stays awake."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from pilot.model.adapters.causal import CausalAdapter
from pilot.protocol import ChatRequest, StreamPart
from tests.model.live import PATIENCE, Live, engine_of, serving

CLIENTS = 200
PLACES, QUEUE = 16, 32
BODY = {"messages": [{"role": "user", "content": "How many customers?"}], "max_tokens": 12, "stream": True}


async def request(url: str, line: str, body: bytes = b"") -> bytes:
    """All that the server sends, over a connection of its own; a plain socket, for 200 clients share this process."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"{line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    return answer


async def ask(url: str) -> str:
    answer = await request(url, "POST /v1/chat/completions", json.dumps(BODY).encode())
    if answer.startswith(b"HTTP/1.1 200 "):
        return "answered" if b"data: [DONE]" in answer else "cut off"
    return "sent away" if answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: " in answer else answer.decode()


def counts(live: Live) -> tuple[float, float]:
    """How many run, and how many wait."""
    lines = (line.split() for line in live.http.get("/metrics").text.splitlines() if not line.startswith("#"))
    shown = {line[0]: float(line[-1]) for line in lines}
    return shown["pilot_requests_running"], shown["pilot_requests_waiting"]


async def test_all_of_two_hundred_are_answered_or_sent_away_and_health_answers_meanwhile(
    causal: CausalAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer begins before the others were sent away, and the server's health was asked."""
    may_begin = threading.Event()
    answers = causal.stream

    def held(request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        may_begin.wait(PATIENCE)
        yield from answers(request, stop)

    monkeypatch.setattr(causal, "stream", held)
    with serving(engine_of(causal, concurrency=PLACES, queue_length=QUEUE)) as live:
        asked = [asyncio.create_task(ask(live.url)) for _ in range(CLIENTS)]
        async with asyncio.timeout(PATIENCE):
            while sum(one.done() for one in asked) < CLIENTS - PLACES - QUEUE:
                await asyncio.sleep(0.01)
        assert await asyncio.to_thread(counts, live) == (PLACES, QUEUE)
        assert (await request(live.url, "GET /health")).startswith(b"HTTP/1.1 200 ")
        may_begin.set()
        ended = Counter(await asyncio.gather(*asked))
        assert ended == {"answered": PLACES + QUEUE, "sent away": CLIENTS - PLACES - QUEUE}
        assert await ask(live.url) == "answered"
