"""What is learnt of a SQLite file: kinds, keys, samples, dates that hide in texts."""

import sqlite3
from pathlib import Path

import pytest

from pilot.datasource.source import connect
from pilot.schema import ForeignKey, Schema


def _reflected(folder: Path, *statements: str) -> Schema:
    file = folder / "x.sqlite"
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    source = connect(f"sqlite:///{file}")
    schema = source.reflect()
    source.close()
    return schema


def test_tables_come_in_the_order_they_were_made_and_views_are_marked(tmp_path: Path) -> None:
    schema = _reflected(tmp_path, "CREATE TABLE z (a)", "CREATE TABLE a (z)", "CREATE VIEW v AS SELECT a FROM z")
    assert [(table.name, table.view) for table in schema.tables] == [("z", False), ("a", False), ("v", True)]


@pytest.mark.parametrize(
    ("declared", "name", "value", "kind"),
    [
        ("DATE", "born", "'x'", "time"),
        ("DATETIME", "made", "'x'", "time"),
        ("TEXT", "order_date", "'2024-01-05'", "time"),
        ("TEXT", "created_at", "'2024-01-05T10:00:00Z'", "time"),
        ("VARCHAR(20)", "updatedAt", "'2024-01-05 10:00:00.5'", "time"),
        ("TEXT", "order_date", "'soon'", "text"),
        ("TEXT", "format", "'2024-01-05'", "text"),
        ("", "anything", "'x'", "text"),
        ("DECIMAL(10, 2)", "price", "1", "number"),
        ("BOOLEAN", "paid", "1", "boolean"),
        ("BLOB", "photo", "x'00'", "other"),
    ],
)
def test_the_kind_of_a_column(tmp_path: Path, declared: str, name: str, value: str, kind: str) -> None:
    schema = _reflected(tmp_path, f"CREATE TABLE t ({name} {declared})", f"INSERT INTO t VALUES ({value})")  # noqa: S608
    assert schema.tables[0].columns[0].kind == kind
    assert schema.tables[0].columns[0].type == declared


def test_foreign_keys_with_and_without_the_other_side(tmp_path: Path) -> None:
    schema = _reflected(
        tmp_path,
        "CREATE TABLE Parent (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b))",
        "CREATE TABLE child (p INTEGER REFERENCES parent, x, y, FOREIGN KEY (x, y) REFERENCES parent (a, b),"
        " FOREIGN KEY (x) REFERENCES nowhere (a))",
    )
    child = schema.table("child")
    assert child is not None
    assert set(child.foreign_keys) == {
        ForeignKey(("p",), "Parent", ("id",)),
        ForeignKey(("x", "y"), "Parent", ("a", "b")),
    }


def test_columns_of_few_values_show_them_by_frequency_and_names_of_people_stay_out(tmp_path: Path) -> None:
    rows = ", ".join(f"('{'paid' if number % 3 else 'open'}', 'person {number}')" for number in range(15))
    schema = _reflected(tmp_path, "CREATE TABLE t (state TEXT, person TEXT)", f"INSERT INTO t VALUES {rows}")  # noqa: S608
    state, person = schema.tables[0].columns
    assert state.samples == ("paid", "open")
    assert person.samples == ()


def test_a_broken_view_does_not_hide_the_tables(tmp_path: Path) -> None:
    schema = _reflected(tmp_path, "CREATE TABLE t (a)", "CREATE VIEW v AS SELECT b FROM gone")
    assert [table.name for table in schema.tables] == ["t"]


def test_strange_names_are_read_and_asked_for(tmp_path: Path) -> None:
    schema = _reflected(
        tmp_path,
        'CREATE TABLE "order notes" ("订单 号" TEXT, "a-b" TEXT)',
        "INSERT INTO \"order notes\" VALUES ('x', 'y')",
    )
    assert [(column.name, column.samples) for column in schema.tables[0].columns] == [
        ("订单 号", ("x",)),
        ("a-b", ("y",)),
    ]


def test_row_counts_are_known(tmp_path: Path) -> None:
    schema = _reflected(
        tmp_path, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2)", "CREATE VIEW v AS SELECT a FROM t"
    )
    assert [table.rows for table in schema.tables] == [2, None]


def test_comments_behind_columns_are_read_and_dashes_in_texts_are_none(tmp_path: Path) -> None:
    schema = _reflected(
        tmp_path,
        "CREATE TABLE t ( -- 客户, all of them\n"
        "  id INTEGER PRIMARY KEY, -- the number\n"
        "  \"full name\" TEXT DEFAULT '-- none', -- first; last\n"
        "  plain TEXT DEFAULT '-- none',\n"
        "  minus INTEGER DEFAULT (1-1)   --   trimmed  \n)",
    )
    (table,) = schema.tables
    assert table.comment == "客户, all of them"
    assert [column.comment for column in table.columns] == ["the number", "first; last", "", "trimmed"]


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("customer_id INTEGER", ("customers", "id")),
        ("customerId INTEGER", ("customers", "id")),
        ("CustomersID INTEGER", ("customers", "id")),
        ("category_id INTEGER", ("categories", "id")),
        ("country_code TEXT", ("countries", "country_code")),
        ("customer_id TEXT", None),  # another type
        ("customer INTEGER", None),
        ("id INTEGER", None),
        ("order_id INTEGER", None),
        ("region_id INTEGER", None),  # two tables can be meant
        ("customer_id INTEGER REFERENCES categories (id)", ("categories", "id")),
    ],
)
def test_a_foreign_key_that_is_not_declared_is_inferred_by_name_and_type(
    tmp_path: Path, column: str, key: tuple[str, str] | None
) -> None:
    schema = _reflected(
        tmp_path,
        "CREATE TABLE customers (id INTEGER PRIMARY KEY)",
        "CREATE TABLE categories (id INTEGER PRIMARY KEY)",
        "CREATE TABLE countries (country_code TEXT PRIMARY KEY)",
        "CREATE TABLE region (id INTEGER PRIMARY KEY)",
        "CREATE TABLE regions (region_id INTEGER PRIMARY KEY)",
        f"CREATE TABLE child (number INTEGER, {column})",
    )
    child = schema.table("child")
    assert child is not None
    assert [(found.ref_table, found.ref_columns[0]) for found in child.foreign_keys] == ([key] if key else [])
    assert [found.inferred for found in child.foreign_keys] == ["REFERENCES" not in column] * bool(key)
    assert all(not table.foreign_keys for table in schema.tables if table != child)
