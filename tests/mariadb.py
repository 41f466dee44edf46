"""A real MariaDB server of our own for tests: private folder, free port, nobody else's data.

Use it by `from tests.mariadb import MariaDb, mariadb` (a session fixture; it skips where there is no server binary).
`PILOT_TEST_MYSQLD=/path/to/mysqld` runs the same tests against that server: MySQL's own, or another MariaDB.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

START_SECONDS = 60.0
READER, READER_PASSWORD = "reader", "reader's pass%word:1"
# MariaDB's anonymous account would shadow the others.
NO_STRANGERS = ("DELETE FROM mysql.global_priv WHERE user = ''", "FLUSH PRIVILEGES")


class MariaDb:
    """`root` may do anything and has no password; `reader` may only read, in every database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.options: list[str] = []  # more of the server's command line
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        if is_mysql():
            command = [program() or "mysqld", "--no-defaults", "--initialize-insecure",
                       f"--datadir={self.folder / 'data'}", "--user=root"]  # fmt: skip
            subprocess.run(command, check=True, capture_output=True, timeout=START_SECONDS)
            return
        install = shutil.which("mariadb-install-db") or "mysql_install_db"
        subprocess.run(
            [install, "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal",
             "--skip-test-db", "--user=root"],
            check=True, capture_output=True, timeout=START_SECONDS,
        )  # fmt: skip

    def start(self) -> None:
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [program() or "mariadbd", "--no-defaults", f"--datadir={self.folder / 'data'}",
             f"--socket={self.folder / 's'}", f"--port={self.port}", "--bind-address=127.0.0.1", "--user=root",
             "--character-set-server=utf8mb4",
             f"--pid-file={self.folder / 'pid'}", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2",
             f"--secure-file-priv={self.folder}", *(["--mysqlx=OFF"] if is_mysql() else []), *self.options],
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """As a machine would: the process is killed."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, database: str = "", *, user: str = "root", password: str = "") -> sa.URL:
        return sa.URL.create("mysql", user, password or None, "127.0.0.1", self.port, database or None)

    def reader_url(self, database: str = "") -> sa.URL:
        return self.url(database, user=READER, password=READER_PASSWORD)

    def execute(self, *statements: str, database: str = "") -> list[tuple[object, ...]]:
        """As root, without any guard; the rows of the last statement."""
        with self._connect(database) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()
            return list(cursor.fetchall())

    def queries(self) -> list[str]:
        """What runs on the server right now, but for this question."""
        rows = self.execute("SELECT info FROM information_schema.processlist WHERE command = 'Query'")
        return [str(info) for (info,) in rows if "information_schema.processlist" not in str(info)]

    def _connect(self, database: str = "") -> "pymysql.Connection[pymysql.cursors.Cursor]":
        return pymysql.connect(
            host="127.0.0.1", port=self.port, user="root", database=database or None, charset="utf8mb4"
        )

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except pymysql.MySQLError:
            return False
        return True


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    if not program():
        pytest.skip("no MariaDB server here: apt-get install mariadb-server")
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    server.install()
    server.start()
    password = READER_PASSWORD.replace("'", "''")
    try:
        server.execute(
            *([] if is_mysql() else NO_STRANGERS),
            f"CREATE USER '{READER}'@'%' IDENTIFIED BY '{password}'",
            f"GRANT SELECT, SHOW VIEW ON *.* TO '{READER}'@'%'",
        )
        yield server
    finally:
        server.stop()


def program() -> str | None:
    """The server that the tests start."""
    return os.environ.get("PILOT_TEST_MYSQLD") or shutil.which("mariadbd")


@cache
def is_mysql() -> bool:
    """Whether that is MySQL's own server: it installs and names some things in its own way."""
    server = program()
    if server is None:
        return False
    told = subprocess.run([server, "--version"], check=True, capture_output=True, text=True, timeout=START_SECONDS)
    return "MariaDB" not in told.stdout


def numbers(count: int) -> str:
    """A query that both kinds of server take: 1 to `count`, at most 1,000."""
    return f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n"  # noqa: S608


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
