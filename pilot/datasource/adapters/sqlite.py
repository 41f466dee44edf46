"""SQLite files, opened so that SQLite itself refuses whatever is not reading."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from pilot.datasource.base import Limits
from pilot.datasource.functions import FUNCTIONS
from pilot.datasource.reflect import CatalogRows
from pilot.datasource.refusals import fault
from pilot.datasource.risks import Risk
from pilot.datasource.source import CATALOG_LIMITS, EngineSource
from pilot.datasource.watch import ended
from pilot.errors import PilotError, SourceRefused, SourceUnreachable, SqlError, SqlFailed

TABLES = (
    "SELECT name, type = 'view', sql FROM sqlite_master"
    r" WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY rowid"
)
TRIGGERS = """
    SELECT CASE WHEN type = 'trigger' THEN 'trigger' ELSE 'engine' END, tbl_name, name FROM sqlite_master
    WHERE type = 'trigger' OR sql LIKE 'CREATE VIRTUAL%'"""
NOTE = re.compile(  # a name, the rest of its line with its literals, and the comment behind it
    r"""^\s*,?\s*(?:"([^"\n]+)"|`([^`\n]+)`|\[([^\]\n]+)\]|(\w+))(?:[^'"\n-]|'[^'\n]*'|"[^"\n]*"|-(?!-))*--+\s*(.+?)\s*$""",
    re.MULTILINE,
)
NOTE_CHARS = 200
HIDDEN = 1  # a virtual table's inner columns; 2 and 3 are computed ones
BUSY_SECONDS = 5.0  # another process writes
STEPS = 10_000  # of SQLite's machine between two looks at the clock: well under a millisecond
COUNT_LIMITS = Limits(seconds=0.2)  # for the number of a table's rows, which is nice to know
MAX_CELL_BYTES = 10_000_000  # else hex(zeroblob(...)) makes a cell of gigabytes
MAX_SQL_BYTES = 1_000_000

# sqlite3 has no names for these.
DENY, OK = sqlite3.SQLITE_DENY, sqlite3.SQLITE_OK
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
CHANGING = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_TRANSACTION}
CATALOG_PRAGMAS = {"table_xinfo", "foreign_key_list", "read_uncommitted"}  # the last one: SQLAlchemy at connect
OPERATORS = {"->", "->>"}  # carried out by functions of these names; REGEXP would be Python, which no limit stops


