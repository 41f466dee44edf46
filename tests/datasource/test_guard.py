"""The guard, case by case: what it refuses, what it lets through, and that what it lets through means the same."""

import copy
import dataclasses
from collections.abc import Iterable

import pytest
import sqlglot
from sqlglot import exp

from pilot.datasource.base import Limits
from pilot.datasource.guard import SafeSql, check, check_shape
from pilot.datasource.source import SqlSource
from pilot.errors import SqlRejected
from pilot.schema import DIALECTS, Dialect, Schema
from tests.datasource.cases import Case, read

REJECTED = [(dialect, case) for dialect in DIALECTS for case in read(f"rejected.{dialect}.sql")]
ALLOWED = [(dialect, case) for dialect in DIALECTS for case in read(f"allowed.{dialect}.sql")]


def _for(schema: Schema, dialect: Dialect) -> Schema:
    return dataclasses.replace(schema, dialect=dialect)


@pytest.mark.parametrize(("dialect", "case"), REJECTED, ids=str)
def test_attack_is_refused_for_its_reason(schema: Schema, dialect: Dialect, case: Case) -> None:
    with pytest.raises(SqlRejected) as refused:
        check(case.sql, schema=_for(schema, dialect), max_rows=100)
    assert refused.value.details["reason"] == case.expected
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(("dialect", "case"), ALLOWED, ids=str)
def test_analytic_query_passes_and_its_text_passes_again(schema: Schema, dialect: Dialect, case: Case) -> None:
    first = check(case.sql, schema=_for(schema, dialect), max_rows=100)
    again = check(first.text, schema=_for(schema, dialect), max_rows=100)
    assert again.text == first.text
    assert check_shape(case.sql, dialect=dialect, max_rows=100).text == first.text


@pytest.mark.parametrize("case", read("allowed.sqlite.sql"), ids=str)
def test_checked_text_gives_the_same_rows_on_sqlite(sqlite_shop: SqlSource, schema: Schema, case: Case) -> None:
    _same_rows(sqlite_shop, schema, case)


@pytest.mark.mysql
@pytest.mark.parametrize("case", read("allowed.mysql.sql"), ids=str)
def test_checked_text_gives_the_same_rows_on_mariadb(mysql_shop: SqlSource, schema: Schema, case: Case) -> None:
    _same_rows(mysql_shop, _for(schema, "mysql"), case)


@pytest.mark.postgres
@pytest.mark.parametrize("case", read("allowed.postgres.sql"), ids=str)
def test_checked_text_gives_the_same_rows_on_postgres(postgres_shop: SqlSource, schema: Schema, case: Case) -> None:
    _same_rows(postgres_shop, _for(schema, "postgres"), case)


@pytest.mark.parametrize("case", read("allowed.duckdb.sql"), ids=str)
def test_checked_text_gives_the_same_rows_on_duckdb(duckdb_shop: SqlSource, schema: Schema, case: Case) -> None:
    _same_rows(duckdb_shop, _for(schema, "duckdb"), case)


def _same_rows(source: SqlSource, schema: Schema, case: Case) -> None:
    checked = source.run(check(case.sql, schema=schema, max_rows=100), Limits())
    original = source.execute(case.sql.rstrip(";"), Limits())
    assert checked.rows
    if not case.sql.startswith("EXPLAIN"):  # the plan shows our LIMIT
        tree = sqlglot.parse_one(case.sql, dialect=schema.dialect)
        promised = tree.args.get("order") is not None  # else the server may return the rows in any order
        assert _order(checked.rows, promised) == _order(original.rows, promised)


def _order(rows: Iterable[tuple[object, ...]], promised: bool) -> list[tuple[object, ...]]:
    return list(rows) if promised else sorted(rows, key=repr)


def test_there_are_enough_cases() -> None:
    counts = {dialect: sum(1 for other, _ in REJECTED if other == dialect) for dialect in DIALECTS}
    assert counts["mysql"] >= 40
    assert counts["sqlite"] >= 40
    assert counts["postgres"] >= 25
    assert counts["duckdb"] >= 25
    assert len(ALLOWED) >= 60


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT name FROM customers", "LIMIT 11"),
        ("SELECT name FROM customers LIMIT 3", "LIMIT 3"),
        ("SELECT name FROM customers LIMIT 11", "LIMIT 11"),
        ("SELECT name FROM customers LIMIT 5000 OFFSET 2", "LIMIT 11 OFFSET 2"),
        ("SELECT name FROM customers UNION SELECT name FROM products", "LIMIT 11"),
        ("((SELECT name FROM customers LIMIT 50))", "LIMIT 11"),
    ],
)
def test_a_result_has_at_most_one_row_more_than_allowed(schema: Schema, sql: str, limit: str) -> None:
    assert check(sql, schema=schema, max_rows=10).text.endswith(limit)


