"""`python pilot/server/llmserver.py`, started as people start it."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.prompts.text_to_sql import TextToSql, render
from pilot.schema import Column, Schema, Table
from tests.model.live import PATIENCE, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * PATIENCE)]
DOOR = ROOT / "pilot" / "server" / "llmserver.py"


@pytest.fixture
def place(tmp_path: Path, models_dir: Path) -> dict[str, str]:
    """The environment of a server whose models are those of the tests."""
    return {
        "PATH": os.environ["PATH"],
        "MODELS_DIR": str(models_dir),
        "DATA_DIR": str(tmp_path / "data"),
        "LLM_MODEL": "tiny",
        "MODEL_PORT": str(free_port()),
        "MODEL_DEVICE": "cpu",
        "MODEL_THREADS": "1",
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def run(place: dict[str, str], *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DOOR), *flags], env=place, capture_output=True, text=True, timeout=PATIENCE, cwd="/"
    )


@contextmanager
def started(place: dict[str, str], *flags: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    process = subprocess.Popen([sys.executable, str(DOOR), *flags], env=place, stderr=subprocess.DEVNULL, cwd="/")
    try:
        yield process, f"http://127.0.0.1:{place['MODEL_PORT']}"
    finally:
        process.kill()
        process.wait(PATIENCE)


def answers(url: str) -> bool:
    """Whether it does at last."""

    def at_last() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                return bool(answer.status == httpx.codes.OK)
        except OSError:
            return False

    return wait_until(at_last)


def test_serves_the_bundled_model_and_ends_cleanly_on_sigterm(place: dict[str, str]) -> None:
    items = Schema("sqlite", (Table("items", (Column("id", "INTEGER", "number"),)),))
    messages = [message.model_dump() for message in render(TextToSql("How many items are there?", items))]
    with started(place | {"MODELS_DIR": str(ROOT / "models"), "LLM_MODEL": BUNDLED_MODEL}) as (process, url):
        assert answers(f"{url}/health")
        assert answers(f"{url}/ready")
        answer = httpx.post(f"{url}/v1/chat/completions", json={"messages": messages}, timeout=PATIENCE).json()
        assert answer["choices"][0]["message"]["content"] == "SELECT COUNT(*) AS row_count FROM items"
        assert httpx.get(f"{url}/v1/models", timeout=PATIENCE).json()["data"][0]["id"] == BUNDLED_MODEL
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def test_ends_cleanly_while_the_model_still_loads(place: dict[str, str]) -> None:
    with started(place) as (process, url):
        assert answers(f"{url}/health")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0


def test_ends_cleanly_while_an_answer_streams(place: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "models" / "scripted-slow"
    script.mkdir(parents=True)
    (script / "replies.json").write_text('{"replies": [{"text": "word", "delay": 0.1}, {"text": "%s", "delay": 0.1}]}'
                                         % ("word " * 60_000))  # fmt: skip
    with started(place | {"MODELS_DIR": str(script.parent), "LLM_MODEL": script.name}) as (process, url):
        assert answers(f"{url}/ready")
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=PATIENCE) as response:
            assert next(response.iter_lines())
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0


def test_unknown_model_is_one_line_that_lists_the_known(place: dict[str, str]) -> None:
    """The flag's, which goes before the environment's."""
    done = run(place, "--model", "guanaco-33b-merged")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "no model 'guanaco-33b-merged' in " in done.stderr
    assert re.search(r"one of: proxyllm, scripted, .*tiny", done.stderr)


def test_taken_port_is_one_line_that_names_it(place: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(place["MODEL_PORT"]))):
        done = run(place)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"llmserver: cannot listen on 127.0.0.1:{place['MODEL_PORT']}: Address already in use. "
        "Stop what uses the port, or set MODEL_PORT to another."
    ]


@pytest.mark.parametrize(("key", "value"), [("LLM_FAMILY", "gpt"), ("MODEL_HOST", "no.such.host.invalid")])
def test_wrong_setting_is_one_line_that_names_the_key(key: str, value: str, place: dict[str, str]) -> None:
    """tests/test_config.py has the other settings; these two are found out only by what uses them."""
    done = run(place | {key: value})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert key in done.stderr


def test_model_that_cannot_be_loaded_ends_the_server_with_the_reason(place: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "models" / "scripted-broken"
    script.mkdir(parents=True)
    (script / "replies.json").write_text("[")
    done = run(place | {"MODELS_DIR": str(script.parent), "LLM_MODEL": script.name})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("llmserver: scripted-broken/replies.json cannot be read: ")


def test_unknown_flag_says_what_is_known(place: dict[str, str]) -> None:
    done = run(place, "--nonsense")
    assert done.returncode == 2
    assert "--model" in done.stderr
