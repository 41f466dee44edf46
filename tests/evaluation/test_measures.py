"""When two results are the same answer."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.datasource.base import Cell, Rows
from pilot.evaluation.measures import Hardness, hardness, is_ordered, matches

TABLE = (("a", 1, 2.5), ("b", 2, 0.5), ("b", 2, 0.5))


def rows(*cells: tuple[Cell, ...]) -> Rows:
    width = len(cells[0]) if cells else 1
    return Rows(tuple(f"c{number}" for number in range(width)), cells, truncated=False, milliseconds=1)


@pytest.mark.parametrize(
    ("predicted", "same"),
    [
        (TABLE, True),
        (tuple(reversed(TABLE)), True),
        (tuple((c, b, a) for a, b, c in TABLE), True),
        (TABLE[:2], False),
        ((*TABLE[:2], TABLE[0]), False),
        (tuple((a, b) for a, b, _ in TABLE), False),
        (tuple((a, float(b), Decimal(str(c)) + Decimal("0.0000001")) for a, b, c in TABLE), True),
        ((("a", 2, 2.5), ("b", 1, 0.5), ("b", 2, 0.5)), False),
    ],
)
def test_rows_count_as_often_as_they_come_and_columns_in_any_order(
    predicted: tuple[tuple[Cell, ...], ...], same: bool
) -> None:
    assert matches(rows(*predicted), rows(*TABLE), ordered=False) is same


def test_order_matters_only_where_it_was_asked_for() -> None:
    backwards = rows(*reversed(TABLE))
    assert not matches(backwards, rows(*TABLE), ordered=True)
    assert matches(rows(*((c, a, b) for a, b, c in TABLE)), rows(*TABLE), ordered=True)


def test_columns_with_the_same_values_are_told_apart_by_their_rows() -> None:
    gold = rows((1, 2), (2, 1), (3, 3))
    assert matches(rows((2, 1), (1, 2), (3, 3)), gold, ordered=False)
    assert not matches(rows((1, 1), (2, 2), (3, 3)), gold, ordered=False)


def test_nothing_equals_nothing_of_the_same_width_and_texts_are_no_numbers() -> None:
    assert matches(rows(), rows(), ordered=True)
    assert not matches(rows(("1",)), rows((1,)), ordered=False)
    assert matches(rows((None,)), rows((None,)), ordered=False)
    assert matches(rows((date(2025, 1, 2),)), rows((date(2025, 1, 2),)), ordered=False)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from("ab")), max_size=12), st.randoms())
def test_shuffled_rows_and_columns_are_the_same_answer(cells: list[tuple[Cell, ...]], random: object) -> None:
    shuffled = [tuple(row[index] for index in (2, 0, 1)) for row in cells]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    gold = Rows(("a", "b", "c"), tuple(cells), truncated=False, milliseconds=1)
    assert matches(Rows(("c", "a", "b"), tuple(shuffled), False, 1), gold, ordered=False)


@pytest.mark.parametrize(
    ("sql", "level"),
    [
        ("SELECT name FROM singer", "easy"),
        ("SELECT COUNT(*) FROM singer WHERE age > 20", "easy"),
        ("SELECT country, COUNT(*) FROM singer GROUP BY country", "medium"),
        ("SELECT s.name FROM singer AS s JOIN song AS g ON g.singer = s.id ORDER BY g.year DESC LIMIT 1", "medium"),
        ("SELECT name FROM singer WHERE id NOT IN (SELECT singer FROM song)", "hard"),
        ("SELECT a FROM t WHERE b > (SELECT AVG(b) FROM t) GROUP BY a HAVING COUNT(*) > 2 ORDER BY a", "extra"),
    ],
)
def test_hardness_counts_what_a_statement_does_at_once(sql: str, level: Hardness) -> None:
    assert hardness(sql, "sqlite") == level


def test_only_an_order_of_the_whole_statement_orders_its_rows() -> None:
    assert is_ordered("SELECT a FROM t ORDER BY a", "sqlite")
    assert not is_ordered("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3) AS x", "sqlite")
