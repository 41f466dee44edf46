"""Answers that people called right: a question that was asked before is answered with the SQL that was approved.

With other values in it, the same question takes the same SQL with those values in its place, as far as it is plain
which literal stands for which value; where it is not, the approved answer only serves as an example to the model.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rapidfuzz import fuzz
from sqlglot import exp

from pilot.chat.events import Verified
from pilot.chat.slots import Masked, Slot, mask, mentioned
from pilot.chat.statements import compared, counted, literals, parsed, table_of
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.values import ValueIndex, folded
from pilot.dates import Period
from pilot.errors import SqlError
from pilot.prompts.text_to_sql import Example
from pilot.schema import Schema, ValueHit
from pilot.store import Approved

LOOKED_AT = 8  # approved questions, those with the most words in common: to mask one costs milliseconds
ALIKE = 45  # of 100: fewer words in common make no example
EXAMPLES = 3

# The ways in which SQL writes a time; what is written one way for one time is written the same way for another.
WRITTEN: Mapping[str, Callable[[Period], str]] = {
    "start": lambda days: days.start.isoformat(),
    "end": lambda days: days.end.isoformat(),
    "last": lambda days: days.last.isoformat(),
    "first moment": lambda days: f"{days.start.isoformat()} 00:00:00",
    "last moment": lambda days: f"{days.last.isoformat()} 23:59:59",
    "end moment": lambda days: f"{days.end.isoformat()} 00:00:00",
    "year": lambda days: f"{days.start:%Y}",
    "month": lambda days: f"{days.start:%Y-%m}",
    "year pattern": lambda days: f"{days.start:%Y}%",
    "month pattern": lambda days: f"{days.start:%Y-%m}%",
}
BOUNDS = ("start", "end", "last", "first moment", "last moment", "end moment")  # that say when any period is
OF_YEAR, OF_MONTH = ("year", "year pattern"), ("month", "month pattern")
NOW = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentDatetime)


@dataclass(frozen=True)
class Recalled:
    """An approved answer to this very question. `changed` holds its old values with the new ones."""

    approved: Approved
    statement: SafeSql
    changed: tuple[tuple[str, str], ...] = ()

    @property
    def event(self) -> Verified:
        approved_on = self.approved.created_at.date().isoformat()
        return Verified(self.approved.question, approved_on, self.approved.id, self.changed)


def fingerprint(schema: Schema, tables: Sequence[str]) -> str:
    """Changes when a table that is read does, or what a metric means; words about them change no statement."""
    shapes = [
        [table.name, sorted([column.name, column.type] for column in table.columns)]
        for table in schema.only(tables).tables
    ]
    metrics = [[metric.name, metric.sql, metric.where] for metric in schema.metrics]
    return hashlib.sha256(json.dumps([shapes, metrics], ensure_ascii=False).encode()).hexdigest()[:16]


class Memory:
    """The approved answers of one source, newest first."""

    def __init__(
        self, approved: Sequence[Approved], schema: Schema, values: ValueIndex | None, *, max_rows: int
    ) -> None:
        self._approved = approved
        self._schema = schema
        self._values = values
        self._max_rows = max_rows

    @property
    def questions(self) -> list[str]:
        return [approved.question for approved in self._approved]

    def recall(self, question: str, today: date) -> Recalled | None:
        """The answer to this question, if one was approved and the tables are still what they were."""
        asked = self._mask(question, today)
        for approved in self._nearest(question):
            known = self._mask(approved.question, approved.asked_on)
            if known.words == asked.words and (found := self._filled(approved, known, asked)):
                return found
        return None

    def examples(self, question: str) -> tuple[Example, ...]:
        """Approved answers to questions like this one, the most alike last: nearest to the question."""
        found = [
            Example(approved.question, approved.sql)
            for approved in self._nearest(question)
            if self._checked(approved.sql) is not None
        ]
        return tuple(reversed(found[:EXAMPLES]))

    def _nearest(self, question: str) -> list[Approved]:
        plain = folded(question)
        alike = [(_alike(plain, folded(approved.question)), approved) for approved in self._approved]
        near = sorted((pair for pair in alike if pair[0] >= ALIKE), key=lambda pair: -pair[0])
        return [approved for _, approved in near[:LOOKED_AT]]

    def _mask(self, question: str, today: date) -> Masked:
        return mask(question, mentioned(question, self._values), today)

    def _filled(self, approved: Approved, known: Masked, asked: Masked) -> Recalled | None:
        tree = parsed(approved.sql, self._schema.dialect)
        if not _fill(tree, known.slots, asked.slots, self._schema):
            return None
        statement = self._checked(str(tree.sql(self._schema.dialect)))
        if statement is None or fingerprint(self._schema, statement.tables) != approved.fingerprint:
            return None
        pairs = zip(known.slots, asked.slots, strict=True)
        return Recalled(approved, statement, tuple((old.text, new.text) for old, new in pairs if _differ(old, new)))

    def _checked(self, sql: str) -> SafeSql | None:
        try:
            return check(sql, schema=self._schema, max_rows=self._max_rows)
        except SqlError:
            return None


def _alike(one: str, other: str) -> float:
    """Words in common; of Chinese, which has no blanks, characters."""
    return max(fuzz.token_set_ratio(one, other), fuzz.ratio(one, other))


def _differ(old: Slot, new: Slot) -> bool:
    return old.meaning != new.meaning


def _fill(tree: exp.Expr, old: Sequence[Slot], new: Sequence[Slot], schema: Schema) -> bool:
    """Put new values in the place of the old ones; False where it is not plain which literal that is."""
    bound = [_bound(tree, slot, schema) for slot in old]
    claims = [literal for found in bound for literal, _ in found]
    for slot, other, found in zip(old, new, bound, strict=True):
        if not _differ(slot, other):
            continue
        if slot.kind != other.kind or not found:
            if slot.kind == "time" and folded(slot.text) == folded(other.text) and _counts_from_now(tree):
                continue
            return False
        if slot.period and other.period and slot.period.is_day != other.period.is_day:
            return False  # a day may stand there as a bound, or as what a column equals
        if any(sum(literal is claim for claim in claims) > 1 for literal, _ in found):
            return False
        if not all(_put(literal, way, other, schema) for literal, way in found):
            return False
    return True


def _counts_from_now(tree: exp.Expr) -> bool:
    return tree.find(*NOW) is not None or any(literal.name.lower() == "now" for literal in literals(tree))


def _bound(tree: exp.Expr, slot: Slot, schema: Schema) -> list[tuple[exp.Literal, str]]:
    """The literals that say what this slot says, and in which way."""
    match slot.kind:
        case "value":
            return [(literal, "value") for literal in literals(tree) if _is_value(literal, slot, schema)]
        case "number":
            numbers = [
                literal
                for literal in literals(tree)
                if not literal.is_string and counted(literal) and float(literal.name) == float(slot.number)
            ]
            return [(literal, "number") for literal in numbers] if len(numbers) == 1 else []
    return list(_bound_times(tree, slot))


def _is_value(literal: exp.Literal, slot: Slot, schema: Schema) -> bool:
    return literal.is_string and any(hit.value == literal.name for hit in _in_column(literal, slot, schema))


def _in_column(literal: exp.Literal, slot: Slot, schema: Schema) -> Iterator[ValueHit]:
    """The slot's hits in the column that the literal is compared with."""
    column = compared(literal)
    if column is not None:
        table = table_of(column, schema).lower()
        yield from (
            hit for hit in slot.hits if hit.column.lower() == column.name.lower() and table in ("", hit.table.lower())
        )


