"""What every kind of database keeps to, each on its real engine: text is text, limits hold, a stop ends the query."""
# ruff: noqa: S608  fixed texts

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pilot.datasource.base import Limits, Stop
from pilot.datasource.guard import check
from pilot.datasource.running import run
from pilot.datasource.source import SqlSource
from pilot.errors import InputInvalid, SqlStopped, SqlTimeout
from tests.datasource.asking import ask
from tests.mariadb import MariaDb
from tests.postgres import Postgres

ENGINES = ["sqlite", pytest.param("mysql", marks=pytest.mark.mysql),
           pytest.param("postgres", marks=pytest.mark.postgres), "duckdb"]  # fmt: skip
COUNTING = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {most}) "
PATIENCE = 60  # seconds; what nothing ends takes hours
ENDLESS = {
    "sqlite": COUNTING.format(most=10**15) + "SELECT COUNT(*) FROM n",
    "mysql": COUNTING.format(most=1000) + "SELECT COUNT(*) FROM n a, n b, n c, n d, n e",
    "postgres": COUNTING.format(most=1000) + "SELECT COUNT(*) FROM n a, n b, n c, n d, n e",
    "duckdb": COUNTING.format(most=1000) + "SELECT COUNT(*) FROM n a, n b, n c, n d, n e WHERE a.x * b.x > c.x + d.x",
}
SOME_TEXT = "'a text of a common length, number '"
MILLION = {
    "sqlite": COUNTING.format(most=10**6) + f"SELECT x, x * 1.5, {SOME_TEXT} || x FROM n",
    "mysql": COUNTING.format(most=1000) + f"SELECT a.x, b.x * 1.5, CONCAT({SOME_TEXT}, a.x) FROM n a, n b",
    "postgres": COUNTING.format(most=1000) + f"SELECT a.x, b.x * 1.5, {SOME_TEXT} || a.x FROM n a, n b",
    "duckdb": COUNTING.format(most=1000) + f"SELECT a.x, b.x * 1.5, {SOME_TEXT} || a.x FROM n a, n b",
}  # fmt: skip
WIDE = {
    "sqlite": COUNTING.format(most=8) + "SELECT PRINTF('%.1000000c', 'x') FROM n",
    "mysql": COUNTING.format(most=8) + "SELECT REPEAT('é', 1000000) FROM n",
    "postgres": COUNTING.format(most=8) + "SELECT REPEAT('é', 1000000) FROM n",
    "duckdb": COUNTING.format(most=8) + "SELECT REPEAT('é', 1000000) FROM n",
}


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest) -> SqlSource:
    """The shop on one engine; on servers, as who may do anything."""
    found: SqlSource = request.getfixturevalue(f"{request.param}_shop")
    return found


