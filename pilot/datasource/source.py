"""Connect to a database: what every adapter shares, and a base for those that SQLAlchemy has a driver for.

An adapter says how to run a statement read-only within limits, and how to read the catalog; the rest is the same for
all. Statements go to the driver as they are: neither `%` nor `:name` inside a literal may mean anything.
"""

import logging
import re
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from pilot.datasource.base import Cell, Datasource, Limits, Rows
from pilot.datasource.cells import collect, names
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.reflect import CatalogRows, assemble, with_samples
from pilot.datasource.refusals import fault
from pilot.datasource.tls import with_certificate
from pilot.datasource.watch import check_wanted
from pilot.errors import InputInvalid, PilotError, SourceRefused, SqlError, SqlRejected
from pilot.registry import Registry
from pilot.schema import Schema

logger = logging.getLogger(__name__)

CATALOG_LIMITS = Limits(seconds=60, rows=500_000, total_bytes=500_000_000)
SAMPLE_LIMITS = Limits(seconds=2, rows=2_000, cell_chars=200, total_bytes=5_000_000)
SAMPLING_SECONDS = 20.0  # for all tables together
BACKENDS = {"mariadb": "mysql", "postgresql": "postgres"}  # SQLAlchemy's name -> ours, where they differ
# One row at a time: a buffer of rows with large cells could be more than the memory holds.
PLAIN = {"no_parameters": True}
AS_IT_IS = PLAIN | {"stream_results": True, "max_row_buffer": 1}


@dataclass(frozen=True)
class Writing:
    """An open transaction: read and change within it; what is not committed is undone when its scope ends."""

    read: Callable[[str], Rows]
    change: Callable[[str], tuple[int, int]]  # how many rows, and the key that the server gave, if it did
    commit: Callable[[], None]


class SqlSource(Datasource):
    """What the adapters share."""

    drivers: ClassVar[frozenset[str]]  # SQLAlchemy's names; no others are loaded
    options: ClassVar[Mapping[str, str]] = {}  # allowed in the URL's query: name -> pattern of its value

    def __init__(self, url: sa.URL) -> None:
        """Need not connect yet. Raises SourceRefused."""
        self.url = url

    @abstractmethod
    def execute(self, text: str, limits: Limits) -> Rows:
        """Run on a connection that is read-only from its first statement; beyond the limit the query is cancelled.

        For adapters: their own catalog statements, and what the guard passed. Nothing else may come here.
        """

    @abstractmethod
    def catalog_rows(self) -> tuple[CatalogRows, CatalogRows, CatalogRows]:
        """What the database's catalog says, in the shape that `reflect.assemble` takes."""

    def writing(self, limits: Limits) -> AbstractContextManager[Writing]:
        """A scope with a transaction that may change data, and does so only if it is committed. For writes.py alone.

        Raises SqlRejected for a kind of database that is only read.
        """
        raise fault(SqlRejected, "write_dialect", name=self.dialect)

    def obstacles(self) -> Sequence[tuple[object, ...]]:
        """What no rehearsal can show or take back: ("engine" or "trigger", table, its name), and ("cascade", table,
        the table that follows it by a foreign key).
        """
        return ()

    def databases(self) -> list[str]:
        """The databases that this account can see, without the system's own."""
        return [self.url.database or ""]

    def run(self, statement: SafeSql, limits: Limits) -> Rows:
        if statement.dialect != self.dialect:
            raise InputInvalid(f"a statement of {statement.dialect} cannot run on {self.dialect}")
        return self.execute(statement.text, limits)

    def structure(self) -> Schema:
        """What `reflect` reads, without a look at any row."""
        return assemble(self.dialect, *self.catalog_rows())

    def reflect(self, known: Schema | None = None) -> Schema:
        schema = self.structure()
        if known is not None and known.fingerprint() == schema.fingerprint():
            return known
        until = time.monotonic() + SAMPLING_SECONDS

        def read(sql: str) -> tuple[tuple[Cell, ...], ...]:
            if time.monotonic() > until:
                return ()
            try:
                return self.run(check(sql, schema=schema, max_rows=SAMPLE_LIMITS.rows), SAMPLE_LIMITS).rows
            except SqlError as error:  # a slow view, a table that may not be read, a name that the guard refuses
                logger.debug("no samples: %s", error)
                return ()

        return with_samples(schema, read)


