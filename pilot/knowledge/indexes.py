"""Which indexes each space has: the live one that is searched, and its successor while that is made. Blocking."""

import secrets
import sqlite3
from typing import Any

from pilot.knowledge.database import Database
from pilot.knowledge.records import Index, Space

STALE = """SELECT s.name FROM spaces s JOIN indexes i ON i.seq = s.live
    WHERE i.embedder != ifnull(s.embedder, ?) OR i.chunk_size != ifnull(s.chunk_size, ?)
    OR EXISTS (SELECT 1 FROM indexes n WHERE n.space = s.seq AND n.seq != s.live) ORDER BY s.seq"""


class Indexes:
    """`embedder` and `chunk_size` hold for every space that has no setting of its own."""

    def __init__(self, database: Database, *, embedder: str, chunk_size: int) -> None:
        self._database = database
        self._embedder = embedder
        self._chunk_size = chunk_size

    def live(self, space: Space) -> Index | None:
        """The one that is searched; None before the first document is indexed."""
        with self._database.reading() as connection:
            return _index(connection.execute("SELECT i.* FROM indexes i JOIN spaces s ON s.live = i.seq "
                                             "WHERE s.seq = ?", (space.number,)).fetchone())  # fmt: skip

    def first(self, space: Space) -> Index:
        """The live one; made as the settings want it where there is none yet."""
        return self.live(space) or self._make(space, live=True)

    def stale(self) -> list[str]:
        """The spaces whose live index is not what the settings want, or which somebody wants anew."""
        with self._database.reading() as connection:
            return [row["name"] for row in connection.execute(STALE, (self._embedder, self._chunk_size))]

    def successor(self, space: Space) -> Index | None:
        """The index in the making, as the settings want it now; None where the live one is what they want."""
        with self._database.reading() as connection:
            live = self._number_of_live(connection, space)
            newest = connection.execute("SELECT * FROM indexes WHERE space = ? AND seq > ? ORDER BY seq DESC",
                                        (space.number, live)).fetchone()  # fmt: skip
        found = _index(newest)
        if found and (found.embedder, found.chunk_size) == self._wanted(space):
            return found
        serving = self.live(space)
        if serving is None or (serving.embedder, serving.chunk_size) == self._wanted(space):
            return None
        return self._make(space, live=False)

    def others(self, space: Space, successor: Index | None) -> list[Index]:
        """The indexes of a space that nobody needs: neither live nor in the making."""
        with self._database.reading() as connection:
            keep = (self._number_of_live(connection, space), successor.number if successor else 0)
            rows = connection.execute("SELECT * FROM indexes WHERE space = ? AND seq NOT IN (?, ?)",
                                      (space.number, *keep))  # fmt: skip
            return [_made(row) for row in rows]

    def unmade(self, index: Index) -> str | None:
        """A document that the live index has and this one lacks."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT d.id FROM documents d WHERE d.space = ? AND d.chunks > 0 AND NOT EXISTS "
                "(SELECT 1 FROM chunks c WHERE c.document = d.seq AND c.idx = ?) LIMIT 1", (index.space, index.number)
            ).fetchone()  # fmt: skip
            return row["id"] if row else None

    def promote(self, index: Index) -> None:
        """From now on this one is searched; what its documents count is what it holds."""
        with self._database.writing() as connection:
            connection.execute("UPDATE spaces SET live = ? WHERE seq = ?", (index.number, index.space))
            connection.execute(
                "UPDATE documents SET chunks = (SELECT count(*) FROM chunks c WHERE c.document = documents.seq "
                "AND c.idx = ?) WHERE space = ?", (index.number, index.space))  # fmt: skip

    def move(self, index: Index, folder: str, removed: int) -> bool:
        """Its vectors now lie in `folder`, without those `removed`. False when more were removed meanwhile."""
        with self._database.writing() as connection:
            moved = connection.execute("UPDATE indexes SET folder = ?, removed = 0 WHERE seq = ? AND removed = ?",
                                       (folder, index.number, removed))  # fmt: skip
            return moved.rowcount == 1

    def worn(self) -> list[tuple[Index, int]]:
        """Indexes of which vectors were removed, and how many: the store may still hold their bytes."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT * FROM indexes WHERE removed > 0").fetchall()
            return [(_made(row), row["removed"]) for row in rows]

    def all(self) -> list[Index]:
        with self._database.reading() as connection:
            return [_made(row) for row in connection.execute("SELECT * FROM indexes")]

    def renew(self, space: Space) -> Index:
        """Begin a successor, whether the settings have changed or not."""
        return self._make(space, live=False)

    @staticmethod
    def _number_of_live(connection: sqlite3.Connection, space: Space) -> int:
        [number] = connection.execute("SELECT ifnull(live, 0) FROM spaces WHERE seq = ?", (space.number,)).fetchone()
        return int(number)

    def _make(self, space: Space, *, live: bool) -> Index:
        embedder, chunk_size = self._wanted(space)
        with self._database.writing() as connection:
            made = connection.execute("INSERT INTO indexes (space, embedder, chunk_size, folder) VALUES (?, ?, ?, ?)",
                                      (space.number, embedder, chunk_size, secrets.token_hex(8)))  # fmt: skip
            if live:
                connection.execute("UPDATE spaces SET live = ? WHERE seq = ?", (made.lastrowid, space.number))
            row = connection.execute("SELECT * FROM indexes WHERE seq = ?", (made.lastrowid,)).fetchone()
            return _made(row)

    def _wanted(self, space: Space) -> tuple[str, int]:
        return space.settings.embedder or self._embedder, space.settings.chunk_size or self._chunk_size


def _index(row: Any) -> Index | None:
    return _made(row) if row is not None else None


def _made(row: Any) -> Index:
    return Index(row["seq"], row["space"], row["embedder"], row["chunk_size"], row["dimension"], row["folder"])
