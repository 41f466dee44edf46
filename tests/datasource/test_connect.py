"""What a database URL may say: known drivers, known options, and nothing that runs code or reads files."""

from pathlib import Path

import pytest

from pilot.datasource.source import SqlSource, adapters, connect, databases
from pilot.errors import SourceRefused


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://u:secret@h/d?local_infile=1", "local_infile"),
        ("mysql://u:secret@h/d?init_command=DROP+TABLE+x", "init_command"),
        ("mysql://u:secret@h/d?read_default_file=/etc/my.cnf", "read_default_file"),
        ("mysql://u:secret@h/d?ssl_ca=/etc/passwd", "ssl_ca"),
        ("mysql://u:secret@h/d?unix_socket=/tmp/s", "unix_socket"),
        ("mysql://u:secret@h/d?sql_mode=ANSI_QUOTES", "sql_mode"),
        ("mysql://u:secret@h/d?charset=gbk", "charset"),
        ("mysql://u:secret@h/d?charset=utf8mb4&charset=gbk", "charset"),
        ("mysql+mysqldb://u:secret@h/d", "mysqldb"),
        ("mysql+aiomysql://u:secret@h/d", "aiomysql"),
        ("sqlite+pysqlcipher://u:secret@/x.db", "pysqlcipher"),
        ("sqlite:///x.db?uri=true", "uri"),
        ("sqlite:///x.db?mode=rwc", "mode"),
        ("sqlite://", "SQLite file"),
        ("sqlite:///:memory:", ":memory:"),
        ("postgresql://u:secret@h/d?options=-csession_replication_role%3Dreplica", "options"),
        ("postgresql://u:secret@h/d?service=x", "service"),
        ("postgresql://u:secret@h/d?passfile=/etc/passwd", "passfile"),
        ("postgresql://u:secret@h/d?sslkey=/etc/passwd", "sslkey"),
        ("postgresql://u:secret@h/d?host=/tmp", "host"),
        ("postgresql+psycopg2://u:secret@h/d", "psycopg2"),
        ("duckdb:///x.duckdb?access_mode=read_write", "access_mode"),
        ("duckdb+engine:///x.duckdb", "engine"),
        ("mssql+pyodbc://u:secret@h/d", "mssql"),
        ("shell:secret", "no database URL"),
        ("", "no database URL"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(url: str, named: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        connect(url)
    assert named in refused.value.message
    assert "secret" not in f"{refused.value.message} {refused.value.remedy} {refused.value.details}"


@pytest.mark.parametrize("scheme", ["mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql"])
def test_mysql_and_mariadb_are_one(scheme: str) -> None:
    source = connect(f"{scheme}://reader:x@127.0.0.1:3306/shop?charset=utf8mb4")
    assert source.dialect == "mysql"
    source.close()


def test_a_sqlite_file_is_its_only_database(shop_file: Path) -> None:
    assert databases(f"sqlite:///{shop_file}") == [str(shop_file)]


@pytest.mark.parametrize("name", adapters().names())
def test_every_adapter_keeps_the_contract(name: str) -> None:
    adapter = adapters().get(name)
    assert issubclass(adapter, SqlSource)
    assert adapter.dialect == name
    assert not adapter.__abstractmethods__
    assert "local_infile" not in adapter.options
