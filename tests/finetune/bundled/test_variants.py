"""Schemas under other names, and questions that a schema does not answer."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.finetune.bundled.renaming import Habits
from pilot.finetune.bundled.schemas import entities, random_schema
from pilot.finetune.bundled.unanswerable import bereft, elsewhere, small_talk
from pilot.finetune.bundled.variants import Renaming, business_name
from pilot.model.text_to_sql.target import Pointer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import words_of
from pilot.schema import Column, ForeignKey, Schema, Table

SHOWS = Table(
    "shows",
    (
        Column("id", "INTEGER", "number", primary_key=True),
        Column("title", "TEXT", "text"),
        Column("stage", "TEXT", "text"),
    ),
)
SEATS = Table(
    "seats",
    (Column("show_id", "INTEGER", "number"), Column("price", "REAL", "number"), Column("row", "TEXT", "text")),
    (ForeignKey(("show_id",), "shows", ("id",)),),
)
THEATRE = SchemaView.of(Schema("sqlite", (SHOWS, SEATS)))
SHOP = SchemaView.of(Schema("sqlite", (Table("items", (Column("price", "REAL", "number"),)),)))


@pytest.mark.parametrize("seed", range(20))
def test_renaming_keeps_the_shape(seed: int) -> None:
    rng = random.Random(seed)
    view = random_schema(entities(), rng)
    renamed = Habits.by_chance(rng).renamed(view, rng)
    assert renamed.foreign == view.foreign
    assert [(one.table, one.kind, one.key) for one in renamed.columns] == [
        (one.table, one.kind, one.key) for one in view.columns
    ]
    assert all(renamed.table_words)


@pytest.mark.parametrize(
    ("name", "camel", "expected"),
    [("customer_country_code", True, "custCtryCd"), ("OrderHeader", False, "tbl_ord_hdr"), ("id", True, "id")],
)
def test_names_as_a_business_has_them(name: str, camel: bool, expected: str) -> None:
    assert business_name(name, camel=camel, prefix="" if camel else "tbl_").removeprefix("tbl_id") == expected


@pytest.mark.parametrize("camel", [True, False])
def test_a_renamed_database_answers_the_renamed_statement_alike(tmp_path: Path, camel: bool) -> None:
    file = tmp_path / "theatre.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE shows (id INTEGER PRIMARY KEY, title TEXT);"
            "CREATE TABLE seats (show_id INTEGER REFERENCES shows, price REAL);"
            "INSERT INTO shows VALUES (1, 'Faust'), (2, 'Cats'); INSERT INTO seats VALUES (1, 20), (1, 30), (2, 15);"
        )
    sql = "SELECT T1.title, SUM(price) FROM shows AS T1 JOIN seats AS T2 ON T1.id = T2.show_id GROUP BY T1.id"
    with closing(sqlite3.connect(file)) as connection:
        before = connection.execute(sql).fetchall()
    renaming = Renaming.of(file, camel=camel)
    renaming.apply(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute(renaming.sql(sql)).fetchall() == before
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("SELECT title, price FROM shows, seats WHERE stage = 1")


def test_a_question_about_something_else_is_refused_with_the_word_that_is_missing() -> None:
    question = "What is the price of seats for shows?"
    query = SqlReader(THEATRE).read("SELECT price FROM seats JOIN shows ON seats.show_id = shows.id")
    refusal = elsewhere(query, THEATRE, words_of(question), SHOP)
    assert refusal is not None
    assert refusal.tokens() == ["REFUSE", Pointer("start", 5), Pointer("end", 5)]


def test_a_question_that_the_other_schema_may_answer_is_no_refusal() -> None:
    query = SqlReader(THEATRE).read("SELECT price FROM seats")
    assert elsewhere(query, THEATRE, words_of("list every price"), SHOP) is None


def test_a_schema_that_lost_what_the_question_names() -> None:
    query = SqlReader(THEATRE).read("SELECT stage FROM shows")
    found = bereft(query, THEATRE, words_of("Which stage is there?"), random.Random(1))
    assert found is not None
    view, refusal = found
    assert [column.name for column in view.columns] == ["*", "id", "title", "show_id", "price", "row"]
    assert [column.table for column in view.columns] == [-1, 0, 0, 1, 1, 1]
    assert refusal.words == (1, 1)


def test_small_talk_is_there() -> None:
    assert len(set(small_talk())) > 80
