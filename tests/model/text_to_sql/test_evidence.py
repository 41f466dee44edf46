"""What speaks for and against a query, as numbers."""

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.model.text_to_sql.evidence import Asked, Evidence
from pilot.model.text_to_sql.search import Beam
from pilot.model.text_to_sql.target import Writer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import words_of
from tests.model.text_to_sql.schemas import schema

TRIPS = """
CREATE TABLE trips (id INTEGER PRIMARY KEY, trip_code TEXT, origin TEXT, destination TEXT, price REAL, day DATE);
CREATE TABLE riders (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, trip_id INTEGER,
  FOREIGN KEY (trip_id) REFERENCES trips (id));
"""
VIEW = SchemaView.of(schema(TRIPS))


def evidence(question: str, sql: str) -> Evidence:
    query, words = SqlReader(VIEW).read(sql), words_of(question)
    return Asked.of(words, VIEW, {}).evidence(query, Beam((*Writer(VIEW, words).tokens(query), "EOS"), -1.0))


@pytest.mark.parametrize(
    ("name", "question", "better", "worse"),
    [
        ("wrong end", "trips from Lyon", "SELECT * FROM trips WHERE origin = 'Lyon'",
         "SELECT * FROM trips WHERE destination = 'Lyon'"),
        ("backwards", "trip with the lowest price", "SELECT trip_code FROM trips ORDER BY price ASC LIMIT 1",
         "SELECT trip_code FROM trips ORDER BY price DESC LIMIT 1"),
        ("backwards", "youngest rider", "SELECT name FROM riders ORDER BY age ASC LIMIT 1",
         "SELECT name FROM riders ORDER BY age DESC LIMIT 1"),
        ("backwards", "latest trip", "SELECT trip_code FROM trips ORDER BY day DESC LIMIT 1",
         "SELECT trip_code FROM trips ORDER BY day ASC LIMIT 1"),
        ("phrases left", "trip codes of riders older than 9",
         "SELECT trips.trip_code FROM riders JOIN trips ON riders.trip_id = trips.id WHERE riders.age > 9",
         "SELECT name FROM riders WHERE age > 9"),
        ("numbers left", "trips under 10", "SELECT * FROM trips WHERE price < 10", "SELECT * FROM trips"),
        ("average", "average price", "SELECT AVG(price) FROM trips", "SELECT price FROM trips"),
        ("each", "number of trips per origin", "SELECT origin, COUNT(*) FROM trips GROUP BY origin",
         "SELECT COUNT(*) FROM trips"),
        ("unsorted", "trips sorted by price", "SELECT * FROM trips ORDER BY price ASC", "SELECT * FROM trips"),
        ("mixed", "lowest and highest price", "SELECT MIN(price), MAX(price) FROM trips",
         "SELECT MIN(price), MAX(id) FROM trips"),
    ],
)  # fmt: skip
def test_what_does_not_answer_the_question_speaks_against_a_query(
    name: str, question: str, better: str, worse: str
) -> None:
    assert evidence(question, better)[name] < evidence(question, worse)[name]
