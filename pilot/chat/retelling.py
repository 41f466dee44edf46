"""The sentences of an answer in another language, made again from what they were made of. No model, no query."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from pilot.chat import times
from pilot.chat.declining import said_no
from pilot.chat.events import Declined, Failed, FollowUpRead, Notice, Reading, Receipt, SqlRefused
from pilot.chat.explain import explain
from pilot.chat.followups import Before
from pilot.chat.followups import read as follow_up
from pilot.chat.readings import apart
from pilot.chat.summary import summarise
from pilot.datasource.base import Rows
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.refusals import retold
from pilot.datasource.values import ValueIndex
from pilot.dates import find
from pilot.errors import SqlError
from pilot.i18n import Texts
from pilot.schema import Schema


@dataclass(frozen=True)
class Retelling:
    """Of the answers from one database. What its schema no longer holds stays as it was told."""

    schema: Schema
    values: ValueIndex | None
    texts: Texts
    max_rows: int

    def explanation(self, sql: str) -> tuple[str, ...]:
        """Empty where the statement would not pass any longer."""
        with suppress(SqlError):
            return tuple(explain(self._checked(sql).tree, self.schema, self.texts, row_limit=self.max_rows))
        return ()

    def summary(self, sql: str, rows: Rows, receipt: Receipt | None) -> str:
        """`rows` may be only the first of those that the receipt counts."""
        count = receipt.rows if receipt else 0
        if receipt and count > len(rows.rows):
            rows = replace(rows, truncated=receipt.truncated)
        with suppress(SqlError):
            return summarise(rows, self._checked(sql).tree, self.texts, schema=self.schema, count=count)
        return ""

    def readings(self, readings: Sequence[Reading]) -> tuple[Reading, ...]:
        with suppress(SqlError, ValueError):
            one, other = (self._checked(each.sql).tree for each in readings)
            told = apart(one, other, self.schema, self.texts), apart(other, one, self.schema, self.texts)
            return tuple(replace(each, meaning=lines) for each, lines in zip(readings, told, strict=True))
        return tuple(readings)

    def follow_up(self, read: FollowUpRead, question: str, before: str, today: date) -> FollowUpRead:
        """`before` is the statement that the follow-up changed."""
        found = follow_up(question, Before(read.question, before), self.schema, self.values, today, self.texts)
        return replace(read, meaning=found.meaning) if found else read

    def declined(self, declined: Declined) -> Declined:
        return replace(declined, text=said_no(declined.missing, self.schema, self.texts))

    def times(self, question: str, today: date) -> Notice | None:
        return times.notice(find(question, today), today, self.texts)

    def _checked(self, sql: str) -> SafeSql:
        return check(sql, schema=self.schema, max_rows=self.max_rows)


def failed(failure: Failed, texts: Texts) -> Failed:
    """An error whose reason is known, in the language of `texts`."""
    if not failure.key:
        return failure
    message, remedy = retold(failure.key, failure.values, texts)
    if failure.remedy and not remedy:
        remedy = texts("chat.failed.remedy") if failure.code.startswith("sql.") else failure.remedy
    return replace(failure, message=message, remedy=remedy)


def refused(refusal: SqlRefused, texts: Texts) -> SqlRefused:
    return replace(refusal, reason=retold(refusal.key, refusal.values, texts)[0]) if refusal.key else refusal
