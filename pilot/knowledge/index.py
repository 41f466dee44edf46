"""Chunks, their words and their vectors in SQLite: what makes a document whole or absent. Blocking.

The vector store holds copies of the vectors only. `leftovers` says where it may differ: written before it is touched,
cleared in the transaction that makes both agree.
"""

import json
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pilot.errors import NotFound
from pilot.knowledge.chunking import Chunk
from pilot.knowledge.database import TERMS, Database, leave_untidy
from pilot.knowledge.document import Document, Leaf, Page
from pilot.knowledge.embedders import Vectors
from pilot.knowledge.lexical import VERSION, index_text, within
from pilot.knowledge.records import Index, Space
from pilot.knowledge.sentences import left_out, partial

WORDS = """SELECT c.id, c.idx, c.section, c.text, d.name FROM chunks c JOIN documents d ON d.seq = c.document"""


@dataclass(frozen=True)
class Change:
    """What becomes of a document's chunks in one index: `kept` are rows that only move, `removed` are rows, too."""

    kept: tuple[tuple[int, Chunk], ...]
    added: tuple[Chunk, ...]
    removed: tuple[int, ...]


class ChunkIndex:
    def __init__(self, database: Database) -> None:
        self._database = database

    def compare(self, index: Index, document: str, chunks: Sequence[Chunk]) -> Change:
        """Which chunks are there already: the same words under the same headings."""
        there: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT id, section, text FROM chunks WHERE document = (SELECT seq FROM documents WHERE id = ?) "
                "AND idx = ? ORDER BY number", (document, index.number))  # fmt: skip
            for row in rows:
                there[row["section"], row["text"]].append(row["id"])
        kept, added = [], []
        for chunk in chunks:
            same = there[chunk.section, chunk.text]
            if same:
                kept.append((same.popleft(), chunk))
            else:
                added.append(chunk)
        return Change(tuple(kept), tuple(added), tuple(row for rest in there.values() for row in rest))

    def next_key(self) -> int:
        """The number of the next chunk that is stored."""
        with self._database.reading() as connection:
            [last] = connection.execute("SELECT ifnull(max(id), 0) FROM chunks").fetchone()
            return int(last) + 1

    def store(
        self, index: Index, document: str, change: Change, first: int, vectors: Vectors, *,
        pages: Document | None = None, original: str = "",
    ) -> None:  # fmt: skip
        """A whole document, at once: its new chunks from `first` on with their vectors.

        With `pages`, those of `original`, it becomes ready; without, it is a copy in an index in the making.
        Raises NotFound when it was deleted, or replaced by another version, meanwhile.
        """
        with self._database.writing() as connection:
            row = connection.execute("SELECT * FROM documents WHERE id = ?", (document,)).fetchone()
            if row is None or (pages and original != (row["next_original"] or row["original"])):
                raise NotFound("the document was deleted or replaced while it was indexed")
            _remove(connection, change.removed)
            for key, chunk in change.kept:
                connection.execute("UPDATE chunks SET number = ?, page = ?, start = ?, stop = ? WHERE id = ?",
                                   (chunk.number, chunk.page, chunk.start, chunk.stop, key))  # fmt: skip
            for key, (chunk, vector) in enumerate(zip(change.added, vectors, strict=True), first):
                _insert(connection, index, row, key, chunk, vector)
            connection.execute("UPDATE indexes SET dimension = max(dimension, ?), removed = removed + ? WHERE seq = ?",
                               (vectors.shape[1], len(change.removed), index.number))  # fmt: skip
            if pages:
                _forget_copies(connection, index, row["seq"], document)
                _make_ready(connection, row, pages, len(change.kept) + len(change.added))
            _settle(connection, index.number, document)

    def remove(self, space: Space, document: str | None = None) -> list[str]:
        """Delete one document, or the space with all of them; the originals that were theirs."""
        with self._database.writing() as connection:
            rows = connection.execute(
                "SELECT * FROM documents WHERE space = ? AND id = ifnull(?, id)", (space.number, document)
            ).fetchall()
            for row in rows:
                _forget(connection, row["seq"])
                connection.execute("DELETE FROM pages WHERE document = ?", (row["seq"],))
                connection.execute("DELETE FROM scans WHERE document = ?", (row["seq"],))
                connection.execute("DELETE FROM documents WHERE seq = ?", (row["seq"],))
            leave_untidy(connection)
            if document is None:
                connection.execute("DELETE FROM leftovers WHERE idx IN (SELECT seq FROM indexes WHERE space = ?)",
                                   (space.number,))  # fmt: skip
                connection.execute("DELETE FROM indexes WHERE space = ?", (space.number,))
                connection.execute("DELETE FROM spaces WHERE seq = ?", (space.number,))
        return [token for row in rows for token in (row["original"], row["next_original"]) if token]

    def drop(self, index: Index, *, most: int) -> bool:
        """Delete an index that nobody needs, so many chunks at once; whether it is gone."""
        with self._database.writing() as connection:
            rows = connection.execute("SELECT id FROM chunks WHERE idx = ? LIMIT ?", (index.number, most)).fetchall()
            _remove(connection, [row["id"] for row in rows])
            if len(rows) == most:
                return False
            connection.execute("DELETE FROM leftovers WHERE idx = ?", (index.number,))
            connection.execute("DELETE FROM indexes WHERE seq = ?", (index.number,))
            return True

    def leave(self, index: Index, document: str) -> None:
        """Note that the vectors of this document are about to change."""
        with self._database.writing() as connection:
            _leave(connection, index.number, document)

    def settle(self, index: Index, document: str) -> None:
        """Note that the vector store has followed."""
        with self._database.writing() as connection:
            _settle(connection, index.number, document)

    def leftovers(self, index: Index) -> list[str]:
        with self._database.reading() as connection:
            rows = connection.execute("SELECT document FROM leftovers WHERE idx = ?", (index.number,))
            return [row["document"] for row in rows]

    def count(self, index: Index) -> int:
        with self._database.reading() as connection:
            [count] = connection.execute("SELECT count(*) FROM chunks WHERE idx = ?", (index.number,)).fetchone()
            return int(count)

    def vectors(self, index: Index, document: str | None = None, *, batch: int = 2000
                ) -> Iterator[tuple[str, list[str], Vectors]]:  # fmt: skip
        """Every vector of an index, or of one document in it, to fill a vector store from: by document and key."""
        last = 0
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(
                    "SELECT c.id, c.vector, d.id AS document FROM chunks c JOIN documents d ON d.seq = c.document "
                    "WHERE c.idx = ? AND c.id > ? AND d.id = ifnull(?, d.id) ORDER BY c.id LIMIT ?",
                    (index.number, last, document, batch)).fetchall()  # fmt: skip
            if not rows:
                return
            last = rows[-1]["id"]
            by_document: defaultdict[str, list[Any]] = defaultdict(list)
            for row in rows:
                by_document[row["document"]].append(row)
            for each, own in by_document.items():
                vectors = np.stack([np.frombuffer(row["vector"], dtype="<f4") for row in own])
                yield each, [str(row["id"]) for row in own], vectors

    def pages(self, document: str) -> tuple[Page, ...]:
        """The text of a document, as it was read."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT p.* FROM pages p JOIN documents d ON d.seq = p.document WHERE d.id = ? "
                                      "ORDER BY p.number", (document,))  # fmt: skip
            return tuple(_page(row) for row in rows)

    def leaf(self, document: str, page: int | None, around: tuple[int, int], most: int | None) -> Leaf | None:
        """The page of this number, else the first; None of a document without pages. Of a page that is longer than
        `most` characters before and after `around`, that part; of the first in its stead, what stands up to there.
        """
        start, stop = (0, -1) if most is None else (max(0, around[0] - most), max(around) + most)
        found = (
            "SELECT p.document, p.number, p.page, p.section, p.markup, p.inside, length(p.text) AS length, "
            "substr(p.text, :start + 1, iif(:stop < 0, length(p.text), :stop - :start)) AS text "
            "FROM pages p JOIN documents d ON d.seq = p.document WHERE d.id = :document "
        )
        asked = {"document": document, "page": page, "start": start, "stop": stop}
        with self._database.reading() as connection:
            row = connection.execute(f"{found} AND p.page IS :page ORDER BY p.number LIMIT 1", asked).fetchone()
            if row is None:
                start = 0
                row = connection.execute(f"{found} ORDER BY p.number LIMIT 1", asked | {"start": start}).fetchone()
            if row is None:
                return None
            where = (row["document"], row["number"])
            before = connection.execute("SELECT page FROM pages WHERE document = ? AND number < ? "
                                        "ORDER BY number DESC LIMIT 1", where).fetchone()  # fmt: skip
            after = connection.execute("SELECT page FROM pages WHERE document = ? AND number > ? "
                                       "ORDER BY number LIMIT 1", where).fetchone()  # fmt: skip
        return Leaf(_page(row), start, row["length"], before and before["page"], after and after["page"])

    def renew_terms(self) -> None:
        """Index the words of all chunks again if another version of the tokenizing made them."""
        with self._database.writing() as connection:
            made = connection.execute("SELECT value FROM meta WHERE key = 'lexical'").fetchone()
            if made and made["value"] == str(VERSION):
                return
            connection.execute("DROP TABLE terms")
            connection.execute(TERMS)
            for row in connection.execute(WORDS).fetchall():
                _add_terms(connection, row["id"], row["idx"], row["name"], row["section"], row["text"])
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('lexical', ?)", (str(VERSION),))


def _page(row: Any) -> Page:
    return Page(row["text"], row["page"], row["section"], row["markup"], tuple(json.loads(row["inside"])))


def _insert(
    connection: sqlite3.Connection, index: Index, document: Any, key: int, chunk: Chunk, vector: Vectors
) -> None:
    connection.execute(
        "INSERT INTO chunks (id, idx, document, number, page, section, start, stop, text, vector) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, index.number, document["seq"], chunk.number, chunk.page, chunk.section, chunk.start, chunk.stop,
         chunk.text, vector.astype("<f4").tobytes()),
    )  # fmt: skip
    _add_terms(connection, key, index.number, document["name"], chunk.section, chunk.text)


def _make_ready(connection: sqlite3.Connection, row: Any, read: Document, chunks: int) -> None:
    """The pages, and the newer version in the place of the one before."""
    connection.execute("DELETE FROM pages WHERE document = ?", (row["seq"],))
    if connection.execute("DELETE FROM scans WHERE document = ?", (row["seq"],)).rowcount:
        leave_untidy(connection)
    connection.executemany(
        "INSERT INTO pages (document, number, page, section, markup, inside, text) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (row["seq"], n, page.number, page.section, page.markup, json.dumps(page.inside), page.text)
            for n, page in enumerate(read.pages)
        ],
    )
    connection.execute(
        "UPDATE documents SET state = 'ready', pages = ?, chunks = ?, problem = ?, reason = ?, remedy = '', told = ?, "
        "digest = iif(next_digest = '', digest, next_digest), bytes = iif(next_digest = '', bytes, next_bytes), "
        "original = iif(next_digest = '', original, next_original), next_digest = '', next_bytes = 0, "
        "next_original = '' WHERE seq = ?",
        (
            len(read.pages),
            chunks,
            "partial" if read.left_out else "",
            partial(read.left_out),
            json.dumps(left_out(read.left_out)),
            row["seq"],
        ),
    )


def _forget_copies(connection: sqlite3.Connection, index: Index, seq: int, document: str) -> None:
    """Other indexes hold what the document said before: there it is to be made again."""
    rows = connection.execute("SELECT id, idx FROM chunks WHERE document = ? AND idx != ?", (seq, index.number))
    copies = rows.fetchall()
    for other in {row["idx"] for row in copies}:
        _leave(connection, other, document)
    _remove(connection, [row["id"] for row in copies])


def _forget(connection: sqlite3.Connection, seq: int) -> None:
    """All chunks of a document; each index notes what its vector store must follow."""
    rows = connection.execute("SELECT c.id, c.idx, d.id AS document FROM chunks c JOIN documents d "
                              "ON d.seq = c.document WHERE d.seq = ?", (seq,)).fetchall()  # fmt: skip
    for index, count in Counter(row["idx"] for row in rows).items():
        _leave(connection, index, rows[0]["document"])
        connection.execute("UPDATE indexes SET removed = removed + ? WHERE seq = ?", (count, index))
    _remove(connection, [row["id"] for row in rows])


def _remove(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    if keys:
        leave_untidy(connection)
    for key in keys:
        row = connection.execute(f"{WORDS} WHERE c.id = ?", (key,)).fetchone()
        connection.execute("INSERT INTO terms (terms, rowid, context, text) VALUES ('delete', ?, ?, ?)",
                           (key, *_terms(row["idx"], row["name"], row["section"], row["text"])))  # fmt: skip
        connection.execute("DELETE FROM chunks WHERE id = ?", (key,))


def _terms(index: int, name: str, section: str, text: str) -> tuple[str, str]:
    return within(index, index_text(f"{name}\n{section}")), within(index, index_text(text))


def _add_terms(connection: sqlite3.Connection, key: int, index: int, name: str, section: str, text: str) -> None:
    connection.execute("INSERT INTO terms (rowid, context, text) VALUES (?, ?, ?)",
                       (key, *_terms(index, name, section, text)))  # fmt: skip


def _leave(connection: sqlite3.Connection, index: int, document: str) -> None:
    connection.execute("INSERT OR IGNORE INTO leftovers VALUES (?, ?)", (index, document))


def _settle(connection: sqlite3.Connection, index: int, document: str) -> None:
    connection.execute("DELETE FROM leftovers WHERE idx = ? AND document = ?", (index, document))
