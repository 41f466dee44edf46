"""Queries as SQL of each dialect. A case is a line of dialects.jsonl: SQL in, what each dialect gets."""

import json
from datetime import date
from pathlib import Path

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.model.text_to_sql.query import Condition, Order, Query, Term
from pilot.model.text_to_sql.render import Renderer
from pilot.model.text_to_sql.sound import Unsound, check
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.schema import DIALECTS, Dialect
from tests.model.text_to_sql.schemas import schema

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, signup_date DATE, active BOOLEAN);
CREATE TABLE "order" (id INTEGER PRIMARY KEY, customer_id INTEGER, "group" TEXT, ordered_at TIMESTAMP, total REAL,
  FOREIGN KEY (customer_id) REFERENCES customers (id));
CREATE TABLE Parts (id INTEGER PRIMARY KEY, quantity INTEGER, "Unit Price" REAL, Total REAL);
"""
LINES = [
    json.loads(line) for line in Path(__file__).with_name("dialects.jsonl").read_text(encoding="utf-8").splitlines()
]
CASES = [(case, dialect) for case in LINES for dialect in DIALECTS if dialect in case]
VIEW = SchemaView.of(schema(TABLES))
NAME = Term(2)


@pytest.mark.parametrize(("case", "dialect"), CASES, ids=[f"{case['about']}, {dialect}" for case, dialect in CASES])
def test_sql_of_a_dialect(case: dict[str, str], dialect: Dialect) -> None:
    query = SqlReader(VIEW).read(case["sql"])
    assert Renderer(VIEW, dialect, date(2026, 11, 21)).sql(query) == case[dialect]


@pytest.mark.parametrize(
    "query",
    [
        Query((0, 1), (NAME,)),
        Query((0,), (NAME, Term(STAR, "COUNT"))),
        Query((0,), (Term(STAR),), groups=(NAME,)),
        Query((0,), (NAME,), having=(Condition(Term(STAR, "COUNT"), "GT", (5,)),)),
        Query((0,), (NAME,), where=(Condition(Term(1, "SUM"), "GT", (5,)),)),
        Query((0,), (NAME,), order=(Order(Term(STAR, "COUNT"), "DESC"),)),
        Query((0,), (NAME,), distinct=True, order=(Order(Term(1), "DESC"),)),
        Query((0,), (NAME,), where=(Condition(Term(1), "EQ", query=Query((1,), (Term(7),))),)),
        Query((0,), (NAME,), where=(Condition(Term(1), "IN", query=Query((1,), (Term(STAR),))),)),
        Query((0,), (NAME,), compound=("UNION", Query((0,), (NAME, Term(1))))),
        Query((0,), (NAME,), order=(Order(NAME, "ASC"),), compound=("UNION", Query((0,), (NAME,)))),
        Query((0,), (NAME,), limit="many"),
    ],
)
def test_what_some_database_refuses_is_unsound(query: Query) -> None:
    with pytest.raises(Unsound):
        check(query)


@pytest.mark.parametrize(
    "condition",
    [Condition(Term(1), "GT", ("Berlin",)), Condition(Term(4), "GT", ("Berlin",)), Condition(Term(4), "LIKE", ("x",))],
)
def test_a_value_that_does_not_fit_its_column_is_unsound(condition: Condition) -> None:
    with pytest.raises(Unsound):
        Renderer(VIEW, "sqlite", date(2026, 11, 21)).sql(Query((0,), (NAME,), where=(condition,)))


ROOMS = """
CREATE TABLE flats (
  id INTEGER PRIMARY KEY,
  name TEXT,
  rooms CHAR(5)  -- for example '9', '10'
);
"""


@pytest.mark.parametrize(
    ("sql", "rendered"),
    [
        ("SELECT AVG(rooms) FROM flats", "SELECT AVG(CAST(rooms AS DOUBLE)) AS average_rooms FROM flats"),
        ("SELECT name FROM flats ORDER BY rooms DESC", "SELECT name FROM flats ORDER BY CAST(rooms AS DOUBLE) DESC"),
        ("SELECT name FROM flats WHERE rooms > 9", "SELECT name FROM flats WHERE CAST(rooms AS DOUBLE) > 9"),
        ("SELECT name FROM flats WHERE rooms = 9", "SELECT name FROM flats WHERE rooms = '9'"),
    ],
)
def test_numbers_that_are_kept_as_text_count_as_numbers(sql: str, rendered: str) -> None:
    view = SchemaView.of(schema(ROOMS))
    assert Renderer(view, "duckdb", date(2026, 11, 21)).sql(SqlReader(view).read(sql)) == rendered
