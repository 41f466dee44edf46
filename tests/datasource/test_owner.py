"""The owner's words: laid over the schema, kept as YAML; what is hidden cannot be reached."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.owner import ColumnWords, JoinHint, OwnerWords, TableWords, apply
from pilot.datasource.owner_yaml import dump, load
from pilot.datasource.source import SqlSource, connect
from pilot.errors import InputInvalid, SqlRejected
from pilot.i18n import LANGUAGES, Texts
from pilot.schema import DIALECTS, Column, Dialect, ForeignKey, Metric, Schema, Table

EN = Texts("en")
CASES = Path(__file__).parent / "cases"
WORDS = """\
tables:
  customers:
    description: everyone who ever ordered
    synonyms:
    - clients
    - 客户
    columns:
      city:
        synonyms:
        - town
      ssn:
        hidden: true
      note:
        values: false
  secrets:
    hidden: true
metrics:
  revenue:
    sql: SUM(orders.total)
    where: orders.status = 'paid'
    description: what came in
    synonyms:
    - turnover
joins:
- orders.customer = customers.id
"""
SECRET = "078-05-1120"


def _whole() -> Schema:
    customers = Table(
        "customers",
        (
            Column("id", "INTEGER", "number", primary_key=True),
            Column("name", "TEXT", "text"),
            Column("city", "TEXT", "text", samples=("Lyon",)),
            Column("ssn", "TEXT", "text"),
            Column("note", "TEXT", "text", samples=("rich",)),
        ),
    )
    orders = Table(
        "orders",
        (
            Column("id", "INTEGER", "number", primary_key=True),
            Column("customer", "INTEGER", "number"),
            Column("total", "INTEGER", "number"),
            Column("status", "TEXT", "text"),
            Column("secret", "INTEGER", "number"),
        ),
        (ForeignKey(("secret",), "secrets", ("id",)),),
    )
    secrets = Table("secrets", (Column("id", "INTEGER", "number", primary_key=True), Column("word", "TEXT", "text")))
    return Schema("sqlite", (customers, orders, secrets))


@pytest.fixture
def seen() -> Schema:
    return apply(load(WORDS, _whole(), EN), _whole())


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SqlSource]:
    connection = sqlite3.connect(tmp_path / "x.sqlite")
    connection.executescript("""
        CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, ssn TEXT, note TEXT);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER, total INTEGER, status TEXT, secret INTEGER);
        CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT);
        INSERT INTO customers VALUES (1, 'Ann', 'Lyon', '078-05-1120', 'rich');
        INSERT INTO orders VALUES (1, 1, 5, 'paid', 1);
        INSERT INTO secrets VALUES (1, '078-05-1120');
    """)
    connection.commit()
    connection.close()
    opened = connect(f"sqlite:///{tmp_path / 'x.sqlite'}")
    yield opened
    opened.close()


def test_what_is_read_is_written_the_same() -> None:
    assert dump(load(WORDS, _whole(), EN)) == WORDS
    assert dump(load(WORDS, None, EN)) == WORDS
    assert dump(load("", _whole(), EN)) == ""


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='"'), min_size=1)
TABLES = st.dictionaries(
    NAMES,
    st.builds(
        TableWords, NAMES, st.lists(NAMES, unique=True, max_size=3).map(tuple), st.booleans(),
        st.dictionaries(NAMES, st.builds(ColumnWords, NAMES, hidden=st.booleans(), values=st.booleans()), max_size=2),
    ),
    max_size=3,
)  # fmt: skip


@given(TABLES)
def test_any_words_survive_the_file(tables: dict[str, TableWords]) -> None:
    words = OwnerWords(tables, (Metric("a: b", "SUM(x.y)"),), (JoinHint("a", "b", "c", "d"),))
    assert load(dump(words), None, EN) == words


def _problems() -> list[tuple[str, str]]:
    cases = (CASES / "owner_wrong.txt").read_text(encoding="utf-8").split("\n=====\n")
    return [(text, said.strip()) for text, _, said in (case.rpartition("\n-----\n") for case in cases)]


@pytest.mark.parametrize(("text", "said"), _problems())
def test_a_mistake_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        load(text, _whole(), EN)
    assert caught.value.message == said
    assert caught.value.remedy


def test_mistakes_are_told_in_every_language() -> None:
    told = set()
    for language in LANGUAGES:
        with pytest.raises(InputInvalid) as caught:
            load("tables:\n  custmers: {}", _whole(), Texts(language))
        told.add(caught.value.message)
    assert len(told) == len(LANGUAGES)


def test_columns_of_a_metric_are_spelled_with_their_table() -> None:
    words = load("metrics:\n  revenue: {sql: 'sum(TOTAL)', where: status = 'paid'}", _whole(), EN)
    assert words.metrics == (Metric("revenue", "SUM(orders.total)", "orders.status = 'paid'"),)


def test_the_words_stand_in_the_schema(seen: Schema) -> None:
    customers = seen.tables[0]
    assert (customers.comment, customers.synonyms) == ("everyone who ever ordered", ("clients", "客户"))
    assert [column.name for column in customers.columns] == ["id", "name", "city", "note"]
    assert customers.columns[2].synonyms == ("town",)
    assert customers.columns[3].samples == ()
    assert seen.metrics[0].name == "revenue"


def test_what_is_hidden_is_gone_and_so_are_keys_to_it(seen: Schema) -> None:
    assert seen.table("secrets") is None
    assert seen.hides
    assert seen.tables[1].foreign_keys == (ForeignKey(("customer",), "customers", ("id",)),)


def test_a_metric_over_something_hidden_is_gone() -> None:
    words = load(WORDS, _whole(), EN).with_table("orders", TableWords(columns={"total": ColumnWords(hidden=True)}))
    assert apply(words, _whole()).metrics == ()


def test_words_about_what_is_not_there_wait() -> None:
    words = load(WORDS, _whole(), EN)
    assert apply(words, _whole().only(["orders"])).tables[0].name == "orders"


def test_a_table_of_which_all_columns_are_hidden_is_hidden() -> None:
    words = OwnerWords({"secrets": TableWords(columns={name: ColumnWords(hidden=True) for name in ("id", "word")})})
    assert apply(words, _whole()).table("secrets") is None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM customers", "SELECT c.* FROM customers AS c", "SELECT customers.*, 1 FROM customers",
        "SELECT * FROM (SELECT * FROM customers)", "WITH x AS (SELECT * FROM customers) SELECT * FROM x",
        "SELECT * FROM customers JOIN orders ON orders.customer = customers.id",
        "SELECT * FROM customers UNION ALL SELECT * FROM customers",
        "SELECT id FROM orders WHERE EXISTS (SELECT * FROM customers)",
    ],
)  # fmt: skip
def test_a_star_brings_only_what_may_be_seen(sql: str, seen: Schema, source: SqlSource) -> None:
    rows = source.run(check(sql, schema=seen, max_rows=9), Limits())
    assert rows.rows
    assert "ssn" not in rows.columns
    assert not any(SECRET in map(str, row) for row in rows.rows)


def test_a_star_over_a_whole_table_stays(seen: Schema) -> None:
    assert check("SELECT * FROM orders", schema=seen, max_rows=9).text.startswith("SELECT * FROM orders")


def _hidden_cases() -> list[str]:
    return (CASES / "hidden.sql").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_hidden_cannot_be_named(dialect: Dialect, seen: Schema, source: SqlSource) -> None:
    for sql in _hidden_cases():
        try:
            statement = check(sql, schema=replace(seen, dialect=dialect), max_rows=9)
        except SqlRejected:
            continue
        assert (dialect, sql) in (("mysql", 'SELECT "ssn" FROM customers'),) or dialect == "sqlite", statement.text
        if dialect == "sqlite":
            rows = source.run(statement, Limits())
            assert not any(SECRET in map(str, row) for row in rows.rows), statement.text


def test_listings_are_refused_where_something_is_hidden(seen: Schema) -> None:
    for sql in ("SHOW TABLES", "SHOW CREATE TABLE customers", "DESCRIBE customers", "SHOW COLUMNS FROM customers"):
        with pytest.raises(SqlRejected, match="hides"):
            check(sql, schema=replace(seen, dialect="mysql"), max_rows=9)
