"""What the store hands out: plain values, free of any database session."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

ConversationKind = Literal["database", "documents", "chat"]
Verdict = Literal["right", "wrong"]


@dataclass(frozen=True)
class Conversation:
    id: str
    kind: ConversationKind
    target: str
    title: str
    created_at: datetime  # UTC
    updated_at: datetime


@dataclass(frozen=True)
class Turn:
    id: str
    conversation_id: str
    position: int
    question: str
    answer: dict[str, Any]
    created_at: datetime
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Judged:
    """An answer and what someone said of it; `sql` is what would have been right, where he knew it."""

    turn: Turn
    target: str
    sql: str


@dataclass(frozen=True)
class StoredSource:
    name: str
    url: str


@dataclass(frozen=True)
class Approved:
    """A question with the SQL that someone called right. `id` is that of the turn; `fingerprint` tells whether the
    tables are still what they were, `asked_on` what "last month" counted from.
    """

    id: str
    source: str
    question: str
    sql: str
    fingerprint: str
    asked_on: date
    created_at: datetime
