"""The login: who comes in, and how often one may guess."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from pydantic import SecretStr

from pilot.config import Settings
from pilot.store import Store
from pilot.web.auth import ADDRESSES, COOKIE, GUESSES, Guesses
from tests.web.running import asking, running

PASSWORD = "correct horse 电池"
PAGE = {"accept": "text/html"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same hash over less memory and fewer rounds."""
    monkeypatch.setattr("pilot.web.auth.PasswordHasher", partial(PasswordHasher, time_cost=1, memory_cost=64))


@pytest.fixture
async def locked(settings: Settings, tmp_path: Path) -> AsyncIterator[FastAPI]:
    kept = {"web_password": SecretStr(PASSWORD), "data_dir": tmp_path}
    async with running(settings.model_copy(update=kept), tmp_path) as app:
        yield app


@pytest.fixture
async def visitor(locked: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(locked) as client:
        yield client


async def test_only_login_health_and_assets_are_open(visitor: httpx.AsyncClient, locked: FastAPI) -> None:
    doors = [
        "/", "/ui/", "/ui/config", "/ui/gradio_api/info", "/ready", "/metrics", "/api/openapi.json", "/api/v1/sources",
        "/api/v1/spaces", "/api/v1/conversations", "/ui/gradio_api/file=/etc/passwd", "//ui/",
        "/assets/../api/v1/sources",
    ]  # fmt: skip
    for door in doors:
        assert (await visitor.get(door)).status_code in (401, 404), door
    for path, methods in locked.openapi()["paths"].items():
        for method in methods:
            answer = await visitor.request(method, path.replace("{", "").replace("}", ""))
            assert answer.status_code == (200 if path == "/health" else 401), (method, path)
    for door in ("/login", "/health", "/assets/login.css"):
        assert (await visitor.get(door)).status_code == 200


async def test_a_browser_is_led_to_the_login_and_back_to_the_page(visitor: httpx.AsyncClient) -> None:
    turned = await visitor.get("/ui/", headers=PAGE)
    assert (turned.status_code, turned.headers["location"]) == (303, "/login")
    entered = await visitor.post("/login", data={"password": PASSWORD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await visitor.get("/ui/", headers=PAGE)).status_code == 200
    assert (await visitor.get("/api/v1/sources")).status_code == 200


async def test_after_logout_the_cookie_opens_nothing(visitor: httpx.AsyncClient) -> None:
    await visitor.post("/login", data={"password": PASSWORD})
    session = visitor.cookies[COOKIE]
    assert (await visitor.post("/logout")).status_code == 303
    visitor.cookies.set(COOKIE, session)
    assert (await visitor.get("/api/v1/sources")).status_code == 401


async def test_sessions_outlive_a_restart_but_are_stored_only_as_hashes(
    visitor: httpx.AsyncClient, tmp_path: Path
) -> None:
    await visitor.post("/login", data={"password": PASSWORD})
    session = visitor.cookies[COOKIE]
    assert Store(tmp_path).session_valid(session)
    files = list(tmp_path.glob("pilot.sqlite*"))
    assert files
    assert not any(session.encode() in file.read_bytes() for file in files)


async def test_an_api_client_sends_the_password_as_bearer(visitor: httpx.AsyncClient) -> None:
    for attempt, status in ((PASSWORD, 200), (f"{PASSWORD}x", 401), ("", 401), (PASSWORD, 200)):
        answer = await visitor.get("/api/v1/sources", headers={b"authorization": f"Bearer {attempt}".encode()})
        assert answer.status_code == status, attempt


async def test_a_wrong_password_says_so_in_the_visitors_language(visitor: httpx.AsyncClient) -> None:
    wrong = await visitor.post("/login", data={"password": "<script>"}, headers={"accept-language": "zh-CN"})
    assert wrong.status_code == 401
    assert "密码不正确" in wrong.text
    assert "<script>" not in wrong.text.replace('<script src="/assets/login.js">', "")
    assert COOKIE not in wrong.headers.get("set-cookie", "")


async def test_guessing_is_slowed_down_even_for_the_right_password(visitor: httpx.AsyncClient) -> None:
    for number in range(GUESSES):
        assert (await visitor.post("/login", data={"password": f"guess {number}"})).status_code == 401
    late = await visitor.post("/login", data={"password": PASSWORD})
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) > 0


async def test_bearer_guesses_count_too(visitor: httpx.AsyncClient) -> None:
    for number in range(GUESSES):
        await visitor.get("/api/v1/sources", headers={"authorization": f"Bearer guess{number}"})
    assert (await visitor.post("/login", data={"password": PASSWORD})).status_code == 429


@pytest.mark.asyncio(loop_scope="module")
async def test_without_a_password_there_is_no_login(client: httpx.AsyncClient) -> None:
    assert (await client.get("/login")).status_code == 404
    assert (await client.get("/api/v1/sources")).status_code == 200


def test_guesses_are_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("pilot.web.auth.time.monotonic", lambda: now)
    guesses = Guesses()
    for _ in range(GUESSES):
        guesses.wrong("a")
    assert guesses.wait("a") == 61
    assert guesses.wait("b") == 0
    now += 61
    assert guesses.wait("a") == 0


def test_only_so_many_addresses_are_remembered() -> None:
    guesses = Guesses()
    for number in range(ADDRESSES + 5):
        guesses.wrong(str(number))
    assert len(guesses._wrong) == ADDRESSES
