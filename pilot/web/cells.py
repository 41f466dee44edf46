"""How cells read in a table: numbers grouped and aligned, NULL visible, bytes short."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from pilot.datasource.base import Cell

Kind = Literal["number", "text", "time", "boolean", "bytes", "mixed", "null"]

GROUP_FROM = 10_000  # smaller whole numbers are often years
DECIMALS = 4
BYTES_SHOWN = 16
LABEL_NAMES = re.compile(r"(?:^|[_\s])(?:id|year|zip|postcode|code|phone|no|nr)$", re.IGNORECASE)  # numbers that name


def is_number(cell: Cell) -> bool:
    return isinstance(cell, (int, float, Decimal)) and not isinstance(cell, bool)


def numeric(column: Sequence[Cell]) -> bool:
    """Whether a column is to be aligned right: numbers, and NULL between them."""
    known = [cell for cell in column if cell is not None]
    return bool(known) and all(is_number(cell) for cell in known)


def kind(column: Sequence[Cell]) -> Kind:
    """What a column holds, to be told to people; "mixed" where its cells are of several kinds."""
    kinds = {_kind(cell) for cell in column if cell is not None}
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "null"


def decimals(column: Sequence[Cell]) -> int:
    """How many decimals all of this column's numbers get, so that their points stand below each other."""
    return max((_decimals(cell) for cell in column if isinstance(cell, (float, Decimal))), default=0)


def show(cell: Cell, *, name: str = "", places: int = 0) -> str:
    """The text of a cell. NULL has none: the caller shows it in its own way."""
    match cell:
        case None:
            return ""
        case bool():
            return "true" if cell else "false"
        case int() | float() | Decimal():
            return _number(cell, name, places)
        case bytes():
            return f"0x{cell[:BYTES_SHOWN].hex()}{'…' if len(cell) > BYTES_SHOWN else ''}"
        case datetime():
            return cell.isoformat(sep=" ")
        case date():
            return cell.isoformat()
        case timedelta():
            return str(cell)
    return str(cell)


def _kind(cell: Cell) -> Kind:
    match cell:
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case date() | time() | timedelta():
            return "time"
        case bytes():
            return "bytes"
    return "text"


def _number(cell: int | float | Decimal, name: str, places: int) -> str:
    if cell != cell or cell in (float("inf"), float("-inf")):
        return str(cell)
    if isinstance(cell, int) and (abs(cell) < GROUP_FROM or LABEL_NAMES.search(name)):
        return str(cell)
    return f"{cell:,.{places}f}"


def _decimals(cell: float | Decimal) -> int:
    if isinstance(cell, Decimal) and cell.is_finite():
        stored, needed = _scale(cell), _scale(cell.normalize())
        return min(max(needed, min(stored, 2)), DECIMALS)  # DECIMAL(19, 4) has 12.5000: it reads as 12.50
    text = f"{cell:.{DECIMALS}f}".rstrip("0")
    shown = len(text.partition(".")[2])
    return 2 if shown == 1 else shown  # 12.5 reads as an amount: 12.50


def _scale(cell: Decimal) -> int:
    return max(-int(cell.as_tuple().exponent), 0)
