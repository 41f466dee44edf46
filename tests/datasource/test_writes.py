"""Writing, where the owner allows it: rehearsed, seen, confirmed, and only then kept; on real engines."""
# ruff: noqa: S608  fixed texts

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.guard_write import SafeWrite, check_write
from pilot.datasource.source import SqlSource, connect
from pilot.datasource.writes import Desk, carry_out, rehearse
from pilot.errors import Conflict, SqlFailed, SqlRejected
from pilot.schema import DIALECTS, Column, Dialect, Schema, Table
from tests.datasource.cases import Case, read, shop
from tests.mariadb import MariaDb
from tests.postgres import Postgres

ENGINES = ["sqlite", pytest.param("mysql", marks=pytest.mark.mysql),
           pytest.param("postgres", marks=pytest.mark.postgres)]  # fmt: skip
PARENTS = "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(10) NOT NULL)"
CHILDREN = (
    "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER,"
    " FOREIGN KEY (parent_id) REFERENCES parents (id) ON DELETE CASCADE)"
)
LOGGED = "CREATE TABLE logged (id INTEGER PRIMARY KEY, name VARCHAR(10))"
FILL = ("INSERT INTO parents VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO children VALUES (1, 1), (2, 1), (3, 2)",
        "INSERT INTO logged VALUES (1, 'x')")  # fmt: skip
NUMBERED = {
    "sqlite": "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "mysql": "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTO_INCREMENT, name TEXT)",
    "postgres": "CREATE TABLE numbered (id SERIAL PRIMARY KEY, name TEXT)",
}
TRIGGER = {
    "sqlite": ("CREATE TRIGGER noting AFTER UPDATE ON logged BEGIN DELETE FROM children; END",),
    "mysql": ("CREATE TRIGGER noting AFTER UPDATE ON logged FOR EACH ROW DELETE FROM children",),
    "postgres": (
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM children; RETURN NEW; END'",
        "CREATE TRIGGER noting AFTER UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION note()",
    ),
}


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlSource]:
    """A database of its own, as its owner."""
    kind: str = request.param
    statements = [PARENTS, CHILDREN, LOGGED, NUMBERED[kind], *FILL, *TRIGGER[kind]]
    if kind == "sqlite":
        file = tmp_path / "family.sqlite"
        with sqlite3.connect(file) as made:
            for statement in statements:
                made.execute(statement)
        made.close()
        found = connect(f"sqlite:///{file}")
    elif kind == "mysql":
        mariadb: MariaDb = request.getfixturevalue("mariadb")
        mariadb.execute("DROP DATABASE IF EXISTS family", "CREATE DATABASE family")
        mariadb.execute(*statements, database="family")
        found = connect(mariadb.url("family"))
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        postgres.execute("DROP DATABASE IF EXISTS family", "CREATE DATABASE family")
        postgres.execute(*statements, database="family")
        found = connect(postgres.url("family"))
    yield found
    found.close()


def _write(source: SqlSource, sql: str) -> tuple[SafeWrite, Schema]:
    schema = source.reflect()
    return check_write(sql, schema=schema, shown_rows=50), schema


def _rows(source: SqlSource, table: str) -> list[tuple[object, ...]]:
    return sorted(source.execute(f"SELECT * FROM {table}", Limits()).rows)


def test_an_update_shows_before_and_after_and_is_kept_only_when_it_is_carried_out(source: SqlSource) -> None:
    write, schema = _write(source, "UPDATE parents SET name = UPPER(name) WHERE id >= 2")
    rehearsal = rehearse(source, write, schema, Limits())
    assert (rehearsal.count, rehearsal.columns) == (2, ("id", "name"))
    assert (rehearsal.before, rehearsal.after) == (((2, "b"), (3, "c")), ((2, "B"), (3, "C")))
    assert _rows(source, "parents") == [(1, "a"), (2, "b"), (3, "c")]
    assert carry_out(source, rehearsal, Limits()) == 2
    assert _rows(source, "parents") == [(1, "a"), (2, "B"), (3, "C")]


def test_a_delete_names_the_tables_that_follow(source: SqlSource) -> None:
    write, schema = _write(source, "DELETE FROM parents WHERE name = 'a'")
    rehearsal = rehearse(source, write, schema, Limits())
    assert (rehearsal.count, rehearsal.before, rehearsal.after) == (1, ((1, "a"),), ())
    assert rehearsal.followers == ("children",)
    assert len(_rows(source, "children")) == 3
    carry_out(source, rehearsal, Limits())
    assert _rows(source, "children") == [(3, 2)]


