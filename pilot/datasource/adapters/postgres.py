"""PostgreSQL by psycopg: a fresh read-only session for every statement, ended on the server when it is late.

Statements go by the extended protocol, which takes exactly one. Rows come one at a time, so that a result which a
limit cuts is not sent to its end. What the account may do is the account's matter: see `warnings`.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import psycopg
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from psycopg.types.string import TextLoader

from pilot.datasource.base import Limits, Rows
from pilot.datasource.cells import collect, names
from pilot.datasource.reflect import CatalogRows
from pilot.datasource.refusals import fault
from pilot.datasource.risks import Power, Risk
from pilot.datasource.source import CATALOG_LIMITS, SqlSource, Writing
from pilot.datasource.tls import TLS_OPTIONS, Tls
from pilot.datasource.watch import ended, watched
from pilot.errors import PilotError, SourceRefused, SourceUnreachable, SqlFailed
from pilot.schema import Schema

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
CANCEL_AFTER = 0.5  # seconds that the server has to notice its own limit before we cancel the query
CANCEL_AGAIN = 0.5  # seconds until the next try
GIVE_UP_AFTER = 3.0  # seconds until we stop waiting for an answer that a dead network will not bring

# The grammar that the guard has checked, and no time or date that depends on the server's taste. The session's own
# default outlives a COMMIT; the transaction's cannot be changed by a function inside a query.
SESSION = """
    SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;
    BEGIN READ ONLY;
    SET LOCAL standard_conforming_strings = on;
    SELECT set_config('search_path', COALESCE((
      SELECT string_agg(quote_ident(nspname), ', ' ORDER BY {order}) FROM pg_namespace WHERE {wanted}
    ), 'public'), true);
    SET LOCAL datestyle = 'ISO, YMD';
    SET LOCAL intervalstyle = 'postgres';
    SET LOCAL statement_timeout = {milliseconds};
    SET LOCAL idle_in_transaction_session_timeout = {idle}"""

# The search path: the schemas of the option `schema` in its order, else all that the account may use, public first.
EVERY_SCHEMA = {
    "wanted": "nspname !~ '^pg_' AND nspname <> 'information_schema' AND has_schema_privilege(oid, 'USAGE')",
    "order": "nspname <> 'public', nspname",
}
CHOSEN_SCHEMAS = {"wanted": "nspname = ANY (ARRAY[{names}])", "order": "array_position(ARRAY[{names}], nspname::text)"}
SHOWN_SCHEMAS = 5

# What the account may read and a plain name reaches; parts of a partitioned table are in the whole.
READABLE = """
    c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
    AND pg_table_is_visible(c.oid)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND (has_table_privilege(c.oid, 'SELECT') OR has_any_column_privilege(c.oid, 'SELECT'))"""
SCHEMAS = f"SELECT DISTINCT c.relnamespace::regnamespace::text FROM pg_class c WHERE {READABLE} ORDER BY 1"  # noqa: S608
NAMESPACES = f"""
    SELECT c.relname, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {READABLE}"""  # noqa: S608
TABLES = f"""
    SELECT c.relname, c.relkind IN ('v', 'm'), obj_description(c.oid, 'pg_class'),
      CASE WHEN c.reltuples >= 0 AND c.relkind NOT IN ('v', 'f') THEN c.reltuples::bigint END
    FROM pg_class c WHERE {READABLE} ORDER BY c.relname"""  # noqa: S608
COLUMNS = f"""
    SELECT c.relname, a.attname,
      CASE WHEN t.typtype = 'e'
        THEN 'ENUM(' || (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                         FROM pg_enum e WHERE e.enumtypid = t.oid) || ')'
        ELSE format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE a.atttypid END,
                         CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) END,
      NOT a.attnotnull,
      EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)),
      col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
    WHERE {READABLE} AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')
    ORDER BY c.relname, a.attnum"""  # noqa: S608
KEYS = f"""
    SELECT c.relname, k.conname, a.attname, r.relname, b.attname
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair(ours, theirs, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = pair.ours
    JOIN pg_attribute b ON b.attrelid = r.oid AND b.attnum = pair.theirs
    WHERE k.contype = 'f' AND pg_table_is_visible(r.oid) AND {READABLE}
    ORDER BY c.relname, k.conname, pair.place"""  # noqa: S608
RIGHTS = """
    SELECT current_user,
      (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
      EXISTS (SELECT 1 FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER') AND rolname IN
        ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')),
      EXISTS (SELECT 1 FROM pg_class c WHERE pg_table_is_visible(c.oid) AND c.relnamespace IN
        (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
        AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')),
      EXISTS (SELECT 1 FROM unnest(current_schemas(false)) AS s WHERE has_schema_privilege(s, 'CREATE'))"""
OBSTACLES = """
    SELECT 'trigger', c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'trigger', c.relname, r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE r.rulename <> '_RETURN' AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'engine', c.relname, 'foreign' FROM pg_class c WHERE c.relkind = 'f' AND pg_table_is_visible(c.oid)
    UNION ALL
    SELECT 'cascade', r.relname, c.relname FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
    WHERE k.contype = 'f' AND k.confdeltype IN ('c', 'n', 'd') AND pg_table_is_visible(r.oid)"""
BUSY = ("starting up", "shutting down", "too many", "remaining connection slots", "recovery mode")


class Postgres(SqlSource):
    """A database on a server: the tables of every schema that the account may use, by their plain names."""

    dialect = "postgres"
    drivers = frozenset({"psycopg"})
    options = TLS_OPTIONS | {"schema": r"[\w$]+(,[\w$]+)*"}

    def execute(self, text: str, limits: Limits) -> Rows:
        started = time.monotonic()
        with self._opened(limits) as connection:
            connection.execute(self._session(limits))
            return _streamed(connection, text, limits, started=started)

    @contextmanager
    def writing(self, limits: Limits) -> Iterator[Writing]:
        with self._opened(limits) as connection:
            connection.execute(self._session(limits).replace("BEGIN READ ONLY", "BEGIN READ WRITE"))
            connection.execute(f"SET LOCAL lock_timeout = {round(limits.seconds * 500)}")
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # those at COMMIT would speak after the rehearsal

            def read(text: str) -> Rows:
                cursor = connection.execute(text, prepare=True)  # takes one statement, whatever the text says
                return collect(names(cursor.description), cursor, limits, started=time.monotonic())

            def change(text: str) -> tuple[int, int]:
                return connection.execute(text, prepare=True).rowcount, 0

            yield Writing(read, change, partial(_commit, connection))

    def obstacles(self) -> Sequence[tuple[object, ...]]:
        return self.execute(OBSTACLES, CATALOG_LIMITS).rows

    def structure(self) -> Schema:
        schema = super().structure()
        places = {str(name): str(place) for name, place in self.execute(NAMESPACES, CATALOG_LIMITS).rows}
        tables = (replace(table, namespace=places.get(table.name, "")) for table in schema.tables)
        return replace(schema, tables=tuple(tables))

    def databases(self) -> list[str]:
        text = "SELECT datname FROM pg_database WHERE NOT datistemplate AND has_database_privilege(oid, 'CONNECT')"
        return [str(name) for (name,) in self.execute(text + " ORDER BY 1", CATALOG_LIMITS).rows]

    def catalog_rows(self) -> tuple[CatalogRows, CatalogRows, CatalogRows]:
        tables, columns, keys = (self.execute(text, CATALOG_LIMITS).rows for text in (TABLES, COLUMNS, KEYS))
        return tables, columns, keys

    def warnings(self) -> list[Risk]:
        ((account, superuser, files, writes, creates),) = self.execute(RIGHTS, CATALOG_LIMITS).rows
        powers: dict[Power, object] = {
            "superuser": superuser, "files": files, "write": writes, "create": creates
        }  # fmt: skip
        has: list[Power] = ["superuser"] if superuser else [power for power, found in powers.items() if found]
        if not has:
            return []
        schemas = [str(name) for (name,) in self.execute(SCHEMAS, CATALOG_LIMITS).rows] or ["public"]
        grants = ["CREATE ROLE pilot_reader LOGIN PASSWORD 'a long password';"]
        for schema in schemas[:SHOWN_SCHEMAS]:
            grants += [
                f"GRANT USAGE ON SCHEMA {schema} TO pilot_reader;",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO pilot_reader;",
            ]
        return [Risk(str(account), tuple(has), (), tuple(grants))]

    def close(self) -> None:
        """There is nothing to release: every statement has its own connection."""

    @contextmanager
    def _opened(self, limits: Limits) -> Iterator[psycopg.Connection[Any]]:
        """A connection that ends with the scope, and before it when the time is over."""
        late = threading.Event()
        try:
            with (
                closing(self._connect()) as connection,
                _given_up(connection, limits, late),
                watched(limits, partial(_cancel, connection), grace=CANCEL_AFTER, again=CANCEL_AGAIN),
            ):
                yield connection
        except psycopg.Error as error:
            raise _translated(error, limits, late=late.is_set()) from None  # the cause would carry the statement

    def _session(self, limits: Limits) -> str:
        chosen = str(self.url.query.get("schema", ""))
        names = ", ".join(f"'{name}'" for name in chosen.split(","))
        path = {key: text.format(names=names) for key, text in CHOSEN_SCHEMAS.items()} if chosen else EVERY_SCHEMA
        return SESSION.format(
            milliseconds=max(1, round(limits.seconds * 1000)),
            idle=round((limits.seconds + GIVE_UP_AFTER) * 1000),
            **path,
        )

    def _connect(self) -> psycopg.Connection[Any]:
        tls = Tls.of(self.url)
        connection = psycopg.connect(
            host=self.url.host or "127.0.0.1",
            port=self.url.port or 5432,
            user=self.url.username,
            password=self.url.password or "",
            dbname=self.url.database or "postgres",
            client_encoding="utf8",
            application_name="pilot",
            connect_timeout=CONNECT_SECONDS,
            passfile=f"{os.devnull}/none",  # our user's own passwords are not for every address
            sslmode=tls.mode,
            sslrootcert=str(tls.authority or "system") if tls.verifies else f"{os.devnull}/none",
            sslcert=f"{os.devnull}/none",  # nor are his keys
            autocommit=True,  # SESSION begins the transaction
        )
        for name in ("json", "jsonb", "interval"):  # as the server writes them
            connection.adapters.register_loader(name, TextLoader)
        for loader, name in ((_Date, "date"), (_Timestamp, "timestamp"), (_Timestamptz, "timestamptz")):
            connection.adapters.register_loader(name, loader)
        return connection


def _streamed(connection: psycopg.Connection[Any], text: str, limits: Limits, *, started: float) -> Rows:
    """Closing the stream cancels what is left of the query."""
    with connection.cursor() as cursor:
        rows: Any = cursor.stream(text)
        first = next(rows, None)
        if first is not None:
            with closing(rows):
                return collect(names(cursor.description), chain([first], rows), limits, started=started)
        cursor.execute(f"SELECT * FROM ({text}) AS empty LIMIT 0")  # noqa: S608  # a stream without rows has no names
        return collect(names(cursor.description), (), limits, started=started)


def _commit(connection: psycopg.Connection[Any]) -> None:
    connection.execute("COMMIT")


def _cancel(connection: psycopg.Connection[Any]) -> None:
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=GIVE_UP_AFTER)


@contextmanager
def _given_up(connection: psycopg.Connection[Any], limits: Limits, late: threading.Event) -> Iterator[None]:
    """Ends the connection when nothing answers any longer, not even to a cancellation."""

    def give_up() -> None:
        late.set()
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(limits.seconds + GIVE_UP_AFTER, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _translated(error: psycopg.Error, limits: Limits, *, late: bool) -> PilotError:
    code, words = error.sqlstate or "", " ".join(str(error).split("\nLINE ")[0].split())
    if code == "57014" or (late and not code):
        return ended(limits)
    if "certificate verify failed" in words or "does not match host name" in words:
        return fault(SourceRefused, "certificate", problem=words)
    if "server does not support SSL" in words:
        return fault(SourceRefused, "no_tls")
    if code.startswith(("28", "3D")) or (not code and _refuses(words)):
        return fault(SourceRefused, "refused", problem=words.rpartition(" failed: ")[2].removeprefix("FATAL: "))
    if code.startswith(("08", "57P", "53")) or (not code and isinstance(error, psycopg.OperationalError)):
        return fault(SourceUnreachable, "unreachable", problem=words)
    return fault(SqlFailed, "failed", problem=words)


def _refuses(words: str) -> bool:
    """libpq gives no code for a connection that fails."""
    return ("FATAL" in words and not any(busy in words for busy in BUSY)) or "no password supplied" in words


class _Date(DateLoader):
    """PostgreSQL's infinity and years before Christ have no Python date: they are shown as they are."""

    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamp(TimestampLoader):
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class _Timestamptz(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


def _or_text(load: Any, data: Any) -> Any:
    try:
        return load(data)
    except psycopg.DataError:
        return bytes(data).decode()
