"""MySQL and MariaDB by PyMySQL: a fresh read-only session for every statement, ended on the server when it is late.

A fresh session costs some milliseconds and leaves nothing behind from one question to the next: no variable, lock,
temporary table or setting. What the account may do is the account's matter: see `warnings`.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import CR
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pilot.datasource.base import Limits
from pilot.datasource.reflect import CatalogRows
from pilot.datasource.refusals import fault
from pilot.datasource.risks import Power, Risk
from pilot.datasource.source import AS_IT_IS, CATALOG_LIMITS, EngineSource
from pilot.datasource.tls import TLS_OPTIONS, Tls
from pilot.datasource.watch import ended, watched
from pilot.errors import PilotError, SourceRefused, SourceUnreachable, SqlFailed

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
CANCEL_AFTER = 0.5  # seconds that the server has to notice its own limit before we send KILL QUERY
CANCEL_AGAIN = 0.5  # seconds until the next one
GIVE_UP_AFTER = 3.0  # seconds until we stop waiting for an answer that a dead network will not bring
SYSTEM = frozenset({"information_schema", "mysql", "performance_schema", "sys"})

# The grammar that the guard has checked: " quotes text and \ escapes. MariaDB's ONLY_FULL_GROUP_BY does not know that
# a key determines its row, and would refuse right queries; MySQL's does.
SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
MYSQL_SQL_MODE = SQL_MODE + ",ONLY_FULL_GROUP_BY"

TABLES = """
    SELECT table_name, table_type LIKE '%VIEW%', IF(table_type LIKE '%VIEW%', '', table_comment), table_rows
    FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY table_name"""
COLUMNS = """
    SELECT table_name, column_name, column_type, is_nullable = 'YES', column_key = 'PRI', column_comment
    FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"""
KEYS = """
    SELECT table_name, constraint_name, column_name, referenced_table_name, referenced_column_name
    FROM information_schema.key_column_usage
    WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()
    ORDER BY table_name, constraint_name, ordinal_position"""

OBSTACLES = """
    SELECT 'engine', table_name, t.engine FROM information_schema.tables t
    LEFT JOIN information_schema.engines e ON e.engine = t.engine
    WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND COALESCE(e.transactions, 'NO') <> 'YES'
    UNION ALL
    SELECT 'trigger', event_object_table, trigger_name FROM information_schema.triggers
    WHERE event_object_schema = DATABASE()
    UNION ALL
    SELECT 'cascade', referenced_table_name, table_name FROM information_schema.referential_constraints
    WHERE unique_constraint_schema = DATABASE() AND delete_rule IN ('CASCADE', 'SET NULL')"""

# Error numbers: https://mariadb.com/kb/en/mariadb-error-codes/ ; 2xxx are the client's own.
REFUSED = frozenset({1044, 1045, 1049, 1130, 1251, 1698, 1820, 1862, 2059, 3118, 3159, 3955, 4151})
UNREACHABLE = frozenset({0, 1040, 1053, 1203, 1226, 2002, 2003, 2005, 2006, 2013, 2014, 2055})
TIMED_OUT = frozenset({1317, 1969, 3024})
HARMLESS_RIGHTS = frozenset({"SELECT", "SHOW VIEW", "USAGE", "SHOW DATABASES", "PROCESS", "REFERENCES", "SHOW_ROUTINE"})
ALL_RIGHTS = frozenset({"ALL PRIVILEGES", "SUPER"})
FILE_RIGHTS = frozenset({"FILE", "ALL PRIVILEGES"})
WRITE_RIGHTS = frozenset({"INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "CREATE", "DELETE HISTORY", "ALL PRIVILEGES"})
SHOWN_RIGHTS = 6

# GRANT `reports`@`%`,`staff`@`%` TO ..., as MySQL tells roles; MariaDB's have no host.
ROLE = r"(?:`(?:[^`]|``)+`|[\w$]+)(?:@`(?:[^`]|``)*`)?"
ROLES = re.compile(rf"GRANT ({ROLE}(?:,\s*{ROLE})*) TO ")


class MySql(EngineSource):
    """A database on a server. MariaDB speaks the same dialect; where it differs, the session asks."""

    dialect = "mysql"
    drivers = frozenset({"pymysql"})
    options = TLS_OPTIONS | {"charset": "utf8mb4"}

    def open(self, url: sa.URL) -> sa.Engine:
        engine = sa.create_engine(
            url.set(drivername="mysql+pymysql", query={"charset": "utf8mb4"}),
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": CONNECT_SECONDS,  # until the session stands; then `reading` says how long
                "write_timeout": CONNECT_SECONDS,
                "local_infile": False,
            },
        )
        sa.event.listen(engine, "do_connect", _connecting(Tls.of(url)))
        sa.event.listen(engine, "connect", _start_session)
        return engine

    def databases(self) -> list[str]:
        found = self.execute("SHOW DATABASES", CATALOG_LIMITS).rows
        return [str(name) for (name,) in found if str(name).lower() not in SYSTEM]

    def catalog_rows(self) -> tuple[CatalogRows, CatalogRows, CatalogRows]:
        tables, columns, keys = (self.execute(text, CATALOG_LIMITS).rows for text in (TABLES, COLUMNS, KEYS))
        return tables, columns, keys

    def reading(self, connection: sa.Connection, limits: Limits) -> AbstractContextManager[None]:
        return self._transaction(connection, limits, "START TRANSACTION READ ONLY")

    def changing(self, connection: sa.Connection, limits: Limits) -> AbstractContextManager[None]:
        patience = f"SET SESSION innodb_lock_wait_timeout = {max(1, round(limits.seconds / 2))}"
        # of this transaction alone: the session stays read-only
        return self._transaction(connection, limits, patience, "START TRANSACTION READ WRITE")

    @contextmanager
    def _transaction(self, connection: sa.Connection, limits: Limits, *begin: str) -> Iterator[None]:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, pymysql.Connection)
        try:
            with raw.cursor() as cursor:
                for statement in (_time_limit(raw, limits.seconds), *begin):
                    cursor.execute(statement)
        except pymysql.MySQLError as error:  # as SQLAlchemy tells those of connecting: no question was asked yet
            raise DBAPIError(None, None, error) from error
        raw._read_timeout = limits.seconds + GIVE_UP_AFTER  # PyMySQL takes it at connect only
        with watched(limits, partial(self._cancel, raw.thread_id()), grace=CANCEL_AFTER, again=CANCEL_AGAIN):
            yield

    def obstacles(self) -> list[tuple[object, ...]]:
        found: list[tuple[object, ...]] = [*self.execute(OBSTACLES, CATALOG_LIMITS).rows]
        grants = self._grants()
        sees_triggers = any({"TRIGGER", "ALL PRIVILEGES"} & _rights(line) for line in grants)
        unsafe = next((engine for kind, _, engine in found if kind == "engine"), None)
        if unsafe is None or sees_triggers:
            return found
        # a trigger that this account may not see could write to a table whose changes stay
        return [*found, *(("engine", table, unsafe) for (table, *_) in self.execute(TABLES, CATALOG_LIMITS).rows)]

    def finish(self, result: sa.CursorResult[Any]) -> None:
        """Closing a stream early would read it to its end: end the query first, unless its end is next."""
        if result.fetchone() is None:
            return
        cursor: Any = result.cursor
        self._cancel(cursor.connection.thread_id())
        with suppress(pymysql.MySQLError):  # says that the query was ended
            cursor.close()

    def _cancel(self, thread: int) -> None:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(f"KILL QUERY {int(thread)}", execution_options={"no_parameters": True})
        except DBAPIError as error:  # it may have ended by itself; or the server is gone
            logger.info("a query could not be cancelled: error %s", _number(error))

    def translate(self, error: DBAPIError, limits: Limits) -> PilotError:
        number, words = _number(error), str(error.orig.args[-1]) if error.orig and error.orig.args else ""
        silent = number == CR.CR_SERVER_LOST and "timed out" in words
        asked = error.statement is not None or limits.stop.asked  # else the server was silent before any question
        if number in TIMED_OUT or (silent and asked):
            return ended(limits)
        if "CERTIFICATE_VERIFY_FAILED" in words:
            return fault(SourceRefused, "certificate", problem=words)
        if number == CR.CR_SSL_CONNECTION_ERROR:
            return fault(SourceRefused, "no_tls")
        if number in REFUSED:
            return fault(SourceRefused, "refused", problem=words)
        if number in UNREACHABLE:
            return fault(SourceUnreachable, "unreachable", problem=words)
        return fault(SqlFailed, "failed", problem=words)

    def warnings(self) -> list[Risk]:
        account = str(self.execute("SELECT CURRENT_USER()", CATALOG_LIMITS).rows[0][0])
        grants = self._grants()
        grants += self._grants_of_roles(grants)
        rights = sorted({right for line in grants for right in _rights(line)} - HARMLESS_RIGHTS)
        if not rights:
            return []
        files = any(_rights(line) & FILE_RIGHTS and " ON *.*" in line for line in grants)
        powers: dict[Power, bool] = {
            "superuser": bool(ALL_RIGHTS & set(rights)) and files,
            "write": bool(WRITE_RIGHTS & set(rights)),
            "files": files,
            "settings": not WRITE_RIGHTS & set(rights) and bool(set(rights) - FILE_RIGHTS),
        }
        database = (self.url.database or "your_database").replace("`", "``")
        remedy = (
            "CREATE USER 'pilot_reader'@'%' IDENTIFIED BY 'a long password';",
            f"GRANT SELECT, SHOW VIEW ON `{database}`.* TO 'pilot_reader'@'%';",
        )
        has = tuple(power for power, found in powers.items() if found)
        return [Risk(account, has, tuple(rights[:SHOWN_RIGHTS]), remedy)]

    def _grants(self) -> list[str]:
        return [str(line) for (line,) in self.execute("SHOW GRANTS", CATALOG_LIMITS).rows]

    def _grants_of_roles(self, grants: list[str]) -> list[str]:
        """Of those that the account may take on at any time, though a session of ours begins without them."""
        roles = [role for line in grants if (told := ROLES.match(line)) for role in re.findall(ROLE, told[1])]
        found: list[str] = []
        try:
            with self._engine.connect() as connection:
                for role in roles:
                    connection.exec_driver_sql(f"SET ROLE {role}", execution_options=AS_IT_IS)
                    rows = connection.exec_driver_sql("SHOW GRANTS", execution_options=AS_IT_IS)
                    found += [str(line) for (line,) in rows]
        except DBAPIError as error:
            raise self.translate(error, CATALOG_LIMITS) from None
        return found


def _connecting(tls: Tls) -> Callable[..., Any]:
    context = tls.context()  # made once, because that takes 20 ms

    def connect(dialect: sa.Dialect, _: object, args: list[Any], params: dict[str, Any]) -> Any:
        params["password"] = str(params.get("password", "")).encode()  # PyMySQL would make Latin-1 of it
        try:
            return dialect.connect(*args, **params, ssl=context)
        except pymysql.OperationalError as error:
            if error.args[0] != CR.CR_SSL_CONNECTION_ERROR or tls.required:
                raise
            return dialect.connect(*args, **params, ssl_disabled=True)  # an old server, or one without a certificate

    return connect


def _start_session(raw: Any, _: object) -> None:
    """From the first statement on, every transaction is read-only, and text means what the guard thinks it means."""
    maria = "MariaDB" in raw.get_server_info()
    with raw.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute(f"SET SESSION sql_mode = '{SQL_MODE if maria else MYSQL_SQL_MODE}'")


def _time_limit(raw: Any, seconds: float) -> str:
    if "MariaDB" in raw.get_server_info():
        return f"SET SESSION max_statement_time = {seconds:.3f}"
    return f"SET SESSION max_execution_time = {max(1, round(seconds * 1000))}"  # ms; MySQL heeds it for SELECT only


def _rights(grant: str) -> set[str]:
    """GRANT SELECT, INSERT (a, b) ON `shop`.* TO ... -> {SELECT, INSERT}. A granted role is named as it is."""
    listed = re.match(r"GRANT (.+?) ON ", grant)
    if not listed:
        return set()
    rights = {right.strip().upper() for right in re.sub(r"\([^)]*\)", "", listed[1]).split(",")}
    return rights | ({"GRANT OPTION"} if "WITH GRANT OPTION" in grant else set())


def _number(error: DBAPIError) -> int:
    first = error.orig.args[0] if error.orig is not None and error.orig.args else -1
    return first if isinstance(first, int) else -1
