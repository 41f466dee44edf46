"""The starter of both processes, as a command."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
START = [sys.executable, str(ROOT / "pilot" / "server" / "start.py")]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(folder: Path, **settings: str) -> dict[str, str]:
    plain = {"DATA_DIR": str(folder), "LLM_MODEL": "scripted", "MODEL_PORT": str(_free_port()),
             "WEB_SERVER_PORT": str(_free_port())}  # fmt: skip
    return os.environ | plain | settings


@contextmanager
def _listening(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize("port", ["MODEL_PORT", "WEB_SERVER_PORT"])
def test_a_taken_port_is_one_line_and_an_exit_code(tmp_path: Path, port: str) -> None:
    environment = _environment(tmp_path)
    with _listening(int(environment[port])):
        done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=5, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert environment[port] in done.stderr
    assert ".env" in done.stderr


def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    environment = _environment(tmp_path, SQL_TIMEOUT="soon")
    done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "SQL_TIMEOUT" in done.stderr


@pytest.mark.slow
def test_an_unknown_model_ends_the_start_with_the_known_ones(tmp_path: Path) -> None:
    environment = _environment(tmp_path, LLM_MODEL="no-such-model")
    done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
    assert "pilot-text-to-sql" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_both_start_and_both_end(tmp_path: Path, stop: signal.Signals) -> None:
    environment = _environment(tmp_path)
    model, page = (f"http://127.0.0.1:{environment[key]}/health" for key in ("MODEL_PORT", "WEB_SERVER_PORT"))
    starter = subprocess.Popen(START, env=environment, stderr=subprocess.PIPE, text=True)
    assert starter.stderr is not None
    lines: list[str] = []
    for line in starter.stderr:
        lines.append(line)
        if "Pilot is ready" in line:
            break
    assert "Pilot is ready" in lines[-1], lines
    assert page.removesuffix("/health") in lines[-1]
    assert _answers(model)
    assert _answers(page)
    starter.send_signal(stop)
    assert starter.wait(15) == 0
    assert "Traceback" not in starter.stderr.read()
    starter.stderr.close()
    assert not _answers(model)
    assert not _answers(page)


@pytest.mark.slow
def test_a_lost_llm_server_is_started_again(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    model = f"http://127.0.0.1:{environment['MODEL_PORT']}/ready"
    page = f"http://127.0.0.1:{environment['WEB_SERVER_PORT']}/health"
    starter = subprocess.Popen(START, env=environment, stderr=subprocess.DEVNULL)
    try:
        _until(page)
        pid = _listener(starter.pid, "llmserver.py")
        os.kill(pid, signal.SIGKILL)
        _until_not(model)
        _until(model)
        assert _listener(starter.pid, "llmserver.py") != pid
        assert _answers(page)
    finally:
        starter.terminate()
        starter.wait(15)


def _listener(parent: int, door: str) -> int:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=True
    )
    return next(int(line.split()[0]) for line in listed.stdout.splitlines() if door in line)


def _until(url: str) -> None:
    deadline = time.monotonic() + 60
    while not _answers(url):
        assert time.monotonic() < deadline, f"{url} does not answer"
        time.sleep(0.1)


def _until_not(url: str) -> None:
    deadline = time.monotonic() + 5
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.01)
