"""The owner's words reach a model that reads names alone: synonyms there and back, metrics in their own SQL."""

import pytest

from pilot.model.text_to_sql.owner import Spoken
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Column, ForeignKey, Metric, Schema, Table, ValueHit

KEY = Column("id", "INT", "number", primary_key=True)
SHOP = Schema(
    "sqlite",
    (
        Table("kunde", (KEY, Column("ort", "TEXT", "text", synonyms=("city",))), synonyms=("customers",)),
        Table(
            "orders",
            (KEY, Column("kunde_id", "INT", "number"), Column("status", "TEXT", "text")),
            (ForeignKey(("kunde_id",), "kunde", ("id",)),),
        ),
        Table(
            "items",
            (KEY, Column("order_id", "INT", "number"), Column("price", "REAL", "number"), Column("n", "INT", "number")),
            (ForeignKey(("order_id",), "orders", ("id",)),),
        ),
    ),
    (Metric("revenue", "SUM(items.price * items.n)", "orders.status = 'paid'", synonyms=("turnover",)),),
)
COUNTED = "SUM(items.price * items.n)"
PAID = "JOIN orders ON items.order_id = orders.id WHERE orders.status = 'paid'"


def test_a_synonym_that_the_question_says_is_the_name_that_the_model_reads() -> None:
    hit = ValueHit("kunde", "ort", "Lyon", "lyon")
    spoken = Spoken.of(TextToSql("how many customers per city, without lyon", SHOP, (hit,)))
    assert spoken.task.schema.table("customers") is not None
    assert spoken.task.hits == (ValueHit("customers", "city", "Lyon", "lyon"),)
    assert spoken.task.schema.tables[1].foreign_keys[0].ref_table == "customers"
    sql = "SELECT city, COUNT(*) FROM customers WHERE customers.city <> 'customers' GROUP BY city"
    assert spoken.own(sql) == "SELECT ort, COUNT(*) FROM kunde WHERE kunde.ort <> 'customers' GROUP BY ort"


def test_a_name_that_the_question_says_itself_stays() -> None:
    task = TextToSql("how many kunde", SHOP)
    assert Spoken.of(task).task == task


@pytest.mark.parametrize("question", ["what is the total revenue", "turnover of last year"])
def test_a_metric_is_a_column_for_the_question_that_names_it(question: str) -> None:
    items = Spoken.of(TextToSql(question, SHOP)).task.schema.tables[2]
    assert items.columns[-1].name in ("revenue", "turnover")
    assert Spoken.of(TextToSql("list the items", SHOP)).task.schema == SHOP


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ("SELECT SUM(revenue) FROM items", "SELECT COUNTED FROM items PAID"),
        ("SELECT revenue FROM items", "SELECT COUNTED FROM items PAID"),
        ("SELECT AVG(items.revenue) FROM items", "SELECT AVG((items.price * items.n)) FROM items PAID"),
        (
            "SELECT kunde.ort, SUM(items.revenue) FROM kunde JOIN orders ON orders.kunde_id = kunde.id"
            " JOIN items ON items.order_id = orders.id WHERE kunde.id > 3 GROUP BY kunde.ort",
            "SELECT kunde.ort, COUNTED FROM kunde JOIN orders ON orders.kunde_id = kunde.id"
            " JOIN items ON items.order_id = orders.id WHERE kunde.id > 3 AND orders.status = 'paid'"
            " GROUP BY kunde.ort",
        ),
        (
            "SELECT n, SUM(revenue) FROM items GROUP BY n ORDER BY SUM(revenue) DESC LIMIT 3",
            "SELECT items.n, COUNTED FROM items PAID GROUP BY items.n ORDER BY COUNTED DESC LIMIT 3",
        ),
    ],
)
def test_the_metrics_own_sql_stands_where_its_column_stood(written: str, own: str) -> None:
    spoken = Spoken.of(TextToSql("the revenue", SHOP))
    assert spoken.uses(written)
    assert spoken.own(written) == own.replace("COUNTED", COUNTED).replace("PAID", PAID)


def test_a_statement_that_counts_something_else_does_not_use_the_metric() -> None:
    assert not Spoken.of(TextToSql("the revenue", SHOP)).uses("SELECT SUM(price) FROM items")
