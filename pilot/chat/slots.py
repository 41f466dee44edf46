"""A question with its values masked: "customers in Munich" and "customers in Berlin" ask the same with other values.

What counts as a value is what the value index finds for sure, a number, or a time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pilot.datasource.values import ValueIndex, exonyms, folded, loosened
from pilot.dates import Period, find
from pilot.numbers import number
from pilot.schema import ValueHit

SlotKind = Literal["value", "number", "time"]

NUMBER = re.compile(
    r"(?<![A-Za-z0-9_.])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![A-Za-z0-9_])"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b"
    r"|(?<=[前后超过于少多])[一二两三四五六七八九十]+|[一二两三四五六七八九十]+(?=[个名条位种款家项次件])",
    re.IGNORECASE,
)
SCRIPTS = re.compile(r"(?<=[\u3400-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[\u3400-\u9fff])")
WORD = re.compile(r"[A-Za-z0-9']+|[^\W_]|[<>=%]")
EMPTY = frozenset(
    {"the", "a", "an", "please", "pls", "me", "us", "our", "请", "请问", "一", "下", "吗", "呢", "的", "了"}
)


@dataclass(frozen=True)
class Slot:
    """A value that a question says, as question[start:end]. Which of the others is set goes by `kind`."""

    kind: SlotKind
    text: str
    start: int
    end: int
    hits: tuple[ValueHit, ...] = ()
    number: int | float = 0
    period: Period | None = None

    @property
    def meaning(self) -> object:
        """Equal for slots that say the same."""
        places = frozenset((hit.table, hit.column, hit.value) for hit in self.hits)
        return (self.kind, places, self.number, self.period)


@dataclass(frozen=True)
class Masked:
    """`words` are those of the question, with the kind of a slot in angle brackets in place of each value."""

    words: tuple[str, ...]
    slots: tuple[Slot, ...]


def mentioned(question: str, values: ValueIndex | None) -> list[ValueHit]:
    """The cell values that a question mentions, also where Chinese stands beside Latin letters without a blank."""
    return values.hits(SCRIPTS.sub(" ", question)) if values else []


def mask(question: str, hits: Sequence[ValueHit], today: date) -> Masked:
    slots = sorted(_slots(question, hits, today), key=lambda slot: slot.start)
    words: list[str] = []
    at = 0
    for slot in slots:
        words += [*_words(question[at : slot.start]), f"<{slot.kind}>"]
        at = slot.end
    return Masked((*words, *_words(question[at:])), tuple(slots))


def sure(hit: ValueHit) -> bool:
    """Whether the question says this value, and not just something like it."""
    said, meant = folded(hit.text), folded(hit.value)
    return said == meant or loosened(said) == loosened(meant) or meant in exonyms().get(said, ())


def _slots(question: str, hits: Sequence[ValueHit], today: date) -> list[Slot]:
    """Values first, then times, then numbers, none within another."""
    found: list[Slot] = []
    for text in dict.fromkeys(hit.text for hit in hits if sure(hit)):
        start = question.find(text)
        same = tuple(hit for hit in hits if hit.text == text and sure(hit))
        if start >= 0:
            _add(found, Slot("value", text, start, start + len(text), hits=same))
    for said in find(question, today):
        _add(found, Slot("time", said.text, said.start, said.end, period=said.period))
    for match in NUMBER.finditer(question):
        value = number(match[0])
        if value is not None:
            _add(found, Slot("number", match[0], *match.span(), number=value))
    return found


def _add(found: list[Slot], slot: Slot) -> None:
    if all(slot.end <= other.start or other.end <= slot.start for other in found):
        found.append(slot)


def _words(text: str) -> list[str]:
    return [word for word in WORD.findall(text.lower()) if word not in EMPTY]
