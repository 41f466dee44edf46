"""In whose name the model is asked: one for each visitor, so that none waits behind another's many questions."""

from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from pilot.client import visitor
from pilot.model.adapters.scripted import ScriptedAdapter
from pilot.web.auth import COOKIE
from pilot.web.ui.visit import Speaker
from tests.model.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_rest_doors_ask_in_the_name_of_the_address_or_of_the_login(
    client: httpx.AsyncClient, model: Live
) -> None:
    adapter = model.engine.adapter
    assert isinstance(adapter, ScriptedAdapter)
    before = len(adapter.heard)
    for cookie in ("", "", f"{COOKIE}=a", f"{COOKIE}=b"):
        answer = await client.post("/api/v1/chat", json={"message": "hello"}, headers={"cookie": cookie})
        assert answer.status_code == 200
    users = [request.user for request in adapter.heard[before:]]
    assert users[0] == users[1] != ""
    assert len(set(users)) == 3
    assert not any("127.0.0.1" in user for user in users)


async def test_page_asks_in_the_name_of_the_tab_or_of_the_login() -> None:
    def name(cookies: dict[str, str], session: str) -> str:
        request: Any = SimpleNamespace(headers={}, cookies=cookies, session_hash=session)
        Speaker("en")(request)
        return visitor.get()

    def asked(cookies: dict[str, str], session: str) -> str:
        return copy_context().run(name, cookies, session)

    assert asked({}, "one") == asked({}, "one") != asked({}, "two")
    assert asked({COOKIE: "me"}, "one") == asked({COOKIE: "me"}, "two") != asked({}, "one")
    assert visitor.get() == ""
