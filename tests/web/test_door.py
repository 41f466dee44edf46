"""The web process, started as people start it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pilot.config import ROOT

DOOR = [sys.executable, str(ROOT / "pilot" / "server" / "webserver.py")]
PATIENCE = 300  # seconds: for a machine that does much else


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(folder: Path, **values: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATA_DIR": str(folder / "data"),
        "MODEL_SERVER": "http://127.0.0.1:9",
        "WEB_PASSWORD": "",
        **values,
    }


def _run(*flags: str, environment: dict[str, str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DOOR, *flags], env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def _refused(folder: Path, *flags: str, **values: str) -> tuple[int, str]:
    """Exit code and the one line that it says."""
    done = _run(*flags, environment=_environment(folder, **values), seconds=PATIENCE)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, line = _refused(tmp_path, "--port", port)
    assert code == 1
    assert port in line
    assert "--port" in line


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_another_host_without_a_password_is_refused(tmp_path: Path, host: str) -> None:
    code, line = _refused(tmp_path, "--host", host, "--port", str(free_port()))
    assert code == 2
    assert "WEB_PASSWORD" in line


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file stands where the folder should be")
    code, line = _refused(tmp_path, "--port", str(free_port()), DATA_DIR=str(blocked))
    assert code == 1
    assert str(blocked) in line
    assert "DATA_DIR" in line


def test_wrong_settings_are_all_named_and_secrets_are_not_shown(tmp_path: Path) -> None:
    code, line = _refused(tmp_path, "--port", "many", SQL_TIMEOUT="soon", WEB_PASSWORD="short")
    assert code == 2
    for key in ("WEB_SERVER_PORT", "SQL_TIMEOUT", "WEB_PASSWORD"):
        assert key in line
    assert "short" not in line.replace("shorter", "")


@contextmanager
def _page(folder: Path, *flags: str, **values: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running process, and its address, which answers."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([*DOOR, "--port", str(port), *flags], env=_environment(folder, **values), cwd=folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE
        while not _answers(f"{address}/login" if values else f"{address}/ui/"):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.3)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=PATIENCE).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.slow
def test_the_page_says_where_it_is_and_an_open_stream_does_not_hold_up_its_end(tmp_path: Path) -> None:
    with (
        _page(tmp_path) as (process, address),
        httpx.stream("GET", f"{address}/ui/gradio_api/heartbeat/abc", timeout=PATIENCE) as beat,
    ):
        assert beat.status_code == 200
        assert httpx.get(f"{address}/health").json() == {"status": "ok"}
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert said == f"Pilot's page is at {address}\n"


@pytest.mark.slow
def test_a_second_page_on_one_data_folder_is_refused_and_ctrl_c_ends_the_first(tmp_path: Path) -> None:
    with _page(tmp_path) as (first, _):
        done = _run("--port", str(free_port()), environment=_environment(tmp_path), seconds=PATIENCE)
        assert first.poll() is None
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=PATIENCE)
    assert first.returncode == 0
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_with_a_password_others_may_come_in(tmp_path: Path) -> None:
    with _page(tmp_path, "--host", "0.0.0.0", WEB_PASSWORD="a long password") as (_, address):
        assert httpx.get(f"{address}/api/v1/sources").status_code == 401
        token = {"authorization": "Bearer a long password"}
        assert httpx.get(f"{address}/api/v1/sources", headers=token).status_code == 200


@pytest.mark.slow
def test_the_lean_import_leaves_heavy_libraries_and_stub_files_alone() -> None:
    code = (
        "import sys\n"
        "from pilot.web.fast_import import lean_gradio\n"
        "with lean_gradio():\n"
        "    import pilot.web.app, gradio.component_meta as meta\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'chromadb', 'plotly', 'mcp', 'openpyxl', 'peft'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert meta.create_or_modify_pyi.__name__ == '<lambda>'\n"
        "assert not any(type(finder).__name__ == '_WithoutStubs' for finder in sys.meta_path)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
