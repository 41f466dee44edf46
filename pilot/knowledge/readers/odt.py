"""ODT: headings, paragraphs, lists and tables of an OpenDocument text in their order, as Markdown."""

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from defusedxml.ElementTree import ParseError, fromstring

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable

TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
UNSEEN = {f"{TEXT}tracked-changes", f"{TEXT}sequence-decls", f"{OFFICE}annotation", f"{OFFICE}forms"}
WHITE = {f"{TEXT}s": " ", f"{TEXT}tab": " ", f"{TEXT}line-break": "\n"}


class OdtReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        entries(data)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                    raise unreadable("locked")
                body = fromstring(archive.read("content.xml")).find(f"{OFFICE}body/{OFFICE}text")
            blocks = list(_blocks(body)) if body is not None else []
        except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile, ParseError) as error:
            raise unreadable("damaged") from error
        if body is None:
            raise unreadable("damaged")
        return Document((Page("\n\n".join(blocks), markup="markdown"),))


def _blocks(parent: Any, item: str = "") -> Iterator[str]:
    for element in parent:
        text = _text(element) if element.tag in (f"{TEXT}h", f"{TEXT}p") else ""
        if element.tag == f"{TEXT}h" and text:
            level = element.get(f"{TEXT}outline-level", "1")
            yield "#" * min(max(int(level) if level.isdecimal() else 1, 1), 6) + f" {text}"
        elif element.tag == f"{TEXT}p" and text:
            yield item + text
        elif element.tag == f"{TABLE}table":
            yield _table(element)
        elif element.tag not in UNSEEN:
            yield from _blocks(element, "- " if element.tag == f"{TEXT}list-item" else item)


def _table(table: Any) -> str:
    rows = [[_text(cell).replace("|", "/") for cell in row.iter(f"{TABLE}table-cell")]
            for row in table.iter(f"{TABLE}table-row")]  # fmt: skip
    lines = ["| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows]
    if len(lines) > 1:
        lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _text(element: Any) -> str:
    if element.tag in UNSEEN:
        return element.tail or ""
    parts = [element.text or "", WHITE.get(element.tag, "")]
    for child in element:
        parts += [_text(child), child.tail or ""] if child.tag not in UNSEEN else [child.tail or ""]
    return "".join(parts).strip(" ") if element.tag in (f"{TEXT}p", f"{TEXT}h") else "".join(parts)
