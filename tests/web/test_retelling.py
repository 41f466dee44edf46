"""A change of the language: what is on show is told again, to the last sentence."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from pilot.chat.declining import said_no
from pilot.chat.events import Declined, Failed, FollowUpRead, Receipt, SqlRefused
from pilot.chat.explain import explain
from pilot.chat.followups import Before, read
from pilot.chat.readings import did_you_mean
from pilot.chat.retelling import Retelling
from pilot.chat.summary import summarise
from pilot.chat.times import notice
from pilot.chat.vote import Trial
from pilot.datasource.base import Limits, Rows
from pilot.datasource.guard import check
from pilot.datasource.refusals import fault, keyed, told
from pilot.datasource.source import SqlSource, connect
from pilot.dates import find
from pilot.errors import SourceUnreachable, SqlRejected
from pilot.i18n import Language, Texts
from pilot.web.answer import Answer, fold, restored
from pilot.web.panels import failed
from pilot.web.retelling import of_conversation, of_errors
from tests.web.answers import receipt

EN, ZH = Texts("en"), Texts("zh")
SQL = "SELECT country, COUNT(*) AS n FROM customers GROUP BY country"
BY_PRICE = "SELECT name FROM products ORDER BY price DESC LIMIT 1"
BY_STOCK = "SELECT name FROM products ORDER BY stock DESC LIMIT 1"
FOLLOW_UP = "only the top 1"
Make = Callable[[Texts], tuple[Answer, ...]]


@pytest.fixture
def shop(tmp_path: Path) -> SqlSource:
    file = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(file)) as made:
        made.execute("CREATE TABLE customers (name TEXT, country TEXT)")
        made.execute("CREATE TABLE products (name TEXT, price REAL, stock INTEGER)")
        made.executemany("INSERT INTO customers VALUES (?, ?)", [("a", "Italy"), ("b", "Italy"), ("c", "China")])
        made.executemany("INSERT INTO products VALUES (?, ?, ?)", [("Tea", 3, 90), ("Pot", 30, 9)])
        made.commit()
    return connect(f"sqlite:///{file}")


@pytest.fixture
def make(shop: SqlSource) -> Make:
    """A conversation as it is told in a language from the start: an answer with two readings and a time, a follow-up,
    and a question that is declined.
    """
    schema = shop.reflect()

    @cache  # milliseconds differ
    def run(sql: str) -> Trial:
        statement = check(sql, schema=schema, max_rows=10)
        return Trial(statement, shop.run(statement, Limits(rows=10)), 0.5)

    def answered(question: str, sql: str, texts: Texts) -> Answer:
        trial = run(sql)
        tree, rows = trial.statement.tree, trial.rows
        return Answer(
            question, sql=sql, rows=rows, explanation=tuple(explain(tree, schema, texts, row_limit=10)),
            summary=summarise(rows, tree, texts, schema=schema), receipt=receipt(sql), finished=True,
        )  # fmt: skip

    def conversation(texts: Texts) -> tuple[Answer, ...]:
        first = answered("best product last quarter", BY_PRICE, texts)
        readings = did_you_mean([(run(BY_PRICE), 0.5), (run(BY_STOCK), 0.5)], schema, texts)
        meant = notice(find(first.question, date(2026, 1, 2)), date(2026, 1, 2), texts)
        assert readings
        assert meant
        first = fold(fold(first, readings), meant)
        counted = answered("customers per country", SQL, texts)
        follow_up = read(FOLLOW_UP, Before(counted.question, SQL), schema, None, date(2026, 1, 2), texts)
        assert follow_up
        second = answered(FOLLOW_UP, follow_up.sql, texts)
        second = fold(second, FollowUpRead(counted.question, follow_up.meaning))
        third = fold(Answer("weather?"), Declined(said_no(("weather",), schema, texts), ("weather",)))
        return first, counted, second, third

    return conversation


@pytest.mark.parametrize(("told_in", "language"), [("en", "zh"), ("zh", "en")])
def test_a_conversation_reads_as_if_it_had_been_told_in_that_language(
    shop: SqlSource, make: Make, told_in: Language, language: Language
) -> None:
    retelling = Retelling(shop.reflect(), None, Texts(language), 10)
    assert of_conversation(make(Texts(told_in)), retelling) == make(Texts(language))


def test_of_a_stored_answer_that_holds_its_first_rows_all_are_counted(shop: SqlSource) -> None:
    retelling = Retelling(shop.reflect(), None, ZH, 10)
    long = Receipt(**vars(receipt("SELECT name FROM products")) | {"rows": 4321})
    answer = Answer("q", sql=long.sql, rows=Rows(("name",), (("Tea",), ("Pot",)), True, 1), summary="4,321 rows.",
                    receipt=long, finished=True)  # fmt: skip
    assert "4,321" in of_conversation([answer], retelling)[0].summary


def test_what_the_schema_no_longer_holds_stays_as_it_was_told(shop: SqlSource) -> None:
    retelling = Retelling(shop.reflect().only(["customers"]), None, ZH, 10)
    answer = Answer("q", sql=BY_PRICE, rows=Rows(("name",), (("Tea",),), False, 1), explanation=("Reads products.",),
                    summary="name: Tea.", finished=True)  # fmt: skip
    assert of_conversation([answer], retelling) == (answer,)


def test_errors_are_told_again_back_and_forth() -> None:
    error = fault(SourceUnreachable, "unreachable", problem="refused")
    english, chinese = failed(error), failed(told(error, ZH))
    assert english.message != chinese.message
    assert of_errors(Answer("q", failure=english), ZH).failure == chinese
    assert of_errors(Answer("q", failure=chinese), EN).failure == english
    refusal = fault(SqlRejected, "unknown_table", name="x", near="y")
    key, values = keyed(refusal)
    shown = of_errors(Answer("q", refused=(SqlRefused("SELECT 1 FROM x", refusal.message, key, values),)), ZH)
    assert shown.refused[0].reason == told(refusal, ZH).message


def test_an_error_without_a_known_reason_stays_and_so_do_errors_of_older_versions() -> None:
    failure = Failed("model.failed", "broke off")
    assert of_errors(Answer("q", failure=failure), ZH).failure == failure
    old = {"events": [{"event": "failed", "code": "sql.failed", "message": "m", "remedy": "", "conversation": "c"}]}
    assert restored("q", old, message="m").failure == Failed("sql.failed", "m", conversation="c")
