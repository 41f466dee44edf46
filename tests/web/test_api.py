"""The REST doors, over the real services, the sample shop and a scripted model."""

import asyncio
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openpyxl import load_workbook

from pilot.config import Settings
from pilot.services import SAMPLE_SOURCE
from tests.web.running import asking, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "/api/v1"
SHOP = f"{API}/sources/{SAMPLE_SOURCE}"
WHOLE = {"accept": "application/json"}
COUNT_QUESTION = {"question": "How many customers are there?"}


def _events(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"].startswith("text/event-stream")
    return [json.loads(line[6:]) for line in response.text.splitlines() if line]


async def test_a_question_streams_typed_events_one_a_line(client: httpx.AsyncClient) -> None:
    response = await client.post(f"{SHOP}/ask", json=COUNT_QUESTION)
    names = [event["event"] for event in _events(response)]
    assert names[0] == "schema_chosen"
    assert names[-1] == "finished"
    assert {"sql_proposed", "sql_checked", "rows_ready", "summary_ready", "receipt_ready"} <= set(names)
    assert all(line.startswith("data: {") for line in response.text.splitlines() if line)


async def test_with_accept_json_the_final_answer_comes(client: httpx.AsyncClient) -> None:
    answer = (await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)).json()
    assert answer["columns"] == ["customers"]
    assert answer["rows"] == [[120]]
    assert answer["receipt"]["source"] == SAMPLE_SOURCE
    assert "120" in answer["summary"]
    assert {"sql", "truncated", "explanation", "confidence", "message", "conversation"} <= answer.keys()


async def test_a_failed_answer_is_an_error_with_its_status(client: httpx.AsyncClient) -> None:
    response = await client.post(f"{SHOP}/ask", json={"question": "Please delete the customers"}, headers=WHOLE)
    assert response.status_code == 422
    assert response.json()["error"]["code"].startswith(("sql.", "model."))


async def test_the_conversation_goes_on_and_is_kept(client: httpx.AsyncClient) -> None:
    first = (await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)).json()
    again = {**COUNT_QUESTION, "conversation": first["conversation"]}
    second = (await client.post(f"{SHOP}/ask", json=again, headers=WHOLE)).json()
    assert second["conversation"] == first["conversation"]
    newest = (await client.get(f"{API}/conversations")).json()[0]
    assert (newest["id"], newest["kind"], newest["target"]) == (first["conversation"], "database", SAMPLE_SOURCE)
    turns = (await client.get(f"{API}/conversations/{first['conversation']}/turns")).json()
    assert [turn["id"] for turn in turns] == [first["message"], second["message"]]
    assert (await client.delete(f"{API}/conversations/{first['conversation']}")).status_code == 204
    assert (await client.get(f"{API}/conversations/{first['conversation']}/turns")).status_code == 404


async def test_feedback_is_kept_with_its_answer(client: httpx.AsyncClient) -> None:
    answer = (await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)).json()
    judged = {"message": answer["message"], "verdict": "wrong", "sql": answer["sql"]}
    assert (await client.post(f"{API}/feedback", json=judged)).status_code == 204
    turns = (await client.get(f"{API}/conversations/{answer['conversation']}/turns")).json()
    assert turns[0]["verdict"] == "wrong"
    assert (await client.post(f"{API}/feedback", json={**judged, "message": "nobody"})).status_code == 404
    assert (await client.post(f"{API}/feedback", json={**judged, "verdict": "maybe"})).status_code == 400


async def test_ones_own_statement_runs_through_the_guard(client: httpx.AsyncClient) -> None:
    ran = (await client.post(f"{SHOP}/sql", json={"sql": "select name from customers order by id limit 2"})).json()
    assert ran["columns"] == ["name"]
    assert len(ran["rows"]) == 2
    refused = await client.post(f"{SHOP}/sql", json={"sql": "DELETE FROM customers"})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "sql.rejected"
    assert refused.json()["error"]["message"]


async def test_a_statement_is_explained_without_running(client: httpx.AsyncClient) -> None:
    told = (await client.post(f"{SHOP}/explain", json={"sql": "select name from customers"})).json()
    assert told["tables"] == ["customers"]
    assert told["explanation"] == ["Reads customers.", "Shows name."]
    refused = await client.post(f"{SHOP}/explain", json={"sql": "DROP TABLE customers"})
    assert refused.json()["error"]["code"] == "sql.rejected"


