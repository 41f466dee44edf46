"""How often the whole path from question to rows gives the right answer: execution accuracy on your own questions.

Each question goes the way that a question in the product goes, through the same services. Its rows are compared with
those of the SQL that you give; without SQL only the statements are written. Single steps of the way can be left out,
to see what each is worth.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlglot.errors import SqlglotError

from pilot import config
from pilot.chat.events import Declined, SqlChecked
from pilot.chat.steps import Steps, bare, names
from pilot.datasource.base import Limits, Rows
from pilot.datasource.catalog import OpenSource
from pilot.datasource.guard import check
from pilot.errors import InputInvalid, ModelUnreachable, NotFound, PilotError, SqlError
from pilot.evaluation.measures import HARDNESS, Hardness, hardness, is_ordered, matches
from pilot.services import Services
from pilot.store import Approved

DESCRIPTION = "Answer questions from databases and measure how often the rows are right."
AT_ONCE = 2  # questions: the model is the bottleneck
MOST_ROWS = 100_000  # so that no result is cut before it is compared
SECONDS = 30.0
LIMITS = Limits(seconds=SECONDS, rows=MOST_ROWS, total_bytes=200_000_000)
FAILURES_SHOWN = 20
MEASURED = replace(Steps(), memory=False)  # else an exam would be answered by the answers that it was made from

Address = Callable[[str], str]


class Question(BaseModel):
    """One line of the file. `sql` is the statement whose rows are right."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    id: str
    db_id: str
    question: str
    sql: str = ""


@dataclass(frozen=True)
class Judged:
    """A question with what came of it. `right` is None where there is nothing to compare with."""

    question: Question
    sql: str
    problem: str = ""
    right: bool | None = None
    hardness: Hardness | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.add_argument("--questions", type=Path, required=True, help='lines {"id", "db_id", "question", "sql"?}')
    parser.add_argument("--databases", type=Path, help="folder of <db_id>.sqlite")
    parser.add_argument("--url", default="", help="or a server: 'mysql+pymysql://user:password@host/{db_id}'; "
                        "with neither, a db_id is the name of a database of the product")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help='lines {"id", "sql"}, in the order of the questions')
    parser.add_argument("--candidates", type=int, help="candidates of one question (default: SQL_CANDIDATES)")
    parser.add_argument("--without", action="append", default=[], choices=names(), help="leave out a step")
    parser.add_argument("--bare", action="store_true", help="the model alone: leave out every step")
    parser.add_argument(
        "--gains", action="store_true", help="measure with all steps, without each, and the model alone"
    )


def run(arguments: argparse.Namespace) -> int:
    questions = read(arguments.questions)
    settings = config.load()
    if arguments.candidates:
        settings = settings.model_copy(update={"sql_candidates": arguments.candidates})
    address = addresses(databases=arguments.databases, url=arguments.url)
    steps = bare() if arguments.bare else replace(MEASURED, **dict.fromkeys(arguments.without, False))
    started = time.monotonic()
    judged = asyncio.run(measured(settings, address, questions, steps, progress=sys.stderr))
    with arguments.out.open("w", encoding="utf-8") as out:
        for each in judged:
            out.write(json.dumps({"id": each.question.id, "sql": each.sql}, ensure_ascii=False) + "\n")
    sys.stdout.write(report(judged, time.monotonic() - started))
    if arguments.gains:
        sys.stdout.write(compared(asyncio.run(gains(settings, address, questions, whole=judged, progress=sys.stderr))))
    return 0


def addresses(*, databases: Path | None = None, url: str = "") -> Address | None:
    """Where a db_id lies; None: it is a database of the product, known by its name."""
    if url:
        return lambda name: url.replace("{db_id}", name)
    return (lambda name: _file(databases, name)) if databases else None


