"""Answers as files: workbooks run nothing, and names are names."""

import io
from datetime import date, datetime
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from pilot.chat.events import ChartSpec
from pilot.datasource.base import Cell, Rows
from pilot.errors import NotFound
from pilot.i18n import Texts
from pilot.web.export import FORMULA_STARTS, file_name, make
from pilot.web.sheets import to_xlsx
from tests.web import answers


def _cells(*cells: Cell) -> list[object]:
    rows = Rows(tuple(f"c{number}" for number in range(len(cells))), (cells,), False, 1)
    sheet = load_workbook(io.BytesIO(to_xlsx(rows, about=[])))["Rows"]
    return [cell.value for cell in list(sheet.iter_rows())[1]]


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_text_becomes_a_formula_in_a_workbook(start: str) -> None:
    formula = f"{start}HYPERLINK(1)"
    file = io.BytesIO(to_xlsx(Rows((formula,), ((formula,),), False, 1), about=[(formula, formula)]))
    for sheet in load_workbook(file):
        for row in sheet.iter_rows():
            assert [cell.data_type for cell in row] == ["s"] * len(row)
            assert all(cell.quotePrefix for cell in row)


def test_numbers_and_dates_stay_what_they_are_in_a_workbook() -> None:
    assert _cells(5, 1.5, Decimal("2.25"), True, None) == [5, 1.5, 2.25, True, None]
    assert _cells(date(2026, 5, 4), datetime(2026, 5, 4, 3, 2)) == [datetime(2026, 5, 4), datetime(2026, 5, 4, 3, 2)]


def test_what_a_workbook_cannot_hold_is_text() -> None:
    assert _cells(10**17, date(1066, 10, 14), b"\x01", "a\x00b", float("nan")) == [
        "100000000000000000", "1066-10-14", "01", "a\N{REPLACEMENT CHARACTER}b", "nan",
    ]  # fmt: skip


def test_a_workbook_says_where_its_rows_come_from() -> None:
    file = io.BytesIO(make("xlsx", answers.ROWS, answers.receipt(), None, Texts("zh")))
    about = dict(load_workbook(file)["About"].iter_rows(values_only=True))
    assert (about["SQL"], about["表"]) == (answers.SQL, "customers")


def test_a_chart_that_does_not_suit_is_no_empty_file() -> None:
    with pytest.raises(NotFound):
        make("html", answers.ROWS, answers.receipt(), None, Texts("en"))
    assert b"Plotly" in make("html", answers.ROWS, answers.receipt(), ChartSpec("bar", (1,), 0), Texts("en"))


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How many customers?", "How-many-customers.csv"), ("哪五位客户？", "哪五位客户.csv"),
        ("../../etc/passwd", "etc-passwd.csv"),
        ("", "answer.csv"), ("…", "answer.csv"), ("con", "answer.csv"), ("x" * 500, "x" * 40 + ".csv"),
        ("a\r\nb\x00", "a-b.csv"),
    ],
)  # fmt: skip
def test_a_file_is_named_after_its_question_and_is_never_a_path(question: str, name: str) -> None:
    assert file_name(question, "csv") == name
