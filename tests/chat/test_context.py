"""What the model sees of a large schema: the tables that matter, within the budget."""

import asyncio

import httpx
import pytest

from pilot.chat.context import Context, Contexts, View, briefly, tokens
from pilot.chat.relevance import TableIndex, terms
from pilot.client import LlmClient
from pilot.datasource.values import Place, ValueIndex
from pilot.errors import InputInvalid
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import TextToSql, parse, render
from pilot.schema import Column, ForeignKey, Metric, Schema, Table, ValueHit

NOTHING = ValueIndex.of(())


def wide(count: int, *more: Table) -> Schema:
    tables = [Table(f"t{number}", tuple(Column(f"filler_{number}_{column}", "TEXT", "text") for column in range(9)))
              for number in range(count)]  # fmt: skip
    invoice = Table("invoice_line", (Column("id", "INT", "number"), Column("amount", "REAL", "number")),
                    (ForeignKey(("id",), "article", ("id",)),), comment="发票明细")  # fmt: skip
    article = Table("article", (Column("id", "INT", "number"), Column("label", "TEXT", "text")))
    return Schema("sqlite", (*tables, invoice, article, *more))


def shown(view: View) -> set[str]:
    return {table.name for table in view.schema.tables}


def test_a_schema_that_fits_is_shown_whole() -> None:
    view = Context(wide(3), NOTHING).view("anything")
    assert view.schema == wide(3)
    assert view.total == len(view.tables) == 5


@pytest.mark.parametrize("question", ["sum of the invoice lines", "发票明细有多少", "total amounts per invoice"])
def test_of_a_large_schema_the_named_table_and_its_neighbour_are_shown(question: str) -> None:
    view = Context(wide(80), NOTHING).view(question, budget=600)
    assert {"invoice_line", "article"} <= shown(view)
    assert len(view.tables) < 20
    assert view.total == 82


@pytest.mark.parametrize("budget", [300, 1000, 2000])
def test_the_budget_is_kept(budget: int) -> None:
    metrics = (Metric("revenue", "SUM(invoice_line.amount)"),)
    schema = Schema("sqlite", wide(200).tables, metrics)
    values = ValueIndex.of(Place(f"t{number}", f"filler_{number}_1", "Berlin") for number in range(200))
    question = "revenue of everyone in berlin"
    view = Context(schema, values).view(question, budget=budget)
    prompt = render(TextToSql(question, view.schema, view.hits))[-1].content
    assert 0.8 * budget < tokens(prompt) <= budget
    assert view.hits


def test_a_value_that_the_question_names_brings_its_table() -> None:
    values = ValueIndex.of([Place("t77", "filler_77_1", "Berlin")])
    view = Context(wide(80), values).view("who lives in berlin?", budget=300)
    assert view.tables[0] == "t77"
    assert view.hits == (ValueHit("t77", "filler_77_1", "Berlin", "berlin"),)


def test_a_synonym_brings_its_table() -> None:
    client = Table("kunde", (Column("id", "INT", "number"),), synonyms=("customers", "客户们"))
    for question in ("how many customers are there", "有多少客户们"):
        assert Context(wide(80, client), NOTHING).view(question, budget=300).tables[0] == "kunde"


def test_the_tables_between_two_that_are_named_are_shown() -> None:
    key = Column("id", "INT", "number", primary_key=True)
    link = (ForeignKey(("a",), "pupil", ("id",)), ForeignKey(("b",), "xy", ("id",)))
    tables = (
        Table("pupil", (key,)), Table("xx", (Column("a", "INT", "number"), Column("b", "INT", "number")), link),
        Table("xy", (key, Column("c", "INT", "number")), (ForeignKey(("c",), "lecture", ("id",)),)),
        Table("lecture", (key,)),
    )  # fmt: skip
    assert {"pupil", "xx", "xy", "lecture"} <= shown(Context(wide(300, *tables), NOTHING).view("pupils per lecture"))


def test_pinned_tables_are_shown_whatever_the_question() -> None:
    view = Context(wide(80), NOTHING).view("invoices", budget=300, pinned=["t40", "t41"])
    assert view.tables[:2] == view.pinned == ("t40", "t41")


async def test_a_pinned_table_that_is_not_there_is_refused() -> None:
    contexts = Contexts(LlmClient("http://nowhere"))
    with pytest.raises(InputInvalid, match="t99"):
        contexts.looker("x", wide(3), NOTHING, budget=9, pinned=["t99"], texts=Texts("en"))


def test_what_is_told_briefly_can_still_be_read() -> None:
    key = ForeignKey(("b",), "u", ("x",))
    pair = ForeignKey(("a", "b"), "u", ("x", "y"))
    columns = (Column("a", "VARCHAR(40)", "text", comment="long"), Column("b", "TINYINT(1)", "boolean", samples=("1",)))
    table = briefly(Table("t", columns, (key, pair), comment="told"))
    schema = Schema("sqlite", (table,))
    (message,) = render(TextToSql("q", schema))[1:]
    line = "CREATE TABLE t (a VARCHAR, b TINYINT(1) REFERENCES u (x), FOREIGN KEY (a, b) REFERENCES u (x, y));"
    assert message.content.splitlines()[0] == line
    (read,) = parse([message]).schema.tables
    assert set(read.foreign_keys) == {key, pair}
    assert read.columns == table.columns


@pytest.mark.parametrize(
    ("one", "other"),
    [("Categories", "category"), ("movies", "Movie"), ("addresses", "address"), ("Städte", "städte"), ("boxes", "box")],
)
def test_endings_do_not_hide_a_word(one: str, other: str) -> None:
    assert list(terms(one)) == list(terms(other))


def test_names_are_read_word_by_word() -> None:
    assert list(terms("orderItems order_items")) == ["order", "item", "order", "item"]


def test_a_shorter_spelling_is_known_by_its_beginning() -> None:
    schema = wide(50, Table("acct", (Column("custid", "INT", "number"),)), Table("cust", ()))
    assert TableIndex(schema).ranked("all customers")[0] == "cust"


def vectors(request: httpx.Request) -> httpx.Response:
    """Goods and wares are alike, as an embedder would say."""
    texts = httpx.Response(200, content=request.content).json()["input"]
    found = [[1.0, 0.0] if {"wares", "article"} & set(text.replace(":", "").split()) else [0.0, 1.0] for text in texts]
    data = [{"index": number, "embedding": vector} for number, vector in enumerate(found)]
    return httpx.Response(200, json={"data": data})


async def test_vectors_are_made_behind_the_first_question_and_serve_the_next() -> None:
    contexts = Contexts(LlmClient("http://model", transport=httpx.MockTransport(vectors)))
    schema = wide(80)
    look = contexts.looker("shop", schema, NOTHING, budget=300, pinned=(), texts=Texts("en"))
    assert (await look("which wares")).tables[0] == "t0"
    for _ in range(100):
        await asyncio.sleep(0.01)
        if (view := await look("which wares")).tables[0] in ("article", "invoice_line"):
            break
    assert {"article", "invoice_line"} <= set(view.tables[:2])
    await contexts.close()


async def test_without_an_embedder_words_are_enough() -> None:
    contexts = Contexts(LlmClient("http://model", transport=httpx.MockTransport(lambda _: httpx.Response(500))))
    look = contexts.looker("shop", wide(80), NOTHING, budget=300, pinned=(), texts=Texts("en"))
    for _ in range(3):
        assert "invoice_line" in (await look("invoices")).tables
        await asyncio.sleep(0.01)
    await contexts.close()
