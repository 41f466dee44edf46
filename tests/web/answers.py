"""Events of whole answers, as the chat layer tells them."""

from pilot.chat.events import (
    ChartReady,
    ChartSpec,
    Citation,
    CitationsReady,
    Event,
    ExplanationReady,
    Finished,
    FoundPassage,
    PassagesFound,
    Receipt,
    ReceiptReady,
    RowsReady,
    SchemaChosen,
    SqlChecked,
    SqlDelta,
    SqlProposed,
    SqlRefused,
    SummaryReady,
    TextDelta,
)
from pilot.datasource.base import Rows
from pilot.web.answer import Answer, fold

SQL = "SELECT country, COUNT(*) AS n FROM customers GROUP BY country"
ROWS = Rows(("country", "n"), (("China", 41), (None, 3)), False, 2)


def receipt(sql: str = SQL) -> Receipt:
    return Receipt("How many?", "Sample shop", sql, ("customers",), "scripted", 2, False, 2, 90, 4, 1, 1000, 30.0,
                   "2026-01-02T03:04:05+00:00")  # fmt: skip


def database(rows: Rows = ROWS, *, sql: str = SQL, summary: str = "Two countries.") -> tuple[Event, ...]:
    return (
        SchemaChosen(("customers",), 7), SqlDelta("SELECT "), SqlDelta("x"), SqlProposed("SELECT x"),
        SqlRefused("SELECT x", "there is no column x"), SqlProposed(sql), SqlChecked(sql, ("customers",)),
        RowsReady(rows), ChartReady(ChartSpec("bar", (1,), 0)), ExplanationReady(("Counts customers per country.",)),
        SummaryReady(summary, 0.8), ReceiptReady(receipt(sql)), Finished("m1", "c1"),
    )  # fmt: skip


def passage(text: str, *, document: str = "Handbook.pdf", section: str = "Returns") -> FoundPassage:
    return FoundPassage(1, document, "d1", 4, section, text, 0.9)


def documents(text: str, answer: str, quote: str, **of_passage: str) -> tuple[Event, ...]:
    found = passage(text, **of_passage)
    return (PassagesFound((found,)), TextDelta(answer[:3]), TextDelta(answer[3:]),
            CitationsReady(answer, (Citation(1, found, quote),), True), Finished("m2", "c2"))  # fmt: skip


def whole(events: tuple[Event, ...], question: str = "How many?") -> Answer:
    answer = Answer(question)
    for event in events:
        answer = fold(answer, event)
    return answer
