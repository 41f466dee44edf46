"""Which spaces and documents there are, and in which state. Blocking; the library crosses over by a thread."""

import json
import secrets
import sqlite3
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from pilot.errors import Conflict, NotFound, PilotError
from pilot.knowledge.database import Database
from pilot.knowledge.originals import Original
from pilot.knowledge.records import DocumentRecord, Space, SpaceSettings, State
from pilot.knowledge.sentences import complaint

SPACES = """SELECT s.*, i.embedder AS made_by, i.dimension, i.chunk_size AS made_of,
    (SELECT count(*) FROM documents d WHERE d.space = s.seq) AS documents,
    (SELECT count(*) FROM documents d WHERE d.space = s.seq AND d.chunks > 0) AS indexed,
    (SELECT count(DISTINCT c.document) FROM chunks c JOIN indexes n ON n.seq = c.idx
     WHERE n.space = s.seq AND n.seq > i.seq) AS made,
    (SELECT max(n.seq) FROM indexes n WHERE n.space = s.seq) AS newest
    FROM spaces s LEFT JOIN indexes i ON i.seq = s.live"""
DOCUMENTS = """SELECT d.*, s.name AS space_name FROM documents d JOIN spaces s ON s.seq = d.space"""


class Catalog:
    def __init__(self, database: Database) -> None:
        self._database = database

    def spaces(self) -> list[Space]:
        with self._database.reading() as connection:
            return [_space(row) for row in connection.execute(f"{SPACES} ORDER BY s.seq")]

    def space(self, name: str) -> Space:
        """Raises NotFound."""
        with self._database.reading() as connection:
            return _space(_space_row(connection, name))

    def add_space(self, name: str, settings: SpaceSettings = SpaceSettings()) -> Space:  # noqa: B008 - frozen
        """Raises Conflict when there is one of that name."""
        with self._database.writing() as connection:
            try:
                connection.execute(
                    "INSERT INTO spaces (id, name, created_at, chunk_size, top_size, embedder) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    (secrets.token_hex(8), name, _now(), *_values(settings)),
                )
            except sqlite3.IntegrityError:
                raise complaint(Conflict, "space_taken", name=name) from None
            return _space(_space_row(connection, name))

    def set_settings(self, name: str, settings: SpaceSettings) -> Space:
        """Raises NotFound."""
        with self._database.writing() as connection:
            connection.execute("UPDATE spaces SET chunk_size = ?, top_size = ?, embedder = ? WHERE name = ?",
                               (*_values(settings), name))  # fmt: skip
            return _space(_space_row(connection, name))

    def documents(self, space: str) -> list[DocumentRecord]:
        with self._database.reading() as connection:
            seq = _space_row(connection, space)["seq"]
            return [_record(row) for row in connection.execute(f"{DOCUMENTS} WHERE d.space = ? ORDER BY d.seq", (seq,))]

    def document(self, space: str, document: str) -> DocumentRecord:
        """Raises NotFound."""
        with self._database.reading() as connection:
            return _record(_document_row(connection, space, document))

    def enqueue(self, space: str, name: str, source: str, original: Original) -> tuple[DocumentRecord, list[str]]:
        """The document of this content or this source, or a new one; and the originals that nobody needs any more.

        A document that is found already keeps being found until its newer version is indexed.
        """
        with self._database.writing() as connection:
            seq = _space_row(connection, space)["seq"]
            document, dropped = _same_content(connection, seq, original)
            if document is None:
                document, dropped = _newer_version(connection, seq, source, original)
            if document is None:
                document = secrets.token_hex(16)
                connection.execute(
                    """INSERT INTO documents (id, space, name, source, digest, bytes, original, state, added_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)""",
                    (document, seq, name, source, original.digest, original.bytes, original.token, _now()),
                )
            return _record(connection.execute(f"{DOCUMENTS} WHERE d.id = ?", (document,)).fetchone()), dropped

    def enqueue_links(self, space: str, links: Collection[tuple[str, str]]) -> list[DocumentRecord]:
        """Documents that are fetched when their turn comes: (name, address). An address that is there already stays
        as it is.
        """
        with self._database.writing() as connection:
            seq = _space_row(connection, space)["seq"]
            connection.executemany(
                """INSERT OR IGNORE INTO documents (id, space, name, source, digest, bytes, original, state, added_at)
                VALUES (?, ?, ?, ?, ?, 0, '', 'queued', ?)""",
                [(secrets.token_hex(16), seq, name, link, link, _now()) for name, link in links],
            )
            rows = connection.execute(f"{DOCUMENTS} WHERE d.space = ? ORDER BY d.seq", (seq,)).fetchall()
            wanted = {link for _, link in links}
            return [_record(row) for row in rows if row["source"] in wanted]

    def fetched(self, document: str, name: str, original: Original) -> None:
        """What its address gave. Raises NotFound when the space has it already, or nobody wants it any more."""
        with self._database.writing() as connection:
            try:
                done = connection.execute(
                    "UPDATE documents SET name = ?, digest = ?, bytes = ?, original = ? WHERE id = ? AND original = ''",
                    (name, original.digest, original.bytes, original.token, document),
                ).rowcount
            except sqlite3.IntegrityError:
                connection.execute("DELETE FROM documents WHERE id = ?", (document,))
                done = 0
        if not done:
            raise complaint(NotFound, "document_twice")

    def next_queued(self, besides: Collection[str] = ()) -> tuple[DocumentRecord, str] | None:
        """The document to be read next, and its original; none of those that wait for something."""
        with self._database.reading() as connection:
            for row in connection.execute(f"{DOCUMENTS} WHERE d.state = 'queued' ORDER BY d.seq"):
                if row["id"] not in besides:
                    return _record(row), row["next_original"] or row["original"]
        return None

    def original(self, space: str, document: str) -> str:
        """The file that is indexed. Raises NotFound."""
        with self._database.reading() as connection:
            original: str = _document_row(connection, space, document)["original"]
            return original

    def set_state(self, document: str, state: State, error: PilotError | None = None) -> None:
        """With an error: its sentence and remedy, as the reason for this state."""
        with self._database.writing() as connection:
            _set_state(connection, document, state, error)

    def fail(self, document: str, original: str, error: PilotError) -> list[str]:
        """This version of it cannot be read; nothing happens where another one is wanted by now. A newer version that
        cannot costs the one before nothing. The originals to be dropped.
        """
        with self._database.writing() as connection:
            row = connection.execute("SELECT chunks, original, next_original FROM documents WHERE id = ?",
                                     (document,)).fetchone()  # fmt: skip
            if row is None or (original and original != (row["next_original"] or row["original"])):
                return []
            connection.execute("UPDATE documents SET next_digest = '', next_bytes = 0, next_original = '' WHERE id = ?",
                               (document,))  # fmt: skip
            _set_state(connection, document, "ready" if row["chunks"] else "failed", error)
            return [row["next_original"]] if row["next_original"] else []

    def requeue(self, document: str) -> None:
        """Start a document over; a ready one keeps being found until then."""
        self.set_state(document, "queued")

    def recover(self) -> int:
        """After a crash: what was being read or indexed starts over. How many."""
        with self._database.writing() as connection:
            return connection.execute(
                "UPDATE documents SET state = 'queued' WHERE state IN ('reading', 'indexing')"
            ).rowcount

    def originals(self) -> set[str]:
        """Every original that a document names."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT original, next_original FROM documents")
            return {token for row in rows for token in row if token}


def _same_content(connection: sqlite3.Connection, space: int, original: Original) -> tuple[str | None, list[str]]:
    """One that failed is queued again."""
    row = connection.execute("SELECT id FROM documents WHERE space = ? AND ? IN (digest, next_digest)",
                             (space, original.digest)).fetchone()  # fmt: skip
    if row is None:
        return None, []
    connection.execute("UPDATE documents SET state = 'queued', problem = '', reason = '', remedy = '', told = '{}' "
                       "WHERE id = ? AND state = 'failed'", (row["id"],))  # fmt: skip
    return row["id"], [original.token]


def _newer_version(
    connection: sqlite3.Connection, space: int, source: str, original: Original
) -> tuple[str | None, list[str]]:
    """Of one that nobody has found yet, the older version is of no use."""
    row = connection.execute("SELECT * FROM documents WHERE space = ? AND source = ?", (space, source)).fetchone()
    if row is None:
        return None, []
    prefix, replaced = ("next_", row["next_original"]) if row["chunks"] else ("", row["original"])
    connection.execute(
        f"UPDATE documents SET {prefix}digest = ?, {prefix}bytes = ?, {prefix}original = ?, state = 'queued', "  # noqa: S608 - one of two
        "problem = '', reason = '', remedy = '', told = '{}' WHERE seq = ?",
        (original.digest, original.bytes, original.token, row["seq"]),
    )
    return row["id"], [replaced] if replaced else []


def _set_state(connection: sqlite3.Connection, document: str, state: State, error: PilotError | None) -> None:
    details = error.details if error else {}
    reason, remedy = (error.message, error.remedy) if error else ("", "")
    connection.execute(
        "UPDATE documents SET state = ?, problem = ?, reason = ?, remedy = ?, told = ? WHERE id = ?",
        (state, details.get("problem", ""), reason, remedy, json.dumps(details.get("values", {})), document),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _values(settings: SpaceSettings) -> tuple[int | None, int | None, str | None]:
    return settings.chunk_size, settings.top_size, settings.embedder


def _space_row(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute(f"{SPACES} WHERE s.name = ?", (name,)).fetchone()
    if row is None:
        raise complaint(NotFound, "space_unknown", name=name)
    return row


def _document_row(connection: sqlite3.Connection, space: str, document: str) -> Any:
    seq = _space_row(connection, space)["seq"]
    row = connection.execute(f"{DOCUMENTS} WHERE d.space = ? AND d.id = ?", (seq, document)).fetchone()
    if row is None:
        raise complaint(NotFound, "document_unknown", document=document, space=space)
    return row


def _space(row: Any) -> Space:
    return Space(
        id=row["id"], number=row["seq"], name=row["name"], created_at=row["created_at"], documents=row["documents"],
        embedder=row["made_by"] or "", dimension=row["dimension"] or 0, chunk_size=row["made_of"] or 0,
        settings=SpaceSettings(row["chunk_size"], row["top_size"], row["embedder"]),
        reindexing=row["made"] / max(row["indexed"], 1) if row["live"] and row["newest"] != row["live"] else None,
    )  # fmt: skip


def _record(row: Any) -> DocumentRecord:
    return DocumentRecord(
        id=row["id"], space=row["space_name"], name=row["name"], bytes=row["next_bytes"] or row["bytes"],
        state=row["state"], added_at=row["added_at"], progress=float(row["state"] == "ready"), problem=row["problem"],
        reason=row["reason"], remedy=row["remedy"], pages=row["pages"], chunks=row["chunks"], source=row["source"],
        pages_done=row["pages"] if row["state"] == "ready" else 0, values=json.loads(row["told"]),
    )  # fmt: skip
