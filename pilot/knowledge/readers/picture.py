"""A picture of text: scanned or photographed."""

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.ocr import recognise


class PictureReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        return Document((Page(recognise(data)),))
