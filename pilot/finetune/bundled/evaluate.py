"""Measure a model on one of the sets that `variants` writes: its best statement, run on the real contents.

The model alone, without the votes and repairs of the product; `pilot.evaluation text2sql` measures those. A question
without SQL has no answer in its database: it is right to decline it.
"""

import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pilot.datasource.base import Datasource, Limits, Rows
from pilot.datasource.guard import check
from pilot.datasource.source import connect
from pilot.datasource.values import ValueIndex
from pilot.errors import PilotError
from pilot.evaluation.measures import HARDNESS, Hardness, hardness, is_ordered, matches
from pilot.model.text_to_sql.model import TextToSqlModel
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Schema

LIMITS = Limits(seconds=10, rows=20_000)
CANDIDATES = 6  # as many as the product asks for, and some that become the same statement


@dataclass(frozen=True)
class Judged:
    """`logprobs` are those of the candidates, best first; `seconds` are those of one core."""

    database: str
    question: str
    gold: str  # empty where the database has no answer
    sql: str  # empty when the model had none, or declined
    right: bool
    valid: bool
    unanswerable: float
    logprobs: tuple[float, ...]
    seconds: float
    hardness: Hardness | None


@dataclass(frozen=True)
class Database:
    source: Datasource
    schema: Schema
    values: ValueIndex

    @classmethod
    def open(cls, file: Path) -> "Database":
        source = connect(f"sqlite:///{file}")
        schema = source.reflect()
        return cls(source, schema, ValueIndex.build(source, schema))

    def rows(self, sql: str) -> Rows:
        """Raises SqlError."""
        return self.source.run(check(sql, schema=self.schema, max_rows=LIMITS.rows), LIMITS)


def evaluate(questions: Path, databases: Path, model: TextToSqlModel) -> Iterator[Judged]:
    """Every line of the file; `databases` holds <db_id>.sqlite."""
    opened: dict[str, Database] = {}
    for line in questions.read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        name = one["db_id"]
        if name not in opened:
            opened[name] = Database.open(databases / f"{name}.sqlite")
        yield _judged(name, opened[name], model, one["question"], one.get("sql", ""))


def report(judged: Sequence[Judged]) -> str:
    """Shares of right answers, in all and by hardness; what was declined; how long a question takes."""
    answerable = [one for one in judged if one.gold]
    levels = {level: [one.right for one in answerable if one.hardness == level] for level in HARDNESS}
    lines = [f"all    {_share([one.right for one in answerable])}"]
    lines += [f"{level:6} {_share(right)}" for level, right in levels.items()]
    lines.append(f"valid SQL               {_share([one.valid for one in judged if one.sql])}")
    lines.append(f"answerable, declined    {_share([not one.sql for one in answerable])}")
    lines.append(f"unanswerable, declined  {_share([not one.sql for one in judged if not one.gold])}")
    if len(judged) > 1:
        p95 = statistics.quantiles([one.seconds for one in judged], n=20)[-1]
        median = statistics.median(one.seconds for one in judged)
        lines.append(f"seconds of one core: median {median:.3f}, 95 of 100 below {p95:.3f}")
    return "\n".join(lines)


def _judged(name: str, database: Database, model: TextToSqlModel, question: str, gold: str) -> Judged:
    task = TextToSql(question, database.schema, tuple(database.values.hits(question)))
    began = time.process_time()
    answer = model.answer(task, count=CANDIDATES, stop=threading.Event())
    seconds = time.process_time() - began
    sql = answer.candidates[0].sql if answer.candidates else ""
    valid, right = compared(database, sql, gold) if sql else (False, not gold)
    return Judged(
        name, question, gold, sql, right, valid, answer.unanswerable,
        tuple(one.logprob for one in answer.candidates), seconds, hardness(gold, "sqlite") if gold else None,
    )  # fmt: skip


def compared(database: Database, sql: str, gold: str) -> tuple[bool, bool]:
    """Does this statement run, and give the rows of the right one?"""
    try:
        found = database.rows(sql)
    except PilotError:
        return False, False
    try:
        return True, bool(gold) and matches(found, database.rows(gold), ordered=is_ordered(gold, "sqlite"))
    except PilotError:
        return True, False  # the right one is refused: nothing to compare with


def _share(those: Sequence[bool]) -> str:
    return f"{sum(those):4} of {len(those):4}  {100 * sum(those) / max(1, len(those)):5.1f} %"
