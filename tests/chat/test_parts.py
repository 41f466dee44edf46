"""The small parts of an answer: votes, memory, citations, sentences."""

import math
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.chat import memory
from pilot.chat.citations import check, supports, without_unknown
from pilot.chat.doubt import unlike_keys
from pilot.chat.events import FoundPassage
from pilot.chat.sentences import sentences, words
from pilot.chat.vote import Trial, found, ranked, same, weights
from pilot.datasource.base import Rows
from pilot.datasource.guard import check as guarded
from pilot.schema import Column, ForeignKey, Schema, Table
from tests.chat.served import turn

# Votes


def rows(*values: object) -> Rows:
    return Rows(("a",), tuple((value,) for value in values), truncated=False, milliseconds=1)  # type: ignore[misc]


def test_results_are_the_same_whatever_their_order_and_their_kind_of_number() -> None:
    assert same(rows(1, 2.0, Decimal("3.00"))) == same(rows(3, 1.0, 2))
    assert same(rows(1, 1)) != same(rows(1))
    assert same(rows("1")) != same(rows(1))
    assert same(rows(date(2025, 1, 1))) == same(rows(date(2025, 1, 1)))


def test_the_group_that_weighs_most_wins_and_its_best_candidate_stands_for_it(schema: Schema) -> None:
    statements = [guarded(f"SELECT {number}", schema=schema, max_rows=5) for number in range(3)]
    trials = [
        Trial(statements[0], rows(1), 0.4),
        Trial(statements[1], rows(2), 0.35),
        Trial(statements[2], rows(2), 0.25),
    ]
    best, share = ranked(trials)[0]
    assert best is trials[1]
    assert math.isclose(share, 0.6)


def test_nothing_found_needs_far_more_votes(schema: Schema) -> None:
    statement = guarded("SELECT 1", schema=schema, max_rows=5)
    assert ranked([Trial(statement, rows(), 0.7), Trial(statement, rows(5), 0.3)])[0][0].rows == rows(5)
    assert not found(rows(None))


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT COUNT(*) FROM customers", [0]),
        ("SELECT city FROM customers", ["Berlin", None]),
        ("SELECT name FROM customers", ["Anna", "Anna", "Paul"]),
        ("SELECT name FROM customers", ["Anna", "Anna"]),
        ("SELECT name FROM customers WHERE name = 'Anna'", ["Anna"]),
        ("SELECT name FROM customers INTERSECT SELECT name FROM customers", ["Anna", "Ben"]),
    ],
    ids=[
        "a count of nothing",
        "a missing value",
        "a row twice",
        "the same in each row",
        "what was asked for",
        "a query combined with itself",
    ],
)
def test_what_wrong_statements_find_more_often_counts_less(sql: str, shown: list[object], schema: Schema) -> None:
    suspicious = Trial(guarded(sql, schema=schema, max_rows=5), rows(*shown), 0.6)
    plain = Trial(guarded("SELECT 1", schema=schema, max_rows=5), rows("Emma", "Paul"), 0.4)
    assert ranked([suspicious, plain])[0][0] is plain
    assert ranked([suspicious])[0][0] is suspicious


def test_a_tie_goes_to_the_better_ranked(schema: Schema) -> None:
    statement = guarded("SELECT 1", schema=schema, max_rows=5)
    assert ranked([Trial(statement, rows(1), 0.5), Trial(statement, rows(2), 0.5)])[0][0].rows == rows(1)


@given(st.lists(st.floats(-500, 0), min_size=1, max_size=8, unique=True))
def test_the_weights_of_a_beam_fall_with_the_rank_and_sum_to_one(logprobs: list[float]) -> None:
    texts = [f"SELECT {number}" for number in range(len(logprobs))]
    found = weights(texts, sorted(logprobs, reverse=True))
    assert math.isclose(sum(found), 1)
    assert found == sorted(found, reverse=True)


def test_a_beam_that_fills_up_with_its_best_gains_nothing_by_it() -> None:
    assert weights(["a", "b", "a"], [-1.0, -2.0, -1.0]) == [*weights(["a", "b"], [-1.0, -2.0]), 0.0]


def test_samples_weigh_the_same() -> None:
    assert weights(["a", "b"], [None, None]) == [0.5, 0.5]
    assert weights(["a", "b", "c", "a"], [-9.0, -2.0, -5.0, -9.0]) == [0.25] * 4


# Memory


def test_the_last_statements_are_remembered_oldest_first() -> None:
    turns = [turn(f"q{number}", {"event": "sql_checked", "sql": f"SELECT {number}"}) for number in range(6)]
    turns.insert(3, turn("failed", {"event": "failed", "code": "sql.rejected"}))
    assert [example.sql for example in memory.statements(turns)] == ["SELECT 2", "SELECT 3", "SELECT 4", "SELECT 5"]


