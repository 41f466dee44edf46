"""The times that a question says, resolved against a stated today: as hints to a model, and as words to the reader."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from pilot.chat.events import Notice
from pilot.dates import Relation, Said, period
from pilot.i18n import Texts

# The bundled model learned "last quarter" and "since March", but none of these; it reads them as two days.
UNLEARNED = re.compile(r"to date|so far|until now|\b[yqm]td\b|[\u3400-\u9fff]", re.IGNORECASE)
LEADING = re.compile(r"(?:\b(?:in|for|during|over)\s+(?:the\s+)?)?$", re.IGNORECASE)
AN_AGE = timedelta(days=400)
SPANS: dict[Relation, str] = {
    "in": "from {first} to {last}", "since": "from {first} on", "before": "before {first}", "after": "after {last}",
    "until": "up to {last}",
}  # fmt: skip


def hints(said: Sequence[Said]) -> tuple[str, ...]:
    """For a prompt, in English: '"last quarter" is from 2026-07-01 to 2026-09-30'."""
    return tuple(f'"{each.text}" is {_span(each)}' for each in said)


def spelled_out(question: str, said: Sequence[Said]) -> str:
    """The question with times that the bundled model never learned as days that it knows."""
    for each in reversed(said):
        if UNLEARNED.search(each.text):
            before = LEADING.sub("", question[: each.start]) if each.relation == "in" else question[: each.start]
            days = f"between {each.period.start} and {each.period.last}"
            question = before + (days if each.relation == "in" else f"{each.period.start}") + question[each.end :]
    return question


def notice(said: Sequence[Said], today: date, texts: Texts) -> Notice | None:
    """What relative times were taken to mean; None where all of them are plain."""
    spans = [
        texts(f"ask.time.{each.relation}", text=each.text, first=each.period.start, last=each.period.last)
        for each in said
        if period(each.text, today - AN_AGE) != each.period
    ]
    if not spans:
        return None
    return Notice("ask.notice.times", {"spans": texts("chat.list.comma").join(spans), "today": today.isoformat()})


def _span(said: Said) -> str:
    return SPANS[said.relation].format(first=said.period.start, last=said.period.last)