def test_an_inner_limit_stays(schema: Schema) -> None:
    text = check("SELECT name FROM (SELECT name FROM customers LIMIT 500) AS x", schema=schema, max_rows=10).text
    assert text == "SELECT name FROM (SELECT name FROM customers LIMIT 500) AS x LIMIT 11"


def test_comments_are_gone_from_what_runs(schema: Schema) -> None:
    text = check("SELECT name /* a */ FROM customers -- b", schema=schema, max_rows=10).text
    assert text == "SELECT name FROM customers LIMIT 11"


def test_tables_and_columns_used_are_told_in_the_schemas_spelling(schema: Schema) -> None:
    sql = "WITH o AS (SELECT CUSTOMER_ID FROM ORDERS) SELECT c.NAME FROM Customers c JOIN o ON o.customer_id = c.id"
    safe = check(sql, schema=schema, max_rows=10)
    assert set(safe.tables) == {"orders", "customers"}
    assert set(safe.columns) == {("orders", "customer_id"), ("customers", "name"), ("customers", "id")}


def test_a_star_uses_every_column_of_its_table(schema: Schema) -> None:
    safe = check("SELECT o.* FROM orders o JOIN customers c ON c.id = o.customer_id", schema=schema, max_rows=10)
    assert {column for table, column in safe.columns if table == "orders"} == {
        "id", "customer_id", "ordered_at", "status",
    }  # fmt: skip
    assert ("customers", "name") not in safe.columns


@pytest.mark.parametrize(
    ("sql", "near"),
    [
        ("SELECT * FROM custmers", "customers"),
        ("SELECT nmae FROM customers", "name"),
        ("SELECT price FROM customers", "products.price"),
        ("SELECT custmers.name FROM customers", "customers"),
    ],
)
def test_an_unknown_name_is_answered_with_a_near_one(schema: Schema, sql: str, near: str) -> None:
    with pytest.raises(SqlRejected, match=rf"did you mean {near}\?"):
        check(sql, schema=schema, max_rows=10)


def test_text_of_more_than_20000_characters_is_refused(schema: Schema) -> None:
    with pytest.raises(SqlRejected, match="at most 20000"):
        check("SELECT " + "1, " * 7000 + "1", schema=schema, max_rows=10)


def test_deep_nesting_is_refused_not_a_crash(schema: Schema) -> None:
    with pytest.raises(SqlRejected, match="nested too deeply"):
        check("SELECT " + "(" * 3000 + "1" + ")" * 3000, schema=schema, max_rows=10)


def test_a_long_chain_of_unions_is_no_crash(schema: Schema) -> None:
    assert check("SELECT 1" + " UNION SELECT 1" * 1200, schema=schema, max_rows=10).tables == ()


def test_a_chain_of_ctes_that_each_read_the_last_one_twice_is_read_once(schema: Schema) -> None:
    """Else 2^29 readings: this would not end."""
    chain = "".join(f", a{n} AS (SELECT x.* FROM a{n - 1} x, a{n - 1} y)" for n in range(1, 30))  # noqa: S608
    allowed = check(f"WITH a0 AS (SELECT * FROM customers){chain} SELECT name FROM a29", schema=schema, max_rows=10)  # noqa: S608
    assert allowed.tables == ("customers",)


def test_a_refusal_does_not_repeat_a_long_text(schema: Schema) -> None:
    with pytest.raises(SqlRejected) as refused:
        check(f"SELECT {'x' * 10_000} FROM customers", schema=schema, max_rows=10)  # noqa: S608
    assert len(refused.value.message) < 400
    assert len(str(refused.value.details)) < 600


def test_nobody_else_can_make_a_safe_statement(schema: Schema) -> None:
    with pytest.raises(TypeError):
        SafeSql("DROP TABLE customers", "DROP TABLE customers", "sqlite", (), (), exp.Select(), object())
    safe = check("SELECT name FROM customers", schema=schema, max_rows=10)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(safe, text="DROP TABLE customers")  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        safe.text = "DROP TABLE customers"  # type: ignore[misc]
    assert copy.copy(safe).text == safe.text


def test_the_tree_is_a_copy(schema: Schema) -> None:
    safe = check("SELECT name FROM customers", schema=schema, max_rows=10)
    safe.tree.find(exp.Table).set("this", exp.to_identifier("secret"))
    assert safe.tree.find(exp.Table).name == "customers"
