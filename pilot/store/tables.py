"""The tables of the app store. What documents hold lies elsewhere, beside its search index (pilot/knowledge)."""

from datetime import UTC, date, datetime

from sqlalchemy import JSON, Date, DateTime, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)  # SQLite keeps no offset: everything stored is UTC


class Base(DeclarativeBase):
    pass


class ConversationRow(Base):
    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))  # database, documents, chat
    target: Mapped[str] = mapped_column(String(200))  # the source's or the space's name
    title: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class TurnRow(Base):
    """A question and its whole answer: `answer` holds the events that the reader saw."""

    __tablename__ = "turns"
    __table_args__ = (Index("turns_in_order", "conversation_id", "position", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    position: Mapped[int]  # order by this, never by the clock, which can be set back
    question: Mapped[str] = mapped_column(Text)
    answer: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class FeedbackRow(Base):
    """The last word on a turn: right, or wrong with the corrected SQL where the reader gave one."""

    __tablename__ = "feedback"

    turn_id: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(8))
    sql: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class ApprovedRow(Base):
    """What a database's owner knows to be right. It outlives the conversation that it came from."""

    __tablename__ = "approved"
    __table_args__ = (Index("approved_by_source", "source"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the turn's
    source: Mapped[str] = mapped_column(String(200))
    question: Mapped[str] = mapped_column(Text)
    sql: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(String(16))
    asked_on: Mapped[date] = mapped_column(Date)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class SourceRow(Base):
    """A database that someone added. `url` is encrypted: it holds the password."""

    __tablename__ = "sources"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    url: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class OwnerWordsRow(Base):
    """What the owner of a database says of its tables, as YAML."""

    __tablename__ = "owner_words"

    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(DateTime, default=now)


class AttachedRow(Base):
    """A space of documents that defines what questions to a database mean. `space` is its id: names may come back."""

    __tablename__ = "attached"

    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    space: Mapped[str] = mapped_column(String(32), primary_key=True)


class SessionRow(Base):
    """A login. Only the token's hash is kept: a stolen store opens no session."""

    __tablename__ = "sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime)
