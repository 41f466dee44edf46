"""Questions that people ask of a shop, a translation agency and a zoo: not the SQL counts, its rows do.

A question is a line of everyday/<set>.jsonl with SQL whose rows are right; `"holds": false` marks what the model
cannot do yet. The rows may hold more columns than were asked for.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from pilot.datasource.base import Datasource, Limits, Rows
from pilot.datasource.guard import check
from pilot.datasource.source import connect
from pilot.datasource.values import ValueIndex
from pilot.evaluation.measures import is_ordered, matches
from pilot.model.text_to_sql.adapter import TextToSqlAdapter
from pilot.prompts.text_to_sql import TextToSql, declined, render
from pilot.protocol import ChatRequest
from pilot.sample import shop
from pilot.schema import Schema
from tests.model.asking import text_of

FOLDER = Path(__file__).with_name("everyday")
TODAY = date(2026, 11, 21)
SETS = {  # questions, and the database they ask
    "shop": "shop", "agency": "agency", "zoo": "zoo", "vineyard": "vineyard", "insurance": "insurance",
    "chinese": "shop",
}  # fmt: skip
LIMITS = Limits(seconds=10, rows=5_000)


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def cases(*, hold: bool) -> list[Any]:
    asked = [(database, case) for name, database in SETS.items() for case in lines(name)]
    return [
        pytest.param(name, case["question"], case["sql"], id=case["question"])
        for name, case in asked
        if case.get("holds", True) == hold
    ]


class Sources:
    """Each database made once, with what the product knows of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.open = cache(self._open)

    def _open(self, name: str) -> tuple[Datasource, Schema, ValueIndex]:
        file = self._folder / f"{name}.sqlite"
        if name == "shop":
            shop.make(file, today=TODAY)
        else:
            connection = sqlite3.connect(file)
            connection.executescript((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
            connection.close()
        source = connect(f"sqlite:///{file}")
        schema = source.reflect()
        return source, schema, ValueIndex.build(source, schema)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    found = Sources(tmp_path_factory.mktemp("everyday"))
    yield found
    for name in set(SETS.values()):
        found.open(name)[0].close()


def reply(bundled: TextToSqlAdapter, sources: Sources, name: str, question: str) -> str:
    _, schema, values = sources.open(name)
    task = TextToSql(question, schema, tuple(values.hits(question)), today=TODAY.isoformat())
    return text_of(bundled.stream(ChatRequest(messages=render(task)), threading.Event()))


def run(sources: Sources, name: str, sql: str) -> Rows:
    source, schema, _ = sources.open(name)
    return source.run(check(sql, schema=schema, max_rows=LIMITS.rows), LIMITS)


def right(found: Rows, wanted: Rows, *, ordered: bool) -> bool:
    """Some of the columns that were found are those that were wanted."""
    for chosen in permutations(range(len(found.columns)), len(wanted.columns)):
        columns = tuple(found.columns[index] for index in chosen)
        rows = tuple(tuple(row[index] for index in chosen) for row in found.rows)
        if matches(replace(found, columns=columns, rows=rows), wanted, ordered=ordered):
            return True
    return False


@pytest.mark.parametrize(("name", "question", "sql"), cases(hold=True))
def test_an_everyday_question_is_answered(
    bundled: TextToSqlAdapter, sources: Sources, name: str, question: str, sql: str
) -> None:
    found = run(sources, name, reply(bundled, sources, name, question))
    assert right(found, run(sources, name, sql), ordered=is_ordered(sql, "sqlite"))


def test_most_everyday_questions_are_answered() -> None:
    assert len(cases(hold=True)) >= 0.85 * (len(cases(hold=True)) + len(cases(hold=False)))


@pytest.mark.parametrize("case", lines("unanswerable"), ids=lambda case: case["question"])
def test_what_a_database_does_not_answer_is_declined_or_gets_sql_that_runs(
    bundled: TextToSqlAdapter, sources: Sources, case: dict[str, str]
) -> None:
    said = reply(bundled, sources, case["db_id"], case["question"])
    if declined(said) is None:
        run(sources, case["db_id"], said)
