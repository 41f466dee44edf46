"""Markdown: its own markup is what the chunker understands; front matter goes, underlined headings become `#`."""

import re

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.encoding import decode

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)

UNDERLINED = re.compile(r"^(?![#|>\s])(.+)\n(=+|-{2,})[ \t]*$", re.MULTILINE)


class MarkdownReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        text = FRONT_MATTER.sub("", decode(data))
        text = UNDERLINED.sub(lambda match: ("# " if match[2][0] == "=" else "## ") + match[1], text)
        return Document((Page(text, markup="markdown"),))
