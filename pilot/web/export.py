"""Answers as files: rows for spreadsheets, which run nothing of them; charts; receipts; and the names of files."""

import csv
import io
import json
import re
from dataclasses import asdict
from importlib import import_module
from typing import Any, Literal

from pilot.chat.events import ChartSpec, Receipt, cell_json
from pilot.datasource.base import Cell, Rows
from pilot.errors import NotFound
from pilot.i18n import Texts
from pilot.web.receipts import facts

Format = Literal["csv", "xlsx", "html", "json"]
MEDIA: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  spreadsheets read wide ones, too
BOM = "\N{BYTE ORDER MARK}"  # without it spreadsheets misread UTF-8
NAME_CHARS = 40
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # no file of Windows may be called so


def make(suffix: Format, rows: Rows, receipt: Receipt, chart: ChartSpec | None, t: Texts) -> bytes:
    """The file. Blocking. Raises NotFound for a chart of rows that no chart suits."""
    told = facts(receipt, t)
    match suffix:
        case "csv":
            return to_csv(rows)
        case "json":
            return json.dumps(asdict(receipt), ensure_ascii=False, indent=2).encode()
        case "xlsx":
            workbook: bytes = _late("pilot.web.sheets").to_xlsx(rows, about=list(told.values()))
            return workbook
    figures = _late("pilot.web.figures")
    figure = figures.draw(chart, rows, t) if chart else None
    if figure is None:
        raise NotFound(t("web.chart.none"))
    foot = "\n".join(f"{name}: {value}" for field, (name, value) in told.items() if field != "question")
    return str(figures.page(figure, heading=receipt.question or receipt.source, foot=foot)).encode()


def _late(module: str) -> Any:
    return import_module(module)  # plotly and openpyxl are large, and few answers are downloaded


def to_csv(rows: Rows) -> bytes:
    """Text that begins like a formula gets an apostrophe (CWE-1236); numbers stay numbers, NULL is empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([_defused(column) for column in rows.columns])
    writer.writerows([_cell(cell) for cell in row] for row in rows.rows)
    return (BOM + text.getvalue()).encode("utf-8", errors="replace")


def file_name(question: str, suffix: Format) -> str:
    """Letters and digits of any script; never a path."""
    stem = re.sub(r"\W+", "-", question).strip("-")[:NAME_CHARS].strip("-_")
    return f"{stem if stem and not RESERVED.fullmatch(stem) else 'answer'}.{suffix}"


def _cell(cell: Cell) -> object:
    value = "" if cell is None else cell_json(cell)
    return _defused(value) if isinstance(value, str) else value


def _defused(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
