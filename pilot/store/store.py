"""The app store: conversations, feedback, sources, logins. Short blocking calls; callers cross over by a thread."""

import hashlib
import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from pilot.errors import Conflict, NotFound, StorageFull
from pilot.store import migrate
from pilot.store.secrets import Vault
from pilot.store.tables import (
    ApprovedRow,
    AttachedRow,
    ConversationRow,
    FeedbackRow,
    OwnerWordsRow,
    SessionRow,
    SourceRow,
    TurnRow,
    now,
)
from pilot.store.values import Approved, Conversation, ConversationKind, Judged, StoredSource, Turn, Verdict

T = TypeVar("T")
TITLE_CHARS = 80
SESSION_DAYS = 14


class Store:
    """One SQLite file in the data folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._vault = Vault(folder)
        self._engine = sa.create_engine(f"sqlite:///{folder / 'pilot.sqlite'}", hide_parameters=True)
        sa.event.listen(self._engine, "connect", _configure)
        sa.event.listen(self._engine, "begin", _begin)
        migrate.upgrade(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    # conversations

    def conversations(self, kind: ConversationKind | None = None, *, containing: str = "") -> list[Conversation]:
        """Newest first; of one kind, and with these words in their title or in one of their questions."""
        query = sa.select(ConversationRow).order_by(ConversationRow.updated_at.desc())
        if kind is not None:
            query = query.where(ConversationRow.kind == kind)
        for word in containing.split():
            asked = sa.select(TurnRow.conversation_id).where(TurnRow.question.icontains(word, autoescape=True))
            query = query.where(ConversationRow.title.icontains(word, autoescape=True) | ConversationRow.id.in_(asked))
        with self._session() as session:
            return [_conversation(row) for row in session.scalars(query)]

    def create_conversation(self, kind: ConversationKind, target: str, title: str) -> Conversation:
        with self._session() as session:
            row = ConversationRow(id=uuid.uuid4().hex, kind=kind, target=target, title=_title(title))
            session.add(row)
            session.flush()
            return _conversation(row)

    def conversation(self, id_: str) -> Conversation:
        with self._session() as session:
            return _conversation(_found(session.get(ConversationRow, id_), "conversation", id_))

    def rename_conversation(self, id_: str, title: str) -> None:
        with self._session() as session:
            _found(session.get(ConversationRow, id_), "conversation", id_).title = _title(title)

    def delete_conversation(self, id_: str) -> None:
        """Its turns and their feedback go with it."""
        with self._session() as session:
            session.delete(_found(session.get(ConversationRow, id_), "conversation", id_))

    # turns

    def turns(self, conversation_id: str) -> list[Turn]:
        """In the order in which they were asked."""
        query = (
            sa.select(TurnRow, FeedbackRow.verdict)
            .outerjoin(FeedbackRow, FeedbackRow.turn_id == TurnRow.id)
            .where(TurnRow.conversation_id == conversation_id)
            .order_by(TurnRow.position)
        )
        with self._session() as session:
            return [_turn(row, verdict) for row, verdict in session.execute(query)]

    def turn(self, id_: str) -> Turn:
        with self._session() as session:
            return _turn(_found(session.get(TurnRow, id_), "message", id_), None)

    def add_turn(self, conversation_id: str, question: str, answer: dict[str, Any]) -> Turn:
        with self._session() as session:
            conversation = _found(session.get(ConversationRow, conversation_id), "conversation", conversation_id)
            conversation.updated_at = now()
            last = session.scalar(
                sa.select(sa.func.max(TurnRow.position)).where(TurnRow.conversation_id == conversation_id)
            )
            position = 0 if last is None else last + 1
            row = TurnRow(id=uuid.uuid4().hex, conversation_id=conversation_id, position=position,
                          question=question, answer=answer)  # fmt: skip
            session.add(row)
            session.flush()
            return _turn(row, None)

    # feedback

    def add_feedback(self, turn_id: str, verdict: Verdict, sql: str = "") -> None:
        """The last word counts."""
        with self._session() as session:
            _found(session.get(TurnRow, turn_id), "message", turn_id)
            session.merge(FeedbackRow(turn_id=turn_id, verdict=verdict, sql=sql, created_at=now()))

    def judged(self, kind: ConversationKind) -> list[Judged]:
        """What someone has said of answers of this kind, oldest first."""
        query = (
            sa.select(TurnRow, FeedbackRow, ConversationRow.target)
            .join(FeedbackRow, FeedbackRow.turn_id == TurnRow.id)
            .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
            .where(ConversationRow.kind == kind)
            .order_by(FeedbackRow.created_at)
        )
        with self._session() as session:
            found = session.execute(query).all()
            return [Judged(_turn(turn, said.verdict), target, said.sql) for turn, said, target in found]

    # approved answers

    def approve(self, id_: str, source: str, question: str, sql: str, *, fingerprint: str, asked_on: date) -> None:
        """The newest answer to a question is the one that counts."""
        with self._session() as session:
            session.execute(
                sa.delete(ApprovedRow).where(ApprovedRow.source == source, ApprovedRow.question == question)
            )
            session.merge(ApprovedRow(id=id_, source=source, question=question, sql=sql, fingerprint=fingerprint,
                                      asked_on=asked_on, created_at=now()))  # fmt: skip

    def approved(self, source: str) -> list[Approved]:
        """Newest first."""
        query = sa.select(ApprovedRow).where(ApprovedRow.source == source).order_by(ApprovedRow.created_at.desc())
        with self._session() as session:
            return [_approved(row) for row in session.scalars(query)]

    def disapprove(self, id_: str) -> None:
        """Not there is as good as gone."""
        with self._session() as session:
            session.execute(sa.delete(ApprovedRow).where(ApprovedRow.id == id_))

    # sources

    def sources(self) -> list[StoredSource]:
        with self._session() as session:
            rows = session.scalars(sa.select(SourceRow).order_by(SourceRow.name))
            return [StoredSource(row.name, self._vault.open(row.url)) for row in rows]

    def add_source(self, name: str, url: str) -> None:
        try:
            with self._session() as session:
                session.add(SourceRow(name=name, url=self._vault.seal(url)))
        except IntegrityError:
            raise Conflict(f"there is a database named {name!r} already", remedy="Choose another name.") from None

    def delete_source(self, name: str) -> None:
        with self._session() as session:
            session.delete(_found(session.get(SourceRow, name), "database", name))
            session.execute(sa.delete(ApprovedRow).where(ApprovedRow.source == name))
            session.execute(sa.delete(OwnerWordsRow).where(OwnerWordsRow.source == name))
            session.execute(sa.delete(AttachedRow).where(AttachedRow.source == name))

    def owner_words(self, source: str) -> str:
        """What its owner says of it, as YAML; "" where nothing."""
        with self._session() as session:
            row = session.get(OwnerWordsRow, source)
            return row.text if row else ""

    def keep_owner_words(self, source: str, text: str) -> None:
        with self._session() as session:
            session.merge(OwnerWordsRow(source=source, text=text, updated_at=now()))

    def attached(self, source: str) -> list[str]:
        """The ids of the spaces whose definitions its questions use."""
        with self._session() as session:
            query = sa.select(AttachedRow.space).where(AttachedRow.source == source).order_by(AttachedRow.space)
            return list(session.scalars(query))

    def attach(self, source: str, spaces: Sequence[str]) -> None:
        """These spaces, and no others."""
        with self._session() as session:
            session.execute(sa.delete(AttachedRow).where(AttachedRow.source == source))
            session.add_all(AttachedRow(source=source, space=space) for space in dict.fromkeys(spaces))

    # logins

    def create_session(self) -> str:
        """A fresh token for a cookie. Expired ones are swept out on the way."""
        token = secrets.token_urlsafe(32)
        with self._session() as session:
            session.execute(sa.delete(SessionRow).where(SessionRow.expires_at < now()))
            session.add(SessionRow(token_hash=_hash(token), expires_at=now() + timedelta(days=SESSION_DAYS)))
        return token

    def session_valid(self, token: str) -> bool:
        with self._session() as session:
            row = session.get(SessionRow, _hash(token))
            return row is not None and row.expires_at > now()

    def delete_session(self, token: str) -> None:
        with self._session() as session:
            session.execute(sa.delete(SessionRow).where(SessionRow.token_hash == _hash(token)))

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """One transaction. Raises StorageFull when the disk is."""
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as error:
            if "full" in str(error.orig):
                raise StorageFull("the disk of the data folder is full", remedy="Free some space.") from error
            raise


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 would commit before DDL: we begin ourselves, so migrations are whole
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _found(row: T | None, kind: str, id_: str) -> T:
    if row is None:
        raise NotFound(f"there is no {kind} {id_!r}")
    return row


def _title(text: str) -> str:
    line = " ".join(text.split()) or "…"
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1] + "…"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _conversation(row: ConversationRow) -> Conversation:
    kind: Any = row.kind
    return Conversation(row.id, kind, row.target, row.title, row.created_at, row.updated_at)


def _approved(row: ApprovedRow) -> Approved:
    return Approved(row.id, row.source, row.question, row.sql, row.fingerprint, row.asked_on, row.created_at)


def _turn(row: TurnRow, verdict: Any) -> Turn:
    return Turn(row.id, row.conversation_id, row.position, row.question, dict(row.answer), row.created_at, verdict)
