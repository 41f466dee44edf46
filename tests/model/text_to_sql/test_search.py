"""Beams, and what can be decoded over any schema: always SQL, never a name that is not there."""

import random
import sqlite3
import threading

import pytest
import sqlglot
import torch
from sqlglot import exp

from pilot.finetune.bundled.schemas import entities, random_schema
from pilot.model.text_to_sql.adapter import TextToSqlAdapter
from pilot.model.text_to_sql.features import Reader
from pilot.model.text_to_sql.grammar import Grammar
from pilot.model.text_to_sql.model import TextToSqlModel
from pilot.model.text_to_sql.network import Past
from pilot.model.text_to_sql.search import Beam, Decoding, search
from pilot.model.text_to_sql.target import KEYWORDS
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import words_of
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import DIALECTS, Column, Dialect, ForeignKey, Schema, Table
from tests.model.text_to_sql.schemas import schema

QUESTIONS = ("how many are there", "the five with the highest total", "names without any 'Blue' in 2024",
             "average per month", "those with more than 3", "which one is best", "gibberish florp",
             "10 and 20")  # fmt: skip
TYPES = {"number": "INTEGER", "text": "VARCHAR(40)", "time": "TIMESTAMP", "boolean": "BOOLEAN", "other": "BLOB"}


def beams(model: TextToSqlModel, question: str, width: int) -> list[Beam]:
    view, words = SchemaView.of(schema()), words_of(question)
    reading = Reader(model.pieces).read(words, view, {})
    grammar = Grammar(view, question, words, reading.tables, reading.columns)
    return search(Decoding.of(model.network, reading), grammar, width=width, stop=threading.Event())


def test_beams_come_best_first(bundled: TextToSqlAdapter) -> None:
    found = beams(bundled.model, "total quantity per product", 6)
    ranks = [beam.rank for beam in found]
    assert len(found) > 1
    assert ranks == sorted(ranks, reverse=True)
    assert len({beam.tokens for beam in found}) == len(found)


def test_a_wider_search_finds_nothing_worse(bundled: TextToSqlAdapter) -> None:
    question = "customers with the highest total"
    assert beams(bundled.model, question, 6)[0].rank >= beams(bundled.model, question, 1)[0].rank - 1e-4


def test_logprobs_are_logarithms_of_probabilities(bundled: TextToSqlAdapter) -> None:
    assert all(beam.logprob <= 0 for beam in beams(bundled.model, "how many customers", 4))


@pytest.mark.parametrize("seed", range(12))
def test_over_any_schema_every_statement_parses_and_names_what_is_there(bundled: TextToSqlAdapter, seed: int) -> None:
    rng = random.Random(seed)
    dialect: Dialect = DIALECTS[seed % len(DIALECTS)]
    made = random_tables(rng, dialect)
    task = TextToSql(rng.choice(QUESTIONS), made, today="2026-11-21")
    answer = bundled.model.answer(task, count=6, stop=threading.Event())
    for candidate in answer.candidates:
        tree = sqlglot.parse_one(candidate.sql, read=dialect)
        aliases = {part.alias for part in tree.find_all(exp.Alias)} | {"limited"}
        tables = {table.name for table in tree.find_all(exp.Table)}
        columns = {column.name for column in tree.find_all(exp.Column)}
        assert tables <= {table.name for table in made.tables}
        assert columns <= {column.name for table in made.tables for column in table.columns} | aliases
        if dialect == "sqlite":
            prepared(candidate.sql, made)


def random_tables(rng: random.Random, dialect: Dialect) -> Schema:
    view = random_schema(entities(), rng)
    tables = []
    for number, name in enumerate(view.tables):
        owned = [view.columns[one] for one in view.columns_of[number]]
        columns = tuple(Column(one.name, TYPES[one.kind], one.kind, primary_key=one.key) for one in owned)
        keys = tuple(
            ForeignKey(
                (view.columns[ours].name,), view.tables[view.columns[theirs].table], (view.columns[theirs].name,)
            )
            for ours, theirs in view.foreign
            if view.columns[ours].table == number
        )
        tables.append(Table(name, columns, keys))
    return Schema(dialect, tuple(tables))


def prepared(sql: str, made: Schema) -> None:
    """SQLite accepts it."""
    connection = sqlite3.connect(":memory:")
    try:
        for table in made.tables:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            connection.execute(f'CREATE TABLE "{table.name}" ({columns})')
        connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_a_step_scores_as_the_whole_target_does(bundled: TextToSqlAdapter) -> None:
    view, words = SchemaView.of(schema()), words_of("how many customers")
    decoding = Decoding.of(bundled.model.network, Reader(bundled.model.pieces).read(words, view, {}))
    targets = [[KEYWORDS.index(token) for token in text.split()] for text in ("BOS FROM WHERE 1", "BOS SELECT MAX 2")]
    past: Past = []
    with torch.inference_mode():
        for said in zip(*targets, strict=True):
            scores, past = decoding.network.step(decoding.encoded, torch.tensor(said), past)
        for row, target in enumerate(targets):
            whole = decoding.network.decode(decoding.encoded, torch.tensor([target]))[0, -1]
            torch.testing.assert_close(scores[row], whole, atol=1e-3, rtol=1e-3)
