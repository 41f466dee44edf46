"""An answer as it grows: events fold into one value, which the page draws and the REST doors send."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from pilot.chat.events import (
    ChartReady,
    ChartSpec,
    Citation,
    CitationsReady,
    Condensing,
    Declined,
    DefinitionsFound,
    DidYouMean,
    Event,
    ExplanationReady,
    Failed,
    Finished,
    FollowUpRead,
    FoundPassage,
    Notice,
    PassagesFound,
    Reading,
    Receipt,
    ReceiptReady,
    Repairing,
    RowsReady,
    SchemaChosen,
    SqlChecked,
    SqlDelta,
    SqlProposed,
    SqlRefused,
    SummaryReady,
    TextDelta,
    Verified,
)
from pilot.datasource.base import Rows

_SECOND_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


@dataclass(frozen=True)
class Answer:
    """Everything known so far; what has not come yet is empty or None."""

    question: str = ""
    verified: Verified | None = None
    follow_up: FollowUpRead | None = None
    declined: Declined | None = None
    definitions: DefinitionsFound | None = None
    readings: tuple[Reading, ...] = ()  # that are about as likely, the one on show first
    chosen: SchemaChosen | None = None
    draft: str = ""  # SQL that still streams in, unchecked
    refused: tuple[SqlRefused, ...] = ()
    repairing: Repairing | None = None
    sql: str = ""  # checked
    rows: Rows | None = None
    chart: ChartSpec | None = None
    explanation: tuple[str, ...] = ()
    summary: str = ""
    confidence: float | None = None
    receipt: Receipt | None = None
    passages: tuple[FoundPassage, ...] | None = None
    condensing: Condensing | None = None
    spaces: tuple[str, ...] = ()  # that the passages were looked for in
    meant: str = ""  # what a follow-up was taken to mean
    text: str = ""
    citations: tuple[Citation, ...] = ()
    doubtful: tuple[str, ...] = ()
    found: bool | None = None
    notices: tuple[Notice, ...] = ()
    message: str = ""
    conversation: str = ""
    failure: Failed | None = None
    finished: bool = False
    stopped: bool = False
    restored: bool = False  # from the store, which keeps only the first rows

    @property
    def running(self) -> bool:
        return not (self.finished or self.stopped or self.failure)


def fold(answer: Answer, event: Event) -> Answer:
    """The answer after one more event."""
    return replace(answer, **(_of_sql(answer, event) or _of_rows(event) or _of_text(answer, event) or _of_end(event)))


def restored(question: str, stored: Mapping[str, Any], *, message: str) -> Answer:
    """A stored turn as the answer that it was: its events fold again. What broke off was stopped by its reader."""
    answer = Answer(question)
    for plain in stored.get("events", ()):
        answer = fold(answer, _event(plain))
    answer = replace(answer, text=answer.text or stored.get("text", ""), message=message)
    whole = answer.failure or answer.declined or answer.summary or answer.text or answer.rows
    return replace(answer, finished=bool(whole), stopped=not whole, restored=True)


def _event(plain: Mapping[str, Any]) -> Event:
    """The event of which this is the JSON."""
    if plain["event"] == "rows_ready":
        rows = tuple(tuple(row) for row in plain["rows"])
        return RowsReady(Rows(tuple(plain["columns"]), rows, plain["truncated"], plain["milliseconds"]))
    event: Event = _shapes()[plain["event"]].validate_python(plain)
    return event


@cache
def _shapes() -> dict[str, TypeAdapter[Any]]:
    return {_SECOND_WORDS.sub("_", kind.__name__).lower(): TypeAdapter(kind) for kind in get_args(Event)}


def _of_sql(answer: Answer, event: Event) -> dict[str, Any]:
    match event:
        case Verified():
            return {"verified": event}
        case FollowUpRead():
            return {"follow_up": event}
        case Declined():
            return {"declined": event, "draft": "", "sql": ""}
        case DefinitionsFound():
            return {"definitions": event}
        case SchemaChosen():
            return {"chosen": event}
        case SqlDelta(text):
            return {"draft": answer.draft + text}
        case SqlProposed(sql):
            return {"draft": sql}
        case SqlChecked(sql):
            return {"sql": sql, "draft": "", "repairing": None}
        case SqlRefused():
            return {"refused": (*answer.refused, event), "draft": "", "sql": ""}
        case Repairing():
            return {"repairing": event, "draft": ""}
    return {}


def _of_rows(event: Event) -> dict[str, Any]:
    match event:
        case RowsReady(rows):
            return {"rows": rows}
        case ChartReady(chart):
            return {"chart": chart}
        case ExplanationReady(lines):
            return {"explanation": lines}
        case SummaryReady(text, confidence):
            return {"summary": text, "confidence": confidence}
        case DidYouMean(readings):
            return {"readings": readings}
        case ReceiptReady(receipt):
            return {"receipt": receipt}
    return {}


def _of_text(answer: Answer, event: Event) -> dict[str, Any]:
    match event:
        case PassagesFound(passages, spaces, meant):
            return {"passages": passages, "spaces": spaces, "meant": meant}
        case Condensing():
            return {"condensing": event}
        case TextDelta(text):
            return {"text": answer.text + text}
        case CitationsReady(text, citations, found, doubtful):
            return {"text": text, "citations": citations, "found": found, "doubtful": doubtful}
        case Notice():
            return {"notices": (*answer.notices, event)}
    return {}


def _of_end(event: Event) -> dict[str, Any]:
    match event:
        case Finished(message, conversation):
            return {"message": message, "conversation": conversation, "finished": True}
        case Failed():
            return {"failure": event, "conversation": event.conversation}
    return {}