@pytest.fixture
def running(source: SqlSource, request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """What runs on the server right now; an engine in our own process has no list."""
    if source.dialect == "mysql":
        mariadb: MariaDb = request.getfixturevalue("shop_server")
        return mariadb.queries
    if source.dialect == "postgres":
        postgres: Postgres = request.getfixturevalue("shop_postgres")
        return postgres.queries
    return list


def test_percent_signs_colons_and_question_marks_are_plain_text(source: SqlSource) -> None:
    sql = "SELECT name, '%s %(x)s :y ? $1' AS a FROM products WHERE name LIKE '%100%%' OR name = 'Lamp :x' ORDER BY id"
    assert ask(source, sql) == (("Desk 100%", "%s %(x)s :y ? $1"), ("Lamp :x", "%s %(x)s :y ? $1"))


@pytest.mark.parametrize("condition", ["1 = 1", "id < 0"])
def test_columns_have_their_names_and_may_repeat_them_even_without_rows(source: SqlSource, condition: str) -> None:
    quote = "`" if source.dialect == "mysql" else '"'
    sql = f"SELECT id, id, name AS {quote}c.name{quote} FROM customers WHERE {condition} ORDER BY id"
    rows = source.run(check(sql, schema=source.reflect(), max_rows=1), Limits(rows=1))
    assert rows.columns == ("id", "id", "c.name")


def test_several_threads_may_ask_at_once(source: SqlSource) -> None:
    schema = source.reflect()
    found: list[object] = []

    def ask(number: int) -> None:
        statement = check(f"SELECT {number} + COUNT(*) * 0 FROM customers", schema=schema, max_rows=1)
        found.extend(source.run(statement, Limits()).rows)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == sorted(((number,) for number in range(12)), key=str)


def test_a_statement_of_another_dialect_does_not_run(source: SqlSource) -> None:
    other = replace(source.reflect(), dialect="mysql" if source.dialect != "mysql" else "sqlite")
    with pytest.raises(InputInvalid, match=other.dialect):
        source.run(check("SELECT 1", schema=other, max_rows=1), Limits())


def test_a_query_is_ended_at_its_time_limit_on_the_server_too(
    source: SqlSource, running: Callable[[], list[str]]
) -> None:
    started = time.monotonic()
    with pytest.raises(SqlTimeout, match=r"0\.5 seconds"):
        source.execute(ENDLESS[source.dialect], Limits(seconds=0.5))
    assert time.monotonic() - started < PATIENCE
    assert running() == []
    assert ask(source, "SELECT COUNT(*) FROM customers") == ((4,),)


def test_a_stop_ends_the_query_on_the_server_too(source: SqlSource, running: Callable[[], list[str]]) -> None:
    stop = Stop()
    threading.Timer(0.7, stop.ask).start()
    started = time.monotonic()
    with pytest.raises(SqlStopped, match="nobody waits"):
        source.execute(ENDLESS[source.dialect], Limits(stop=stop))
    assert 0.5 < time.monotonic() - started < PATIENCE
    assert running() == []


def test_what_nobody_waits_for_any_longer_does_not_begin(source: SqlSource) -> None:
    stop = Stop()
    stop.ask()
    with pytest.raises(SqlStopped):
        source.execute(ENDLESS[source.dialect], Limits(stop=stop))


async def test_whoever_leaves_takes_his_query_along(
    source: SqlSource, running: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = check("SELECT name FROM customers", schema=source.reflect(), max_rows=1)
    ended = threading.Event()
    execute = source.execute

    def endless(_: str, limits: Limits) -> object:
        try:
            return execute(ENDLESS[source.dialect], limits)
        finally:
            ended.set()

    monkeypatch.setattr(source, "execute", endless)
    asking = asyncio.create_task(run(source, statement, Limits()))
    await asyncio.sleep(0.7)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await asyncio.to_thread(ended.wait, 4)
    assert running() == []


@pytest.mark.parametrize("most", [1_000, 100_000])
def test_of_a_million_rows_the_first_ones_come_and_take_little_memory(
    source: SqlSource, running: Callable[[], list[str]], most: int
) -> None:
    with _memory() as grown:
        rows = source.execute(MILLION[source.dialect], Limits(rows=most))
    assert (len(rows.rows), rows.truncated) == (most, True)
    assert grown[0] < 100, "megabytes"
    assert running() == []


def test_large_cells_are_cut_and_so_are_many_of_them(source: SqlSource) -> None:
    one = source.execute(WIDE[source.dialect], Limits(cell_chars=50))
    assert one.truncated
    assert {len(str(cell)) for (cell,) in one.rows} == {50}
    several = source.execute(WIDE[source.dialect], Limits(cell_chars=2_000_000, total_bytes=2_500_000))
    assert several.truncated
    assert len(several.rows) == 3


@contextmanager
def _memory() -> Iterator[list[float]]:
    """How many megabytes our process takes more, at the highest, than before."""
    grown = [0.0]
    over = threading.Event()
    before = _resident()

    def look() -> None:
        while not over.wait(0.01):
            grown[0] = max(grown[0], _resident() - before)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield grown
    finally:
        over.set()
        watcher.join()


def _resident() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000