async def test_ones_own_statement_comes_as_a_file(client: httpx.AsyncClient) -> None:
    counted = {"sql": "SELECT country, COUNT(*) AS n FROM customers GROUP BY country"}
    kinds = [chart["kind"] for chart in (await client.post(f"{SHOP}/sql", json=counted)).json()["charts"]]
    assert kinds == ["bar", "pie"]
    files = {kind: await client.post(f"{SHOP}/sql", params={"format": kind}, json=counted) for kind in ("csv", "xlsx")}
    assert files["csv"].content.decode("utf-8-sig").splitlines()[0] == "country,n"
    sheets = load_workbook(io.BytesIO(files["xlsx"].content))
    assert sheets.sheetnames == ["Rows", "About"]
    assert [cell.value for cell in next(sheets["Rows"].iter_rows())] == ["country", "n"]
    pie = await client.post(f"{SHOP}/sql", params={"format": "html", "kind": "pie"}, json=counted)
    assert '"type":"pie"' in pie.text
    none = await client.post(f"{SHOP}/sql", params={"format": "html", "kind": "line"}, json=counted)
    assert none.status_code == 404
    refused = await client.post(f"{SHOP}/sql", params={"format": "csv"}, json={"sql": "DELETE FROM customers"})
    assert refused.status_code == 422


async def test_a_stored_answer_runs_again_and_comes_as_files(client: httpx.AsyncClient) -> None:
    answer = (await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)).json()
    stored = f"{API}/answers/{answer['message']}"
    assert (await client.post(f"{stored}/run")).json()["rows"] == [[120]]
    rows = await client.get(f"{stored}/rows.csv")
    assert rows.content.decode("utf-8-sig").split() == ["customers", "120"]
    assert "filename*=UTF-8''How-many-customers-are-there.csv" in rows.headers["content-disposition"]
    assert rows.headers["x-truncated"] == "false"
    receipt = (await client.get(f"{stored}/receipt.json")).json()
    assert receipt == answer["receipt"]
    assert (await client.get(f"{stored}/chart.html")).status_code == 404
    assert (await client.get(f"{stored}/rows.exe")).status_code == 400
    assert (await client.get(f"{API}/answers/nobody/rows.csv")).status_code == 404


async def test_a_conversation_is_renamed_and_found(client: httpx.AsyncClient) -> None:
    answer = (await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)).json()
    own = f"{API}/conversations/{answer['conversation']}"
    assert (await client.patch(own, json={"title": "Zebra crossing"})).status_code == 204
    found = (await client.get(f"{API}/conversations", params={"search": "zebra", "kind": "database"})).json()
    assert [each["title"] for each in found] == ["Zebra crossing"]
    assert (await client.patch(own, json={"title": ""})).status_code == 400


async def test_a_database_is_added_asked_and_removed(client: httpx.AsyncClient, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "own.sqlite") as own:
        own.execute("CREATE TABLE ships (name TEXT)")
    new = {"name": "Harbour", "url": f"sqlite:///{tmp_path / 'own.sqlite'}"}
    assert (await client.post(f"{API}/sources", json=new)).status_code == 201
    assert (await client.post(f"{API}/sources", json=new)).status_code == 409
    listed = (await client.get(f"{API}/sources")).json()
    assert [(row["name"], row["origin"]) for row in listed] == [("Harbour", "added"), (SAMPLE_SOURCE, "sample")]
    schema = (await client.get(f"{API}/sources/Harbour/schema")).json()
    assert [table["name"] for table in schema["tables"]] == ["ships"]
    assert (await client.delete(f"{API}/sources/Harbour")).status_code == 204
    assert (await client.get(f"{API}/sources/Harbour/schema")).status_code == 404


async def test_a_password_never_comes_back(client: httpx.AsyncClient) -> None:
    new = {"name": "Far", "url": "mysql://me:hunter22@127.0.0.1:1/shop"}
    refused = await client.post(f"{API}/sources", json=new)
    assert refused.status_code in (422, 502)
    assert "hunter22" not in refused.text


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"question": 5}, 400), ({"question": ""}, 400), ({"question": "x" * 100_000}, 400), ([], 400)],
)
async def test_a_senseless_question_is_a_clear_error(client: httpx.AsyncClient, body: Any, status: int) -> None:
    response = await client.post(f"{SHOP}/ask", json=body, headers=WHOLE)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["code"] == "input.invalid"
    assert error["message"]
    assert "x" * 1000 not in response.text


async def test_an_unknown_door_answers_in_the_same_shape(client: httpx.AsyncClient) -> None:
    response = await client.get(f"{API}/nothing")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"
    assert (await client.put(f"{API}/sources")).status_code == 405


async def _ready(client: httpx.AsyncClient, document: str) -> dict[str, Any]:
    for _ in range(300):
        record: dict[str, Any] = (await client.get(document)).json()
        if record["state"] in ("ready", "failed"):
            return record
        await asyncio.sleep(0.1)
    raise AssertionError(record)


