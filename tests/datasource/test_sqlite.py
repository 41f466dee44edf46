"""SQLite files through the whole path: read-only whatever comes, within limits, with text as it stands."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from pilot.datasource.base import Limits
from pilot.datasource.source import SqlSource, connect
from pilot.errors import SourceRefused, SqlFailed
from tests.datasource.asking import ask

WRITES = (
    "INSERT INTO customers (id, name) VALUES (9, 'x')",
    "DELETE FROM customers",
    "DROP TABLE customers",
    "CREATE TABLE stolen (a)",
    "CREATE TEMP TABLE stolen (a)",
    "ATTACH DATABASE '{folder}/stolen' AS x",
    "VACUUM INTO '{folder}/stolen'",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "SELECT load_extension('x')",
    "SELECT hex(zeroblob(1000000000))",
    "SELECT * FROM pragma_database_list",
    "SELECT 'x' REGEXP '(x+x+)+y'",
    "BEGIN IMMEDIATE",
)


@pytest.mark.parametrize("sql", WRITES)
def test_sqlite_itself_refuses_what_would_get_past_the_guard(sqlite_shop: SqlSource, shop_file: Path, sql: str) -> None:
    before = shop_file.read_bytes()
    with pytest.raises(SqlFailed):
        sqlite_shop.execute(sql.format(folder=shop_file.parent), Limits())
    assert shop_file.read_bytes() == before
    assert [path.name for path in shop_file.parent.iterdir()] == [shop_file.name]


def test_bytes_that_are_no_text_do_not_stop_a_result(tmp_path: Path) -> None:
    file = tmp_path / "bad.sqlite"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE t (a TEXT, b BLOB)")
    connection.execute("INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), x'ff00')")
    connection.commit()
    connection.close()
    source = connect(f"sqlite:///{file}")
    assert ask(source, "SELECT a, b FROM t") == (("\ufffdA", b"\xff\x00"),)
    source.close()


def test_a_wal_file_of_a_running_program_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "a b?#%.sqlite"
    writer = sqlite3.connect(file)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("CREATE TABLE t (a)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.commit()
    source = connect(sa.URL.create("sqlite", database=str(file)))
    assert ask(source, "SELECT a FROM t") == ((1,),)
    source.close()
    writer.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    file.write_bytes(b"not a database at all, but long enough to be looked at" * 40)
    with pytest.raises(SourceRefused, match="no readable SQLite file"):
        connect(f"sqlite:///{file}").reflect()


def test_an_empty_file_is_an_empty_database(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    file.touch()
    assert connect(f"sqlite:///{file}").reflect().tables == ()


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match=r"gone\.sqlite"):
        connect(f"sqlite:///{tmp_path / 'gone.sqlite'}")
    assert not (tmp_path / "gone.sqlite").exists()
