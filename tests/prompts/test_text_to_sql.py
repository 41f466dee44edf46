"""Rendering a text-to-SQL task, and reading it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.errors import InputInvalid
from pilot.prompts.text_to_sql import Attempt, Example, TextToSql, declined, declining, parse, render
from pilot.protocol import Message
from pilot.schema import Column, Dialect, ForeignKey, Metric, Schema, Table, ValueHit

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="\"'`;\\-/*"), min_size=1
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])).map(
    lambda text: " ".join(text.split())
)


def _shop(dialect: Dialect = "sqlite") -> Schema:
    customers = Table(
        "customers",
        (
            Column("id", "INT", "number", primary_key=True),
            Column(
                "city", "TEXT", "text", comment="where parcels go", samples=("Lyon", "L'Aquila"), synonyms=("town",)
            ),
        ),
        comment="everyone who ever ordered; -- even once",
        synonyms=("clients", "our buyers"),
    )
    orders = Table(
        "tbl order",
        (
            Column("id", "INT", "number", primary_key=True),
            Column("customer", "INT", "number"),
            Column("group", "DECIMAL(10, 2)", "number"),
        ),
        (ForeignKey(("customer",), "customers", ("id",)),),
    )
    metrics = (
        Metric("revenue", "SUM(orders.total)", "orders.note = 'a -- b'", "what came in", ("sales", "our turnover")),
        Metric("head count", "COUNT(*)"),
    )
    return Schema(dialect, (customers, orders), metrics)


@pytest.mark.parametrize("dialect", ["sqlite", "mysql", "postgres", "duckdb"])
def test_what_is_rendered_reads_back_the_same(dialect: Dialect) -> None:
    task = TextToSql("how many in l'aquila?", _shop(dialect), (ValueHit("customers", "city", "L'Aquila", "l'aquila"),),
                     today="2026-02-01")  # fmt: skip
    assert parse(render(task)) == task


@given(table=NAMES, column=NAMES, value=TEXTS, question=TEXTS.filter(bool))
def test_strange_names_and_values_read_back_the_same(table: str, column: str, value: str, question: str) -> None:
    schema = Schema("sqlite", (Table(table, (Column(column, "TEXT", "text", samples=(value,)),)),))
    found = parse(render(TextToSql(question, schema)))
    assert found.schema == schema
    assert found.question == question


@pytest.mark.parametrize("dialect", ["sqlite", "mysql", "postgres", "duckdb"])
@pytest.mark.parametrize(
    "word", ["key", "index", "values", "order", "group", "AS", "Case", "_ascii", "table", "date", "null"]
)
def test_names_that_are_words_of_sql_read_back_the_same(dialect: Dialect, word: str) -> None:
    columns = (Column(word, "TEXT", "text"), Column("b", "TEXT", "text"))
    schema = Schema(dialect, (Table(word, columns), Table("t", columns)))
    assert parse(render(TextToSql("q", schema))).schema == schema


def test_a_table_of_which_nothing_is_told_takes_one_line() -> None:
    schema = Schema(
        "sqlite", (Table("t", (Column("id", "INT", "number", primary_key=True), Column("a b", "", "text"))),)
    )
    messages = render(TextToSql("q", schema))
    assert messages[-1].content.splitlines()[0] == 'CREATE TABLE t (id INT PRIMARY KEY, "a b");'
    assert parse(messages).schema == schema


def test_a_repair_names_what_was_wrong() -> None:
    task = TextToSql("q", _shop(), attempt=Attempt("SELECT x", "no column x"))
    messages = render(task)
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert "no column x" in messages[-1].content
    assert parse(messages).question == "q"


def test_earlier_turns_come_before_and_the_last_question_counts() -> None:
    task = TextToSql(
        "and in Lyon?", _shop(), history=(Example("how many customers?", "SELECT count(*) FROM customers"),)
    )
    messages = render(task)
    assert messages[1].content == "Question: how many customers?"
    assert parse(messages).question == "and in Lyon?"


def test_any_client_may_write_the_schema_by_hand() -> None:
    text = """Given this database:
    CREATE TABLE IF NOT EXISTS `t` (id int primary key, note varchar(10) default 'a;b', day date,
      customer_id int references customers(id));
    create table customers (id int, name text, primary key (id));
    How many customers are there?"""
    found = parse([Message(role="system", content="You write MySQL."), Message(role="user", content=text)])
    assert [table.name for table in found.schema.tables] == ["t", "customers"]
    assert found.schema.tables[0].foreign_keys == (ForeignKey(("customer_id",), "customers", ("id",)),)
    assert found.schema.tables[1].columns[0].primary_key
    assert found.question == "How many customers are there?"


@pytest.mark.parametrize("text", ["hello", "CREATE TABLE t (id int);", "CREATE TABLE ((;\nQuestion: x", ""])
def test_a_prompt_without_schema_or_question_says_what_is_missing(text: str) -> None:
    with pytest.raises(InputInvalid) as caught:
        parse([Message(role="user", content=text)])
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["", "horsepower", "gold medals"])
def test_a_reply_that_declines_is_known_by_its_words(missing: str) -> None:
    assert declined(declining(missing)) == missing


def test_sql_does_not_decline() -> None:
    assert declined("SELECT 1") is None