class EngineSource(SqlSource):
    """An adapter by a driver of SQLAlchemy."""

    def __init__(self, url: sa.URL) -> None:
        super().__init__(url)
        self._engine = self.open(url)

    @abstractmethod
    def open(self, url: sa.URL) -> sa.Engine:
        """An engine whose every connection is read-only from its first statement. Need not connect yet.

        Raises SourceRefused.
        """

    @abstractmethod
    def reading(self, connection: sa.Connection, limits: Limits) -> AbstractContextManager[None]:
        """A scope with a read-only transaction, in which a query that runs beyond the limit is cancelled."""

    def changing(self, connection: sa.Connection, limits: Limits) -> AbstractContextManager[None]:
        """The same with a transaction that may write, on a connection of `writable`."""
        raise NotImplementedError

    def writable(self) -> AbstractContextManager[sa.Connection]:
        """A connection that is closed afterwards."""
        return self._engine.connect()

    @abstractmethod
    def translate(self, error: DBAPIError, limits: Limits) -> PilotError:
        """The driver's error as one of ours, without a password."""

    def finish(self, result: sa.CursorResult[Any]) -> None:
        """Called when a limit has cut a result: keep the server from sending the rest."""

    def execute(self, text: str, limits: Limits) -> Rows:
        started = time.monotonic()
        check_wanted(limits)
        try:
            with self._engine.connect() as connection, self.reading(connection, limits):
                result = connection.exec_driver_sql(text, execution_options=AS_IT_IS)
                columns = names(result.cursor.description if result.cursor else None)  # SQLAlchemy may change them
                rows = collect(columns, iter(result.fetchone, None) if columns else (), limits, started=started)
                if rows.truncated:
                    self.finish(result)
                return rows
        except DBAPIError as error:
            raise self.translate(error, limits) from None  # the cause would carry the statement into the log

    @contextmanager
    def writing(self, limits: Limits) -> Iterator[Writing]:
        check_wanted(limits)
        try:
            with self.writable() as connection, self.changing(connection, limits):

                def read(text: str) -> Rows:
                    result = connection.exec_driver_sql(text, execution_options=PLAIN)
                    columns = names(result.cursor.description if result.cursor else None)
                    return collect(columns, result.fetchall(), limits, started=time.monotonic())

                def change(text: str) -> tuple[int, int]:
                    result = connection.exec_driver_sql(text, execution_options=PLAIN)
                    return result.rowcount, result.lastrowid or 0

                yield Writing(read, change, lambda: _commit(connection))  # what is not committed ends with it
        except DBAPIError as error:
            raise self.translate(error, limits) from None

    def close(self) -> None:
        self._engine.dispose()


def _commit(connection: sa.Connection) -> None:
    connection.exec_driver_sql("COMMIT")


def adapters() -> Registry[SqlSource]:
    """Every kind of database; outside packages add theirs in the entry-point group pilot.datasources."""
    table = {
        "sqlite": "pilot.datasource.adapters.sqlite:Sqlite",
        "mysql": "pilot.datasource.adapters.mysql:MySql",
        "postgres": "pilot.datasource.adapters.postgres:Postgres",
        "duckdb": "pilot.datasource.adapters.duckdb:DuckDb",
    }
    return Registry("kind of database", table, group="pilot.datasources")


def connect(url: str | sa.URL, *, certificates: Path | None = None) -> SqlSource:
    """A source for a SQLAlchemy URL of which driver and every option are allowed. Connects on first use.

    `certificates` is the folder of the files that the option `sslrootcert` may name. Raises SourceRefused naming what
    is not allowed.
    """
    parsed = _parsed(url)
    backend, _, driver = parsed.drivername.partition("+")
    known = adapters()
    name = BACKENDS.get(backend, backend)
    if name not in known.names():
        raise fault(SourceRefused, "kind", name=backend, known=", ".join(known.names()))
    adapter = known.get(name)
    if driver and driver not in adapter.drivers:
        raise fault(SourceRefused, "driver", name=driver, backend=backend)
    for option, value in parsed.query.items():
        pattern = adapter.options.get(option)
        if pattern is None:
            raise fault(SourceRefused, "option", name=option, known=", ".join(sorted(adapter.options)) or "-")
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise fault(SourceRefused, "option_value", name=option, pattern=pattern)
    return adapter(with_certificate(parsed, certificates))


def databases(url: str | sa.URL, *, certificates: Path | None = None) -> list[str]:
    """The databases that this account can see on its server, without the system's own.

    Raises SourceRefused, SourceUnreachable.
    """
    with closing(connect(url, certificates=certificates)) as source:
        return source.databases()


def _parsed(url: str | sa.URL) -> sa.URL:
    try:
        return sa.make_url(url)
    except (ArgumentError, ValueError):
        raise fault(SourceRefused, "url") from None
