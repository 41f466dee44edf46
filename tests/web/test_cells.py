"""Cells as people read them, and as a spreadsheet may."""

import csv
import io
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from pilot.datasource.base import Cell, Rows
from pilot.web import cells
from pilot.web.export import to_csv


@pytest.mark.parametrize(
    ("cell", "name", "places", "shown"),
    [
        (2024, "year", 0, "2024"),
        (12345, "total", 0, "12,345"),
        (12345, "customer_id", 0, "12345"),
        (Decimal("1234567.5"), "amount", 2, "1,234,567.50"),
        (-0.5, "change", 2, "-0.50"),
        (float("nan"), "x", 2, "nan"),
        (Decimal("Infinity"), "x", 2, "Infinity"),
        (True, "paid", 0, "true"),
        (b"\x00\xff", "raw", 0, "0x00ff"),
        (bytes(40), "raw", 0, "0x" + "00" * 16 + "…"),
        (datetime(2026, 5, 4, 3, 2), "at", 0, "2026-05-04 03:02:00"),
        (date(2026, 5, 4), "on", 0, "2026-05-04"),
        (timedelta(hours=30), "took", 0, "1 day, 6:00:00"),
        ("中文", "name", 0, "中文"),
    ],
)
def test_a_cell_reads_well(cell: Cell, name: str, places: int, shown: str) -> None:
    assert cells.show(cell, name=name, places=places) == shown


def test_a_column_of_numbers_and_nulls_is_numeric_but_one_of_nulls_alone_is_not() -> None:
    assert cells.numeric((1, None, 2.5))
    assert not cells.numeric((None, None))
    assert not cells.numeric((1, "2"))
    assert not cells.numeric((True, False))


@pytest.mark.parametrize(
    ("column", "places"),
    [
        ((1, 2), 0), ((1.5, 2.0), 2), ((0.125, 1.0), 3), ((1 / 3,), 4), ((Decimal("1.10"), None), 2), (("a",), 0),
        ((Decimal("8743.1500"), Decimal("24000.0000")), 2), ((Decimal("650.6733"), Decimal("829.0700")), 4),
        ((Decimal("43.9"),), 1), ((Decimal(300),), 0),
    ],
)  # fmt: skip
def test_a_columns_decimals_are_those_of_its_longest_number(column: tuple[Cell, ...], places: int) -> None:
    assert cells.decimals(column) == places


def _read(rows: Rows) -> list[list[str]]:
    text = to_csv(rows).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"])  # noqa: RUF001
def test_text_that_begins_like_a_formula_is_defused_in_csv(formula: str) -> None:
    assert _read(Rows((formula,), ((formula,),), False, 1)) == [["'" + formula]] * 2


def test_numbers_stay_numbers_in_csv_and_null_is_empty() -> None:
    rows = Rows(("a", "b", "c", "d"), ((-5, Decimal("-1.50"), None, '中文, "quoted"\nline'),), False, 1)
    assert _read(rows)[1] == ["-5", "-1.5", "", '中文, "quoted"\nline']
