"""Where an answer came from: what was asked of what, which statement ran, within which limits, who wrote it."""

import time
from dataclasses import dataclass
from datetime import datetime

from pilot import __version__
from pilot.chat.events import MadeBy, Receipt
from pilot.datasource.base import Limits, Rows
from pilot.datasource.guard import SafeSql


@dataclass(frozen=True)
class Asked:
    """A question, or a statement of one's own, at its moment."""

    question: str
    at: datetime
    started: float  # monotonic seconds


def asked_now(question: str) -> Asked:
    return Asked(question, datetime.now().astimezone(), time.monotonic())


def receipt(
    asked: Asked, statement: SafeSql, rows: Rows, *, source: str, limits: Limits, model: str = "",
    candidates: int = 0, repairs: int = 0, made_by: MadeBy = "reader", definitions: tuple[str, ...] = (),
) -> Receipt:  # fmt: skip
    return Receipt(
        question=asked.question,
        source=source,
        sql=statement.shown,
        tables=statement.tables,
        columns=tuple(f"{table}.{column}" for table, column in statement.columns),
        model=model,
        version=__version__,
        rows=len(rows.rows),
        truncated=rows.truncated,
        milliseconds=rows.milliseconds,
        total_milliseconds=round((time.monotonic() - asked.started) * 1000),
        candidates=candidates,
        repairs=repairs,
        row_limit=limits.rows,
        seconds_limit=limits.seconds,
        made_by=made_by,
        definitions=definitions,
        asked_at=asked.at.isoformat(timespec="seconds"),
    )
