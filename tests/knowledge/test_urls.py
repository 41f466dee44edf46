"""Fetching from the web: what is refused, and that what was looked at is what is connected to."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path

import pytest

from pilot.errors import DocumentUnreadable
from pilot.knowledge import urls
from pilot.knowledge.library import Library
from tests.knowledge.hashing import HashingEmbedder

CASES: dict[str, list[str]] = json.loads(Path(__file__).with_name("urls.json").read_text(encoding="utf-8"))


@asynccontextmanager
async def serving(answers: dict[str, bytes]) -> AsyncIterator[tuple[str, list[str]]]:
    """A web server: path -> the whole answer, silence where it is empty. Its address, and the Host of each request."""
    hosts: list[str] = []
    answering: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.current_task())
        with closing(writer), suppress(OSError):  # the other side may have had enough
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            hosts.append(next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: ")))
            if found := answers[head.split(" ")[1]]:
                writer.write(found)
                await writer.drain()
            else:
                await reader.read()  # until the other side gives up

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", hosts
        await asyncio.gather(*(task for task in answering if task), return_exceptions=True)
        await asyncio.sleep(0.01)  # the sockets close in the loop's next round


def reply(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode() + body


def only(address: str) -> Callable[[str], bool]:
    return lambda asked: asked == address


@pytest.mark.parametrize("address", CASES["not public"])
def test_addresses_of_our_own_networks_are_not_public(address: str) -> None:
    assert not urls.is_public(address)


@pytest.mark.parametrize("address", CASES["public"])
def test_other_addresses_are_public(address: str) -> None:
    assert urls.is_public(address)


@pytest.mark.parametrize(
    ("url", "problems"),
    [*((url, {"url_refused", "url_no_host", "url_invalid"}) for url in CASES["refused"]),
     *((url, {"url_invalid"}) for url in CASES["invalid"])],
)  # fmt: skip
async def test_nothing_is_fetched_from(url: str, problems: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_request(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr("httpx.AsyncClient.send", no_request)
    with pytest.raises(DocumentUnreadable) as caught:
        await urls.fetch(url, most_bytes=1000)
    assert caught.value.details["problem"] in problems


async def test_a_document_is_fetched_with_its_name() -> None:
    async with serving({"/docs/leave?x=1": reply(b"# Leave", Content_Type="text/html; charset=utf-8")}) as (at, hosts):
        fetched = await urls.fetch(f"http://{at}/docs/leave?x=1#part", most_bytes=100, permits=only("127.0.0.1"))
    assert fetched == urls.Fetched("leave.html", b"# Leave")
    assert hosts == [at]


async def test_the_host_is_asked_by_name_at_the_address_that_was_looked_at() -> None:
    async with serving({"/": reply(b"x")}) as (at, hosts):
        port = at.partition(":")[2]
        await urls.fetch(f"http://localhost:{port}/", most_bytes=9, permits=lambda _: True)
    assert hosts == [f"localhost:{port}"]


@pytest.mark.parametrize("location", ["http://127.0.0.2/", "http://[::1]/", "file:///etc/passwd", "//169.254.169.254/"])
async def test_a_redirect_is_looked_at_again(location: str) -> None:
    async with serving({"/": reply(b"", "302 Found", Location=location)}) as (at, _):
        with pytest.raises(DocumentUnreadable) as caught:
            await urls.fetch(f"http://{at}/", most_bytes=9, permits=only("127.0.0.1"))
    assert caught.value.details["problem"] in ("url_refused", "url_invalid")


async def test_a_redirect_to_a_permitted_place_is_followed() -> None:
    async with serving({"/a": reply(b"", "301 Moved", Location="b.md"), "/b.md": reply(b"here")}) as (at, _):
        fetched = await urls.fetch(f"http://{at}/a", most_bytes=9, permits=only("127.0.0.1"))
    assert fetched == urls.Fetched("b.md", b"here")


BAD = {
    "endless redirects": (reply(b"", "302 Found", Location="/"), "redirects too often"),
    "an error": (reply(b"", "404 Not Found"), "status 404"),
    "packed": (reply(b"\x1f\x8b", Content_Encoding="gzip"), "cannot be read"),
    "too large": (reply(b"x" * 3_000_000), "larger than 1 MB"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_answer_ends_with_a_sentence(kind: str) -> None:
    answer, sentence = BAD[kind]
    async with serving({"/": answer}) as (at, _):
        with pytest.raises(DocumentUnreadable, match=sentence):
            await urls.fetch(f"http://{at}/", most_bytes=1_000_000, permits=only("127.0.0.1"))


async def test_a_server_that_never_answers_costs_no_more_than_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "SECONDS", 0.3)
    async with serving({"/": b""}) as (at, _):
        with pytest.raises(DocumentUnreadable, match="in time"):
            await urls.fetch(f"http://{at}/", most_bytes=9, permits=only("127.0.0.1"))


async def test_urls_are_off_unless_the_owner_allows_them(tmp_path: Path) -> None:
    library = Library(tmp_path, HashingEmbedder())
    await library.start()
    await library.create_space("web")
    with pytest.raises(DocumentUnreadable, match="not fetched from the web") as caught:
        await library.add_url("web", "https://example.com/")
    await library.close()
    assert "KNOWLEDGE_ALLOW_URLS" in caught.value.remedy


async def test_an_allowed_url_becomes_a_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "fetch", partial(urls.fetch, permits=only("127.0.0.1")))
    library = Library(tmp_path, HashingEmbedder(), allow_urls=True)
    await library.start()
    await library.create_space("web")
    async with serving({"/rules.md": reply(b"# Leave\n\n25 days of leave.")}) as (at, _):
        record = await library.add_url("web", f" http://{at}/rules.md ")
    await library.close()
    assert (record.name, record.bytes) == ("rules.md", 26)