class Sqlite(EngineSource):
    """A file. Its user has no account: the connection itself is what cannot write."""

    dialect = "sqlite"
    drivers = frozenset({"pysqlite"})

    def open(self, url: sa.URL) -> sa.Engine:
        path = Path(url.database or "").expanduser()
        if not url.database or not path.is_file():
            raise fault(SourceRefused, "no_file", product="SQLite", name=url.database or "")
        file = f"file:{quote(str(path.resolve()))}"
        address = f"{file}?mode=ro"
        self._writer = sa.create_engine(
            url.set(query={}), creator=lambda: _writing(f"{file}?mode=rw"), poolclass=NullPool, hide_parameters=True
        )
        return sa.create_engine(
            url.set(query={}),
            creator=lambda: _connection(address),
            poolclass=QueuePool,
            pool_size=4,
            max_overflow=12,
            hide_parameters=True,
        )

    def catalog_rows(self) -> tuple[CatalogRows, CatalogRows, CatalogRows]:
        """Table by table, so that one broken view does not hide the others."""
        tables: list[tuple[object, ...]] = []
        columns: list[tuple[object, ...]] = []
        keys: list[tuple[object, ...]] = []
        for table, view, sql in self.execute(TABLES, CATALOG_LIMITS).rows:
            quoted = '"' + str(table).replace('"', '""') + '"'
            try:
                found = self.execute(f"PRAGMA table_xinfo({quoted})", CATALOG_LIMITS).rows
            except SqlFailed:
                continue
            notes = _notes(str(sql))
            columns += [
                (table, name, type_, not needed, primary, notes.get(str(name).lower(), ""))
                for _, name, type_, needed, _, primary, hidden in found
                if hidden != HIDDEN
            ]
            tables.append((table, view, notes.get("create", ""), None if view else self._count(quoted)))
            references = self.execute(f"PRAGMA foreign_key_list({quoted})", CATALOG_LIMITS).rows
            keys += [(table, number, ours, other, theirs) for number, _, other, ours, theirs, *_ in references]
        return tables, columns, keys

    def _count(self, quoted: str) -> int | None:
        try:
            ((count,),) = self.execute(f"SELECT COUNT(*) FROM {quoted}", COUNT_LIMITS).rows  # noqa: S608
        except SqlError:  # a large table; or a virtual one of which the module is not here
            return None
        return int(str(count))

    @contextmanager
    def reading(self, connection: sa.Connection, limits: Limits) -> Iterator[None]:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        until = time.monotonic() + limits.seconds
        raw.set_progress_handler(lambda: limits.stop.asked or time.monotonic() > until, STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)

    def writable(self) -> AbstractContextManager[sa.Connection]:
        return self._writer.connect()

    @contextmanager
    def changing(self, connection: sa.Connection, limits: Limits) -> Iterator[None]:
        with self.reading(connection, limits):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield

    def obstacles(self) -> list[tuple[object, ...]]:
        triggers = self.execute(TRIGGERS, CATALOG_LIMITS).rows
        followers: list[tuple[object, ...]] = []
        for (table,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'table'", CATALOG_LIMITS).rows:
            quoted = '"' + str(table).replace('"', '""') + '"'
            keys = self.execute(f"PRAGMA foreign_key_list({quoted})", CATALOG_LIMITS).rows
            followers += [
                ("cascade", key[2], table) for key in keys if key[6] in ("CASCADE", "SET NULL", "SET DEFAULT")
            ]
        return [*triggers, *followers]

    def translate(self, error: DBAPIError, limits: Limits) -> PilotError:
        words = str(error.orig)
        if words == "interrupted":
            return ended(limits)
        if "not a database" in words or "malformed" in words:
            return fault(SourceRefused, "unreadable_file", product="SQLite", problem=words)
        if "unable to open" in words or "database is locked" in words or "disk I/O error" in words:
            return fault(SourceUnreachable, "busy_file", product="SQLite", problem=words)
        return fault(SqlFailed, "failed", problem=words)

    def warnings(self) -> list[Risk]:
        return []


def _notes(sql: str) -> dict[str, str]:
    """SQLite knows no comments, but keeps the text of CREATE TABLE: what stands behind `--` at a column's line."""
    found: dict[str, str] = {}
    for *names, note in NOTE.findall(sql):
        found.setdefault(next(filter(None, names)).lower(), note[:NOTE_CHARS])
    return found


def _connection(address: str) -> sqlite3.Connection:
    """Four locks on one door: opened read-only, told to be read-only, asked before each step, and with small limits."""
    connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=BUSY_SECONDS)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES)
    connection.text_factory = lambda text: text.decode("utf-8", errors="replace")
    connection.set_authorizer(_allowed)
    return connection


def _writing(address: str) -> sqlite3.Connection:
    """For a statement that guard_write has passed: rows of tables may change, nothing else."""
    connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_CELL_BYTES)
    connection.text_factory = lambda text: text.decode("utf-8", errors="replace")
    connection.set_authorizer(_allowed_to_write)
    return connection


def _allowed_to_write(action: int, first: str | None, second: str | None, *rest: object) -> int:
    if action in CHANGING and not str(first).lower().startswith("sqlite_"):
        return OK
    return _allowed(action, first, second, *rest)


def _allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
    """SQLite asks this while it compiles a statement; `second` is a function's name, `first` a pragma's."""
    if action in READING:
        return OK
    if action == sqlite3.SQLITE_FUNCTION:
        return OK if (second or "").upper() in FUNCTIONS["sqlite"] | OPERATORS else DENY
    if action == sqlite3.SQLITE_PRAGMA:
        return OK if first in CATALOG_PRAGMAS else DENY
    return DENY
