"""An answer in another language: the sentences that came with its events are made again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from pilot.chat.retelling import Retelling, failed, refused
from pilot.i18n import Texts
from pilot.web.answer import Answer

TIMES = "ask.notice.times"


def of_conversation(answers: Sequence[Answer], retelling: Retelling) -> tuple[Answer, ...]:
    """All about one database, oldest first."""
    told: list[Answer] = []
    before = ""
    for answer in answers:
        told.append(of_database(answer, retelling, before=before))
        before = answer.sql or before
    return tuple(told)


def of_errors(answer: Answer, t: Texts) -> Answer:
    """What needs no database."""
    failure = failed(answer.failure, t) if answer.failure else None
    return replace(answer, failure=failure, refused=tuple(refused(each, t) for each in answer.refused))


def of_database(answer: Answer, retelling: Retelling, *, before: str) -> Answer:
    """`before` is the statement of the answer that this one may follow up."""
    answer = of_errors(answer, retelling.texts)
    if answer.declined:
        answer = replace(answer, declined=retelling.declined(answer.declined))
    if answer.follow_up and before:
        read = retelling.follow_up(answer.follow_up, answer.question, before, _asked_on(answer))
        answer = replace(answer, follow_up=read)
    if answer.readings:
        answer = replace(answer, readings=retelling.readings(answer.readings))
    if any(note.key == TIMES for note in answer.notices) and (
        meant := retelling.times(answer.question, _asked_on(answer))
    ):
        answer = replace(answer, notices=tuple(meant if note.key == TIMES else note for note in answer.notices))
    if not answer.sql or answer.rows is None:
        return answer
    explanation = retelling.explanation(answer.sql) if answer.explanation else ()
    summary = retelling.summary(answer.sql, answer.rows, answer.receipt) if answer.summary else ""
    return replace(answer, explanation=explanation or answer.explanation, summary=summary or answer.summary)


def _asked_on(answer: Answer) -> date:
    """The day from which the question counts; of an answer without a receipt, today."""
    return datetime.fromisoformat(answer.receipt.asked_at).date() if answer.receipt else date.today()
