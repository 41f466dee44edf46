"""The target language: what is written in it is read back, and only what it allows can be written."""

import json
from datetime import date
from pathlib import Path

import pytest

from pilot.finetune.bundled.from_sql import SqlReader, Unsupported
from pilot.model.text_to_sql.grammar import Grammar, Misread
from pilot.model.text_to_sql.render import Renderer
from pilot.model.text_to_sql.target import KEYWORD_PLACES, KEYWORDS, Pointer, Token, Unsayable, Writer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import words_of
from tests.model.text_to_sql.schemas import schema

CASES = [
    json.loads(line) for line in Path(__file__).with_name("sayable.jsonl").read_text(encoding="utf-8").splitlines()
]
VIEW = SchemaView.of(schema())


def grammar(question: str) -> Grammar:
    return Grammar(VIEW, question, words_of(question), range(len(VIEW.tables)), range(1, len(VIEW.columns)))


@pytest.mark.parametrize("case", CASES, ids=[case["question"] for case in CASES])
def test_sql_survives_the_way_there_and_back(case: dict[str, str]) -> None:
    question = case["question"]
    tokens = Writer(VIEW, words_of(question)).tokens(SqlReader(VIEW).read(case.get("from", case["sql"])))
    query = grammar(question).read(tokens)
    assert Renderer(VIEW, "sqlite", date(2026, 11, 21)).sql(query) == case["sql"]


@pytest.mark.parametrize("case", CASES, ids=[case["question"] for case in CASES])
def test_the_grammar_allows_each_token_in_its_place(case: dict[str, str]) -> None:
    question = case["question"]
    tokens = Writer(VIEW, words_of(question)).tokens(SqlReader(VIEW).read(case.get("from", case["sql"])))
    for place, token in enumerate([*tokens, "EOS"]):
        choice = grammar(question).after(tokens[:place])
        if isinstance(token, Pointer):
            pointed = {"table": choice.tables, "column": choice.columns, "start": choice.starts, "end": choice.ends}
            assert token.number in pointed[token.kind]
        else:
            assert token in choice.keywords


def test_a_month_of_a_time() -> None:
    tokens: list[Token] = [
        "FROM", Pointer("table", 1), "GROUP", "MONTH", Pointer("column", 9), "SELECT", "MONTH", Pointer("column", 9),
        "SUM", Pointer("column", 10),
    ]  # fmt: skip
    query = grammar("totals per month").read(tokens)
    assert Writer(VIEW, ()).tokens(query) == tokens
    sql = Renderer(VIEW, "mysql", date(2026, 11, 21)).sql(query)
    assert sql.startswith("SELECT DATE_FORMAT(ordered_at, '%Y-%m') AS month, SUM(total) AS ")


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        ["SELECT"],
        ["FROM", "SELECT", "COUNT", "STAR"],
        ["FROM", Pointer("table", 0), "SELECT"],
        ["FROM", Pointer("table", 0), "SELECT", "COUNT", "STAR", "LIMIT"],
        ["FROM", Pointer("table", 0), "SELECT", "COUNT", "STAR", "FROM"],
        ["FROM", Pointer("table", 0), "WHERE", Pointer("column", 1), "EQ", Pointer("start", 1), Pointer("end", 0)],
    ],
)
def test_what_is_no_target_is_misread(tokens: list[Token]) -> None:
    with pytest.raises(Misread):
        grammar("two words").read(tokens)


def test_a_value_that_nobody_said_cannot_be_written() -> None:
    query = SqlReader(VIEW).read("SELECT name FROM customers WHERE city = 'Rome'")
    with pytest.raises(Unsayable):
        Writer(VIEW, words_of("customers from Berlin")).tokens(query)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM customers AS a JOIN customers AS b ON a.id = b.id",
        "SELECT name FROM (SELECT name FROM customers)",
        "SELECT RANK() OVER (ORDER BY name) FROM customers",
        "SELECT name FROM customers WHERE city IN ('Lyon', 'Rome')",
        "DELETE FROM customers",
        "SELECT ghost FROM customers",
        "SELECT (",
    ],
)
def test_sql_beyond_the_language_is_unsupported(sql: str) -> None:
    with pytest.raises(Unsupported):
        SqlReader(VIEW).read(sql)


def test_the_keywords_fit_the_network_and_keep_their_numbers() -> None:
    assert len(set(KEYWORDS)) == len(KEYWORDS) <= KEYWORD_PLACES
    assert [KEYWORDS.index(word) for word in ("BOS", "EOS", "FROM", "SELECT", "STAR", "UNKNOWN", "10", "DAY")] == [
        1, 2, 3, 8, 15, 46, 57, 60,
    ]  # fmt: skip
