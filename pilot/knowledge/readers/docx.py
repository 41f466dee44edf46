"""DOCX: paragraphs and tables in their order, as Markdown; then the text of its pictures."""

import io
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import docx
from docx.table import Table

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.ocr import Pictures
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable

HEADING = re.compile(r"(?:heading|标题)\s*(\d)", re.IGNORECASE)
LIST = re.compile(r"list|列表|列出", re.IGNORECASE)


class DocxReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        entries(data)
        try:
            file = docx.Document(io.BytesIO(data))
            blocks = list(_blocks(file))
        except (KeyError, ValueError, AttributeError, OSError, SyntaxError) as error:  # lxml's errors are SyntaxErrors
            raise unreadable("damaged") from error
        pictures = Pictures()
        seen = [pictures.text(picture) for picture in _pictures(file)]
        pages = (Page("\n\n".join(filter(None, [*blocks, *seen])), markup="markdown"),)
        pictures.check(pages)
        return Document(pages)


def _pictures(file: Any) -> Iterator[bytes]:
    for part in file.part.package.iter_parts():
        if part.content_type.startswith("image/"):
            yield part.blob


def _blocks(container: Any) -> Iterator[str]:
    @cache
    def mark(style_id: str | None) -> str:
        style = container.part.get_style(style_id, 1).name or ""  # 1: paragraph styles
        if heading := HEADING.search(style):
            return "#" * min(int(heading[1]), 6) + " "
        return "# " if style == "Title" else "- " if LIST.search(style) else ""

    for block in container.iter_inner_content():
        if isinstance(block, Table):
            yield _table(block)
        elif text := block.text.strip():
            yield mark(block._p.style) + text


def _table(table: Table) -> str:
    """Rows with pipes. A merged cell stands once; a table inside a cell becomes its words."""
    lines = []
    for row in table.rows:
        cells: dict[int, str] = {}
        for cell in row.cells:
            cells.setdefault(id(cell._tc), _cell(cell))
        lines.append("| " + " | ".join(cells.values()) + " |")
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * (lines[0].count(" | ") + 1))
    return "\n".join(lines)


def _cell(cell: Any) -> str:
    texts = [
        "; ".join(_cell(inner) for row in block.rows for inner in row.cells) if isinstance(block, Table) else block.text
        for block in cell.iter_inner_content()
    ]
    return " ".join(" ".join(texts).split()).replace("|", "/")
