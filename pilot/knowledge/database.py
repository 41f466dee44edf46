"""The SQLite file of the library: its schema, one connection that writes and one that reads."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pilot.errors import DocumentError, StorageFull
from pilot.knowledge.lexical import TOKENIZER
from pilot.knowledge.sentences import complaint

VERSION = 4
SECOND = 2  # the version that keeps the pages
# contentless: the text stands in chunks. Deleting needs the very words that were added (index.py makes them again)
TERMS = f"CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(context, text, content='', tokenize='{TOKENIZER}');"
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
-- chunk_size, top_size, embedder: NULL where the space follows the product's settings. live: the index that is searched
CREATE TABLE IF NOT EXISTS spaces (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL, chunk_size INTEGER, top_size INTEGER, embedder TEXT, live INTEGER);
CREATE TABLE IF NOT EXISTS indexes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES spaces(seq), embedder TEXT NOT NULL,
    chunk_size INTEGER NOT NULL, dimension INTEGER NOT NULL DEFAULT 0, folder TEXT NOT NULL UNIQUE,
    removed INTEGER NOT NULL DEFAULT 0);
-- next_*: a newer version of the file, until it is indexed
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, space INTEGER NOT NULL REFERENCES spaces(seq),
    name TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, original TEXT NOT NULL,
    next_digest TEXT NOT NULL DEFAULT '', next_bytes INTEGER NOT NULL DEFAULT 0, next_original TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL, added_at TEXT NOT NULL, problem TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '', told TEXT NOT NULL DEFAULT '{{}}', pages INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0, UNIQUE (space, digest), UNIQUE (space, source));
CREATE TABLE IF NOT EXISTS pages (
    document INTEGER NOT NULL REFERENCES documents(seq), number INTEGER NOT NULL, page INTEGER, section TEXT NOT NULL,
    markup TEXT NOT NULL, inside TEXT NOT NULL DEFAULT '[]', text TEXT NOT NULL, PRIMARY KEY (document, number)
    ) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS pages_of ON pages (document, page);
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY, idx INTEGER NOT NULL REFERENCES indexes(seq),
    document INTEGER NOT NULL REFERENCES documents(seq), number INTEGER NOT NULL,
    page INTEGER, section TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL);
-- where the words of a scanned page stand
CREATE TABLE IF NOT EXISTS scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents(seq), page TEXT NOT NULL,
    words TEXT NOT NULL, UNIQUE (document, page));
CREATE INDEX IF NOT EXISTS chunks_of ON chunks (document, idx, number);
CREATE INDEX IF NOT EXISTS chunks_in ON chunks (idx);
{TERMS}
-- documents whose vectors may not be what this file says, until the vector store has followed
CREATE TABLE IF NOT EXISTS leftovers (
    idx INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY (idx, document)) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
"""
# The first version kept no pages: its documents are read again, from the originals.
FROM_FIRST = """
BEGIN IMMEDIATE;
DROP TABLE chunks; DROP TABLE terms; DROP TABLE leftovers; DROP TABLE meta;
ALTER TABLE spaces RENAME TO old_spaces; ALTER TABLE documents RENAME TO old_documents;
-- the schema
INSERT INTO spaces (seq, id, name, created_at) SELECT seq, id, name, created_at FROM old_spaces;
INSERT INTO documents (seq, id, space, name, source, digest, bytes, original, state, added_at)
    SELECT seq, id, space, name, iif(seq = max(seq) OVER (PARTITION BY space, name), name, id), digest, bytes, id,
    'queued', added_at FROM old_documents;
DROP TABLE old_documents; DROP TABLE old_spaces;
COMMIT;
"""
# The second knew of no page what it looks like: of archives and mails until they are read again.
FROM_SECOND = """
ALTER TABLE pages ADD COLUMN inside TEXT NOT NULL DEFAULT '[]';
INSERT OR REPLACE INTO meta VALUES ('untidy', '1');
"""
PATIENCE = 30  # seconds that a statement waits for another process
MERGED_AT_ONCE = 500  # pages of the word index; about 50 ms


class Database:
    """WAL: who reads sees the last whole transaction, and waits for no writer. Safe to call from several threads."""

    def __init__(self, file: Path) -> None:
        """Open or create. Raises DocumentError for a file that is no longer a database."""
        try:
            self._writer = _connect(file)
            _bring_up_to_date(self._writer)
            self._reader = _connect(file)
        except sqlite3.DatabaseError as error:
            raise DocumentError(
                f"the library's file {str(file)!r} cannot be opened: {error}",
                remedy="Restore it from a backup, or move the folder away and add the documents again.",
            ) from error
        self._write_turn = threading.Lock()
        self._read_turn = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: whole at the end of the block, absent if it raises."""
        with self._write_turn:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except sqlite3.OperationalError as error:
                self._roll_back()
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise complaint(StorageFull, "disk_full") from error
                raise
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._read_turn:
            yield self._reader

    def untidy(self) -> str:
        """Empty where nothing was deleted since the last `scrub`."""
        with self.reading() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'untidy'").fetchone()
            return str(row["value"]) if row else ""

    def scrub(self) -> Iterator[None]:
        """Take what was deleted out of the file's bytes, too; a step at a time, so that others have their turn."""
        left = self.untidy()
        with self.writing() as connection:
            connection.execute("INSERT INTO terms (terms, rank) VALUES ('merge', ?)", (-MERGED_AT_ONCE,))
        done = False
        while not done:
            yield
            with self.writing() as connection:
                before = connection.total_changes
                connection.execute("INSERT INTO terms (terms, rank) VALUES ('merge', ?)", (MERGED_AT_ONCE,))
                done = connection.total_changes - before < 2  # FTS5's sign that nothing was left to merge
        yield
        with self._write_turn, self._read_turn:
            self._writer.execute("PRAGMA incremental_vacuum").fetchall()
            if self._emptied():  # not where more was deleted meanwhile
                self._writer.execute("DELETE FROM meta WHERE key = 'untidy' AND value = ?", (left,))

    def close(self) -> None:
        with self._write_turn, self._read_turn:
            self._writer.close()
            self._reader.close()

    def _emptied(self) -> bool:
        """Empty the log, if no other process reads it; nobody is kept waiting for that."""
        self._writer.execute("PRAGMA busy_timeout = 0")
        try:
            [busy, *_] = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._writer.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE}")
        return not busy

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")


def leave_untidy(connection: sqlite3.Connection) -> None:
    """Something is deleted: after a crash, too, it is to be taken out of the file's bytes."""
    connection.execute("INSERT INTO meta VALUES ('untidy', '1') ON CONFLICT (key) DO UPDATE SET value = value + 1")


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file; before its first table
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # an accepted document survives a power cut
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    connection.execute("PRAGMA cache_size = -65536")  # 64 MiB: the postings of common words stay in memory
    return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'").fetchone()
    if version < SECOND and made:
        connection.executescript(FROM_FIRST.replace("-- the schema", SCHEMA))
        connection.execute("VACUUM")  # auto_vacuum begins with it
    elif version < VERSION:
        connection.executescript(
            f"BEGIN IMMEDIATE; {FROM_SECOND if made and version == SECOND else ''} {SCHEMA} COMMIT;"
        )
    connection.execute("PRAGMA foreign_keys = ON")
