"""What the encoder is told about question and schema."""

import pytest

from pilot.model.text_to_sql.adapter import TextToSqlAdapter
from pilot.model.text_to_sql.features import WIDTHS, Pieces, Reader, Reading, link
from pilot.model.text_to_sql.target import Pointer
from pilot.model.text_to_sql.view import SchemaView, bridged, default_joins
from pilot.model.text_to_sql.words import name_words, number, words_of
from tests.model.text_to_sql.schemas import schema

VIEW = SchemaView.of(schema())
CITY, COUNTRY = 3, 4


@pytest.fixture
def pieces(bundled: TextToSqlAdapter) -> Pieces:
    return bundled.model.pieces


def flag(reading: Reading, place: int, name: str) -> int:
    return reading.flags[place][list(WIDTHS).index(name)]


def place_of(reading: Reading, item: Pointer) -> int:
    return reading.item_spans[reading.items.index(item)][0]


def test_names_that_the_question_says() -> None:
    links = link(words_of("which cities have customers who signed up"), VIEW)
    assert links.of_tables == [2, 0, 0]
    assert links.of_columns[CITY] == 2
    assert links.of_columns[COUNTRY] == 0
    assert list(links.to_columns)[1] == 2


def test_part_of_a_name_counts_less() -> None:
    links = link(words_of("the signup day"), VIEW)
    assert links.of_columns[5] == 1


def test_a_value_marks_its_words_and_its_column(pieces: Pieces) -> None:
    words = words_of("customers in New York")
    reading = Reader(pieces).read(words, VIEW, {CITY: frozenset({2, 3})})
    assert [flag(reading, start, "hit") for start, _ in reading.words] == [0, 0, 1, 1]
    assert flag(reading, place_of(reading, Pointer("column", CITY)), "hit") == 1
    assert flag(reading, place_of(reading, Pointer("column", COUNTRY)), "hit") == 0


def test_keys_and_what_they_refer_to(pieces: Pieces) -> None:
    reading = Reader(pieces).read(words_of("orders"), VIEW, {})
    customer_id = place_of(reading, Pointer("column", 7))
    assert flag(reading, customer_id, "foreign") == 1
    assert flag(reading, customer_id, "target") == flag(reading, place_of(reading, Pointer("table", 0)), "slot")
    assert flag(reading, place_of(reading, Pointer("column", 1)), "key") == 1


def test_quotes_capitals_and_digits(pieces: Pieces) -> None:
    reading = Reader(pieces).read(words_of('Show "Big Order" over 50'), VIEW, {})
    starts = [start for start, _ in reading.words]
    assert [flag(reading, start, "quoted") for start in starts] == [0, 1, 1, 1, 0, 0, 0]
    assert [flag(reading, start, "capital") for start in starts] == [0, 0, 1, 1, 0, 0, 0]
    assert [flag(reading, start, "digit") for start in starts] == [0, 0, 0, 0, 0, 0, 1]


def test_of_a_large_schema_the_nearest_tables_are_read(pieces: Pieces) -> None:
    tables = [
        f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, {', '.join(f'thing_{n} TEXT' for n in range(30))});"
        for number in range(40)
    ]
    tables[33] = "CREATE TABLE parcels (id INTEGER PRIMARY KEY, weight REAL);"
    view = SchemaView.of(schema("\n".join(tables)))
    reading = Reader(pieces).read(words_of("average weight of parcels"), view, {})
    assert 33 in reading.tables
    assert len(reading.tables) < 10
    assert len(reading.pieces) <= 512


def test_a_table_wider_than_the_encoder_is_cut(pieces: Pieces) -> None:
    columns = ", ".join(f"some_long_column_name_{number} TEXT" for number in range(400))
    view = SchemaView.of(schema(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {columns});"))
    reading = Reader(pieces).read(words_of("how many"), view, {})
    assert len(reading.pieces) <= 512
    assert reading.items[0] == Pointer("table", 0)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("custOrderID", "customer order id"),
        ("HTTPStatus", "http status"),
        ("tbl_cust_ord", "customer order"),
        ("ORD_QTY", "order quantity"),
        ("t", "t"),
        ("客户_名称", "客户 名称"),
        ("Größe", "größe"),
        ("__", "__"),
    ],
)
def test_names_as_people_say_them(name: str, words: str) -> None:
    assert name_words(name) == words


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("customers in München?", ["customers", "in", "München", "?"]),
        ("over 1,200.50, or 3.5", ["over", "1,200.50", ",", "or", "3.5"]),
        ("O'Brien's co-op on 2024-03-01", ["O'Brien's", "co-op", "on", "2024-03-01"]),
        ("有Berlin的客户", ["有", "Berlin", "的客户"]),
    ],
)
def test_words_of_a_question(question: str, words: list[str]) -> None:
    assert [word.text for word in words_of(question)] == words


@pytest.mark.parametrize(("text", "value"), [("1,200", 1200), ("3.5", 3.5), ("Twelve", 12), ("many", None), ("-4", -4)])
def test_numbers_in_digits_and_words(text: str, value: float | None) -> None:
    assert number(text) == value


def test_tables_between_are_joined_too() -> None:
    assert bridged(VIEW, (2, 0)) == (2, 1, 0)
    assert default_joins(VIEW, (2, 1, 0)) == [(12, 6), (7, 1)]
