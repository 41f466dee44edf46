"""Rendered queries on the databases themselves: none of them refuses one. The guard lets all of them pass."""

import random
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from pilot.datasource.guard import check
from pilot.finetune.bundled.clauses import Values
from pilot.finetune.bundled.domain import Domain
from pilot.finetune.bundled.phrases import Phrases
from pilot.finetune.bundled.questions import Asker
from pilot.finetune.bundled.schemas import entities, random_schema
from pilot.model.text_to_sql.render import Renderer
from pilot.model.text_to_sql.tidy import chronological, keyed, pruned
from pilot.model.text_to_sql.view import SchemaView
from pilot.schema import Column, Dialect, Kind, Schema, Table
from tests.mariadb import MariaDb, mariadb  # noqa: F401 - a fixture
from tests.postgres import Postgres, postgres  # noqa: F401 - a fixture

COUNT = 60
STRICT = "SET sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_ALL_TABLES'"
TYPES: dict[Kind, str] = {"number": "DECIMAL(10, 2)", "text": "VARCHAR(40)", "time": "TIMESTAMP", "boolean": "BOOLEAN"}


def statements(dialect: Dialect) -> Iterator[tuple[Schema, str]]:
    rng = random.Random(11)
    known, values, phrases = entities(), Values.read(), Phrases.read()
    for _ in range(COUNT):
        view = random_schema(known, rng)
        draft = Asker.over(Domain(view), values, phrases, rng).ask()
        if draft:
            query = chronological(keyed(pruned(draft[1], view), view))
            yield schema_of(view, dialect), Renderer(view, dialect, date(2026, 11, 21)).sql(query)


def schema_of(view: SchemaView, dialect: Dialect) -> Schema:
    tables = []
    for number, name in enumerate(view.tables):
        owned = [view.columns[one] for one in view.columns_of[number]]
        tables.append(Table(name, tuple(Column(one.name, TYPES[one.kind], one.kind) for one in owned)))
    return Schema(dialect, tuple(tables))


def create(schema: Schema, mark: str) -> Iterator[str]:
    for table in schema.tables:
        columns = ", ".join(f"{mark}{column.name}{mark} {column.type}" for column in table.columns)
        yield f"CREATE TABLE {mark}{table.name}{mark} ({columns})"


def test_duckdb_takes_every_statement() -> None:
    for schema, sql in statements("duckdb"):
        check(sql, schema=schema, max_rows=10)
        with duckdb.connect() as connection:
            for statement in create(schema, '"'):
                connection.execute(statement)
            connection.execute(sql).fetchall()


@pytest.mark.mysql
def test_mariadb_takes_every_statement_in_its_strictest_mode(mariadb: MariaDb) -> None:  # noqa: F811
    for schema, sql in statements("mysql"):
        check(sql, schema=schema, max_rows=10)
        mariadb.execute("DROP DATABASE IF EXISTS made", "CREATE DATABASE made")
        mariadb.execute(*create(schema, "`"), STRICT, sql, database="made")


def test_postgresql_takes_every_statement(postgres: Postgres) -> None:  # noqa: F811
    for schema, sql in statements("postgres"):
        check(sql, schema=schema, max_rows=10)
        begin = ("DROP SCHEMA IF EXISTS made CASCADE", "CREATE SCHEMA made", "SET search_path = made")
        postgres.execute(*begin, *create(schema, '"'), sql)
