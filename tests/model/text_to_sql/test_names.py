"""Names as a question says them: short forms written out, the owner's words, no system's prefix."""

from pathlib import Path

import pytest

from pilot.abbreviations import abbreviates, long_forms
from pilot.config import ROOT
from pilot.model.embeddings import find_encoder
from pilot.model.text_to_sql.features import Pieces
from pilot.model.text_to_sql.names import called
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.weights import load_tokenizer
from pilot.model.text_to_sql.words import name_words, stem, words_of
from pilot.schema import Column, ForeignKey, Schema, Table


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    encoder: Path = find_encoder("all-MiniLM-L6-v2", ROOT / "models")
    return Pieces(load_tokenizer(encoder))


def view_of(*tables: Table) -> SchemaView:
    return SchemaView.of(Schema("sqlite", tables))


def table(name: str, *columns: str, synonyms: tuple[str, ...] = ()) -> Table:
    return Table(name, tuple(Column(column, "TEXT", "text") for column in columns), synonyms=synonyms)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("custCtryCd", "customer country code"),
        ("tbl_ord_hdr", "order header"),
        ("tblOrdHdr", "order header"),
        ("T_PMT_AMT", "payment amount"),
        ("table_no", "table number"),
    ],
)
def test_short_forms_are_written_out(name: str, words: str) -> None:
    assert name_words(name) == words


def test_no_short_form_is_an_english_word_of_questions() -> None:
    assert not long_forms().keys() & {"part", "pay", "act", "rest", "own", "min", "max", "sub", "or", "in", "to"}


@pytest.mark.parametrize(
    ("short", "word", "expected"),
    [
        ("prem", "premium", True),
        ("clm", "claim", True),
        ("pltry", "poultry", True),
        ("clm", "calm", False),  # as long but for one letter: another word
        ("art", "chart", False),
        ("cm", "commence", False),
    ],
)
def test_what_abbreviates(short: str, word: str, expected: bool) -> None:
    assert abbreviates(short, word) == expected


def test_a_strange_word_is_read_as_the_word_of_the_question_that_it_shortens(pieces: Pieces) -> None:
    view = view_of(table("hldr", "clmAmt", "x"))
    found = called(view, words_of("largest claim of each holder"), pieces)
    assert found.table_words == ("holder",)
    assert found.columns[1].words == "claim amount"


def test_the_owners_word_counts_as_a_name_when_the_question_says_it(pieces: Pieces) -> None:
    view = view_of(table("customers", "name", synonyms=("buyers", "key accounts")))
    assert called(view, words_of("our key accounts in Rome"), pieces).table_words == ("key accounts",)
    assert called(view, words_of("how many customers"), pieces).table_words == ("customers",)


def test_a_prefix_that_all_tables_share_says_nothing() -> None:
    view = view_of(table("crm_customer", "id"), table("crm_order", "id"), table("crm_item", "id"))
    assert view.table_words == ("customer", "order", "item")


def test_a_prefix_that_all_columns_of_a_table_share_says_nothing() -> None:
    view = view_of(table("customer", "c_name", "c_phone", "c_mktsegment"))
    assert [column.words for column in view.columns[1:]] == ["name", "phone", "mktsegment"]


def test_names_of_a_few_tables_keep_their_first_word() -> None:
    assert view_of(table("order_item", "id"), table("order_note", "id")).table_words == ("order item", "order note")


@pytest.mark.parametrize(
    ("table_name", "column", "words"),
    [
        ("flight", "flno", "flight number"),
        ("Courses", "CID", "course id"),
        ("tbl_faculty", "FacID", "faculty id"),
        ("orders", "order_id", "order id"),
    ],
)
def test_a_key_is_called_by_its_table(table_name: str, column: str, words: str) -> None:
    key = Column(column, "INTEGER", "number", primary_key=True)
    view = SchemaView.of(Schema("sqlite", (Table(table_name, (key,)),)))
    assert view.columns[1].words == words


def test_what_is_no_key_keeps_its_name() -> None:
    assert view_of(table("payments", "paid")).columns[1].words == "paid"


def test_it_is_called_so_wherever_something_refers_to_it() -> None:
    flight = Table("flight", (Column("flno", "INTEGER", "number", primary_key=True),))
    seat = Table("seat", (Column("flno", "INTEGER", "number"),), (ForeignKey(("flno",), "flight", ("flno",)),))
    assert SchemaView.of(Schema("sqlite", (flight, seat))).columns[2].words == "flight number"


@pytest.mark.parametrize(
    ("question", "called_as"),
    [
        ("How many pupils are there?", ("pupil", "first name")),
        ("forenames of all students", ("student", "forename")),
        (
            "students and pupils",
            ("student", "first name"),
        ),  # said itself
        ("What is the weather?", ("student", "first name")),
    ],
)
def test_a_synonym_that_the_question_says_is_the_name(
    pieces: Pieces, question: str, called_as: tuple[str, str]
) -> None:
    seen = called(view_of(table("student", "fname")), words_of(question), pieces)
    assert tuple(stem(name) for name in (seen.table_words[0], seen.columns[1].words)) == called_as


def test_how_many_are_asked_for_is_no_name(pieces: Pieces) -> None:
    seen = called(view_of(table("claim", "amount")), words_of("What is the number of claims?"), pieces)
    assert seen.columns[1].words == "amount"
