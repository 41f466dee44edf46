"""XLSX: each sheet a page, its tables as rows that name their columns; values as they were last calculated."""

import io
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.readers.rows import blocks, told

DAMAGE = (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, BadZipFile, SyntaxError,
          InvalidFileException)  # fmt: skip # all that openpyxl raises on files cut or made up


class XlsxReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        entries(data)
        try:
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            pages = tuple(_pages(workbook))
        except DAMAGE as error:
            raise unreadable("damaged") from error
        return Document(pages)


def _pages(workbook: Any) -> Iterator[Page]:
    for number, sheet in enumerate(workbook.worksheets, 1):
        if sheet.sheet_state != "visible":
            continue  # a reader does not see it, so it is no source
        sheet.reset_dimensions()  # what the file states about its size may be wrong
        rows = [[_cell(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        if tables := [told(block) for block in blocks(rows)]:
            yield Page("\n\n".join([f"# {sheet.title}", *tables]), number, markup="markdown")


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "minutes")
        case date() | time():
            return value.isoformat()
        case float():
            return f"{value:.15g}"  # as Excel shows it: 0.1 + 0.2 is 0.3
    return " ".join(str(value).split())
