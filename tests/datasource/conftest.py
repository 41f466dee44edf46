"""The shop as a SQLite and a DuckDB file, and as a database of a real MariaDB and a real PostgreSQL server."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from pilot.datasource.source import SqlSource, connect
from pilot.schema import Schema
from tests.datasource.cases import shop
from tests.mariadb import MariaDb, mariadb
from tests.postgres import Postgres, postgres

__all__ = ["mariadb", "postgres"]


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    connection = sqlite3.connect(path)
    for statement in shop():
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


@pytest.fixture(scope="session")
def schema(shop_file: Path) -> Schema:
    """Of the shop, as SQLite tells it."""
    with closing(connect(f"sqlite:///{shop_file}")) as source:
        return source.reflect()


@pytest.fixture(scope="session")
def shop_server(mariadb: MariaDb) -> MariaDb:
    mariadb.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
    mariadb.execute(*shop(), database="shop")
    return mariadb


@pytest.fixture
def sqlite_shop(shop_file: Path) -> Iterator[SqlSource]:
    source = connect(f"sqlite:///{shop_file}")
    yield source
    source.close()


@pytest.fixture
def mysql_shop(shop_server: MariaDb) -> Iterator[SqlSource]:
    """As root: whatever holds here holds without the help of the account."""
    source = connect(shop_server.url("shop"))
    yield source
    source.close()


@pytest.fixture(scope="session")
def shop_postgres(postgres: Postgres) -> Postgres:
    postgres.execute("CREATE DATABASE shop")
    postgres.execute(*shop("postgres"), database="shop")
    return postgres


@pytest.fixture
def postgres_shop(shop_postgres: Postgres) -> Iterator[SqlSource]:
    """As superuser: whatever holds here holds without the help of the account."""
    source = connect(shop_postgres.url("shop"))
    yield source
    source.close()


@pytest.fixture(scope="session")
def duckdb_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("duck") / "shop.duckdb"
    with duckdb.connect(path) as connection:
        for statement in shop("duckdb"):
            connection.execute(statement)
    return path


@pytest.fixture
def duckdb_shop(duckdb_file: Path) -> Iterator[SqlSource]:
    source = connect(f"duckdb:///{duckdb_file}")
    yield source
    source.close()
