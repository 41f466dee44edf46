"""Spreadsheets become sources: what Excel and others write, and what somebody writes who means harm."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import openpyxl
import pytest
import sqlalchemy as sa

from pilot.datasource.base import Limits
from pilot.datasource.guard import check
from pilot.datasource.shelf import SUFFIXES, Shelf
from pilot.datasource.source import SqlSource, connect
from pilot.datasource.spreadsheet import READERS, load
from pilot.errors import SourceRefused
from pilot.schema import Schema


def _read(url: str) -> tuple[SqlSource, Schema]:
    source = connect(url)
    return source, source.reflect()


def _rows(url: str, sql: str) -> tuple[tuple[object, ...], ...]:
    source, schema = _read(url)
    try:
        return source.run(check(sql, schema=schema, max_rows=100), Limits()).rows
    finally:
        source.close()


def _columns(url: str) -> dict[str, list[tuple[str, str]]]:
    source, schema = _read(url)
    source.close()
    return {table.name: [(column.name, column.kind) for column in table.columns] for table in schema.tables}


def _xlsx(**sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_file_of_any_common_kind_is_a_table(tmp_path: Path, encoding: str, separator: str) -> None:
    lines = [["Stadt", "Größe", "Umsatz", "am"], ["Köln", "1", "2.5", "2024-01-05"], ["Ulm", "", "-3.25", "2024-02-06"]]
    text = "\r\n".join(separator.join(line) for line in lines)
    url = load(text.encode(encoding), "Umsätze 2024.csv", tmp_path)
    assert _columns(url) == {
        "Umsätze_2024": [("Stadt", "text"), ("Größe", "number"), ("Umsatz", "number"), ("am", "time")]
    }
    assert _rows(url, 'SELECT "Stadt", "Größe", "Umsatz", "am" FROM "Umsätze_2024" ORDER BY "Stadt" LIMIT 1') == (
        ("Köln", 1, 2.5, date(2024, 1, 5)),
    )


def test_the_sheets_of_a_workbook_are_tables(tmp_path: Path) -> None:
    data = _xlsx(
        Orders=[[], ["id", "paid at", "note"], [1, datetime(2024, 5, 1, 12, 30), "a\n\"b\", c"], [], [2, None, "=1+1"]],
        **{"客户 list": [["name"], ["王芳"]]},
        Empty=[],
    )  # fmt: skip
    url = load(data, "shop.xlsx", tmp_path)
    assert _columns(url) == {
        "Orders": [("id", "number"), ("paid at", "time"), ("note", "text")], "客户_list": [("name", "text")],
    }  # fmt: skip
    assert _rows(url, 'SELECT id, "paid at" FROM Orders ORDER BY id') == ((1, datetime(2024, 5, 1, 12, 30)), (2, None))
    assert _rows(url, "SELECT note FROM Orders WHERE id = 1") == (('a\n"b", c',),)


def test_a_single_sheet_is_called_like_the_file(tmp_path: Path) -> None:
    assert list(_columns(load(_xlsx(Sheet1=[["a"], [1]]), "sales.xlsx", tmp_path))) == ["sales"]


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    duckdb.sql(f"COPY (SELECT 1.25::DECIMAL(10,2) AS price, ['a'] AS tags) TO '{file}'")
    url = load(file.read_bytes(), "p.parquet", tmp_path / "data")
    assert _rows(url, "SELECT price, tags FROM p") == ((Decimal("1.25"), '["a"]'),)


def test_hostile_headers_and_names_are_plain_names_afterwards(tmp_path: Path) -> None:
    header = ['a"; DROP TABLE x; --', "a`b", "[c]", "d\\", "NAME", "name", "", "x" * 300, "SELECT", "e\nf"]
    data = _xlsx(S=[header, [f"v{number}" for number in range(len(header))]])
    url = load(data, '../../"; DROP TABLE x --.xlsx', tmp_path)
    ((table, columns),) = _columns(url).items()
    assert table == "DROP_TABLE_x"
    assert [name for name, _ in columns] == [
        "a ; DROP TABLE x; --", "a b", "c", "d", "NAME", "name_1", "column6", "x" * 60, "SELECT", "e f",
    ]  # fmt: skip
    asked = ", ".join(f'"{name}"' for name, _ in columns)
    assert _rows(url, f"SELECT {asked} FROM {table}") == (tuple(f"v{number}" for number in range(10)),)  # noqa: S608
    assert [path.suffix for path in tmp_path.iterdir()] == [".duckdb"]


@pytest.mark.parametrize(
    ("name", "table"),
    [("2024.csv", "t_2024"), ("duckdb_tables.csv", "t_duckdb_tables"), ("....csv", "sheet"), ("a b-c.csv", "a_b_c")],
)
def test_a_table_gets_a_plain_name(tmp_path: Path, name: str, table: str) -> None:
    assert list(_columns(load(b"a,b\n1,2\n", name, tmp_path))) == [table]


def test_cells_stay_texts_whatever_they_spell(tmp_path: Path) -> None:
    url = load(b"a,b\n=cmd|' /C calc'!A0,/etc/passwd\n", "x.csv", tmp_path)
    assert _rows(url, "SELECT a, b FROM x") == (("=cmd|' /C calc'!A0", "/etc/passwd"),)


def test_rows_of_other_lengths_do_not_stop_a_file(tmp_path: Path) -> None:
    url = load(b"a,b,c\n1,2\n4,5,6\n", "x.csv", tmp_path)
    assert _rows(url, "SELECT a, b, c FROM x ORDER BY a") == ((1, 2, None), (4, 5, 6))


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/a.xml", "w") as part:
        for _ in range(1_100):
            part.write(bytes(1_000_000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", b""), ("x.csv", b" \n"), ("x.xlsx", b"no zip"), ("x.xlsx", _xlsx(A=[])), ("x.parquet", b"PAR1"),
        ("x.xls", b"\xd0\xcf"), ("x", b"a"), ("x.xlsx", b"PK\x03\x04" + bytes(50)),
        ("x.csv", ",".join(f"c{number}" for number in range(3_000)).encode()),
    ],
)  # fmt: skip
def test_what_is_no_spreadsheet_is_refused_and_leaves_nothing(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(SourceRefused) as refused:
        load(data, name, tmp_path)
    assert refused.value.remedy
    assert str(tmp_path) not in refused.value.message
    assert list(tmp_path.iterdir()) == []


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="too large"):
        load(_bomb(), "x.xlsx", tmp_path)


def test_a_shelf_keeps_what_is_used_and_clears_away_the_rest(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf", max_mb=1)
    kept, gone = (shelf.put(b"a,b\n1,2\n", "sales.csv") for _ in range(2))
    assert kept != gone
    with pytest.raises(SourceRefused, match=r"'x\.csv'"):
        shelf.put(b"", "x.csv")
    with pytest.raises(SourceRefused, match="2 MB; at most 1 MB"):
        shelf.put(b"a" * 2_000_000, "x.csv")
    shelf.keep_only([sa.make_url(kept), sa.make_url("mysql://h/d")])
    assert _rows(kept, "SELECT a, b FROM sales") == ((1, 2),)
    assert [path.name for path in (tmp_path / "shelf").rglob("*") if path.is_file()] == ["sales.duckdb"]


def test_the_page_offers_what_can_be_read() -> None:
    assert set(SUFFIXES) == READERS.keys()
