"""Clients that ask over HTTP all at once, and the worker that Pilot's LLM server is compared with. See serving.py."""

import asyncio
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask
from transformers import TextIteratorStreamer

CONCURRENCY = 5  # FastChat's --limit-worker-concurrency, DB-GPT's LIMIT_MODEL_CONCURRENCY
SECONDS = 3600


@dataclass(frozen=True)
class Heard:
    """When one answer's pieces came, in seconds since its request was sent."""

    times: Sequence[float]

    @property
    def first(self) -> float:
        return self.times[0]

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False)]


def ask_together(url: str, bodies: Sequence[dict[str, Any]]) -> list[Heard]:
    """Each body from a client of its own, all at once."""
    with ThreadPoolExecutor(len(bodies)) as clients:
        return list(clients.map(lambda body: _ask(url, body), bodies))


def _ask(url: str, body: dict[str, Any]) -> Heard:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    started = time.perf_counter()
    times = []
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        while answer.read1():
            times.append(time.perf_counter() - started)
    return Heard(times)


def share(values: Sequence[float], part: float) -> float:
    """The value that `part` of them stay below."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def worker(model: Any, tokenizer: Any) -> FastAPI:
    """A model worker as FastChat (2023) designed it: a semaphore, and for each request a thread with its own
    `generate`; every event holds all text so far, a NUL behind it.
    """
    app = FastAPI()
    semaphore = asyncio.Semaphore(CONCURRENCY)

    def texts(prompt: str, new: int) -> Iterator[bytes]:
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"].to(model.device)
        options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": new, "do_sample": False}
        threading.Thread(target=model.generate, args=(ids,), kwargs={**options, "streamer": streamer}).start()
        text = ""
        for piece in streamer:
            text += piece
            yield json.dumps({"text": text, "error_code": 0}).encode() + b"\0"

    @app.post("/worker_generate_stream")
    async def generate_stream(request: Request) -> StreamingResponse:
        wish = await request.json()
        await semaphore.acquire()
        return StreamingResponse(
            texts(wish["prompt"], wish["max_new_tokens"]), background=BackgroundTask(semaphore.release)
        )

    return app


@contextmanager
def listening(app: FastAPI) -> Iterator[str]:
    """The application in a thread; its address."""
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[door])), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
