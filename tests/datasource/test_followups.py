"""Follow-ups on every engine: what becomes of a statement runs there, and finds what it finds on SQLite. It stands here
since the servers do.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from pilot.datasource.base import Cell, Limits
from pilot.datasource.guard import check
from pilot.datasource.source import SqlSource, connect
from pilot.datasource.values import ValueIndex
from pilot.schema import Schema
from tests.chat.conftest import TABLES
from tests.chat.test_followups import CASES, ROWS, follow
from tests.mariadb import MariaDb
from tests.postgres import Postgres

ENGINES = [
    pytest.param("mysql", marks=pytest.mark.mysql),
    pytest.param("postgres", marks=pytest.mark.postgres),
    "duckdb",
]
STATEMENTS = [statement for statement in TABLES.split(";") if statement.strip()]
DIGITS = 3  # engines round shares differently


@dataclass(frozen=True)
class Engine:
    source: SqlSource
    schema: Schema
    values: ValueIndex


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    source = connect(_url(request, tmp_path_factory.mktemp("followups")))
    schema = source.reflect()
    yield Engine(source, schema, ValueIndex.build(source, schema))
    source.close()


def _url(request: pytest.FixtureRequest, folder: Path) -> str:
    match request.param:
        case "mysql":
            mariadb: MariaDb = request.getfixturevalue("mariadb")
            mariadb.execute("CREATE DATABASE followups CHARACTER SET utf8mb4")
            mariadb.execute(*STATEMENTS, database="followups")
            return str(mariadb.url("followups"))
        case "postgres":
            postgres: Postgres = request.getfixturevalue("postgres")
            postgres.execute("CREATE DATABASE followups")
            postgres.execute(*STATEMENTS, database="followups")
            return str(postgres.url("followups"))
    with duckdb.connect(folder / "followups.duckdb") as connection:
        for statement in STATEMENTS:
            connection.execute(statement)
    return f"duckdb:///{folder / 'followups.duckdb'}"


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_a_follow_up_finds_the_same_on_every_engine(engine: Engine, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.executescript(TABLES)
    connection.close()
    shop = connect(f"sqlite:///{tmp_path / 'shop.sqlite'}")
    schema = shop.reflect()
    values = ValueIndex.build(shop, schema)
    wrong = {}
    for case in CASES:
        ran = sqlglot.transpile(case["ran"], read="sqlite", write=engine.schema.dialect)[0]
        there = follow(engine.schema, engine.values, case | {"ran": ran})
        here = follow(schema, values, case)
        found, expected = (_found(engine.source, engine.schema, there), _found(shop, schema, here))
        if there and "LIMIT" in there.sql and _size(found) == _size(expected):
            continue  # of equals, each engine has its own first ones
        if found != expected:
            wrong[case["case"]] = (there.sql if there else None, found, expected)
    shop.close()
    assert not wrong


def _found(source: SqlSource, schema: Schema, follow_up: Any) -> Counter[tuple[str, ...]] | None:
    if follow_up is None:
        return None
    rows = source.run(check(follow_up.sql, schema=schema, max_rows=ROWS), Limits(seconds=5, rows=ROWS)).rows
    return Counter(tuple(map(_plain, row)) for row in rows)


def _size(found: Counter[tuple[str, ...]] | None) -> int:
    return found.total() if found else 0


def _plain(cell: Cell) -> str:
    """2025-01 and 2025-01-01 00:00:00 are one month; 1, 1.0 and Decimal('1.00') one number."""
    try:
        return f"{float(str(cell)):.{DIGITS}f}"
    except ValueError:
        return re.sub(r"[ T]00:00:00(\.0+)?$", "", str(cell))