def _bound_times(tree: exp.Expr, slot: Slot) -> Iterator[tuple[exp.Literal, str]]:
    if slot.period is None:
        return
    for literal in literals(tree):
        ways = [
            way for way, write in WRITTEN.items() if _suits(way, slot.period) and write(slot.period) == literal.name
        ]
        if ways and (literal.is_string or counted(literal)):
            yield literal, ways[0]


def _suits(way: str, days: Period) -> bool:
    """A year can be written as 2024, a month as 2024-03; anything by its bounds."""
    return way in BOUNDS or (way in OF_YEAR and _shape(days) == "year") or (way in OF_MONTH and _shape(days) == "month")


def _shape(days: Period) -> str:
    if days.is_day:
        return "day"
    if days.start.day != 1 or days.end.day != 1:
        return "days"
    months = (days.end.year - days.start.year) * 12 + days.end.month - days.start.month
    return {1: "month", 3: "quarter", 12: "year"}.get(months, "months")


def _put(literal: exp.Literal, way: str, slot: Slot, schema: Schema) -> bool:
    if way == "value":
        hits = list(_in_column(literal, slot, schema))
        if len({hit.value for hit in hits}) != 1:
            return False
        literal.replace(exp.Literal.string(hits[0].value))
        return True
    if way == "number":
        whole = float(slot.number).is_integer()
        if isinstance(literal.parent, exp.Limit) and not (whole and slot.number >= 1):
            return False
        literal.replace(exp.Literal.number(int(slot.number) if whole else slot.number))
        return True
    if slot.period is None or not _suits(way, slot.period):
        return False
    text = WRITTEN[way](slot.period)
    literal.replace(exp.Literal.string(text) if literal.is_string else exp.Literal.number(text))
    return True