async def test_a_document_is_added_found_cited_and_deleted(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"{API}/spaces", json={"name": "Rules"})).status_code == 201
    text = "# Refunds\n\nA refund takes five working days.\n"
    added = await client.post(f"{API}/spaces/Rules/documents", files={"file": ("rules.md", text.encode())})
    assert added.status_code == 202
    document = f"{API}/spaces/Rules/documents/{added.json()['id']}"
    record = await _ready(client, document)
    assert (record["state"], record["reason"]) == ("ready", "")
    question = {"question": "How long does a refund take?"}
    passages = (await client.post(f"{API}/spaces/Rules/search", json=question)).json()
    assert {"document", "page", "section", "text", "score"} <= passages[0].keys()
    answer = (await client.post(f"{API}/spaces/Rules/ask", json=question, headers=WHOLE)).json()
    assert "five" in answer["answer"]
    assert answer["citations"][0]["passage"]["document"] == "rules.md"
    assert (await client.delete(document)).status_code == 204
    assert (await client.get(document)).status_code == 404
    assert (await client.delete(f"{API}/spaces/Rules")).status_code == 204


async def test_it_after_a_cited_answer_is_the_document_that_was_cited(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/spaces", json={"name": "Two"})
    for name, text in {"rules.md": "A refund takes five working days.", "tea.md": "Green tea is kept dry."}.items():
        added = await client.post(f"{API}/spaces/Two/documents", files={"file": (name, text.encode())})
        await _ready(client, f"{API}/spaces/Two/documents/{added.json()['id']}")
    door, it = f"{API}/spaces/Two/ask", "What does it cover?"
    alone = (await client.post(door, json={"question": it}, headers=WHOLE)).json()
    assert alone["answer"].startswith("Which of the 2 documents?")
    first = (await client.post(door, json={"question": "How long does a refund take?"}, headers=WHOLE)).json()
    then = {"question": it, "conversation": first["conversation"]}
    answer = (await client.post(door, json=then, headers=WHOLE)).json()
    assert {passage["document"] for passage in answer["passages"]} == {"rules.md"}
    await client.delete(f"{API}/spaces/Two")


async def test_an_unreadable_document_fails_with_the_reason(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/spaces", json={"name": "Broken"})
    added = await client.post(f"{API}/spaces/Broken/documents", files={"file": ("a.pdf", b"%PDF-1.7 cut")})
    record = await _ready(client, f"{API}/spaces/Broken/documents/{added.json()['id']}")
    assert record["state"] == "failed"
    assert record["reason"]


async def test_plain_chat_streams_and_ends(client: httpx.AsyncClient) -> None:
    events = _events(await client.post(f"{API}/chat", json={"message": "Good morning"}))
    text = "".join(event["text"] for event in events if event["event"] == "text_delta")
    assert text == "Hello **there**."
    assert events[-1]["event"] == "finished"


async def test_health_ready_metrics_and_the_document_of_all_doors(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    assert (await client.get("/ready")).json() == {"status": "ready", "model": "scripted"}
    doors = (await client.get("/api/openapi.json")).json()["paths"]
    assert f"{API}/sources/{{name}}/ask" in doors
    await client.get(f"{SHOP}/schema")
    metrics = (await client.get("/metrics")).text
    assert 'pilot_web_requests_total{door="/api/v1/sources/{name}/schema",status="200"}' in metrics
    assert SAMPLE_SOURCE not in metrics


async def test_without_a_model_the_page_lives_and_says_so(settings: Settings, tmp_path: Path) -> None:
    alone = settings.model_copy(update={"model_server": "http://127.0.0.1:9", "data_dir": tmp_path})
    async with running(alone, tmp_path) as app, asking(app) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 502
        failed = await client.post(f"{SHOP}/ask", json=COUNT_QUESTION, headers=WHOLE)
        assert failed.status_code == 502
        assert failed.json()["error"]["code"] == "model.unreachable"
        assert failed.json()["error"]["remedy"]


async def test_the_root_leads_to_the_page(app: FastAPI) -> None:
    async with asking(app, follow_redirects=True) as client:
        page = await client.get("/")
        assert page.status_code == 200
        assert "gradio" in page.text


async def test_an_address_is_fetched_only_where_the_owner_allows_it(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/spaces", json={"name": "Web"})
    refused = await client.post(f"{API}/spaces/Web/documents", json={"url": "https://example.com/page"})
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "document.unreadable"
    assert "KNOWLEDGE_ALLOW_URLS" in refused.json()["error"]["remedy"]
    assert (await client.get(f"{API}/spaces/Web/documents")).json() == []


async def test_a_document_without_a_file_says_how_to_send_one(client: httpx.AsyncClient) -> None:
    await client.post(f"{API}/spaces", json={"name": "Empty"})
    bodies: tuple[dict[str, Any], ...] = ({"json": {}}, {"data": {"file": "text"}})
    for body in bodies:
        refused = await client.post(f"{API}/spaces/Empty/documents", **body)
        assert refused.status_code == 400
        assert refused.json()["error"]["remedy"]
