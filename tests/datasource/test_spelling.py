"""Names are written as the schema does, where the server would not find them otherwise; what it finds is left."""

import pytest

from pilot.datasource.guard import check
from pilot.schema import Column, Dialect, Schema, Table


def _schema(dialect: Dialect) -> Schema:
    columns = (Column("Id", "INTEGER", "number"), Column("Name", "TEXT", "text"), Column("city", "TEXT", "text"))
    return Schema(dialect, (Table("Client", columns), Table("orders", (Column("ClientId", "INTEGER", "number"),))))


def _shown(sql: str, dialect: Dialect) -> str:
    return check(sql, schema=_schema(dialect), max_rows=10).shown


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("SELECT name FROM client", 'SELECT "Name" FROM "Client"'),
        ("SELECT CITY FROM CLIENT", 'SELECT CITY FROM "Client"'),
        ("SELECT c.name FROM Client C", 'SELECT c."Name" FROM "Client" AS C'),
        ("SELECT client.id FROM client", 'SELECT "Client"."Id" FROM "Client"'),
        (
            "SELECT o.clientid FROM Orders o WHERE EXISTS (SELECT 1 FROM client WHERE id = o.ClientId)",
            'SELECT o."ClientId" FROM Orders AS o WHERE EXISTS(SELECT 1 FROM "Client" WHERE "Id" = o."ClientId")',
        ),
        (
            "SELECT UPPER(name) AS name FROM client ORDER BY name",
            'SELECT UPPER("Name") AS name FROM "Client" ORDER BY name',
        ),
        (
            'SELECT t.n FROM (SELECT name AS "N" FROM client) t',
            'SELECT t."N" FROM (SELECT "Name" AS "N" FROM "Client") AS t',
        ),
        (
            "SELECT 1 FROM client UNION SELECT id FROM client",
            'SELECT 1 FROM "Client" UNION SELECT "Id" FROM "Client"',
        ),
    ],
)
def test_postgres_reads_a_name_without_quotes_in_small_letters(sql: str, written: str) -> None:
    assert _shown(sql, "postgres") == written
    assert _shown(written, "postgres") == written


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("SELECT NAME FROM client", "SELECT NAME FROM `Client`"),
        ("SELECT client.name FROM Client", "SELECT Client.name FROM Client"),
        ("SELECT C.name FROM Client c", "SELECT c.name FROM Client AS c"),
    ],
)
def test_mysql_tells_tables_and_aliases_apart_and_columns_not(sql: str, written: str) -> None:
    assert _shown(sql, "mysql") == written


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_others_find_any_spelling(dialect: Dialect) -> None:
    assert _shown("SELECT NAME FROM client", dialect) == "SELECT NAME FROM client"


@pytest.mark.parametrize(
    ("sql", "ran"),
    [
        ("SELECT city FROM orders, Client", "SELECT city FROM orders, `Client` LIMIT 11"),
        ("SELECT city FROM Client LIMIT 3", "SELECT city FROM Client LIMIT 3"),
        ("SELECT city FROM Client LIMIT 5000", "SELECT city FROM Client LIMIT 11"),
        ("EXPLAIN SELECT city FROM Client", "EXPLAIN SELECT city FROM Client LIMIT 11"),
    ],
)
def test_the_limit_of_the_guard_runs_but_is_not_shown(sql: str, ran: str) -> None:
    safe = check(sql, schema=_schema("mysql"), max_rows=10)
    assert (safe.shown.replace("`", ""), safe.text.replace("`", "")) == (sql, ran.replace("`", ""))
