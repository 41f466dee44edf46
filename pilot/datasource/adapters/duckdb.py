"""DuckDB: a file opened read-only, or CSV and Parquet files that are read into memory; without the outside world.

Directly on the duckdb package: SQLAlchemy has no dialect for it. Whatever a statement asks, DuckDB itself may not open
another file, load an extension, or change a setting; nor may it spill to disk.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import sqlalchemy as sa

from pilot.datasource.base import Limits, Rows
from pilot.datasource.cells import collect, names
from pilot.datasource.reflect import CatalogRows
from pilot.datasource.refusals import fault
from pilot.datasource.risks import Risk
from pilot.datasource.source import CATALOG_LIMITS, SqlSource
from pilot.datasource.watch import ended, watched
from pilot.errors import PilotError, SourceRefused, SourceUnreachable, SqlFailed

READERS = {".csv": "read_csv", ".tsv": "read_csv", ".parquet": "read_parquet"}
SAFE: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,  # else FROM name reads a variable of our program
    "memory_limit": "1GB",
    "temp_directory": "",
    "threads": 2,
    "lock_configuration": True,
}
OPENING = SAFE | {"enable_external_access": True, "lock_configuration": False}  # until `shut`

TABLES = """
    SELECT table_name, false, comment, estimated_size, table_oid FROM duckdb_tables()
    WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()
    UNION ALL
    SELECT view_name, true, comment, NULL, view_oid FROM duckdb_views()
    WHERE schema_name = 'main' AND NOT internal AND database_name = current_database()
    ORDER BY 2, 5"""
COLUMNS = """
    SELECT c.table_name, c.column_name, c.data_type, c.is_nullable,
      EXISTS (SELECT 1 FROM duckdb_constraints() k WHERE k.table_oid = c.table_oid
        AND k.constraint_type = 'PRIMARY KEY' AND list_contains(k.constraint_column_names, c.column_name)),
      c.comment
    FROM duckdb_columns() c
    WHERE c.schema_name = 'main' AND NOT c.internal AND c.database_name = current_database()
    ORDER BY c.table_oid, c.column_index"""
KEYS = """
    SELECT table_name, constraint_index, unnest(constraint_column_names), referenced_table,
      unnest(referenced_column_names)
    FROM duckdb_constraints()
    WHERE constraint_type = 'FOREIGN KEY' AND schema_name = 'main' AND database_name = current_database()
    ORDER BY table_name, constraint_index"""


class DuckDb(SqlSource):
    """A file. Its user has no account: the connection itself is what cannot write."""

    dialect = "duckdb"
    drivers = frozenset()

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        self._path = Path(url.database or "").expanduser()
        if not url.database or not self._path.is_file():
            raise fault(SourceRefused, "no_file", product="DuckDB", name=url.database or "")
        self._opening = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def execute(self, text: str, limits: Limits) -> Rows:
        started = time.monotonic()
        try:
            with self._reading(limits) as cursor:
                cursor.execute(text)
                columns = names(cursor.description)
                return collect(columns, iter(cursor.fetchone, None) if columns else (), limits, started=started)
        except duckdb.Error as error:
            raise _translated(error, limits) from None

    def catalog_rows(self) -> tuple[CatalogRows, CatalogRows, CatalogRows]:
        tables, columns, keys = (self.execute(text, CATALOG_LIMITS).rows for text in (TABLES, COLUMNS, KEYS))
        return [row[:4] for row in tables], columns, keys

    def warnings(self) -> list[Risk]:
        return []

    def close(self) -> None:
        with self._opening:
            if self._connection:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _reading(self, limits: Limits) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session of its own, in a read-only transaction. It is interrupted until it notices."""
        with closing(self._opened().cursor()) as cursor, watched(limits, cursor.interrupt):
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor

    def _opened(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._connection is None:
                reader = READERS.get(self._path.suffix.lower())
                self._connection = _read_in(self._path, reader) if reader else _connection(self._path)
            return self._connection


def _connection(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(path, read_only=True, config=SAFE)


def _read_in(path: Path, reader: str) -> duckdb.DuckDBPyConnection:
    """A database in memory with one table, called like the file. The doors are shut when it is read."""
    connection = duckdb.connect(":memory:", config=OPENING)
    table = '"' + path.stem.replace('"', "") + '"'
    try:
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {reader}(?)", [str(path)])  # noqa: S608
    except duckdb.Error as error:
        connection.close()
        raise _unreadable(error) from None
    shut(connection)
    return connection


def shut(connection: duckdb.DuckDBPyConnection, *, but: Path | None = None) -> None:
    """From now on nothing outside can be opened, but what lies in this folder."""
    if but:
        folder = str(but).replace("'", "''")
        connection.execute(f"SET allowed_directories = ['{folder}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _translated(error: duckdb.Error, limits: Limits) -> PilotError:
    words = _words(error)
    if isinstance(error, duckdb.InterruptException):
        return ended(limits)
    if isinstance(error, duckdb.ConnectionException) or "Could not set lock" in words:
        return fault(SourceUnreachable, "busy_file", product="DuckDB", problem=words)
    if isinstance(error, duckdb.IOException | duckdb.SerializationException):
        return _unreadable(error)
    return fault(SqlFailed, "failed", problem=words)


def _unreadable(error: duckdb.Error) -> SourceRefused:
    return fault(SourceRefused, "unreadable_file", product="DuckDB", problem=_words(error))


def _words(error: duckdb.Error) -> str:
    """What DuckDB says, without the statement and without advice about its settings."""
    return " ".join(str(error).split("\n\nLINE ")[0].split("\nPossible")[0].split())
