"""Approved answers: which question is the same with other values, and which SQL it then takes."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from pilot.chat.approved import Memory, fingerprint
from pilot.datasource.guard import check
from pilot.datasource.values import ValueIndex
from pilot.schema import Column, Metric, Schema
from pilot.store import Approved
from tests.chat.cases_of import cases_of

ASKED_ON = date(2026, 11, 21)
ROWS = 100


def approved(schema: Schema, question: str, sql: str, number: int = 0) -> Approved:
    tables = check(sql, schema=schema, max_rows=ROWS).tables
    return Approved(f"t{number}", "shop", question, sql, fingerprint(schema, tables), ASKED_ON, datetime(2026, 11, 21))


def memory(schema: Schema, values: ValueIndex, *known: Approved) -> Memory:
    return Memory(known, schema, values, max_rows=ROWS)


@pytest.mark.parametrize("case", cases_of("approved"), ids=lambda case: case["case"])
def test_the_approved_sql_takes_the_new_values(schema: Schema, values: ValueIndex, case: dict[str, Any]) -> None:
    known = memory(schema, values, approved(schema, case["question"], case["sql"]))
    found = known.recall(case["asked"], date.fromisoformat(case.get("today", "2026-11-21")))
    assert (found.statement.shown if found else None) == case["ran"]


def test_what_changed_is_told(schema: Schema, values: ValueIndex) -> None:
    known = approved(schema, "customers in Germany", "SELECT name FROM customers WHERE country = 'Germany'")
    found = memory(schema, values, known).recall("customers in France", ASKED_ON)
    assert found
    assert found.changed == (("Germany", "France"),)
    assert found.event.approved_on == "2026-11-21"


def test_when_a_table_has_changed_nothing_is_verified_but_an_example_stays(schema: Schema, values: ValueIndex) -> None:
    known = approved(schema, "How many customers are there?", "SELECT COUNT(*) FROM customers")
    tables = tuple(
        replace(table, columns=(*table.columns, Column("deleted", "INTEGER", "boolean")))
        if table.name == "customers" else table
        for table in schema.tables
    )  # fmt: skip
    changed = memory(replace(schema, tables=tables), values, known)
    assert changed.recall("How many customers are there?", ASKED_ON) is None
    assert [each.sql for each in changed.examples("How many customers are in Paris?")] == [known.sql]


def test_when_another_table_has_changed_the_answer_stands(schema: Schema, values: ValueIndex) -> None:
    known = approved(schema, "How many customers are there?", "SELECT COUNT(*) FROM customers")
    tables = tuple(table for table in schema.tables if table.name != "employees")
    assert memory(replace(schema, tables=tables), values, known).recall(known.question, ASKED_ON)


def test_when_a_metric_is_defined_anew_the_answer_does_not_stand(schema: Schema, values: ValueIndex) -> None:
    known = approved(schema, "total revenue", "SELECT SUM(total_amount) FROM orders")
    metrics = (Metric("revenue", "SUM(orders.total_amount)", where="orders.status = 'paid'"),)
    assert memory(replace(schema, metrics=metrics), values, known).recall("total revenue", ASKED_ON) is None


def test_an_approved_statement_that_the_guard_refuses_by_now_is_not_even_an_example(
    schema: Schema, values: ValueIndex
) -> None:
    known = approved(schema, "How many employees are there?", "SELECT COUNT(*) FROM employees")
    without = memory(schema.only(["customers", "orders"]), values, known)
    assert without.recall(known.question, ASKED_ON) is None
    assert without.examples(known.question) == ()


def test_the_examples_are_those_most_like_the_question_the_nearest_last(schema: Schema, values: ValueIndex) -> None:
    near, nearer = "How many customers are there per city?", "How many customers are there?"
    known = [
        approved(schema, question, "SELECT COUNT(*) FROM customers", number)
        for number, question in enumerate([near, "Who earns most?", nearer])
    ]
    found = memory(schema, values, *known).examples("How many customers are there in Paris?")
    assert [each.question for each in found] == [near, nearer]