def test_memory_keeps_the_newest_that_fit() -> None:
    turns = [turn(f"question {number}", text="x" * 100) for number in range(9)]
    kept = memory.exchanges(turns, budget=350)
    assert [exchange.question for exchange in kept] == ["question 6", "question 7", "question 8"]


def test_an_endless_answer_is_shortened_and_an_odd_turn_does_no_harm() -> None:
    odd = turn("odd")
    odd.answer["events"] = "?"
    (kept,) = memory.exchanges([odd, turn("q", text="y" * 9_000)])
    assert len(kept.answer) == memory.ANSWER_CHARACTERS


# Citations and sentences


def passage(number: int, text: str) -> FoundPassage:
    return FoundPassage(number, "a.md", "a", None, "", text, 1.0)


TEA = passage(1, "Green tea is steamed. It costs 18.50 euros, e.g. at No. 5 Main St. in Lyon.")
PRICE = passage(2, "咖啡每包十二欧元。退货期为三十天。")


def test_sentences_stand_word_for_word_and_abbreviations_do_not_end_them() -> None:
    assert sentences(TEA.text) == ["Green tea is steamed.", "It costs 18.50 euros, e.g. at No. 5 Main St. in Lyon."]
    assert sentences(PRICE.text) == ["咖啡每包十二欧元。", "退货期为三十天。"]


def test_a_heading_is_no_part_of_the_sentence_below_it_but_a_wrapped_line_is() -> None:
    text = "Returns and refunds\nYou may return\ngoods within 30 days.\nShipping\nParcels take 2 days."
    assert sentences(text) == [
        "Returns and refunds",
        "You may return\ngoods within 30 days.",
        "Shipping",
        "Parcels take 2 days.",
    ]


@given(st.text(max_size=300))
def test_every_sentence_is_part_of_its_text(text: str) -> None:
    assert all(sentence in text for sentence in sentences(text))


def test_words_meet_without_endings_and_chinese_by_pairs() -> None:
    assert words("returned parcels") == words("return parcel")
    assert "退货" in words("退货期是多少天？")


@pytest.mark.parametrize(
    ("claim", "holds"),
    [("Green tea is steamed", True), ("It costs 18.50 euros", True), ("It costs 19 euros", False),
     ("Coffee beans come from Brazil", False), ("", True)],
)  # fmt: skip
def test_a_claim_is_held_against_its_passage(claim: str, holds: bool) -> None:
    assert supports(TEA.text, claim) is holds


def test_each_citation_quotes_the_sentence_that_says_it() -> None:
    answer = "Green tea is steamed [1]. 退货期为三十天[2]。\n\nMoon cakes grow on trees [2]."
    first, second = check(answer, [TEA, PRICE])
    assert (first.quote, first.supported) == ("Green tea is steamed.", True)
    assert (second.number, second.supported) == (2, False)


def test_marks_of_passages_that_do_not_exist_are_taken_out() -> None:
    assert without_unknown("A [1, 9]. B [9]. C [2][8].", [TEA, PRICE]) == "A [1]. B. C [2]."


LENT = Schema("sqlite", (
    Table("readers", (Column("id", "INTEGER", "number", primary_key=True), Column("age", "INTEGER", "number"))),
    Table("books", (Column("id", "INTEGER", "number", primary_key=True), Column("year", "INTEGER", "number"))),
    Table("loans", (Column("reader_id", "INTEGER", "number"), Column("book", "INTEGER", "number")),
          (ForeignKey(("reader_id",), "readers", ("id",)), ForeignKey(("book",), "books", ("id",)))),
    Table("members", (Column("reader", "INTEGER", "number", primary_key=True),),
          (ForeignKey(("reader",), "readers", ("id",)),)),
))  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "unlike"),
    [
        ("SELECT id FROM readers EXCEPT SELECT book FROM loans", True),
        ("SELECT reader_id FROM loans INTERSECT SELECT book FROM loans", True),
        ("SELECT age FROM readers WHERE id NOT IN (SELECT loans.book FROM loans)", True),
        ("SELECT id FROM readers EXCEPT SELECT reader_id FROM loans", False),
        ("SELECT reader FROM members EXCEPT SELECT reader_id FROM loans", False),
        ("SELECT age FROM readers WHERE readers.id IN (SELECT loans.reader_id FROM loans)", False),
        ("SELECT age FROM readers INTERSECT SELECT year FROM books", False),  # no keys
        ("SELECT id FROM readers UNION SELECT book FROM loans", False),
        ("SELECT id, age FROM readers EXCEPT SELECT book, book FROM loans", False),
    ],
)
def test_keys_of_different_things_that_are_compared_speak_against_a_statement(sql: str, unlike: bool) -> None:
    assert bool(unlike_keys(guarded(sql, schema=LENT, max_rows=5).tree, LENT)) is unlike
