"""Rows are counted, unless a column says how many each row stands for."""

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.model.text_to_sql.counted import shown, summed
from pilot.model.text_to_sql.query import Term
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.model.text_to_sql.words import words_of
from tests.model.text_to_sql.schemas import schema

PARKS = """
CREATE TABLE parks (id INTEGER PRIMARY KEY, park TEXT, area REAL, tree_count INTEGER);
CREATE TABLE visitors (park_id INTEGER, year INTEGER, visitors INTEGER, FOREIGN KEY (park_id) REFERENCES parks (id));
CREATE TABLE rangers (id INTEGER PRIMARY KEY, name TEXT, park_id INTEGER, trees INTEGER);
"""
VIEW = SchemaView.of(schema(PARKS))


def terms(question: str, sql: str) -> list[Term]:
    query = summed(SqlReader(VIEW).read(sql), VIEW, words_of(question))
    return [*query.select, *(order.term for order in query.order), *(condition.term for condition in query.having)]


def column(table: str, name: str) -> int:
    found = VIEW.column(table, name)
    assert found
    return found


@pytest.mark.parametrize(
    ("question", "sql", "table", "name"),
    [
        ("how many visitors in 2024", "SELECT COUNT(*) FROM visitors WHERE year = 2024", "visitors", "visitors"),
        ("the year with the most visitors", "SELECT year FROM visitors GROUP BY year ORDER BY COUNT(*) DESC LIMIT 1",
         "visitors", "visitors"),
        ("how many trees are there", "SELECT COUNT(*) FROM parks", "parks", "tree_count"),
        ("the total number of trees per park", "SELECT park, COUNT(*) FROM parks GROUP BY park", "parks", "tree_count"),
    ],
)  # fmt: skip
def test_what_rows_hold_the_number_of_is_added_up(question: str, sql: str, table: str, name: str) -> None:
    assert Term(column(table, name), "SUM") in terms(question, sql)


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("how many parks are there", "SELECT COUNT(*) FROM parks"),
        ("how many parks have trees", "SELECT COUNT(*) FROM parks"),
        ("how many tree species are there", "SELECT COUNT(*) FROM parks"),
        ("how many trees have parks with over 9 trees", "SELECT COUNT(*) FROM parks WHERE tree_count > 9"),
        ("how many rangers are there", "SELECT COUNT(*) FROM rangers"),
        (
            "how many rangers look after the trees of each park",
            "SELECT park_id, COUNT(*) FROM rangers GROUP BY park_id",
        ),
    ],
)
def test_rows_are_counted_where_they_are_asked_for(question: str, sql: str) -> None:
    assert Term(STAR, "COUNT") in terms(question, sql)


def test_each_is_shown_by_the_column_that_is_called_as_the_table() -> None:
    assert shown(SqlReader(VIEW).read("SELECT * FROM parks"), VIEW).select == (Term(column("parks", "park")),)
    assert shown(SqlReader(VIEW).read("SELECT * FROM rangers"), VIEW).select == (Term(STAR),)
