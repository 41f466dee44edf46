"""Cell values that a question mentions: exact, without accents, with a slip of the pen, in Chinese; and no others."""

import random
import sqlite3
from collections.abc import Collection
from typing import Any

import pytest
from rapidfuzz import process

from pilot.datasource.source import connect
from pilot.datasource.values import Place, ValueIndex


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ValueIndex:
    file = tmp_path_factory.mktemp("values") / "v.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE customers (name TEXT, city TEXT, country TEXT, state TEXT, note TEXT)")
    connection.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?)",
        [
            ("Ann", "München", "Germany", "BY", "x" * 500),
            ("O'Neil", "São Paulo", "Brazil", "SP", ""),
            ("王芳", "北京", "中国", "IN", None),
            ("Laptop", "Straßburg", "Note", "XX", None),
            ("Gaming Box", "Goeteborg", "Customer", "YY", None),
            ("Order", "New York", "USA", "NY", "York"),
            ("Two", "Seattle", "USA", "Red", None),
        ],
    )
    connection.commit()
    connection.close()
    source = connect(f"sqlite:///{file}")
    found = ValueIndex.build(source, source.reflect())
    source.close()
    return found


@pytest.mark.parametrize(
    ("question", "hits"),
    [
        ("customers in munchen", [("city", "München", "munchen")]),
        ("customers in MÜNCHEN?", [("city", "München", "MÜNCHEN")]),
        ("sales in sao paulo", [("city", "São Paulo", "sao paulo")]),
        ("who lives in new york", [("city", "New York", "new york")]),
        ("orders from Germny", [("country", "Germany", "Germny")]),
        ("orders of o'neil", [("name", "O'Neil", "o'neil")]),
        ("北京的客户有多少", [("city", "北京", "北京")]),
        ("中国客户王芳", [("name", "王芳", "王芳"), ("country", "中国", "中国")]),
        ("customers in Munich", [("city", "München", "Munich")]),
        ("customers in Muenchen", [("city", "München", "Muenchen")]),
        ("慕尼黑有多少客户", [("city", "München", "慕尼黑")]),
        ("who is from Beijing", [("city", "北京", "Beijing")]),
        ("orders from New Yrok", [("city", "New York", "New Yrok")]),
        ("buyers of laptops", [("name", "Laptop", "laptops")]),
        ("who sells gaming boxes", [("name", "Gaming Box", "gaming boxes")]),
        ("orders in Strassburg", [("city", "Straßburg", "Strassburg")]),
        ("orders in Goteborg", [("city", "Goeteborg", "Goteborg")]),
        ("sales in Paulo", [("city", "São Paulo", "Paulo")]),
        ("what did Gaming cost", [("name", "Gaming Box", "Gaming")]),
        ("what did gaming cost", []),
        ("Gaming in general", []),
        ("flights to York", [("note", "York", "York")]),
        ("flights to New Mexico", []),
        ("shipped to gothenburg", []),
        ("list the notes of all customers", []),
        ("customers in NY", [("state", "NY", "NY")]),
        ("how many are red", [("state", "Red", "red")]),
        ("in any case", []),
        ("two or more orders", []),
        ("西雅图有多少客户", [("city", "Seattle", "西雅图")]),
        ("how many customers in 2023", []),
        ("which orders were sold in april", []),
        ("", []),
    ],
)
def test_hits(index: ValueIndex, question: str, hits: list[tuple[str, str, str]]) -> None:
    found = [(hit.column, hit.value, hit.text) for hit in index.hits(question)]
    assert sorted(found) == sorted(hits)


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Which customers may we call?", []),
        ("Which customers can sue us?", []),
        ("How old are the customers?", []),
        ("Show me any new customers per day", []),
        ("who is out", []),
        ("How many customers are new?", ["New"]),
        ("How many customers are red?", ["Red"]),
        ("show red products", ["Red"]),
        ("What did May buy?", ["May"]),
        ("Is Sue New?", ["Sue", "New"]),
    ],
)
def test_a_small_word_of_everyday_is_no_value(question: str, found: list[str]) -> None:
    values = ("Any", "Can", "Day", "May", "New", "Old", "Out", "Per", "Red", "Sue", "The", "Who")
    index = ValueIndex.of([Place("customers", "state", value) for value in values])
    assert [hit.value for hit in index.hits(question)] == found


def test_a_word_is_compared_with_few_of_a_hundred_thousand_values(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = random.Random(1)
    places = [
        Place("t", "c", "".join(letters.choices("abcdefghilmnoprstu", k=letters.randint(5, 12))))
        for _ in range(100_000)
    ]
    index = ValueIndex.of(places)
    wanted = places[7].value
    questions = [
        f"how many {wanted[:-2] + wanted[-1]} came with free shippping to custommers of {wanted} in one week",
        f"which {places[11].value}s have more than ten reviews and arrived damaged",
    ]
    compared = []

    def counted(key: str, candidates: Collection[str], **options: Any) -> Any:
        compared.append(len(candidates))
        return extract(key, candidates, **options)

    extract = process.extract
    monkeypatch.setattr("pilot.datasource.values.process.extract", counted)
    for question in questions:
        assert index.hits(question)
    assert compared
    assert max(compared) < 1000


def test_long_texts_are_not_indexed(index: ValueIndex) -> None:
    assert all(len(place.value) <= 60 for places in index.places.values() for place in places)
