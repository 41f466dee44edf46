"""A real PostgreSQL server of our own for tests: private folder, free port, nobody else's data.

Use it by `from tests.postgres import Postgres, postgres` (a session fixture; it skips where there is no server binary).
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.mariadb import free_port

START_SECONDS = 60.0
READER, READER_PASSWORD = "reader", "reader's pass%word:1"


class Postgres:
    """`root` is superuser; `reader` may only read, in every database."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.options: list[str] = []  # more of the server's command line
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        if os.geteuid() == 0:  # the server refuses to run as root
            self.folder.chmod(0o755)
            shutil.chown(self.folder, "postgres")
        command = ["initdb", "-D", str(self.folder / "data"), "-U", "root", "-A", "trust", "-E", "UTF8",
                   "--locale=C.UTF-8", "--no-sync"]  # fmt: skip
        subprocess.run(self._as_server(command), check=True, capture_output=True, timeout=START_SECONDS)
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all {READER},writer all scram-sha-256\nhost all all 127.0.0.1/32 trust\n")

    def start(self) -> None:
        command = ["postgres", "-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder),
                   "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=32MB",
                   *self.options]  # fmt: skip
        log = (self.folder / "server.log").open("ab")
        self._process = subprocess.Popen(self._as_server(command), stdout=log, stderr=log, cwd=self.folder)
        log.close()
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])
            time.sleep(0.1)

    def stop(self) -> None:
        """At once, without a goodbye to anybody."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres", *, user: str = "root", password: str = "") -> sa.URL:
        return sa.URL.create("postgresql", user, password or None, "127.0.0.1", self.port, database)

    def reader_url(self, database: str = "postgres") -> sa.URL:
        return self.url(database, user=READER, password=READER_PASSWORD)

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """As superuser, without any guard; the rows of the last statement."""
        with psycopg.connect(**self._address(database), autocommit=True) as connection:  # type: ignore[arg-type]
            for statement in statements:
                cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def queries(self) -> list[str]:
        """What runs on the server right now, but for this question."""
        rows = self.execute(
            "SELECT query FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend'"
            " AND pid <> pg_backend_pid()"
        )
        return [str(query) for (query,) in rows]

    def _address(self, database: str) -> dict[str, object]:
        return {"host": "127.0.0.1", "port": self.port, "user": "root", "dbname": database}

    def _as_server(self, command: list[str]) -> list[str]:
        whole = [str(self._binaries / command[0]), *command[1:]]
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        return as_postgres + whole if os.geteuid() == 0 else whole

    def _answers(self) -> bool:
        try:
            psycopg.connect(**self._address("postgres"), connect_timeout=2).close()  # type: ignore[arg-type]
        except psycopg.Error:
            return False
        return True


def binaries() -> Path | None:
    """Where the server's programs are: Debian keeps them out of the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    return Path(on_path).parent if on_path else found[-1].parent if found else None


def new_folder() -> Path:
    """Not one of pytest's: those belong to the user who runs the tests, and the server may have to be another."""
    return Path(tempfile.mkdtemp(prefix="pilot-postgres-"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    server = Postgres(new_folder(), programs)
    try:
        server.install()
        server.start()
        password = READER_PASSWORD.replace("'", "''")
        server.execute(
            f"CREATE ROLE {READER} LOGIN PASSWORD '{password}'",
            f"GRANT pg_read_all_data TO {READER}",
        )
        yield server
    finally:
        server.stop()
        server.remove()
