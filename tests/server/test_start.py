"""The starter of both processes, as a command."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 300  # seconds: a busy machine may be slow, only "never" is a failure
pytestmark = pytest.mark.timeout(4 * PATIENCE)
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
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.mark.parametrize("port", ["MODEL_PORT", "WEB_SERVER_PORT"])
def test_a_taken_port_is_one_line_and_an_exit_code(tmp_path: Path, port: str) -> None:
    environment = _environment(tmp_path)
    with _listening(int(environment[port])):
        done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert environment[port] in done.stderr
    assert ".env" in done.stderr


def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    environment = _environment(tmp_path, SQL_TIMEOUT="soon")
    done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "SQL_TIMEOUT" in done.stderr


@pytest.mark.slow
def test_an_unknown_model_ends_the_start_with_the_known_ones(tmp_path: Path) -> None:
    environment = _environment(tmp_path, LLM_MODEL="no-such-model")
    done = subprocess.run(START, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1
    assert "no-such-model" in done.stderr
    assert "pilot-text-to-sql" in done.stderr


@pytest.mark.slow
def test_ctrl_c_ends_a_start_that_is_under_way(tmp_path: Path) -> None:
    starter = subprocess.Popen(START, env=_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    assert starter.stderr is not None
    assert starter.stderr.readline().startswith("[1/2] loading the model")
    (model,) = _doors(starter.pid, "llmserver.py")
    starter.send_signal(signal.SIGINT)
    assert starter.stderr.read() == ""
    assert starter.wait(PATIENCE) == 0
    starter.stderr.close()
    assert not Path(f"/proc/{model}").exists()


@pytest.mark.slow
def test_both_start_a_lost_llm_server_is_started_again_and_both_end(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    model = f"http://127.0.0.1:{environment['MODEL_PORT']}/ready"
    page = f"http://127.0.0.1:{environment['WEB_SERVER_PORT']}/health"
    starter = subprocess.Popen(START, env=environment, stderr=subprocess.PIPE, text=True)
    assert starter.stderr is not None
    lines = []
    for line in starter.stderr:
        lines.append(line)
        if "Pilot is ready" in line:
            break
    assert "Pilot is ready" in lines[-1], lines
    assert page.removesuffix("/health") in lines[-1]
    assert _answers(model)
    assert _answers(page)
    (first,) = _doors(starter.pid, "llmserver.py")
    os.kill(first, signal.SIGKILL)
    _until(lambda: _doors(starter.pid, "llmserver.py") not in ([], [first]))
    _until(lambda: _answers(model))
    assert _answers(page)
    starter.send_signal(signal.SIGTERM)
    assert starter.wait(PATIENCE) == 0
    assert starter.stderr.read() == "the LLM server ended; starting it again\n"
    starter.stderr.close()
    assert not _answers(model)
    assert not _answers(page)


def _doors(parent: int, name: str) -> list[int]:
    """The processes of this name that it started."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(parent)]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # 1: it has none
    return [int(line.split()[0]) for line in listed.splitlines() if name in line]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
