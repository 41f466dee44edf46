"""Databases by the API: spreadsheets that are dropped, tests and refreshes, and statements that change data."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from pilot import config
from tests.mariadb import MariaDb, mariadb, numbers
from tests.model.live import Live
from tests.web.running import asking

__all__ = ["mariadb"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCES = "/api/v1/sources"
SHEET = "city,visitors\nUlm,12\nKöln,30\n".encode()


@pytest.fixture(scope="module")
def settings(folder: Path, model: Live) -> config.Settings:
    return config.load(env_file=folder / "none.env", data_dir=folder / "data", model_server=model.url,
                       embedding_model="lengths", native_sql_can_run_write=True)  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def other(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody else, by his login."""
    async with asking(app) as client:
        client.headers["authorization"] = "Bearer another"
        yield client


def _family(folder: Path) -> str:
    with sqlite3.connect(folder / "family.sqlite") as made:
        made.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
        made.execute("INSERT INTO people VALUES (1, 'Ann'), (2, 'Bob')")
    made.close()
    return f"sqlite:///{folder / 'family.sqlite'}"


async def test_a_spreadsheet_that_is_dropped_becomes_a_database(client: httpx.AsyncClient, folder: Path) -> None:
    made = [
        (await client.post(SOURCES, files={"file": ("Visits 2024.csv", SHEET)}, data={"name": name})).json()
        for name in ("", "", "Museum")
    ]
    assert [each["name"] for each in made] == ["Visits 2024", "Visits 2024 2", "Museum"]
    assert {each["dialect"] for each in made} == {"duckdb"}
    asked = {"sql": 'SELECT SUM(visitors) AS n FROM "Visits_2024"'}
    assert (await client.post(f"{SOURCES}/Museum/sql", json=asked)).json()["rows"] == [[42]]
    write = await client.post(f"{SOURCES}/Museum/writes", json={"sql": "DELETE FROM Visits_2024 WHERE city = 'Ulm'"})
    assert (write.status_code, write.json()["error"]["code"]) == (422, "sql.rejected")
    for name in ("Visits 2024", "Visits 2024 2", "Museum"):
        assert (await client.delete(f"{SOURCES}/{name}")).status_code == 204
    assert list((folder / "data" / "spreadsheets").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("x.csv", b"", "there is no row in 'x.csv'"), ("x.exe", b"MZ", "no spreadsheet"), ("x.xlsx", b"PK", "'x.xlsx'")],
)
async def test_what_is_no_spreadsheet_leaves_nothing(
    client: httpx.AsyncClient, folder: Path, name: str, content: bytes, said: str
) -> None:
    answer = await client.post(SOURCES, files={"file": (name, content)})
    assert answer.status_code == 422
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["remedy"]
    assert not list((folder / "data" / "spreadsheets").iterdir())


async def test_a_taken_name_or_no_file_is_refused(client: httpx.AsyncClient, folder: Path) -> None:
    taken = await client.post(SOURCES, files={"file": ("a.csv", SHEET)}, data={"name": "Sample shop"})
    assert taken.status_code == 409
    assert (await client.post(SOURCES, files={"other": ("a.csv", SHEET)})).status_code == 400
    assert (await client.post(SOURCES, json={"name": "x"})).status_code == 400
    assert not list((folder / "data" / "spreadsheets").iterdir())


async def test_a_connection_is_tested_without_being_kept(client: httpx.AsyncClient, tmp_path: Path) -> None:
    tested = await client.post(f"{SOURCES}/test", json={"url": _family(tmp_path)})
    assert (tested.status_code, tested.json()["dialect"]) == (200, "sqlite")
    assert [row["name"] for row in (await client.get(SOURCES)).json()] == ["Sample shop"]
    refused = await client.post(f"{SOURCES}/test", json={"url": "sqlite:////nowhere.sqlite"})
    assert refused.status_code == 422


