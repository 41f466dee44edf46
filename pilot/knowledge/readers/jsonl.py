"""JSON lines: each object is a page; `title` its heading, `text` its text, or all of its fields if it has none."""

import json
from typing import Any

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.encoding import decode
from pilot.knowledge.readers.problems import unreadable


class JsonLinesReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        try:
            lines = [json.loads(line) for line in decode(data).split("\n") if line.strip()]
        except (ValueError, RecursionError) as error:
            raise unreadable("wrong_content", suffix=".jsonl") from error
        return Document(tuple(_page(number, line) for number, line in enumerate(lines, 1)))


def _page(number: int, line: Any) -> Page:
    if not isinstance(line, dict):
        return Page(str(line), number)
    title = line.get("title")
    text = line.get("text")
    if not isinstance(text, str):
        text = "\n".join(f"{field}: {value}" for field, value in line.items() if field != "title" and value)
    return Page(text, number, title if isinstance(title, str) else "")
