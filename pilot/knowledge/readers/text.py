"""Plain text in any of the usual encodings."""

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.encoding import decode


class TextReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        return Document((Page(decode(data)),))
