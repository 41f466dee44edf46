"""Rows as an Excel workbook. Loaded late: the library is large, and few answers are downloaded."""

import io
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from pilot.chat.events import cell_json
from pilot.datasource.base import Cell, Rows
from pilot.web.export import FORMULA_STARTS

MOST_ROWS = 1_048_575  # beside the headings: the sheet's own limit
CELL_CHARS = 32_767
EXACT = 10**15  # Excel keeps 15 digits of a number
NARROWEST, WIDEST = 8, 60  # characters
LOOKED_AT = 100  # rows, for the widths of columns
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def to_xlsx(rows: Rows, *, about: Sequence[tuple[str, str]]) -> bytes:
    """One sheet of rows, one that says where they come from. Text is written as text, so that no cell is a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.freeze_panes = "A2"
    for number, width in enumerate(_widths(rows), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.append([_text(sheet, column, bold=True) for column in rows.columns])
    for row in rows.rows[:MOST_ROWS]:
        sheet.append([_cell(sheet, cell) for cell in row])
    notes = book.create_sheet("About")
    notes.column_dimensions["A"].width, notes.column_dimensions["B"].width = 24, WIDEST
    for name, value in about:
        notes.append([_text(notes, name, bold=True), _text(notes, value)])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(sheet: WriteOnlyWorksheet, cell: Cell) -> object:
    """Numbers and times as they are, as far as Excel can hold them; all else as text."""
    match cell:
        case None | bool():
            return cell
        case int() if abs(cell) < EXACT:
            return cell
        case float() if abs(cell) < EXACT:
            return cell
        case Decimal() if cell.is_finite() and abs(cell) < EXACT:
            return cell
        case datetime():
            return cell if cell.tzinfo is None and cell.year >= 1900 else _text(sheet, cell.isoformat(" "))
        case date():
            return cell if cell.year >= 1900 else _text(sheet, cell.isoformat())
        case time() | timedelta():
            return _text(sheet, str(cell))
    return _text(sheet, str(cell_json(cell)))


def _text(sheet: WriteOnlyWorksheet, text: str, *, bold: bool = False) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)[:CELL_CHARS])
    cell.data_type = "s"  # openpyxl would make a formula of a text that begins with =
    cell.quotePrefix = text.startswith(FORMULA_STARTS)  # nor does Excel, when someone edits the cell
    if bold:
        cell.font = Font(bold=True)
    return cell


def _widths(rows: Rows) -> list[int]:
    seen = [rows.columns, *rows.rows[:LOOKED_AT]]
    return [
        min(max(NARROWEST, *(len(str(row[index])) + 2 for row in seen)), WIDEST) for index in range(len(rows.columns))
    ]
