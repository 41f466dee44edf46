"""A passage in its page: over the door of the page and the doors of the API, in both languages."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from pilot.chat.documents import found_passage
from pilot.knowledge.index import ChunkIndex
from pilot.services import Services
from pilot.web import places
from tests.knowledge.samples import packed, pdf
from tests.web.test_words import HOSTILE, Tags

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPACE = "Open / 打开"  # a name that is no part of a path
CHINESE = {"Accept-Language": "zh-CN"}
RULES = "# Returns\n\nGoods may be sent back. They are sent within <b>forty</b> days.\n\n" + "\n\n".join(HOSTILE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(app: FastAPI) -> AsyncIterator[Services]:
    services: Services = app.state.services
    library = services.library
    await library.create_space(SPACE)
    await library.add(SPACE, "rules.md", RULES.encode())
    await library.add(SPACE, "rules.pdf", pdf(["First page.", "Parcels arrive in nine days.", "Last page."]))
    await library.add(SPACE, "cut.pdf", b"%PDF-1.7 cut off")
    await library.add(SPACE, "all.zip", packed({"a.txt": b"Nothing.", "terms.pdf": pdf(["Hawks glide over fields."])}))
    async with asyncio.timeout(600):
        while any(each.state not in ("ready", "failed") for each in await library.documents(SPACE)):
            await asyncio.sleep(0.05)
    yield services
    await library.delete_space(SPACE)


async def opened(services: Services, client: httpx.AsyncClient, question: str, quote: str) -> str:
    """The page that the best passage's link leads to."""
    passage = found_passage(1, (await services.library.search(SPACE, question))[0])
    answer = await client.get(places.address(passage, [quote]), headers=CHINESE)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_pdf_opens_at_its_page_as_a_picture_with_the_quote_under_it(
    services: Services, client: httpx.AsyncClient
) -> None:
    html = await opened(services, client, "When do parcels arrive?", "nine days")
    assert "第 2 页，共 3 页" in html
    assert '<mark class="quoted">nine days</mark>' in html
    assert html.count('class="turn') == 2
    (source,) = [attributes["src"] for tag, attributes in Tags(html).found if tag == "img"]
    assert "&mark=" in (source or "")
    picture = await client.get(source or "")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert picture.content.startswith(b"\x89PNG")
    (spot,) = [attributes["style"] for _, attributes in Tags(html).found if attributes.get("class") == "spot"]
    assert "top:" in (spot or "")


async def test_a_pdf_in_an_archive_opens_as_a_picture_too(services: Services, client: httpx.AsyncClient) -> None:
    html = await opened(services, client, "Where do hawks glide?", "over fields")
    assert "第 2 页，共 2 页" in html
    assert 'class="spot"' in html
    (source,) = [attributes["src"] for tag, attributes in Tags(html).found if tag == "img"]
    assert (await client.get(source or "")).content.startswith(b"\x89PNG")


async def test_a_page_is_shown_without_reading_the_others(
    services: Services, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ChunkIndex, "pages")
    html = await opened(services, client, "When do parcels arrive?", "nine days")
    assert '<mark class="quoted">nine days</mark>' in html


async def test_a_text_opens_with_the_passage_in_its_surroundings_and_stays_text(
    services: Services, client: httpx.AsyncClient
) -> None:
    html = await opened(services, client, "How long may goods be sent back?", "They are sent within <b>forty</b> days.")
    assert '<mark class="quoted">They are sent within &lt;b&gt;forty&lt;/b&gt; days.</mark>' in html
    scripts = [attributes.get("src") for tag, attributes in Tags(html).found if tag == "script"]
    assert scripts == ["/assets/viewer.js"]
    assert not any(name.startswith("on") for _, attributes in Tags(html).found for name in attributes)
    assert "<b>" not in html
    assert "<img" not in html


async def test_the_doors_of_the_api_give_pages_pictures_and_the_file(
    services: Services, client: httpx.AsyncClient
) -> None:
    records = {record.name: record.id for record in await services.library.documents(SPACE)}
    base = f"/api/v1/spaces/Open%20%2F%20%E6%89%93%E5%BC%80/documents/{records['rules.pdf']}"
    pages = (await client.get(f"{base}/pages")).json()
    assert [(page["number"], page["text"]) for page in pages][1] == (2, "Parcels arrive in nine days.")
    file = await client.get(f"{base}/original")
    assert file.content.startswith(b"%PDF-1.4")
    assert file.headers["content-disposition"].startswith("attachment")
    text = base.replace(records["rules.pdf"], records["rules.md"])
    wrong = [f"{text}/pages/1.png", f"{base}/pages/9.png", f"{base}/pages/1.png?passage=a-b", f"{base}x/pages"]
    assert [(await client.get(door)).status_code for door in wrong] == [404, 422, 400, 404]


async def test_a_page_that_no_document_has_is_no_failure_of_the_server(
    services: Services, client: httpx.AsyncClient
) -> None:
    records = {record.name: record.id for record in await services.library.documents(SPACE)}
    base = f"/api/v1/spaces/Open%20%2F%20%E6%89%93%E5%BC%80/documents/{records['rules.pdf']}"
    beyond = "9" * 20
    doors = [f"{base}/pages/{page}.png" for page in (beyond, "-1", "0")]
    doors.append(f"/documents/{records['rules.pdf']}?{urlencode({'space': SPACE, 'page': beyond})}")
    assert [(await client.get(door)).status_code for door in doors] == [400, 400, 404, 400]


async def test_what_cannot_be_shown_says_why(services: Services, client: httpx.AsyncClient) -> None:
    records = {record.name: record.id for record in await services.library.documents(SPACE)}
    unread = await client.get(f"/documents/{records['cut.pdf']}", params={"space": SPACE}, headers=CHINESE)
    assert (unread.status_code, "尚未读取完成" in unread.text) == (404, True)
    gone = await client.get("/documents/nothing", params={"space": "<script>"})
    assert gone.status_code == 404
    assert "<script>" not in gone.text
    assert 'class="leaf"' in gone.text
