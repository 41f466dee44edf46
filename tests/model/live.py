"""A real LLM server in a thread of the test's process, on a free port."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from numpy.typing import NDArray

from pilot.model.adapters import ADAPTERS
from pilot.model.adapters.scripted import Reply, Script, ScriptedAdapter
from pilot.model.app import create_app
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.embeddings import Embedder, Encoder
from pilot.model.engine import Engine
from pilot.model.folders import find
from pilot.model.serving import Serving, Wish

PATIENCE = 300.0  # seconds: a busy machine may be slow, only "never" is a failure


@dataclass(frozen=True)
class Live:
    url: str
    engine: Engine
    http: httpx.Client  # a connection for each request


def wait_until(true: Callable[[], bool]) -> bool:
    """Whether it became true; blocks the thread."""
    end = time.monotonic() + PATIENCE
    while not (so := true()) and time.monotonic() < end:
        time.sleep(0.01)
    return so


class Lengths(Encoder):
    """Not an embedding model, but an honest encoder: [characters, 1], normalised."""

    @classmethod
    def load(cls, folder: object, device: str, precision: str = "auto") -> "Lengths":
        return cls()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.array([[len(text), 1] for text in texts], np.float32)
        scaled: NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return scaled


def scripted(*replies: Reply, name: str = "scripted", **limits: Any) -> Engine:
    return Engine(lambda: ScriptedAdapter(Script(replies=replies)), name=name, **limits)


def engine_of(adapter: ModelAdapter, **limits: Any) -> Engine:
    return Engine(lambda: adapter, name="tiny", **limits)


def changeable(engine: Engine, models_dir: Path) -> Serving:
    def make(wish: Wish) -> ModelAdapter:
        options = LoadOptions(models_dir=models_dir, device="cpu", precision=wish.precision, family=wish.found.family)
        return ADAPTERS.get(wish.found.family.adapter).load(wish.found.name, wish.found.folder, options)

    return Serving(engine, make, Wish(find(engine.name, models_dir)), models_dir)


@contextlib.contextmanager
def serving(engine: Engine, *, api_key: str = "", load: bool = True, models_dir: Path | None = None) -> Iterator[Live]:
    """With `models_dir`, the served model may be changed for another that lies there."""
    door = socket.create_server(("127.0.0.1", 0))
    embedder = Embedder(Lengths, name="lengths", loading_wait=0.1)
    app = create_app(engine, embedder, api_key=api_key)
    if models_dir is not None:
        app.state.serving = changeable(engine, models_dir)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    loaded = threading.Event()

    async def run() -> None:
        if load:
            await (app.state.serving.start() if models_dir else engine.load())
            await embedder.load()
        loaded.set()
        await server.serve(sockets=[door])

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    once = httpx.Limits(max_keepalive_connections=0)
    try:
        assert loaded.wait(PATIENCE)
        with httpx.Client(base_url=url, timeout=PATIENCE, limits=once, verify=False, trust_env=False) as http:
            yield Live(url, engine, http)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        engine.close()
        embedder.close()
        door.close()
