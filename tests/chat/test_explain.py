"""Statements in plain words, in both languages."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.chat.explain import explain
from pilot.datasource.guard import check
from pilot.i18n import LANGUAGES, Texts
from pilot.schema import Schema
from tests.chat.cases_of import cases_of


@pytest.mark.parametrize("case", cases_of("explain"), ids=lambda case: case["sql"][:60])
def test_a_statement_is_told_so(case: dict[str, Any], schema: Schema) -> None:
    own = replace(schema, dialect=case.get("dialect", "sqlite"))
    tree = check(case["sql"], schema=own, max_rows=100).tree
    assert explain(tree, own, Texts("en"), row_limit=100) == case["en"]
    assert explain(tree, own, Texts("zh"), row_limit=100) == case["zh"]


def test_the_limit_that_the_guard_sets_is_no_step_but_the_users_own_is(schema: Schema) -> None:
    text = Texts("en")
    cut = check("SELECT name FROM customers LIMIT 500", schema=schema, max_rows=100).tree
    assert explain(cut, schema, text, row_limit=100) == ["Reads customers.", "Shows name."]
    own = check("SELECT name FROM customers LIMIT 100", schema=schema, max_rows=100).tree
    assert explain(own, schema, text, row_limit=100)[-1] == "Shows only the first 100 rows."


def test_a_literal_is_told_as_it_stands(schema: Schema) -> None:
    tree = check("SELECT 1 FROM customers WHERE city = 'a，b  iPhone手机 (c)'", schema=schema, max_rows=100).tree
    for language in ("en", "zh"):
        assert "“a，b  iPhone手机 (c)”" in " ".join(explain(tree, schema, Texts(language), row_limit=100))


NAMES = st.sampled_from(["name", "city", "country", "signup_date", "id"])
WORDS = st.sampled_from(["Berlin", "o'Hara", "100%", "上海", "a  b", "2024-01-01"])
TESTS = st.sampled_from([
    "c.{name} = {word}", "c.{name} <> {word}", "c.{name} > {word}", "NOT c.{name} IN ({word}, 'x')",
    "c.{name} BETWEEN {word} AND 'z'", "c.{name} IS NULL OR {word} = c.{name}",
    "EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = c.id AND o.status = {word})",
    "c.{name} = (SELECT MAX(p.name) FROM products AS p WHERE p.category = {word})",
])  # fmt: skip
SHOWN = st.sampled_from(["COUNT(*)", "MIN(c.id)", "SUM(CASE WHEN c.id > 7 THEN 1 ELSE 0 END)"])
JOINS = st.sampled_from(["", "LEFT JOIN employees AS e ON e.id = c.id", "JOIN employees AS e USING (id)"])


@st.composite
def _statements(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A statement, and what must be told of it."""
    words = draw(st.lists(WORDS, max_size=3))
    tests = [f"({draw(TESTS).format(name=draw(NAMES), word=_quoted(word))})" for word in words]
    group, order, joined = draw(st.none() | NAMES), draw(st.none() | NAMES), draw(JOINS)
    limit, offset = draw(st.none() | st.integers(2, 90)), draw(st.none() | st.integers(2, 90))
    parts = [f"SELECT c.{group}, {draw(SHOWN)}" if group else "SELECT c.name", "FROM customers AS c", joined]
    parts += ["WHERE " + draw(st.sampled_from([" AND ", " OR "])).join(tests)] if tests else []
    parts += [f"GROUP BY c.{group}"] if group else []
    parts += [f"ORDER BY c.{order} DESC"] if order and not group else []
    parts += [f"LIMIT {limit}"] if limit else []
    parts += [f"OFFSET {offset}"] if limit and offset else []
    sql = " ".join(parts)
    told = ["customers", *words, group, None if group else order, limit, offset if limit else None]
    tables = [table for table in ("orders", "products", "employees") if f" {table} " in sql]
    return sql, [*(str(part) for part in told if part), *tables]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@settings(deadline=None, max_examples=80)  # a busy machine is no defect
@given(statement=_statements())
def test_tables_literals_groups_order_and_limit_are_all_told(schema: Schema, statement: tuple[str, list[str]]) -> None:
    sql, wanted = statement
    tree = check(sql, schema=schema, max_rows=100).tree
    for language in LANGUAGES:
        lines = explain(tree, schema, Texts(language), row_limit=100)
        assert all(line.strip() for line in lines)
        text = " ".join(lines)
        assert [part for part in wanted if part not in text] == []
