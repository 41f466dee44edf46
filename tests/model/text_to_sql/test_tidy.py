"""Needless joins go, names group by their key, values become the database's own."""

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.model.text_to_sql.query import Order, Query, Term
from pilot.model.text_to_sql.tidy import Values, chronological, keyed, pruned
from pilot.model.text_to_sql.view import SchemaView
from pilot.schema import ValueHit
from tests.model.text_to_sql.schemas import schema

VIEW = SchemaView.of(schema())
JOINED = 'FROM "order" AS o JOIN customers AS c ON o.customer_id = c.id'
HITS = (ValueHit("customers", "city", "München", "munchen"), ValueHit("order", "group", "A-1", "a 1"))


def read(sql: str) -> Query:
    return SqlReader(VIEW).read(sql)


@pytest.mark.parametrize(
    ("select", "tables"),
    [
        ("SELECT o.total {}", (1,)),
        ("SELECT COUNT(*) {}", (1,)),  # each order has one customer
        ("SELECT c.name {}", (0,)),
        ("SELECT DISTINCT c.name {}", (1, 0)),  # only those who ordered
        ("SELECT c.name {} WHERE o.total > 5", (1, 0)),
        ("SELECT c.name {} GROUP BY c.id ORDER BY SUM(o.total)", (1, 0)),
    ],
)
def test_a_joined_table_that_gives_nothing_goes(select: str, tables: tuple[int, ...]) -> None:
    assert pruned(read(select.format(JOINED)), VIEW).tables == tables


GYMNASTS = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE gymnasts (id INTEGER PRIMARY KEY, points REAL, FOREIGN KEY (id) REFERENCES people (id));
"""


def test_a_table_that_the_question_names_stays() -> None:
    view = SchemaView.of(schema(GYMNASTS))
    query = SqlReader(view).read("SELECT people.name FROM gymnasts JOIN people ON gymnasts.id = people.id")
    assert pruned(query, view).tables == (0,)
    assert pruned(query, view, named=[1]).tables == (1, 0)


CLUBS = """
CREATE TABLE clubs (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE members (club_id INTEGER, name TEXT, FOREIGN KEY (club_id) REFERENCES clubs (id));
CREATE TABLE youth_members (club_id INTEGER, school TEXT, FOREIGN KEY (club_id) REFERENCES clubs (id));
"""


def test_a_second_child_goes_that_would_only_repeat_the_rows_of_the_first() -> None:
    view = SchemaView.of(schema(CLUBS))
    both = "FROM clubs AS c JOIN members AS m ON c.id = m.club_id JOIN youth_members AS y ON c.id = y.club_id"
    query = SqlReader(view).read(f"SELECT COUNT(*) {both} WHERE y.school = 'Lyon'")
    assert pruned(query, view, named=[1]).tables == (2,)
    query = SqlReader(view).read(f"SELECT COUNT(*) {both} WHERE m.name = 'Ann'")
    assert 2 in pruned(query, view, named=[2]).tables  # the question may mean those who are both


def test_it_goes_from_inner_queries_too() -> None:
    sql = (
        "SELECT name FROM customers WHERE id NOT IN"
        ' (SELECT o.customer_id FROM "order" AS o JOIN customers AS c ON o.customer_id = c.id)'
    )
    query = pruned(read(sql), VIEW)
    assert query.where[0].query
    assert query.where[0].query.tables == (1,)


def test_two_of_one_name_are_two() -> None:
    query = keyed(read(f"SELECT c.name, COUNT(*) {JOINED} GROUP BY c.name"), VIEW)
    assert query.groups == (Term(1), Term(2))


def test_a_city_is_no_name() -> None:
    query = read(f"SELECT c.city, COUNT(*) {JOINED} GROUP BY c.city")
    assert keyed(query, VIEW) == query


def test_months_come_in_their_order() -> None:
    month = Term(9, part="MONTH")
    query = Query((1,), (month, Term(0, "COUNT")), groups=(month,))
    assert chronological(query).order == (Order(month, "ASC"),)


def test_a_value_becomes_the_databases_own() -> None:
    query = read("SELECT name FROM customers WHERE city = 'Munchen'")
    assert Values(VIEW, HITS).resolved(query).where[0].values == ("München",)


def test_whose_it_is_is_no_part_of_a_value() -> None:
    query = read("SELECT total FROM customers JOIN \"order\" ON id = customer_id WHERE name = 'Smith''s'")
    assert Values(VIEW, ()).resolved(query).where[0].values == ("Smith",)
    kept = (ValueHit("customers", "name", "McDonald's", "McDonald's"),)
    query = read("SELECT city FROM customers WHERE name = 'McDonald''s'")
    assert Values(VIEW, kept).resolved(query).where[0].values == ("McDonald's",)


def test_a_value_of_another_column_stays() -> None:
    query = read("SELECT name FROM customers WHERE country = 'munchen'")
    assert Values(VIEW, HITS).resolved(query) == query


@pytest.mark.parametrize(
    ("sql", "contradicted"),
    [
        ("SELECT name FROM customers WHERE city = 'munchen'", False),
        ("SELECT name FROM customers WHERE city = 'München'", False),
        ("SELECT name FROM customers WHERE country = 'munchen'", True),
        ("SELECT name FROM customers WHERE country = 'Spain'", False),  # nobody knows better
        ("SELECT id FROM customers WHERE id IN (SELECT id FROM customers WHERE country = 'munchen')", True),
    ],
)
def test_a_value_in_the_wrong_column_is_seen(sql: str, *, contradicted: bool) -> None:
    assert Values(VIEW, HITS).contradict(read(sql)) == contradicted
