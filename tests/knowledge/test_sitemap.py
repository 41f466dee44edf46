"""Site maps: which pages they give, and that each is fetched like any other address."""

from functools import partial
from pathlib import Path

import pytest

from pilot.errors import DocumentUnreadable
from pilot.knowledge import sitemap, urls
from pilot.knowledge.library import Library
from pilot.knowledge.urls import Fetched
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import settled
from tests.knowledge.test_urls import only, reply, serving

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*pages: str) -> bytes:
    listed = "".join(f"<url><loc> {page} </loc></url>" for page in pages)
    return f'<?xml version="1.0"?><urlset {NAMESPACE}>{listed}</urlset>'.encode()


def index(*maps: str) -> bytes:
    listed = "".join(f"<sitemap><loc>{each}</loc></sitemap>" for each in maps)
    return f"<sitemapindex {NAMESPACE}>{listed}</sitemapindex>".encode()


class Site:
    def __init__(self, answers: dict[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def fetch(self, url: str) -> Fetched:
        self.asked.append(url)
        return Fetched("map.xml", self.answers[url])


HOME = "https://example.com/sitemap.xml"


async def test_the_pages_of_its_own_site_are_listed_once_in_order() -> None:
    site = Site({HOME: urlset("https://example.com/b", "https://example.com/a", "https://example.com/b",
                              "https://other.org/x", "http://127.0.0.1/", "file:///etc/passwd", "")})  # fmt: skip
    assert await sitemap.pages(HOME, site.fetch) == ["https://example.com/b", "https://example.com/a"]


async def test_maps_of_maps_are_followed_but_not_for_ever() -> None:
    site = Site({HOME: index(HOME, "https://example.com/1.xml", "https://other.org/2.xml"),
                 "https://example.com/1.xml": urlset("https://example.com/a")})  # fmt: skip
    assert await sitemap.pages(HOME, site.fetch) == ["https://example.com/a"]
    assert len(site.asked) == sitemap.MOST_MAPS
    assert "https://other.org/2.xml" not in site.asked


async def test_an_endless_map_is_cut() -> None:
    site = Site({HOME: urlset(*(f"https://example.com/{n}" for n in range(2000)))})
    assert len(await sitemap.pages(HOME, site.fetch)) == sitemap.MOST_PAGES


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><urlset>&b;</urlset>"""
BAD = {
    "text": (b"not a map", "sitemap_invalid"),
    "a page": (b"<html><body>hello</body></html>", "sitemap_invalid"),
    "empty": (b"", "sitemap_invalid"),
    "billion laughs": (LAUGHS, "sitemap_invalid"),
    "external entity": (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset>&e;</urlset>',
                        "sitemap_invalid"),
    "no pages": (urlset(), "sitemap_empty"),
    "foreign pages": (urlset("https://other.org/"), "sitemap_empty"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
async def test_what_is_no_map_says_so(kind: str) -> None:
    content, problem = BAD[kind]
    with pytest.raises(DocumentUnreadable) as caught:
        await sitemap.pages(HOME, Site({HOME: content}).fetch)
    assert caught.value.details["problem"] == problem


async def test_each_page_becomes_a_document_or_says_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "fetch", partial(urls.fetch, permits=only("127.0.0.1")))
    answers = {"/leave": reply(b"# Leave\n\n25 days of leave.", Content_Type="text/markdown"),
               "/same": reply(b"# Leave\n\n25 days of leave."), "/gone": reply(b"", "404 Not Found")}  # fmt: skip
    library = Library(tmp_path, HashingEmbedder(), allow_urls=True)
    await library.start()
    await library.create_space("web")
    async with serving(answers) as (at, _):
        answers["/map.xml"] = reply(urlset(*(f"http://{at}{path}" for path in list(answers))))
        queued = await library.add_site("web", f"http://{at}/map.xml")
        records = await settled(library, "web")
        again = await library.add_site("web", f"http://{at}/map.xml")
    found = await library.search("web", "days of leave", 5)
    await library.close()

    assert [record.name for record in queued] == ["leave", "same", "gone"]
    assert [(record.name, record.state, record.problem) for record in records] == [
        ("leave.md", "ready", ""), ("gone", "failed", "url_status")]  # fmt: skip
    assert [record.state for record in again if record.name == "leave.md"] == ["ready"]
    assert "25 days" in found[0].text


async def test_site_maps_are_off_unless_the_owner_allows_them(tmp_path: Path) -> None:
    library = Library(tmp_path, HashingEmbedder())
    await library.start()
    await library.create_space("web")
    with pytest.raises(DocumentUnreadable, match="not fetched from the web"):
        await library.add_site("web", HOME)
    await library.close()
