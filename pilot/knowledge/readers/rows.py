"""Rows of cells -> lines that name their columns, so that a row found alone still says what its cells mean."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

Row = Sequence[str]

NUMBER = re.compile(r"[-+]?[\d.,\s]*\d\s*[%€$¥£]?$|\d{4}-\d\d-\d\d")


def told(rows: Sequence[Row]) -> str:
    """One table: its head names the columns. Lines of a single cell above it are its title."""
    filled = [row for row in rows if any(row)]
    titles = []
    while len(filled) > 1 and sum(map(bool, filled[0])) == 1 and max(len(row) for row in filled) > 1:
        titles.append(" ".join(filled.pop(0)).strip())
    return "\n".join([*titles, *_lines(filled)])


def blocks(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The tables of a sheet: empty rows part them."""
    for full, block in groupby(rows, key=any):
        if full:
            yield list(block)


def _lines(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    head, *rest = rows
    if not rest:
        return ["; ".join(cell for cell in head if cell)]
    if any(NUMBER.fullmatch(cell) for cell in head):  # figures are no names
        head, rest = [], list(rows)
    return [f"- {_line(head, row)}" for row in rest]


def _line(head: Row, row: Row) -> str:
    cells = [(head[i] if i < len(head) else "", cell) for i, cell in enumerate(row) if cell]
    return "; ".join(f"{column}: {cell}" if column else cell for column, cell in cells)
