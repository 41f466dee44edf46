"""Take a result from the driver one row at a time, and stop at the limits: rows, characters of a cell, bytes in all."""

import json
import time
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

from pilot.datasource.base import Cell, Limits, Rows
from pilot.datasource.watch import check_wanted

PLAIN = (bool, int, float, Decimal, date, datetime, clock_time, timedelta)
PLAIN_BYTES = 16  # what a number or a date counts for


def collect(columns: tuple[str, ...], raws: Iterable[Sequence[Any]], limits: Limits, *, started: float) -> Rows:
    """Read a result, no further than the limits go. `started` is on the monotonic clock."""
    rows: list[tuple[Cell, ...]] = []
    size, truncated = 0, False
    for raw in raws:
        check_wanted(limits)
        if len(rows) == limits.rows or size >= limits.total_bytes:
            truncated = True
            break
        row = tuple(cell(value, limits.cell_chars) for value in raw)
        truncated = truncated or any(_length(value) > limits.cell_chars for value in raw)
        size += sum(map(_size, row))
        rows.append(row)
    return Rows(columns, tuple(rows), truncated, round((time.monotonic() - started) * 1000))


def cell(value: object, chars: int) -> Cell:
    """A value as the rest of Pilot knows it: what is no plain value becomes text; long texts and bytes are cut."""
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value[:chars])
    if isinstance(value, dict | list | tuple):  # arrays and records
        return json.dumps(value, ensure_ascii=False, default=str)[:chars]
    return str(value)[:chars]


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes | bytearray | memoryview) else 0


def _size(value: Cell) -> int:
    return len(value) if isinstance(value, str | bytes) else PLAIN_BYTES


def names(description: Iterable[Sequence[Any]] | None) -> tuple[str, ...]:
    """The columns of a cursor, as the driver spells them; they may repeat."""
    return tuple(str(part[0]) for part in description or ())
