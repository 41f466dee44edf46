"""A real MariaDB server of our own for tests: private folder, free port, nobody else's data.

Use it by `from tests.mariadb import MariaDb, mariadb` (a session fixture; it skips where there is no server binary).
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import sqlalchemy as sa

START_SECONDS = 60.0
READER, READER_PASSWORD = "reader", "reader's pass%word:1"


class MariaDb:
    """`root` may do anything and has no password; `reader` may only read, in every database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.options: list[str] = []  # more of the server's command line
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        install = shutil.which("mariadb-install-db") or "mysql_install_db"
        subprocess.run(
            [install, "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal",
             "--skip-test-db", "--user=root"],
            check=True, capture_output=True, timeout=START_SECONDS,
        )  # fmt: skip

    def start(self) -> None:
        server = shutil.which("mariadbd") or "mariadbd"
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(
            [server, "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 's'}",
             f"--port={self.port}", "--bind-address=127.0.0.1", "--user=root", "--character-set-server=utf8mb4",
             f"--pid-file={self.folder / 'pid'}", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=2",
             f"--secure-file-priv={self.folder}", *self.options],
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
    if not shutil.which("mariadbd"):
        pytest.skip("no MariaDB server here: apt-get install mariadb-server")
    server = MariaDb(tmp_path_factory.mktemp("mariadb"))
    server.install()
    server.start()
    password = READER_PASSWORD.replace("'", "''")
    try:
        server.execute(
            "DELETE FROM mysql.global_priv WHERE user = ''",  # the anonymous account would shadow the others
            "FLUSH PRIVILEGES",
            f"CREATE USER '{READER}'@'%' IDENTIFIED BY '{password}'",
            f"GRANT SELECT, SHOW VIEW ON *.* TO '{READER}'@'%'",
        )
        yield server
    finally:
        server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
