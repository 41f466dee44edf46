"""The doors of document spaces: settings, indexing anew, export and import, retry, addresses; in both languages."""

import asyncio
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")  # the loop that the library works in
API = "/api/v1/spaces"
CHINESE = {"Accept-Language": "zh-CN"}


async def settled(client: httpx.AsyncClient, space: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(120):
        while True:
            records: list[dict[str, Any]] = (await client.get(f"{API}/{space}/documents", headers=CHINESE)).json()
            if all(record["state"] in ("ready", "failed") for record in records):
                return records
            await asyncio.sleep(0.1)


async def test_a_space_is_set_up_taken_along_and_brought_back(client: httpx.AsyncClient) -> None:
    made = await client.post(API, json={"name": "Set up", "top_size": 2})
    assert made.json()["settings"] == {"chunk_size": None, "top_size": 2, "embedder": None}
    await client.post(f"{API}/Set up/documents", files={"file": ("rules.md", b"# Refunds\n\nFive working days.")})
    await settled(client, "Set up")
    changed = await client.put(f"{API}/Set up/settings", json={"chunk_size": 300})
    assert changed.json()["settings"]["chunk_size"] == 300
    assert (await client.post(f"{API}/Set up/reindex")).status_code == 202
    async with asyncio.timeout(120):
        while (now := (await client.get(f"{API}/Set up")).json())["reindexing"] is not None:
            await asyncio.sleep(0.1)
    assert now["chunk_size"] == 300

    file = await client.get(f"{API}/Set up/export")
    assert (file.status_code, file.headers["content-type"]) == (200, "application/zip")
    again = await client.post(f"{API}/import", files={"file": ("x.zip", file.content)}, data={"name": "Copy"})
    assert (again.status_code, again.json()["name"]) == (201, "Copy")
    assert [record["state"] for record in await settled(client, "Copy")] == ["ready"]
    taken = await client.post(f"{API}/import", files={"file": ("x.zip", file.content)})
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")
    for name in ("Set up", "Copy"):
        await client.delete(f"{API}/{name}")


async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    await client.post(API, json={"name": "Strict"})
    refusals = [
        await client.put(f"{API}/Strict/settings", json={"chunk_size": 5}),
        await client.put(f"{API}/Strict/settings", json={"embedder": "no-such-model"}),
        await client.put(f"{API}/absent/settings", json={}),
        await client.get(f"{API}/absent/export"),
        await client.post(f"{API}/import", files={"file": ("x.zip", b"no archive")}),
        await client.post(f"{API}/import", data={"name": "x"}),
        await client.post(f"{API}/absent/documents/retry"),
    ]
    assert [answer.status_code for answer in refusals] == [400, 404, 404, 404, 400, 400, 404]
    assert all(answer.json()["error"]["message"] for answer in refusals)
    await client.delete(f"{API}/Strict")


async def test_a_failure_is_told_in_the_readers_language_and_can_be_tried_again(client: httpx.AsyncClient) -> None:
    await client.post(API, json={"name": "Broken files"})
    added = await client.post(f"{API}/Broken files/documents", files={"file": ("a.pdf", b"%PDF-1.7 cut")})
    [record] = await settled(client, "Broken files")
    assert (record["problem"], record["reason"]) == ("damaged", "文件已损坏或不完整。")
    english = (await client.get(f"{API}/Broken files/documents/{added.json()['id']}")).json()
    assert english["reason"] == "The file is damaged or cut off."
    again = (await client.post(f"{API}/Broken files/documents/retry")).json()
    assert [each["state"] for each in again] == ["queued"]
    one = await client.post(f"{API}/Broken files/documents/{added.json()['id']}/retry")
    assert one.status_code == 202
    await settled(client, "Broken files")
    await client.delete(f"{API}/Broken files")


async def test_addresses_are_off_until_the_owner_allows_them(client: httpx.AsyncClient) -> None:
    await client.post(API, json={"name": "Web"})
    for body in ({"url": "https://example.com/"}, {"url": "https://example.com/sitemap.xml", "sitemap": True}):
        answer = await client.post(f"{API}/Web/documents", json=body, headers=CHINESE)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "document.unreadable")
        assert answer.json()["error"]["message"] == "这里不从网上获取文档。"
        assert "KNOWLEDGE_ALLOW_URLS" in answer.json()["error"]["remedy"]
    await client.delete(f"{API}/Web")


async def test_several_spaces_are_asked_and_searched_at_once(client: httpx.AsyncClient) -> None:
    for name, text in (("First", b"Refunds take five days."), ("Second", b"Refunds need a receipt.")):
        await client.post(API, json={"name": name})
        await client.post(f"{API}/{name}/documents", files={"file": ("rules.md", text)})
        await settled(client, name)
    found = (await client.post(f"{API}/First/search", json={"question": "refunds", "also": ["Second"]})).json()
    assert {passage["space"] for passage in found} == {"First", "Second"}
    body = {"question": "How long does a refund take?", "also": ["Second"]}
    answer = (await client.post(f"{API}/First/ask", json=body, headers={"Accept": "application/json"})).json()
    assert {passage["space"] for passage in answer["passages"]} == {"First", "Second"}
    assert answer["doubtful"] == []
    absent = await client.post(f"{API}/First/search", json={"question": "refunds", "also": ["Third"]})
    assert absent.status_code == 404
    for name in ("First", "Second"):
        await client.delete(f"{API}/{name}")


async def test_a_space_is_attached_to_a_database_and_goes_with_its_deletion(client: httpx.AsyncClient) -> None:
    door = "/api/v1/sources/Sample shop/spaces"
    await client.post(API, json={"name": "Terms"})
    await client.post(f"{API}/Terms/documents", files={"file": ("terms.md", b"A customer is whoever ordered.")})
    await settled(client, "Terms")
    assert (await client.put(door, json={"spaces": ["Terms"]})).json() == {"spaces": ["Terms"]}
    assert (await client.put(door, json={"spaces": ["absent"]})).status_code == 404
    assert (await client.put("/api/v1/sources/absent/spaces", json={"spaces": []})).status_code == 404
    asked = {"question": "How many customers are there?"}
    answer = await client.post("/api/v1/sources/Sample shop/ask", json=asked, headers={"Accept": "application/json"})
    definitions = answer.json()["definitions"]
    assert [each["quote"] for each in definitions["definitions"]] == ["A customer is whoever ordered."]
    assert definitions["used"] == bool(answer.json()["receipt"]["definitions"])
    await client.delete(f"{API}/Terms")
    await client.post(API, json={"name": "Terms"})
    assert (await client.get(door)).json() == {"spaces": []}
    await client.delete(f"{API}/Terms")


async def test_a_document_is_summed_up(client: httpx.AsyncClient) -> None:
    await client.post(API, json={"name": "Whole"})
    added = await client.post(f"{API}/Whole/documents", files={"file": ("refund.md", b"Refunds take five days.")})
    await settled(client, "Whole")
    door = f"{API}/Whole/documents/{added.json()['id']}/summary"
    answer = (await client.post(door, headers={"Accept": "application/json"})).json()
    assert answer["answer"].startswith("Refunds take five days")
    assert [citation["number"] for citation in answer["citations"]] == [1]
    again = {"conversation": answer["conversation"]}
    streamed = await client.post(door, json=again)
    assert "condensing" in streamed.text
    assert (await client.post(f"{API}/Whole/documents/absent/summary")).status_code == 404
    await client.delete(f"{API}/Whole")
