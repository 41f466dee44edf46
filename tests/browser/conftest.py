"""A real Chromium over both doors. Every visit also checks what no visit may do: call another host, log an error,
open a dialog.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright

from pilot.config import ROOT
from tests.browser.doors import Doors, open_doors

CHROMIUM = shutil.which("chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>![x](http://127.0.0.1:9/leak.png)"
SCRIPT: dict[str, Any] = {
    "replies": [
        {"when": "Say something hostile", "text": HOSTILE},
        {"when": "hostile", "text": "SELECT name, note FROM things"},
        {"when": "Break", "text": "half an answer", "failure": "the model fell over"},
        {"when": "Count slowly", "text": "one two three four five " * 200, "delay": 0.05},
        {"when": "in every country", "text": "SELECT country, COUNT(*) AS customers FROM customers GROUP BY country",
         "delay": 0.8},
        {"when": "customers", "text": "SELECT country, COUNT(*) AS customers FROM customers GROUP BY country",
         "delay": 0.05},
        {"when": "Hello", "text": "Good day, **friend**."},
    ],
}  # fmt: skip

LEAVING = ("AbortError", "errored out")  # what Gradio's own client says of its open streams when a page is left
BROKEN = ("gradio.exceptions.", "ERROR   pilot.services.turns: error ")  # in the log: what nobody foresaw
PATIENCE = 60_000  # milliseconds: nothing waits so long unless the machine is very busy
Visit = Callable[..., Any]


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots go: PILOT_ARTIFACTS, or artifacts/ in the repository, which git ignores."""
    folder = Path(os.environ.get("PILOT_ARTIFACTS", ROOT / "artifacts")) / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium: apt-get install chromium fonts-noto-cjk")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """As after a first start: the bundled model, the samples."""
    with open_doors(tmp_path_factory.mktemp("bundled")) as doors:
        yield doors


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A model that can chat, is slow or breaks when it is told to."""
    folder = tmp_path_factory.mktemp("scripted")
    script = folder / "models" / "scripted-page"
    script.mkdir(parents=True)
    (script / "replies.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    with open_doors(folder, LLM_MODEL="scripted-page", MODELS_DIR=str(folder / "models"), SQL_CANDIDATES="1") as doors:
        yield doors


@pytest.fixture
def visit(browser: Browser) -> Visit:
    """`with visit(doors, locale=..., width=..., dark=...) as page:`"""

    @contextmanager
    def visiting(doors: Doors, *, locale: str = "en-US", width: int = 1280, dark: bool = False) -> Iterator[Page]:
        context = browser.new_context(
            locale=locale, viewport={"width": width, "height": 860}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        wrong, logged = _watch(page, doors.page), (doors.folder / "webserver.log").stat().st_size
        page.goto(doors.page)
        page.wait_for_selector("#database-question textarea")
        page.wait_for_selector("body[data-language] #status .status")
        yield page
        wrong += _broken(doors.folder / "webserver.log", logged)
        context.close()
        assert wrong == []

    return visiting


def _watch(page: Page, address: str) -> list[str]:
    """What the page does that it must not, as it happens."""
    wrong: list[str] = []
    page.on("request", lambda request: _note(wrong, request.url, address))
    page.on("console", lambda line: _complain(wrong, line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: _complain(wrong, str(error)))
    page.on("dialog", lambda dialog: _dismiss(wrong, dialog))
    return wrong


def _broken(log: Path, start: int) -> list[str]:
    """Handlers that broke since the log had that many bytes: the page may not show it."""
    said = log.read_bytes()[start:].decode("utf-8", "replace")
    return [said] if any(sign in said for sign in BROKEN) else []


def _complain(wrong: list[str], text: str) -> None:
    if not any(sign in text for sign in LEAVING):
        wrong.append(text)


def _dismiss(wrong: list[str], dialog: Dialog) -> None:
    wrong.append(f"dialog: {dialog.message}")
    dialog.dismiss()


def _note(wrong: list[str], url: str, address: str) -> None:
    if not url.startswith((address, "data:", "blob:")):
        wrong.append(f"request to {url}")