async def test_an_error_speaks_the_clients_language(client: httpx.AsyncClient) -> None:
    asked = {"url": "mysql://u:p@h/d?init_command=x"}
    answer = await client.post(f"{SOURCES}/test", json=asked, headers={"accept-language": "zh-CN"})
    assert answer.json()["error"] == {
        "code": "source.refused", "message": "这里不允许使用选项“init_command”",
        "remedy": "允许的选项：charset, sslmode, sslrootcert。",
    }  # fmt: skip


async def test_a_refresh_sees_a_new_table(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await client.post(SOURCES, json={"name": "Family", "url": _family(tmp_path)})
    with sqlite3.connect(tmp_path / "family.sqlite") as made:
        made.execute("CREATE TABLE pets (id INTEGER PRIMARY KEY)")
    made.close()
    assert (await client.post(f"{SOURCES}/Family/refresh")).json()["error"] == ""
    tables = (await client.get(f"{SOURCES}/Family/schema")).json()["tables"]
    assert [table["name"] for table in tables] == ["people", "pets"]
    (tmp_path / "family.sqlite").unlink()
    assert (await client.post(f"{SOURCES}/Family/refresh")).status_code == 422
    assert (await client.delete(f"{SOURCES}/Family")).status_code == 204


async def test_data_change_only_after_a_rehearsal_and_a_yes(
    client: httpx.AsyncClient, other: httpx.AsyncClient, tmp_path: Path
) -> None:
    await client.post(SOURCES, json={"name": "Family", "url": _family(tmp_path)})
    family = f"{SOURCES}/Family"
    change = {"sql": "UPDATE people SET name = UPPER(name) WHERE id = 1"}
    assert (await client.post(f"{family}/sql", json=change)).status_code == 422

    first = (await client.post(f"{family}/writes", json=change)).json()
    assert (first["count"], first["before"], first["after"]) == (1, [[1, "Ann"]], [[1, "ANN"]])
    said = {"token": first["token"], "sql": first["sql"]}
    assert (await other.post(f"{family}/writes/confirm", json=said)).status_code == 409  # not his; and it is spent
    assert (await client.post(f"{family}/writes/confirm", json=said)).status_code == 409

    second = (await client.post(f"{family}/writes", json=change)).json()
    said = {"token": second["token"], "sql": second["sql"]}
    changed = await client.post(f"{family}/writes/confirm", json=said)
    assert (changed.status_code, changed.json()) == (200, {"count": 1})
    rows = (await client.post(f"{family}/sql", json={"sql": "SELECT name FROM people ORDER BY id"})).json()["rows"]
    assert rows == [["ANN"], ["Bob"]]
    assert (await client.delete(family)).status_code == 204


@pytest.mark.mysql
async def test_a_client_that_leaves_takes_his_query_along(app: FastAPI, mariadb: MariaDb) -> None:
    mariadb.execute("DROP DATABASE IF EXISTS busy", "CREATE DATABASE busy",
                    "CREATE TABLE busy.n (x INT)", f"INSERT INTO busy.n {numbers(1000)}")  # fmt: skip
    async with asking(app) as client:
        added = await client.post(SOURCES, json={"name": "Busy", "url": str(mariadb.url("busy"))})
        assert added.status_code == 201
        services = app.state.services
        endless = "SELECT COUNT(*) FROM n a, n b, n c, n d, n e WHERE a.x * b.x > c.x + d.x"
        asking_ = asyncio.create_task(services.run_sql("Busy", endless))
        await asyncio.sleep(1)
        assert any("COUNT" in query for query in mariadb.queries())
        asking_.cancel()
        await asyncio.gather(asking_, return_exceptions=True)
        for _ in range(40):
            if not mariadb.queries():
                break
            await asyncio.sleep(0.1)
        assert mariadb.queries() == []
        assert (await client.delete(f"{SOURCES}/Busy")).status_code == 204
