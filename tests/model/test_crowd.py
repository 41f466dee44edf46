"""Two hundred clients at once: each gets its answer or is sent away, and the server stays awake."""

import asyncio
import json
import statistics
import time
from collections import Counter
from urllib.parse import urlsplit

from pilot.model.adapters.causal import CausalAdapter
from tests.model.live import engine_of, serving

CLIENTS = 200
PLACES, QUEUE = 16, 32
AWAKE_SECONDS = 5  # busy machines are slow; a server that waits for its model would not answer at all
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


async def health(url: str) -> float:
    """Seconds that it took."""
    started = time.monotonic()
    assert (await request(url, "GET /health")).startswith(b"HTTP/1.1 200 ")
    return time.monotonic() - started


async def test_all_of_two_hundred_are_answered_or_sent_away_and_health_answers(causal: CausalAdapter) -> None:
    healths = []
    with serving(engine_of(causal, concurrency=PLACES, queue_length=QUEUE)) as live:
        crowd = asyncio.gather(*(ask(live.url) for _ in range(CLIENTS)))
        while not crowd.done():
            healths.append(await health(live.url))
            await asyncio.sleep(0.02)
        ended = Counter(await crowd)
        assert await ask(live.url) == "answered"
    assert ended.keys() == {"answered", "sent away"}
    assert ended["answered"] >= PLACES + QUEUE  # those who found a place, at the least
    assert statistics.median(healths) < AWAKE_SECONDS  # benchmarks/serving.py prints how long it takes
