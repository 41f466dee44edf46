"""CSV: each row as a line that names its columns; the delimiter is found."""

import csv

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.encoding import decode
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.readers.rows import told

DELIMITERS = ",;\t|"
LOOK_AT = 20  # lines from which the delimiter is guessed
LARGEST_CELL = 1_000_000


class CsvReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        csv.field_size_limit(LARGEST_CELL)
        text = decode(data)
        try:
            rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines(), delimiter=_delimiter(text))]
        except csv.Error as error:  # a cell of a million characters: a quote that is never closed
            raise unreadable("damaged") from error
        return Document((Page(told(rows), markup="markdown"),))


def _delimiter(text: str) -> str:
    """The one that splits the first lines into the same number of cells, most of them."""
    lines = [line for line in text.splitlines()[:LOOK_AT] if line.strip()]

    def evenness(delimiter: str) -> tuple[float, int]:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count, default=0)
        return (counts.count(usual) / len(counts) if usual else 0.0, usual)

    return max(DELIMITERS, key=evenness)
