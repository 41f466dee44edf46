"""From what people called right to what a model learns and is examined in.

Every answer runs once more: what does not, teaches nothing. Prompts are those that serving would send, with approved
answers to similar questions in them; of a question that is learnt, its own answer is left out. A family of questions is
learnt or examined in, never both, and a family that was kept back once stays so in later runs.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pilot.chat.families import family
from pilot.chat.memory import statement
from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, SqlError
from pilot.evaluation import text2sql
from pilot.finetune.examples import Example
from pilot.finetune.masking import Question, places, unseen, without
from pilot.prompts.grounded import Numbered
from pilot.prompts.grounded import render as render_grounded
from pilot.prompts.text_to_sql import render
from pilot.services import Services
from pilot.store import Approved, Turn
from pilot.store.runs import chance

logger = logging.getLogger(__name__)

LIMITS = Limits(seconds=30, rows=1000)
FEWEST_LEARNT, FEWEST_EXAMINED = 4, 3


@dataclass(frozen=True)
class Collected:
    """`left_out` says why, by question."""

    learn: tuple[Question, ...]
    exam: tuple[Question, ...]
    left_out: tuple[tuple[str, str], ...] = ()


async def collect(
    services: Services,
    sources: Sequence[str],
    *,
    files: Sequence[Path] = (),
    exam_share: float = 0.33,
    mask: Sequence[str] = (),
    leave_out: Sequence[str] = (),
) -> Collected:
    """`leave_out` are ids of approved answers. Raises InputInvalid where too little is left to learn or to examine in;
    NotFound, SourceUnreachable.
    """
    found: list[Question] = []
    left_out: list[tuple[str, str]] = []
    given = [question for file in files for question in text2sql.read(file)]
    judged = await asyncio.to_thread(services.store.judged, "database")
    wrong = {each.turn.id: statement(each.turn) for each in judged if each.turn.verdict == "wrong"}
    masking = 0
    for name in sources:
        opened = await services.sources.open(name)
        stored = await asyncio.to_thread(services.store.approved, name)
        approved = [one for one in stored if one.id not in leave_out]
        asked = [*map(_approved, reversed(approved)), *(_given(one) for one in given if one.db_id == name)]
        masking += len(places(mask, opened.schema))
        for question in asked:
            try:
                passed = check(question.sql, schema=opened.schema, max_rows=LIMITS.rows)
                await asyncio.to_thread(opened.datasource.run, passed, LIMITS)
            except SqlError as error:
                left_out.append((question.question, error.message))
                continue
            known = replace(
                question,
                family=f"{name}: {family(question.sql, opened.schema.dialect)}",
                rejected=wrong.get(question.id, ""),
            )
            if kept := without(known, opened, mask) if mask else known:
                found.append(kept)
            else:
                left_out.append((question.question, "it names personal data by a number"))
    if masking < len(set(mask)):
        raise fault(InputInvalid, "own_no_column", columns=", ".join(mask))
    learn, exam = kept_back(found, exam_share)
    if len(learn) < FEWEST_LEARNT or len(exam) < FEWEST_EXAMINED:
        raise fault(
            InputInvalid, "own_too_few", count=len(found), kinds=len({one.family for one in found}), learn=len(learn),
            exam=len(exam), fewest_learn=FEWEST_LEARNT, fewest_exam=FEWEST_EXAMINED,
        )  # fmt: skip
    return Collected(tuple(learn), tuple(exam), tuple(left_out))


def kept_back(found: Sequence[Question], share: float) -> tuple[list[Question], list[Question]]:
    """Those to learn from, and those of about `share` of the families."""
    learn = [one for one in found if chance(one.family) >= share]
    exam = [one for one in found if chance(one.family) < share]
    return learn, exam


async def examples(
    services: Services,
    asked: Sequence[Question],
    learnt: Sequence[Question],
    *,
    learns: bool,
    mask: Sequence[str] = (),
) -> list[Example]:
    """With what is `learnt` approved, but for the question's own answer. `learns`: for a model that reads examples of
    approved answers in its prompt; `mask` as in `collect`.
    """
    made = []
    for question in asked:
        others = [one.approved for one in learnt if one.source == question.source and one.id != question.id]
        task = await services.task(
            question.source, question.question, today=question.asked_on, approved=others, learns=learns
        )
        made.append(
            Example(tuple(render(unseen(task, question, mask))), question.sql, question.rejected, question.family)
        )
    return made


async def of_documents(services: Services, spaces: Sequence[str]) -> list[Example]:
    """Answers about documents that were called right, with the passages that they were given from."""
    judged = await asyncio.to_thread(services.store.judged, "documents")
    right = (each for each in judged if each.turn.verdict == "right" and each.target in spaces)
    return [example for each in right if (example := _grounded(each.turn))]


def _grounded(turn: Turn) -> Example | None:
    events: Iterable[Mapping[str, Any]] = turn.answer.get("events", ())
    shown = [each["passages"] for each in events if each.get("event") == "passages_found"]
    answer = str(turn.answer.get("text", "")).strip()
    if not shown or not answer or not isinstance(shown[-1], list):
        return None
    passages = [
        Numbered(int(one["number"]), str(one["document"]), str(one["text"]))
        for one in shown[-1]
        if "number" in one and "text" in one
    ]
    return Example(tuple(render_grounded(turn.question, passages)), answer, family=turn.question) if passages else None


def _approved(approved: Approved) -> Question:
    return Question(approved.id, approved.source, approved.question, approved.sql, approved.asked_on, "")


def _given(one: text2sql.Question) -> Question:
    """Of a question file; it tells no day."""
    if not one.sql:
        raise InputInvalid(f"the question {one.id!r} has no SQL", remedy="Give each question the SQL that is right.")
    return Question(f"file {one.id}", one.db_id, one.question, one.sql, date.today(), "")
