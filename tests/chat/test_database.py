"""Asking a database: from the model's bytes to the receipt, on a real SQLite file."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import TypeVar

import httpx
import pytest

from pilot import errors
from pilot.chat import candidates as rounds
from pilot.chat.database import DatabaseChat
from pilot.chat.events import (
    ChartReady,
    Declined,
    DidYouMean,
    Event,
    ExplanationReady,
    Finished,
    Notice,
    ReceiptReady,
    Repairing,
    RowsReady,
    SchemaChosen,
    SqlChecked,
    SqlDelta,
    SqlProposed,
    SqlRefused,
    SummaryReady,
)
from pilot.datasource.base import Datasource, Limits, Rows
from pilot.datasource.guard import SafeSql
from pilot.datasource.risks import Risk
from pilot.datasource.values import ValueIndex
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import declining
from pilot.protocol import Delta, Done, chunk, event
from pilot.schema import Schema
from pilot.store import Turn
from tests.chat.served import Served, said, turn

COUNT = "SELECT COUNT(*) FROM customers"
WRONG = "SELECT COUNT(*) FROM custmers"
Ask = Callable[..., DatabaseChat]
T = TypeVar("T")


@pytest.fixture
def ask(shop: Datasource, schema: Schema, values: ValueIndex) -> Ask:
    def make(
        served: Served, *, candidates: int = 1, source: Datasource | None = None, rows: int = 100, learns: bool = True
    ) -> DatabaseChat:
        limits = Limits(seconds=5, rows=rows)
        return DatabaseChat(served.client(), "shop", source or shop, schema, values, limits=limits,
                            candidates=candidates, model="m", texts=Texts("en"), learns=learns)  # fmt: skip

    return make


async def told(
    chat: DatabaseChat, question: str = "How many are there?", history: tuple[Turn, ...] = ()
) -> list[Event]:
    async with aclosing(chat.answer(question, history)) as events:
        return [event async for event in events]


def one(events: list[Event], kind: type[T]) -> T:
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def all_of(events: list[Event], kind: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


class Recorder(Datasource):
    """The real source, with a note of every statement that reached it."""

    def __init__(self, source: Datasource) -> None:
        self.dialect = source.dialect
        self.ran: list[tuple[str, float]] = []
        self._source = source

    def reflect(self, known: Schema | None = None) -> Schema:
        return self._source.reflect(known)

    def run(self, statement: SafeSql, limits: Limits) -> Rows:
        self.ran.append((statement.text, limits.seconds))
        return self._source.run(statement, limits)

    def warnings(self) -> list[Risk]:
        return []

    def close(self) -> None:
        pass


async def test_a_question_is_answered_with_everything_that_shows_how(ask: Ask) -> None:
    events = await told(ask(Served([said(COUNT)])))
    kinds = list(dict.fromkeys(type(event) for event in events))
    assert kinds == [
        SchemaChosen, SqlDelta, SqlProposed, SqlChecked, RowsReady, ChartReady, ExplanationReady, SummaryReady,
        ReceiptReady, Finished,
    ]  # fmt: skip
    assert "".join(event.text for event in all_of(events, SqlDelta)) == COUNT
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert one(events, SummaryReady) == SummaryReady("There are 4 customers.", 1.0)
    receipt = one(events, ReceiptReady).receipt
    assert (receipt.tables, receipt.rows, receipt.candidates, receipt.repairs) == (("customers",), 1, 1, 0)


async def test_the_model_is_told_the_schema_the_values_the_history_and_the_day(ask: Ask) -> None:
    served = Served([said(COUNT)])
    earlier = turn("Which customers are there?", {"event": "sql_checked", "sql": "SELECT name FROM customers"})
    await told(ask(served), "and how many in munchen?", (earlier,))
    messages = served.asked[0]["messages"]
    assert "CREATE TABLE customers" in messages[-1]["content"]
    assert "is customers.city = 'München'" in messages[-1]["content"]
    assert "-- today is " in messages[-1]["content"]
    assert {"role": "assistant", "content": "SELECT name FROM customers"} in messages


@pytest.mark.parametrize(
    "question", ["", "  \n", "???", "x" * 4_001, "x" * 100_000, "how\x00many", "a\x1b[31m", "\ud800"]
)
async def test_what_is_no_question_is_refused_before_anything_else(ask: Ask, question: str) -> None:
    served = Served([said(COUNT)])
    with pytest.raises(errors.InputInvalid) as refused:
        await told(ask(served), question)
    assert refused.value.message.endswith((".", "asked."))
    assert not served.asked


async def test_candidates_vote_by_result_and_the_share_is_the_confidence(ask: Ask) -> None:
    replies = said("SELECT 7", COUNT, "SELECT COUNT(id) FROM customers", "SELECT COUNT(name) FROM customers")
    events = await told(ask(Served([replies]), candidates=4))
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert one(events, SqlChecked).sql == COUNT
    assert one(events, SummaryReady).confidence == 0.75
    assert one(events, ReceiptReady).receipt.candidates == 4


async def test_a_beam_counts_by_its_probabilities(ask: Ask) -> None:
    replies = said(COUNT, "SELECT 7", "SELECT 8", logprobs=(-0.1, -2.4, -4.7))
    events = await told(ask(Served([replies]), candidates=3))
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert 0.85 < one(events, SummaryReady).confidence < 0.95


async def test_a_candidate_that_the_guard_refuses_is_shown_and_the_next_one_answers(ask: Ask, shop: Datasource) -> None:
    recorder = Recorder(shop)
    events = await told(ask(Served([said("DELETE FROM customers", COUNT)]), candidates=2, source=recorder))
    assert one(events, SqlRefused).sql == "DELETE FROM customers"
    assert one(events, SummaryReady).confidence == 0.5
    assert [text for text, _ in recorder.ran] == [COUNT + " LIMIT 101"]


async def test_a_wrong_name_is_repaired_with_the_near_name(ask: Ask) -> None:
    served = Served([said(WRONG), said(COUNT)])
    events = await told(ask(served))
    assert "did you mean customers" in one(events, SqlRefused).reason
    assert one(events, Repairing).attempt == 1
    assert "did you mean customers" in served.asked[1]["messages"][-1]["content"]
    assert served.asked[1]["messages"][-2] == {"role": "assistant", "content": WRONG}
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert one(events, SummaryReady).confidence == 0.7


async def test_what_the_database_refuses_is_repaired_with_its_own_words(ask: Ask) -> None:
    ambiguous = "SELECT id FROM customers JOIN orders ON orders.customer_id = customers.id"
    served = Served([said(ambiguous), said(COUNT)])
    events = await told(ask(served))
    assert "ambiguous column name: id" in one(events, SqlRefused).reason
    assert "ambiguous column name: id" in served.asked[1]["messages"][-1]["content"]


async def test_there_are_at_most_two_repairs(ask: Ask) -> None:
    served = Served([said("SELECT a FROM x"), said("SELECT b FROM y"), said("SELECT c FROM z"), said(COUNT)])
    with pytest.raises(errors.SqlRejected, match=r"No statement for this question could run: there is no table 'x'"):
        await told(ask(served))
    assert len(served.asked) == 3


async def test_a_model_that_insists_is_not_asked_again_and_again(ask: Ask) -> None:
    served = Served([said(WRONG)])
    with pytest.raises(errors.SqlRejected):
        await told(ask(served))
    assert len(served.asked) == 2


async def test_a_value_that_no_row_has_is_looked_up_and_repaired(ask: Ask) -> None:
    served = Served([said("SELECT name FROM customers WHERE city = 'Muenchen'"),
                     said("SELECT name FROM customers WHERE city = 'München'")])  # fmt: skip
    events = await told(ask(served))
    assert "no row has 'Muenchen' in city; the nearest is 'München'" in one(events, Repairing).problem
    assert one(events, RowsReady).rows.rows == (("Anna Schmidt",),)


async def test_a_count_of_zero_by_a_value_of_another_column_is_repaired(ask: Ask) -> None:
    served = Served([said("SELECT COUNT(*) FROM customers WHERE name = 'paid'"),
                     said("SELECT COUNT(*) FROM orders WHERE status = 'paid'")])  # fmt: skip
    events = await told(ask(served))
    assert one(events, Repairing).problem == "no row has 'paid' in name; orders.status has it"
    assert one(events, RowsReady).rows.rows == ((3,),)


async def test_a_candidate_that_looks_for_what_is_not_there_loses_its_vote(ask: Ask) -> None:
    nowhere = "SELECT COUNT(*) FROM customers WHERE city = 'Atlantis'"
    replies = said(nowhere, nowhere.replace("Atlantis", "Paris"), logprobs=(-0.5, -1.2))
    events = await told(ask(Served([replies]), candidates=2))
    assert one(events, RowsReady).rows.rows == ((1,),)
    assert one(events, SummaryReady).confidence < 0.5


async def test_nothing_found_is_an_answer_when_its_values_are_real(ask: Ask) -> None:
    served = Served([said("SELECT name FROM customers WHERE city = 'Paris' AND country = 'China'")])
    events = await told(ask(served))
    assert len(served.asked) == 1
    assert one(events, SummaryReady).text == (
        "Nothing was found in customers where city is “Paris” and country is “China”."
    )


async def test_nothing_found_after_all_is_shown_with_less_confidence(ask: Ask) -> None:
    events = await told(ask(Served([said("SELECT name FROM customers WHERE city = 'Atlantis'")])))
    assert one(events, RowsReady).rows.rows == ()
    assert one(events, SummaryReady).confidence == 0.7


async def test_a_model_that_declines_is_heard(ask: Ask) -> None:
    served = Served([said(declining("horsepower"), declining("horsepower"))])
    events = await told(ask(served, candidates=2), "How many customers are there?")
    declined = one(events, Declined)
    assert declined.missing == ("horsepower",)
    assert "“horsepower”" in declined.text
    assert "customers" in declined.text
    assert events[-1] == Finished()
    assert len(served.asked) == 1


async def test_a_reply_without_sql_is_an_answer_that_says_so(ask: Ask) -> None:
    events = await told(ask(Served([said("I am not sure what you mean.")])), "How many customers are there?")
    assert one(events, Declined).reply == "I am not sure what you mean."


async def test_one_candidate_with_sql_is_enough(ask: Ask) -> None:
    events = await told(ask(Served([said("I do not know.", COUNT)]), candidates=2))
    assert one(events, RowsReady).rows.rows == ((4,),)


async def test_an_empty_reply_is_an_error(ask: Ask) -> None:
    with pytest.raises(errors.ModelFailed, match="without SQL"):
        await told(ask(Served([said(" ")])))


async def test_what_the_schema_has_nothing_for_is_declined_without_the_model(ask: Ask) -> None:
    served = Served([said(COUNT)])
    events = await told(ask(served), "What is the weather in Berlin?")
    assert one(events, Declined).missing == ("weather",)
    assert served.asked == []


async def test_a_share_of_an_average_is_not_made_up_by_a_model_that_sees_no_history(ask: Ask) -> None:
    averages = "SELECT category, AVG(price) FROM products GROUP BY category"
    earlier = turn("What is the average price per category?", {"event": "sql_checked", "sql": averages})
    served = Served([said(COUNT)])
    events = await told(ask(served, learns=False), "as a percentage", (earlier,))
    assert "averages" in one(events, Declined).text
    assert events[-1] == Finished()
    assert served.asked == []


async def test_a_word_that_is_left_out_is_said_and_lowers_the_confidence(ask: Ask) -> None:
    events = await told(ask(Served([said("SELECT name FROM customers")])), "Which customers have children?")
    assert one(events, Notice) == Notice("ask.notice.left_out", {"words": "“children”"})
    assert one(events, SummaryReady).confidence == 0.35


async def test_an_answer_that_shows_something_else_than_was_asked_for_is_doubted(ask: Ask) -> None:
    asked = "What is the average price of the products?"
    other = await told(
        ask(Served([said("SELECT AVG(stock) FROM products WHERE id > 0")])), "What is the average price?"
    )
    assert one(other, Notice).values == {"words": "“price”"}
    assert one(other, SummaryReady).confidence == 0.35
    right = await told(ask(Served([said("SELECT AVG(price) FROM products")])), asked)
    assert all_of(right, Notice) == []


async def test_two_readings_that_are_about_as_likely_are_both_shown(ask: Ask) -> None:
    by_price = "SELECT name FROM products ORDER BY price DESC LIMIT 1"
    by_stock = "SELECT name FROM products ORDER BY stock DESC LIMIT 1"
    events = await told(ask(Served([said(by_price, by_stock, logprobs=(-0.7, -0.9))]), candidates=2))
    first, second = one(events, DidYouMean).readings
    assert (first.sql, second.sql) == (by_price, by_stock)
    assert first.meaning == ("Sorts by price (largest first).",)
    assert second.rows == (("Green Tea",),)
    assert one(events, RowsReady).rows.rows == (("Teapot",),)


@pytest.mark.parametrize(
    "other",
    ["SELECT name, price FROM products ORDER BY price DESC LIMIT 1",  # the same, and more of it
     "SELECT name FROM products WHERE stock > 1000",  # nothing
     "SELECT name FROM products WHERE category = 'Tee' OR stock > 10"],  # a value that is not there
)  # fmt: skip
async def test_what_is_no_other_reading_is_not_asked_about(ask: Ask, other: str) -> None:
    replies = said("SELECT name FROM products ORDER BY price DESC LIMIT 1", other, logprobs=(-0.7, -0.9))
    assert not all_of(await told(ask(Served([replies]), candidates=2)), DidYouMean)


@pytest.mark.parametrize(
    "reply",
    ["SELECT 1; DROP TABLE customers", "SELECT load_extension('x')", "SELECT TOP 5 name FROM customers",
     "SELECT * FROM sqlite_master", "SELECT name FROM customers FOR UPDATE", "PRAGMA writable_schema = 1"],
)  # fmt: skip
async def test_nothing_reaches_the_database_that_the_guard_refuses(ask: Ask, shop: Datasource, reply: str) -> None:
    recorder = Recorder(shop)
    with pytest.raises(errors.SqlRejected):
        await told(ask(Served([said(reply)]), source=recorder))
    assert recorder.ran == []


async def test_prose_around_the_statement_does_no_harm(ask: Ask) -> None:
    reply = f"Sure! Here it is:\n\n```sql\n{COUNT};\n```\n\nIt counts all customers."
    assert one(await told(ask(Served([said(reply)]))), RowsReady).rows.rows == ((4,),)


async def test_a_cut_result_says_so(ask: Ask) -> None:
    events = await told(ask(Served([said("SELECT id FROM orders")]), rows=2))
    assert one(events, RowsReady).rows.truncated
    assert one(events, SummaryReady).text.startswith("There are more than 2 rows")


async def test_a_stream_that_breaks_off_is_an_error_and_no_answer(ask: Ask) -> None:
    cut = [event(chunk("c", "m", Delta("SELECT COUNT(*) FROM"))), event("[DONE]")]
    with pytest.raises(errors.ModelFailed):
        await told(ask(Served([cut])))


async def test_garbage_from_the_server_is_an_error(ask: Ask) -> None:
    with pytest.raises(errors.ModelFailed):
        await told(ask(Served([[b"data: {not json\n\n"]])))


async def test_a_server_that_knows_no_candidates_answers_with_one(ask: Ask) -> None:
    single = [event(chunk("c", "m", Delta(COUNT))), event(chunk("c", "m", Done("stop"))), event("[DONE]")]
    events = await told(ask(Served([single]), candidates=4))
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert one(events, ReceiptReady).receipt.candidates == 1


async def test_closing_the_answer_closes_the_models_stream_at_once(ask: Ask) -> None:
    served = Served([said("SELECT name, city, country FROM customers ORDER BY name", pieces=40)])
    answer = ask(served).answer("names?")
    async for each in answer:
        if isinstance(each, SqlDelta):
            break
    await answer.aclose()
    assert served.closed
    assert served.sent < 10


async def test_cancelling_the_answer_closes_the_models_stream(ask: Ask, shop: Datasource) -> None:
    hanging, released = threading.Event(), threading.Event()
    served = Served([said(COUNT)])

    class Slow(Recorder):
        def run(self, statement: SafeSql, limits: Limits) -> Rows:
            hanging.set()
            released.wait(60)
            return super().run(statement, limits)

    task = asyncio.create_task(told(ask(served, source=Slow(shop))))
    await asyncio.to_thread(hanging.wait, 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert served.closed
    assert not released.is_set()  # the query still ran: nobody waited for it
    released.set()


async def test_when_all_candidates_are_slow_the_best_gets_the_whole_time(
    ask: Ask, shop: Datasource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "TRIAL_SECONDS", 0.2)

    class Slow(Recorder):
        def run(self, statement: SafeSql, limits: Limits) -> Rows:
            rows = super().run(statement, limits)
            if limits.seconds < 1:
                raise errors.SqlTimeout("too slow")
            return rows

    recorder = Slow(shop)
    replies = said(COUNT, "SELECT COUNT(id) FROM customers")
    events = await told(ask(Served([replies]), candidates=2, source=recorder))
    assert one(events, RowsReady).rows.rows == ((4,),)
    assert recorder.ran[-1] == (COUNT + " LIMIT 101", 5)


async def test_a_source_that_is_gone_is_said_and_not_repaired(ask: Ask, shop: Datasource) -> None:
    class Gone(Recorder):
        def run(self, statement: SafeSql, limits: Limits) -> Rows:
            raise errors.SourceUnreachable("the database does not answer")

    served = Served([said(COUNT)])
    with pytest.raises(errors.SourceUnreachable):
        await told(ask(served, source=Gone(shop)))
    assert len(served.asked) == 1


async def test_a_server_that_is_down_is_said(shop: Datasource, schema: Schema) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    served = Served()
    served.handle_async_request = httpx.MockTransport(refuse).handle_async_request  # type: ignore[method-assign]
    chat = DatabaseChat(served.client(), "shop", shop, schema, None, limits=Limits(), candidates=1, model="",
                        texts=Texts("zh"))  # fmt: skip
    with pytest.raises(errors.ModelUnreachable):
        await told(chat)