def _file(folder: Path, name: str) -> str:
    """Raises NotFound for a file that is not there, or not within the folder."""
    inside = folder.resolve()
    for file in (inside / f"{name}.sqlite", inside / name / f"{name}.sqlite"):
        if file.is_file() and file.resolve().is_relative_to(inside):
            return str(sa.URL.create("sqlite", database=str(file)))
    raise NotFound(f"there is no {name}.sqlite in {inside}", remedy="Give its folder as --databases.")


async def measured(
    settings: config.Settings,
    address: Address | None,
    questions: Sequence[Question],
    steps: Steps = MEASURED,
    *,
    progress: TextIO,
) -> list[Judged]:
    """The answers to these questions by the whole product, judged; in their order."""
    async with _services(settings, temporary=address is not None) as services:
        return await Evaluation(services, address=address, steps=steps).run(questions, progress=progress)


async def gains(
    settings: config.Settings,
    address: Address | None,
    questions: Sequence[Question],
    *,
    whole: Sequence[Judged] = (),
    progress: TextIO,
) -> dict[str, float]:
    """Execution accuracy in percent: of the "whole" way, "without" each of its steps, and of the "bare" model."""

    async def score(steps: Steps) -> float:
        return accuracy(await measured(settings, address, questions, steps, progress=progress))

    found = {"whole": accuracy(whole) if whole else await score(MEASURED)}
    for name in names():
        if getattr(MEASURED, name):
            found[f"without {name}"] = await score(replace(MEASURED, **{name: False}))
    return found | {"bare": await score(bare())}


def accuracy(judged: Sequence[Judged]) -> float:
    """In percent of those that can be compared."""
    known = [each for each in judged if each.right is not None]
    return 100 * sum(each.right is True for each in known) / len(known) if known else 0.0


def compared(found: Mapping[str, float]) -> str:
    """The table of gains: what each step adds to the way without it."""
    lines = [f"{name:<18}{score:6.1f} %  {found['whole'] - score:+5.1f}" for name, score in found.items()]
    return "\n".join(["", *lines, f"path_gain_points {found['whole'] - found['bare']:.1f}"]) + "\n"


@asynccontextmanager
async def _services(settings: config.Settings, *, temporary: bool) -> AsyncIterator[Services]:
    """Those of the product; of databases from elsewhere nothing stays."""
    with tempfile.TemporaryDirectory() as folder:
        apart: dict[str, object] = {"data_dir": Path(folder), "local_db_host": ""} if temporary else {}
        limits = {"sql_max_rows": MOST_ROWS, "sql_timeout": SECONDS}
        services = Services.open(settings.model_copy(update={**apart, **limits}))
        try:
            yield services
        finally:
            await services.close()


def read(file: Path) -> list[Question]:
    """Raises InputInvalid with the line that is wrong."""
    questions = []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found = json.loads(line)
                found.setdefault("id", str(number))
                questions.append(Question.model_validate(found))
            except (ValueError, AttributeError, ValidationError) as error:
                raise InputInvalid(f'{file.name}, line {number}: not {{"id", "db_id", "question"}}') from error
    return questions


