"""DuckDB files through the whole path: nothing is written, nothing outside is read, limits hold."""

from pathlib import Path

import duckdb
import pytest

from pilot.datasource.base import Limits
from pilot.datasource.source import SqlSource, connect
from pilot.errors import SourceRefused, SourceUnreachable, SqlError, SqlFailed, SqlRejected
from pilot.schema import ForeignKey
from tests.datasource.asking import ask
from tests.datasource.cases import read

# What DuckDB must refuse by itself. {folder} is where the database lies, and a secret beside it.
ATTEMPTS = (
    "INSERT INTO customers (id, name) VALUES (9, 'x')",
    "DELETE FROM customers",
    "DROP TABLE order_items",
    "CREATE TABLE stolen (a INTEGER)",
    "COPY customers TO '{folder}/stolen.csv'",
    "COPY customers TO '{folder}/stolen.csv' (USE_TMP_FILE false)",
    "EXPORT DATABASE '{folder}/stolen'",
    "ATTACH '{folder}/stolen.duckdb'",
    "SELECT * FROM read_text('{folder}/secret.csv')",
    "SELECT * FROM read_csv('{folder}/secret.csv')",
    "SELECT * FROM '{folder}/secret.csv'",
    "SELECT * FROM glob('{folder}/*')",
    "SET enable_external_access = true",
    "SET threads = 64",
    "SET memory_limit = '100GB'",
    "RESET lock_configuration",
    "INSTALL httpfs",
    "LOAD '{folder}/stolen.duckdb_extension'",
    "SELECT * FROM sqlite_scan('{folder}/x', 't')",
    "SELECT * FROM stolen_frame",
)


@pytest.fixture(scope="session")
def secret(duckdb_file: Path) -> Path:
    file = duckdb_file.parent / "secret.csv"
    file.write_text("a,b\n1,2\n")
    return file


def _state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_attack_has_an_effect(duckdb_shop: SqlSource, duckdb_file: Path, secret: Path) -> None:
    before = _state(secret.parent)
    for case in read("rejected.duckdb.sql"):
        with pytest.raises(SqlRejected):
            ask(duckdb_shop, case.sql)
    assert _state(duckdb_file.parent) == before


@pytest.mark.parametrize("sql", ATTEMPTS)
@pytest.mark.parametrize("kind", ["file", "memory"])
def test_duckdb_itself_refuses_what_would_get_past_the_guard(
    duckdb_file: Path, secret: Path, tmp_path: Path, kind: str, sql: str
) -> None:
    stolen_frame = [1]  # which DuckDB would find as a table, were it let
    customers = tmp_path / "customers.csv"
    customers.write_text("id,name\n1,Ann\n")
    source = connect(f"duckdb:///{duckdb_file if kind == 'file' else customers}")
    before = _state(secret.parent) | _state(tmp_path)
    try:
        with pytest.raises(SqlError):
            source.execute(sql.format(folder=secret.parent), Limits())
    finally:
        source.close()
    assert _state(secret.parent) | _state(tmp_path) == before
    assert stolen_frame


def test_a_query_that_needs_too_much_memory_fails(duckdb_shop: SqlSource) -> None:
    with pytest.raises(SqlFailed, match="Out of Memory"):
        duckdb_shop.execute("SELECT list(a.range) FROM range(400000000) AS a", Limits())


def test_cells_that_have_no_plain_value_are_text(duckdb_shop: SqlSource) -> None:
    sql = "SELECT [1, NULL], {'a': 'é'}, 170141183460469231731687303715884105727::HUGEINT, '\\xFF'::BLOB"
    ((*cells,),) = duckdb_shop.execute(sql, Limits()).rows
    assert cells == ["[1, null]", '{"a": "é"}', 170141183460469231731687303715884105727, b"\xff"]


def test_the_schema_has_types_keys_enums_comments_and_views(tmp_path: Path) -> None:
    file = tmp_path / "deep.duckdb"
    with duckdb.connect(file) as connection:
        for statement in (
            "CREATE TYPE mood AS ENUM ('sad', 'ok')",
            "CREATE TABLE a (id INTEGER, k VARCHAR, state mood, tags VARCHAR[], PRIMARY KEY (id, k))",
            "COMMENT ON TABLE a IS '客户'",
            "COMMENT ON COLUMN a.state IS '状态'",
            "CREATE TABLE b (a_id INTEGER, a_k VARCHAR, made TIMESTAMP, FOREIGN KEY (a_id, a_k) REFERENCES a (id, k))",
            "CREATE VIEW v AS SELECT id FROM a",
            "INSERT INTO a VALUES (1, 'x', 'ok', ['t'])",
        ):
            connection.execute(statement)
    source = connect(f"duckdb:///{file}")
    a, b, v = source.reflect().tables
    source.close()
    assert [(column.name, column.kind, column.primary_key) for column in a.columns] == [
        ("id", "number", True), ("k", "text", True), ("state", "text", False), ("tags", "other", False),
    ]  # fmt: skip
    assert (a.comment, a.rows, a.columns[2].comment, a.columns[2].samples) == ("客户", 1, "状态", ("ok",))
    assert b.foreign_keys == (ForeignKey(("a_id", "a_k"), "a", ("id", "k")),)
    assert (v.name, v.view, v.rows) == ("v", True, None)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_csv_or_parquet_file_is_a_database_with_one_table(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"my sales{suffix}"
    duckdb.sql(f"COPY (SELECT 'Köln' AS city, 3 AS n, DATE '2024-02-29' AS sold_on) TO '{file}'")
    source = connect(f"duckdb:///{file}")
    (table,) = source.reflect().tables
    assert (table.name, [column.kind for column in table.columns]) == ("my sales", ["text", "number", "time"])
    assert ask(source, 'SELECT city, n FROM "my sales" WHERE year(sold_on) = 2024') == (("Köln", 3),)
    source.close()


@pytest.mark.parametrize("name", ["x.duckdb", "x.csv", "x.parquet"])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"\x00\xff not a database at all, but long enough to be looked at" * 400)
    with pytest.raises(SourceRefused):
        connect(f"duckdb:///{file}").reflect()


@pytest.mark.parametrize("url", ["duckdb://", "duckdb:///:memory:", "duckdb:///md:mine", "duckdb:////nowhere.duckdb"])
def test_what_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(SourceRefused, match="no DuckDB file"):
        connect(url)


def test_a_file_that_another_program_writes_is_unreachable(tmp_path: Path) -> None:
    file = tmp_path / "busy.duckdb"
    with duckdb.connect(file), pytest.raises(SourceUnreachable):
        connect(f"duckdb:///{file}").reflect()


def test_an_error_is_told_in_duckdbs_words(duckdb_shop: SqlSource) -> None:
    with pytest.raises(SqlFailed, match="Could not convert string 'Ann' to INT32"):
        ask(duckdb_shop, "SELECT CAST(name AS INTEGER) FROM customers")