@pytest.mark.parametrize(
    ("sql", "after"),
    [
        ("INSERT INTO parents (id, name) VALUES (7, 'x'), (8, 'it''s')", ((7, "x"), (8, "it's"))),
        ("INSERT INTO numbered (name) VALUES ('one'), ('two')", ("one", "two")),
    ],
)
def test_an_insert_shows_what_comes(source: SqlSource, sql: str, after: tuple[object, ...]) -> None:
    write, schema = _write(source, sql)
    rehearsal = rehearse(source, write, schema, Limits())
    table = write.table.name
    assert (rehearsal.count, rehearsal.before) == (2, ())
    if table == "numbered":
        assert tuple(name for _, name in rehearsal.after) == after
    elif source.dialect != "mysql":  # which says no more than how many
        assert rehearsal.after == after
    before = len(_rows(source, table))
    assert carry_out(source, rehearsal, Limits()) == 2
    assert len(_rows(source, table)) == before + 2


def test_what_has_moved_since_the_rehearsal_is_not_changed(source: SqlSource) -> None:
    write, schema = _write(source, "UPDATE parents SET name = 'z' WHERE id <= 2")
    rehearsal = rehearse(source, write, schema, Limits())
    other, _ = _write(source, "UPDATE parents SET name = 'moved' WHERE id = 1")
    carry_out(source, rehearse(source, other, schema, Limits()), Limits())
    with pytest.raises(Conflict, match="nothing was changed"):
        carry_out(source, rehearsal, Limits())
    assert _rows(source, "parents") == [(1, "moved"), (2, "b"), (3, "c")]


def test_other_rows_than_rehearsed_are_taken_back(source: SqlSource) -> None:
    write, schema = _write(source, "INSERT INTO parents (id, name) VALUES (9, 'x')")
    rehearsal = rehearse(source, write, schema, Limits())
    carry_out(source, rehearsal, Limits())
    with pytest.raises(SqlFailed):  # the key is taken by now
        carry_out(source, rehearsal, Limits())
    assert len(_rows(source, "parents")) == 4


def test_what_the_database_refuses_leaves_nothing(source: SqlSource) -> None:
    write, schema = _write(source, "INSERT INTO parents (id, name) VALUES (5, 'x'), (1, 'again')")
    with pytest.raises(SqlFailed):
        rehearse(source, write, schema, Limits())
    assert _rows(source, "parents") == [(1, "a"), (2, "b"), (3, "c")]


def test_a_table_with_a_trigger_is_refused(source: SqlSource) -> None:
    write, schema = _write(source, "UPDATE logged SET name = 'y' WHERE id = 1")
    with pytest.raises(SqlRejected, match="its trigger noting"):
        rehearse(source, write, schema, Limits())
    assert len(_rows(source, "children")) == 3


def test_the_writing_session_takes_one_statement_and_no_other_kind(source: SqlSource) -> None:
    for sql in ("UPDATE parents SET name = 'q'; DELETE FROM children", "DROP TABLE children"):
        try:
            with source.writing(Limits()) as transaction:
                transaction.change(sql)
        except SqlFailed:
            continue
        assert "DROP" in sql  # which is the guard's matter on a server; it was not committed
    if source.dialect != "mysql":  # where DDL commits by itself
        assert len(_rows(source, "children")) == 3


@pytest.mark.mysql
def test_a_table_that_cannot_take_a_change_back_is_refused(mariadb: MariaDb) -> None:
    mariadb.execute("DROP DATABASE IF EXISTS mixed", "CREATE DATABASE mixed")
    mariadb.execute("CREATE TABLE old (id INT PRIMARY KEY, a INT) ENGINE=MyISAM",
                    "CREATE TABLE new (id INT PRIMARY KEY, a INT)", "INSERT INTO old VALUES (1, 1)",
                    "INSERT INTO new VALUES (1, 1)", database="mixed")  # fmt: skip
    mariadb.execute(
        "DROP USER IF EXISTS 'clerk'@'%'", "CREATE USER 'clerk'@'%' IDENTIFIED BY 'c'",
        "GRANT SELECT, UPDATE ON mixed.* TO 'clerk'@'%'"
    )  # fmt: skip
    owner, clerk = connect(mariadb.url("mixed")), connect(mariadb.url("mixed", user="clerk", password="c"))
    write, schema = _write(owner, "UPDATE old SET a = 2 WHERE id = 1")
    for source in (owner, clerk):
        with pytest.raises(SqlRejected, match="MyISAM cannot take a change back"):
            rehearse(source, write, schema, Limits())
    other, _ = _write(owner, "UPDATE new SET a = 2 WHERE id = 1")
    assert rehearse(owner, other, schema, Limits()).count == 1
    with pytest.raises(SqlRejected, match="MyISAM"):  # he may not see triggers, which could write to the old table
        rehearse(clerk, other, schema, Limits())
    assert mariadb.execute("SELECT a FROM old UNION ALL SELECT a FROM new", database="mixed") == [(1,), (1,)]