class Evaluation:
    """The product path for many questions; one database is open at a time."""

    def __init__(
        self,
        services: Services,
        *,
        address: Address | None,
        steps: Steps = MEASURED,
        approved: Mapping[str, Sequence[Approved]] | None = None,
    ) -> None:
        """`approved`: the answers that count as approved, by database, instead of those of the store."""
        self._services = services
        self._address = address
        self._steps = steps
        self._approved = approved

    async def run(self, questions: Sequence[Question], *, progress: TextIO) -> list[Judged]:
        """In the order of the questions. Raises NotFound for a database that is not there, ModelUnreachable."""
        names = list(dict.fromkeys(question.db_id for question in questions))
        places = {name: self._address(name) for name in names} if self._address else {}
        judged: dict[int, Judged] = {}
        for name in names:
            mine = [number for number, question in enumerate(questions) if question.db_id == name]
            found = await self._of_one(name, places.get(name), [questions[number] for number in mine])
            judged |= dict(zip(mine, found, strict=True))
            right = sum(each.right is True for each in judged.values())
            progress.write(f"{len(judged)} of {len(questions)} answered, {right} right ({name})\n")
        return [judged[number] for number in range(len(questions))]

    async def _of_one(self, name: str, address: str | None, questions: Sequence[Question]) -> list[Judged]:
        sources = self._services.sources
        if address is not None:
            await sources.add(name, address)
        database = await sources.open(name)
        gate = asyncio.Semaphore(AT_ONCE)

        async def gated(question: Question) -> Judged:
            async with gate:
                return await self._judge(database, question)

        try:
            return await asyncio.gather(*(gated(question) for question in questions))
        finally:
            if address is not None:
                await sources.remove(name)

    async def _judge(self, database: OpenSource, question: Question) -> Judged:
        try:
            sql, problem = await self._ask(question)
        except ModelUnreachable:
            raise
        except PilotError as error:
            sql, problem = "", f"{error.code}: {error.message}"
        if not question.sql:
            return Judged(question, sql, problem)
        return await asyncio.to_thread(_compare, database, question, sql, problem)

    async def _ask(self, question: Question) -> tuple[str, str]:
        """The statement that the product would run, or why there is none."""
        sql, problem = "", "no statement"
        approved = None if self._approved is None else self._approved.get(question.db_id, ())
        answer = self._services.answer_database(question.db_id, question.question, steps=self._steps, approved=approved)
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, SqlChecked):
                    sql, problem = event.sql, ""
                elif isinstance(event, Declined):
                    problem = f"declined: {event.text}"
        return sql, problem


def _compare(database: OpenSource, question: Question, sql: str, problem: str) -> Judged:
    dialect = database.schema.dialect
    try:
        gold = _rows(database, question.sql)
        level, ordered = hardness(question.sql, dialect), is_ordered(question.sql, dialect)
    except (PilotError, SqlglotError) as error:
        return Judged(question, sql, f"the given SQL does not run: {error}")
    if not sql:
        return Judged(question, sql, problem, right=False, hardness=level)
    try:
        right = matches(_rows(database, sql), gold, ordered=ordered)
    except SqlError as error:
        return Judged(question, sql, f"{error.code}: {error.message}", right=False, hardness=level)
    return Judged(question, sql, "" if right else "other rows", right, level)


def _rows(database: OpenSource, sql: str) -> Rows:
    return database.datasource.run(check(sql, schema=database.schema, max_rows=MOST_ROWS), LIMITS)


def report(judged: Sequence[Judged], seconds: float) -> str:
    """The table, then the questions that were answered wrongly."""
    lines = [f"questions {len(judged)}  seconds {seconds:.1f}"]
    compared = [each for each in judged if each.right is not None]
    if compared:
        lines.append(f"execution accuracy {_share(compared)}")
        lines += [f"  {level:<8}{_share([each for each in compared if each.hardness == level])}" for level in HARDNESS
                  if any(each.hardness == level for each in compared)]  # fmt: skip
    unusable = [each for each in judged if each.question.sql and each.right is None]
    lines += [f"not compared: {each.question.id}: {each.problem}" for each in unusable[:FAILURES_SHOWN]]
    wrong = [each for each in compared if not each.right]
    if wrong:
        kinds = Counter(each.problem.partition(":")[0] for each in wrong)
        lines.append("wrong: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    for each in wrong[:FAILURES_SHOWN]:
        lines.append(f"- {each.question.id} ({each.question.db_id}) {each.question.question}")
        lines += [f"    given  {each.question.sql}", f"    ran    {each.sql or '-'}", f"    {each.problem}"]
    if len(wrong) > FAILURES_SHOWN:
        lines.append(f"... and {len(wrong) - FAILURES_SHOWN} more")
    return "\n".join(lines) + "\n"


def _share(judged: Sequence[Judged]) -> str:
    right = sum(each.right is True for each in judged)
    return f"{right / len(judged):.1%} ({right} of {len(judged)})"
