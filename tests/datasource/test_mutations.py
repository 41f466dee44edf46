"""Statements of which pieces were cut, doubled, swapped or mixed with pieces of attacks: the guard refuses or is right.

Whatever comes, the guard raises nothing but SqlRejected. What it lets through is stable (its text passes unchanged),
reads only the shop's tables, and changes nothing on a real server, where root runs it.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from pilot.datasource.base import Limits
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.source import SqlSource
from pilot.errors import SqlError, SqlRejected
from pilot.schema import DIALECTS, Dialect, Schema
from tests.datasource.cases import read
from tests.mariadb import MariaDb
from tests.postgres import Postgres

PIECE = re.compile(r"'(?:[^'\\]|\\.|'')*'|\w+|\s+|.", re.DOTALL)
TRICKS = [
    "/*!", "/*!50000 ", "/*", "*/", "--", "-- ", "#", "\n", ";", "'", "''", '"', "`", "\\", "\\'", "{#", "#}", "{", "}",
    "$$", "E'", "U&'", "N'", "[", "]", "@", "@@", ":=", "?", "\x00", "\u2028", " INTO OUTFILE '/tmp/stolen' ",
    " INTO @a ", " FOR UPDATE ", " SLEEP(1) ", "; DELETE FROM customers; ", " UNION SELECT * FROM mysql.user ", "(",
    ")", ",", " load_extension('x') ", " pg_sleep(1) ", " secret ", " LIMIT 1 ", " AS ", "%s", ":x", "0x41", "1e9999",
    "\U0001d7d9", "\uff08",
]  # fmt: skip


def _pieces(dialect: Dialect, kind: str) -> list[list[str]]:
    return [PIECE.findall(case.sql) for case in read(f"{kind}.{dialect}.sql")]


@st.composite
def mutated(draw: st.DrawFn, allowed: Sequence[Sequence[str]], foreign: Sequence[str]) -> str:
    pieces = list(draw(st.sampled_from(allowed)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(pieces)))
        match draw(st.sampled_from(["cut", "double", "swap", "mix", "mix"])):
            case "cut":
                del pieces[place : place + 1]
            case "double":
                pieces[place:place] = pieces[place : place + draw(st.integers(1, 6))]
            case "swap":
                pieces[place : place + 2] = reversed(pieces[place : place + 2])
            case _:
                pieces.insert(place, draw(st.sampled_from(foreign)))
    return "".join(pieces)


def _mutated(dialect: Dialect) -> st.SearchStrategy[str]:
    foreign = [piece for pieces in _pieces(dialect, "rejected") for piece in pieces] + TRICKS
    return mutated(_pieces(dialect, "allowed"), foreign)


def _passed(sql: str, schema: Schema) -> SafeSql | None:
    try:
        return check(sql, schema=schema, max_rows=50)
    except SqlRejected:
        return None


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=250, deadline=None, derandomize=True)
@given(random=st.data())
def test_a_mutated_statement_is_refused_or_stable(schema: Schema, dialect: Dialect, random: st.DataObject) -> None:
    own = dataclasses.replace(schema, dialect=dialect)
    safe = _passed(random.draw(_mutated(dialect)), own)
    if safe is None:
        return
    assert check(safe.text, schema=own, max_rows=50).text == safe.text
    assert isinstance(safe.tree, exp.Query | exp.Show | exp.Describe)
    assert set(safe.tables) <= {table.name for table in schema.tables}


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(sql=st.text(max_size=80))
def test_any_text_is_refused_or_stable(schema: Schema, dialect: Dialect, sql: str) -> None:
    own = dataclasses.replace(schema, dialect=dialect)
    for text in (sql, f"SELECT {sql}", f"SELECT '{sql}", f"SELECT name FROM customers WHERE {sql}"):  # noqa: S608
        if safe := _passed(text, own):
            assert check(safe.text, schema=own, max_rows=50).text == safe.text


@pytest.mark.mysql
def test_what_passes_changes_nothing_on_the_server(
    mysql_shop: SqlSource, shop_server: MariaDb, schema: Schema, tmp_path: Path
) -> None:
    own = dataclasses.replace(schema, dialect="mysql")
    watched = "customers, products, orders, order_items, employees, `order notes`"
    ran = []

    @settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sql=_mutated("mysql"))
    def run(sql: str) -> None:
        if safe := _passed(sql, own):
            try:
                mysql_shop.run(safe, Limits(seconds=0.5, rows=50))
                ran.append(safe.text)
            except SqlError:
                pass  # the server has its own opinion of a mutant

    before = shop_server.execute(f"CHECKSUM TABLE {watched}", database="shop")
    run()
    assert shop_server.execute(f"CHECKSUM TABLE {watched}", database="shop") == before
    assert not Path("/tmp/stolen").exists()
    assert len(ran) > 20
    assert not list(tmp_path.iterdir())


@pytest.mark.postgres
def test_what_passes_changes_nothing_on_postgres(
    postgres_shop: SqlSource, shop_postgres: Postgres, schema: Schema
) -> None:
    own = dataclasses.replace(schema, dialect="postgres")
    ran = []

    @settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sql=_mutated("postgres"))
    def run(sql: str) -> None:
        if safe := _passed(sql, own):
            try:
                postgres_shop.run(safe, Limits(seconds=0.5, rows=50))
                ran.append(safe.text)
            except SqlError:
                pass  # the server has its own opinion of a mutant

    watched = "SELECT md5(string_agg(c::text || xmin::text, '' ORDER BY id)) FROM customers c"
    before = shop_postgres.execute(watched, database="shop")
    run()
    assert shop_postgres.execute(watched, database="shop") == before
    assert len(ran) > 20


@pytest.mark.mysql
def test_literals_mean_to_the_server_what_they_mean_to_the_parser(mysql_shop: SqlSource, schema: Schema) -> None:
    """The classic way out of a text: a backslash or a quote that one side counts and the other does not."""
    own = dataclasses.replace(schema, dialect="mysql")

    @settings(max_examples=200, deadline=None, derandomize=True)
    @given(text=st.text(st.sampled_from("\\'\"`%_nrtbZ0-#/*!;:{}\n 客é"), max_size=12))
    def agree(text: str) -> None:
        written = exp.select(exp.Literal.string(text)).sql("mysql")
        try:
            safe = check(written, schema=own, max_rows=1)
        except SqlRejected:
            return
        literal = safe.tree.find(exp.Literal)
        assert mysql_shop.run(safe, Limits()).rows == ((literal.this,),)

    agree()