def _shop_schema() -> Schema:
    columns = (Column("id", "INTEGER", "number", primary_key=True), Column("name", "TEXT", "text"),
               Column("city", "TEXT", "text"))  # fmt: skip
    tables = (Table("customers", columns), Table("notes", columns[1:]), Table("people", columns, view=True),
              Table("secrets", columns, hidden=("pin",)))  # fmt: skip
    return Schema("sqlite", tables)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", read("writes.rejected.sql"), ids=str)
def test_only_the_plain_forms_may_write(dialect: Dialect, case: Case) -> None:
    schema = Schema(dialect, _shop_schema().tables)
    with pytest.raises(SqlRejected) as refused:
        check_write(case.sql, schema=schema, shown_rows=5)
    expected = {"write_dialect"} if dialect == "duckdb" else set(case.expected.split("|"))
    assert refused.value.details["reason"] in expected


@pytest.mark.parametrize("dialect", ["sqlite", "mysql", "postgres"])
@pytest.mark.parametrize("case", read("writes.allowed.sql"), ids=str)
def test_a_plain_write_passes_and_so_does_its_own_text(dialect: Dialect, case: Case) -> None:
    schema = Schema(dialect, _shop_schema().tables)
    passed = check_write(case.sql, schema=schema, shown_rows=5)
    assert check_write(passed.text, schema=schema, shown_rows=5).text == passed.text


@pytest.mark.parametrize("dialect", ["sqlite", "mysql", "postgres"])
def test_what_may_not_be_read_gets_in_by_no_writing_door(dialect: Dialect) -> None:
    """Every attack on the reading guard: as it is, as a value, as a condition."""
    schema = Schema(dialect, _shop_schema().tables)
    for case in read(f"rejected.{dialect}.sql"):
        doors = (case.sql, f"DELETE FROM customers WHERE id IN ({case.sql})",
                 f"UPDATE customers SET name = ({case.sql}) WHERE id = 1",
                 f"INSERT INTO customers (id, name) VALUES (1, ({case.sql}))")  # fmt: skip
        for sql in doors:
            try:
                check_write(sql, schema=schema, shown_rows=5)
            except SqlRejected:
                continue
            if sql == case.sql:  # a write that is plain, and was refused as such
                assert case.expected == "root"
            elif case.expected != "limit":  # which is worked out when the parts are put together
                check(f"SELECT ({case.sql}) FROM customers", schema=schema, max_rows=5)


def test_nobody_else_can_make_a_safe_write() -> None:
    with pytest.raises(TypeError):
        SafeWrite("DROP TABLE customers", "sqlite", "delete", _shop_schema().tables[0], (), None, object())


def test_a_confirmation_counts_once_for_one_statement_source_and_person(tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"
    with sqlite3.connect(file) as made:
        for statement in shop():
            made.execute(statement)
    made.close()
    source = connect(f"sqlite:///{file}")
    write, schema = _write(source, "DELETE FROM order_items WHERE order_id = 1")
    rehearsal = rehearse(source, write, schema, Limits())
    desk = Desk()
    right = {"source": "shop", "holder": "ann", "text": write.text}
    for wrong in ({"source": "other"}, {"holder": "bob"}, {"text": write.text + " "}):
        token = desk.put(rehearsal, source="shop", holder="ann")
        with pytest.raises(Conflict):
            desk.take(token, **(right | wrong))
        with pytest.raises(Conflict):  # and it is spent
            desk.take(token, **right)
    token = desk.put(rehearsal, source="shop", holder="ann")
    assert desk.take(token, **right) is rehearsal
    with pytest.raises(Conflict):
        desk.take(token, **right)
    source.close()


def test_a_confirmation_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pilot.datasource.writes.VALID_SECONDS", -1.0)
    monkeypatch.setattr("pilot.datasource.writes.WAITING", 2)
    file = tmp_path / "x.sqlite"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    made.close()
    source = connect(f"sqlite:///{file}")
    write, schema = _write(source, "INSERT INTO t (id) VALUES (1)")
    desk = Desk()
    tokens = [desk.put(rehearse(source, write, schema, Limits()), source="s", holder="h") for _ in range(3)]
    for token in tokens:
        with pytest.raises(Conflict):
            desk.take(token, source="s", holder="h", text=write.text)
    source.close()
