"""What stands before every route."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pilot.web.middleware import BODY_BYTES, BodyLimit, OwnPagesOnly, SafeHeaders, is_loopback

EVERY_DOOR = ["/health", "/ui/", "/ui/gradio_api/queue/join", "/api/v1/sources", "/nothing", "/assets/pilot.js"]


@pytest.fixture
def guarded() -> httpx.AsyncClient:
    """The guards alone, before a door that reads what it is sent."""

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    inner = Starlette(routes=[Route("/{path:path}", read, methods=["GET", "POST"])])
    app = SafeHeaders(OwnPagesOnly(BodyLimit(inner, file_bytes=BODY_BYTES), any_name=False))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:6006")


@pytest.mark.asyncio(loop_scope="module")
async def test_every_door_binds_the_browser_and_refuses_other_sites(client: httpx.AsyncClient) -> None:
    for door in EVERY_DOOR:
        headers = (await client.get(door)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "img-src 'self' data: blob:" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        for method in ("GET", "POST"):
            assert (await client.request(method, door, headers={"host": "evil.example"})).status_code == 403, door
            assert (await client.request(method, door, headers={"origin": "http://evil.example"})).status_code == 403, (
                door
            )


@pytest.mark.asyncio(loop_scope="module")
async def test_our_script_stands_before_all_others_of_the_page(client: httpx.AsyncClient) -> None:
    page = await client.get("/ui/")
    assert page.text.index("/assets/frames.js") < page.text.index("gradio_config") < page.text.index("</html>")
    assert (await client.get("/assets/frames.js")).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:6006", "127.0.0.1.evil.example", "10.0.0.1", "", "0.0.0.0"]
)
async def test_a_foreign_name_is_refused(guarded: httpx.AsyncClient, host: str) -> None:
    answer = await guarded.get("/api/v1/sources", headers={"host": host})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "auth.forbidden"
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("host", ["localhost:6006", "127.0.0.1", "[::1]:6006"])
async def test_names_of_this_machine_are_served(guarded: httpx.AsyncClient, host: str) -> None:
    assert (await guarded.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:7000", "http://localhost:6006", ""]
)
async def test_another_sites_page_may_not_ask(guarded: httpx.AsyncClient, origin: str) -> None:
    assert (await guarded.post("/api/v1/sources", headers={"origin": origin}, json={})).status_code == 403


async def test_the_own_page_may_ask(guarded: httpx.AsyncClient) -> None:
    assert (await guarded.get("/api/v1/sources", headers={"origin": "http://127.0.0.1:6006"})).status_code == 200


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(guarded: httpx.AsyncClient) -> None:
    said = await guarded.post("/api/v1/chat", content=b"{}", headers={"content-length": str(BODY_BYTES + 1)})
    assert said.status_code == 413


async def test_a_body_that_does_not_tell_its_size_is_counted(guarded: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * BODY_BYTES:
            sent += 1_000_000
            yield b"x" * 1_000_000

    answer = await guarded.post("/api/v1/chat", content=endless())
    assert answer.status_code == 413
    assert sent < 3 * BODY_BYTES


async def test_uploads_may_be_larger(guarded: httpx.AsyncClient) -> None:
    answer = await guarded.post("/ui/gradio_api/upload", content=b"x" * (BODY_BYTES + 1))
    assert answer.text == str(BODY_BYTES + 1)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("localhost.evil.example", False), ("", False), ("2130706433", False)],
)  # fmt: skip
def test_loopback_is_this_machine_alone(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
