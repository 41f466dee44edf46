"""Whether two results are the same answer, and how hard a question is. Pure."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Literal

import sqlglot
from sqlglot import exp

from pilot.datasource.base import Cell, Rows
from pilot.schema import Dialect

Hardness = Literal["easy", "medium", "hard", "extra"]
HARDNESS: tuple[Hardness, ...] = ("easy", "medium", "hard", "extra")

DIGITS = 6  # significant digits in which two numbers must agree
MOST_COLUMNS = 12  # of which every order is tried; wider results must agree as they stand

Row = tuple[Hashable, ...]


def matches(predicted: Rows, gold: Rows, *, ordered: bool) -> bool:
    """The same rows as often, in any order of columns; in the same order of rows only where that was asked for."""
    if len(predicted.columns) != len(gold.columns) or len(predicted.rows) != len(gold.rows):
        return False
    ours, theirs = _plain(predicted), _plain(gold)
    if not ours or _same(ours, theirs, ordered=ordered):
        return True
    if len(gold.columns) > MOST_COLUMNS:
        return False
    return _in_any_order(ours, theirs, ordered=ordered)


def is_ordered(sql: str, dialect: Dialect) -> bool:
    """Whether the statement itself, not a part of it, has an ORDER BY."""
    return sqlglot.parse_one(sql, read=dialect).args.get("order") is not None


def hardness(sql: str, dialect: Dialect) -> Hardness:
    """By the number of things that a statement does at once: our own rule, for a table of results."""
    tree = sqlglot.parse_one(sql, read=dialect)
    queries = len(list(tree.find_all(exp.Select)))
    clauses = sum(len(list(tree.find_all(kind))) for kind in (exp.Join, exp.Group, exp.Having, exp.Order, exp.Limit))
    conditions = len(list(tree.find_all(exp.Predicate))) + len(list(tree.find_all(exp.Or)))
    computed = len(list(tree.find_all(exp.AggFunc, exp.Case, exp.Window)))
    points = 5 * (queries - 1) + clauses + max(0, conditions - len(list(tree.find_all(exp.Join))) - 1) + computed
    return "easy" if points <= 1 else "medium" if points <= 4 else "hard" if points <= 6 else "extra"


def plain(cell: Cell) -> Hashable:
    """A cell for comparison: 3, 3.0, True and Decimal('3.00') are one; dates are their text."""
    match cell:
        case bool() | int() | float() | Decimal():
            number = float(cell)
            if not math.isfinite(number):
                return str(number)
            return float(f"{number:.{DIGITS}g}") + 0.0  # -0.0 is 0.0
        case None | str() | bytes():
            return cell
    return str(cell)


def _plain(rows: Rows) -> list[Row]:
    return [tuple(map(plain, row)) for row in rows.rows]


def _same(ours: Sequence[Row], theirs: Sequence[Row], *, ordered: bool) -> bool:
    return list(ours) == list(theirs) if ordered else Counter(ours) == Counter(theirs)


def _in_any_order(ours: Sequence[Row], theirs: Sequence[Row], *, ordered: bool) -> bool:
    """Try each assignment of our columns to theirs that holds the same values; most results allow only one."""
    mine, wanted = list(zip(*ours, strict=True)), list(zip(*theirs, strict=True))
    bags = [Counter(column) for column in mine]
    fitting = [[index for index, bag in enumerate(bags) if bag == Counter(column)] for column in wanted]

    def assign(chosen: list[int]) -> bool:
        if len(chosen) == len(wanted):
            return _same(list(zip(*(mine[index] for index in chosen), strict=True)), theirs, ordered=ordered)
        rest = (index for index in fitting[len(chosen)] if index not in chosen)
        return any(
            _agree(mine, wanted, [*chosen, index], ordered=ordered) and assign([*chosen, index]) for index in rest
        )

    return assign([])


def _agree(mine: Sequence[Row], wanted: Sequence[Row], chosen: Sequence[int], *, ordered: bool) -> bool:
    """Whether the columns assigned so far hold the same rows: cuts off most wrong assignments early."""
    ours = list(zip(*(mine[index] for index in chosen), strict=True))
    return _same(ours, list(zip(*wanted[: len(chosen)], strict=True)), ordered=ordered)
