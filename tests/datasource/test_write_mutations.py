"""Writing statements of which pieces were cut, doubled, swapped or mixed with attacks: what passes is one write of one
table, says so again, and a rehearsal of it leaves the database as it was.
"""

import dataclasses
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from pilot.datasource.base import Limits
from pilot.datasource.guard_write import WRITABLE, SafeWrite, check_write
from pilot.datasource.source import connect
from pilot.datasource.writes import carry_out, rehearse
from pilot.errors import SqlError, SqlRejected
from pilot.schema import Column, Dialect, Schema, Table
from tests.datasource.cases import read
from tests.datasource.test_mutations import PIECE, TRICKS, mutated

COLUMNS = (Column("id", "INTEGER", "number", primary_key=True), Column("name", "TEXT", "text"),
           Column("city", "TEXT", "text"))  # fmt: skip
SCHEMA = Schema("sqlite", (Table("customers", COLUMNS), Table("notes", COLUMNS[1:])))
MADE = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT);
CREATE TABLE notes (name TEXT, city TEXT);
CREATE TABLE secret (word TEXT);
INSERT INTO customers VALUES (11, 'Anna', 'Ulm'), (12, 'Paul', NULL), (13, 'x', 'Berlin');
INSERT INTO notes VALUES ('Anna', 'Ulm'), ('Emma', 'Paris');
INSERT INTO secret VALUES ('tea');
"""
ALLOWED = [PIECE.findall(case.sql) for case in read("writes.allowed.sql")]
FOREIGN = [piece for case in read("writes.rejected.sql") for piece in PIECE.findall(case.sql)] + TRICKS


def _passed(sql: str, schema: Schema) -> SafeWrite | None:
    try:
        return check_write(sql, schema=schema, shown_rows=5)
    except SqlRejected:
        return None


@pytest.mark.parametrize("dialect", sorted(WRITABLE))
@settings(max_examples=50, deadline=None, derandomize=True)
@given(sql=mutated(ALLOWED, FOREIGN))
def test_a_mutated_write_is_refused_or_stable(dialect: Dialect, sql: str) -> None:
    schema = dataclasses.replace(SCHEMA, dialect=dialect)
    if safe := _passed(sql, schema):
        again = check_write(safe.text, schema=schema, shown_rows=5)
        assert (again.text, again.kind, again.table) == (safe.text, safe.kind, safe.table)
        assert safe.kind == "insert" or " WHERE " in safe.text


def test_what_passes_changes_one_table_and_only_when_it_is_carried_out(tmp_path: Path) -> None:
    file = tmp_path / "rows.sqlite"
    with sqlite3.connect(file) as made:
        made.executescript(MADE)
    source = connect(f"sqlite:///{file}")
    done = []

    @settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(sql=mutated(ALLOWED, FOREIGN))
    def run(sql: str) -> None:
        safe = _passed(sql, SCHEMA)
        if safe is None:
            return
        before = _rows(made)
        try:
            rehearsal = rehearse(source, safe, SCHEMA, Limits(seconds=1))
        except SqlError:
            return  # a value that the table does not take
        finally:
            assert _rows(made) == before
        carry_out(source, rehearsal, Limits(seconds=1))
        done.append(safe.text)
        changed = {name for name, rows in _rows(made).items() if rows != before[name]}
        assert changed <= {safe.table.name}

    run()
    source.close()
    made.close()
    assert len(done) > 10


def _rows(made: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    return {name: made.execute(f"SELECT * FROM {name}").fetchall() for name in ("customers", "notes", "secret")}  # noqa: S608
