"""Both processes, started as people start them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from pilot.config import ROOT

READY_SECONDS = 300


@dataclass(frozen=True)
class Doors:
    page: str
    model: str
    folder: Path


@contextmanager
def open_doors(folder: Path, **settings: str) -> Iterator[Doors]:
    """Until the model answers; both end with the block."""
    model, page = _free_port(), _free_port()
    environment = {
        **os.environ, "DATA_DIR": str(folder / "data"), "MODEL_PORT": str(model), "WEB_SERVER_PORT": str(page),
        "OMP_NUM_THREADS": "1", "LANGUAGE": "en", "WEB_PASSWORD": "", **settings,
    }  # fmt: skip
    doors = Doors(f"http://127.0.0.1:{page}", f"http://127.0.0.1:{model}", folder)
    running = [_start(name, folder, environment) for name in ("llmserver", "webserver")]
    try:
        _wait(f"{doors.model}/ready", running[0], folder / "llmserver.log")
        _wait(f"{doors.page}/health", running[1], folder / "webserver.log")
        yield doors
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(READY_SECONDS)


def _start(name: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        door = str(ROOT / "pilot" / "server" / f"{name}.py")
        return subprocess.Popen([sys.executable, door], env=environment, cwd=folder, stdout=log, stderr=log)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            if httpx.get(url, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} is not ready:\n{log.read_text(encoding='utf-8')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
