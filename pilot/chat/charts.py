"""Which charts suit a result, by rule, best first. Pure. None where a table says it better; no identifier is drawn."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from pilot.chat.events import ChartSpec
from pilot.datasource.base import Cell, Rows

MOST_BARS = 30
MOST_SHARES = 6  # of a pie
MOST_GROUPS = 8  # colours that can be told apart
MOST_MARKS = 200  # of grouped bars, all groups together
FILLED = 0.5  # of the places in a grid of two labels: cities of countries fill few, and are no grid
FEWEST_POINTS = 3  # of a line
FEWEST_DOTS = 8
FEWEST_VALUES = 20  # of a histogram
FEWEST_DIFFERENT = 8
MOST_SERIES = 3
SAME_SCALE = 100.0  # between the largest values of two series that share an axis
WHOLE = (0.995, 1.005)  # shares that add up to one or to a hundred, rounded

ID_NAME = re.compile(
    r"(^|_)(id|uuid|guid|code|zip|postcode|phone)$|[a-z](Id|ID)$|编号|编码|代码|电话|邮编|ID$", re.IGNORECASE
)
ENDS_IN_ID = re.compile(r"[a-z](Id|ID)$")
TIME_NAME = re.compile(r"year|month|week|day|date|quarter|年|月|日|周|季", re.IGNORECASE)
TIME_TEXT = re.compile(r"\d{4}(-\d{1,2}(-\d{1,2}([ T]\d{2}:\d{2}(:\d{2}.*)?)?)?|-?[QW]\d{1,2})?")
SHARE_NAME = re.compile(r"share|percent|proportion|fraction|占比|比例|份额|百分", re.IGNORECASE)
NO_PART = re.compile(r"avg|average|mean|median|min|max|rate|ratio|price|rank|平均|最|率|价", re.IGNORECASE)
YEARS = range(1800, 2200)


def suggest(rows: Rows) -> ChartSpec | None:
    """The chart that is shown unasked."""
    return next(iter(suiting(rows)), None)


def suiting(rows: Rows) -> tuple[ChartSpec, ...]:
    """All charts that say something true about these rows, the best first: what people may pick from."""
    if not rows.rows or not rows.columns:
        return ()
    result = _Result(rows)
    if len(rows.rows) == 1:
        alone = len(result.columns) == 1 and result.numbers
        return (ChartSpec("number", (0,)),) if alone else ()
    return _found(result)


@dataclass(frozen=True)
class _Result:
    """A result with what each column is for: times, numbers that measure, labels. A column is one of them or none."""

    rows: Rows

    @cached_property
    def columns(self) -> Sequence[tuple[Cell, ...]]:
        return list(zip(*self.rows.rows, strict=True))

    @cached_property
    def times(self) -> list[int]:
        return [index for index, cells in enumerate(self.columns) if _is_time(self.rows.columns[index], cells)]

    @cached_property
    def numbers(self) -> list[int]:
        return [index for index, cells in enumerate(self.columns)
                if index not in self.times and _is_measure(self.rows.columns[index], cells)]  # fmt: skip

    @cached_property
    def labels(self) -> list[int]:
        rest = [index for index in range(len(self.columns)) if index not in (*self.times, *self.numbers)]
        return [index for index in rest if not _is_identifier(self.rows.columns[index], self.columns[index])]

    @cached_property
    def y(self) -> tuple[int, ...]:
        """The measures whose values can share an axis with the last one: what a query computes stands last."""
        if not self.numbers:
            return ()
        sizes = {index: _largest(self.columns[index]) for index in self.numbers}
        wanted = sizes[self.numbers[-1]]
        fitting = [index for index in self.numbers if _alike(sizes[index], wanted)]
        return tuple(fitting[-MOST_SERIES:])

    def different(self, *indexes: int) -> bool:
        """Whether no two rows have the same cells there, and none is missing."""
        cells = [tuple(str(row[index]) for index in indexes) for row in self.rows.rows]
        return not any(None in self.columns[index] for index in indexes) and len(set(cells)) == len(cells)

    def count(self, index: int) -> int:
        return len(set(map(str, self.columns[index])))


def _found(result: _Result) -> tuple[ChartSpec, ...]:
    """By what the rows are about; dots and spread where they are about nothing, or beside another chart."""
    if not result.y:
        return ()
    keys = [*result.times, *result.labels]
    by_keys = tuple(_by_keys(result, keys)) if keys else ()
    return (*by_keys, *_of_numbers(result, alone=not keys)) if by_keys or not keys else ()


def _by_keys(result: _Result, keys: Sequence[int]) -> Iterator[ChartSpec]:
    if len(keys) == 1 and result.times:
        yield from _over_time(result, keys[0])
    elif len(keys) == 1:
        yield from _of_labels(result, keys[0])
    elif len(keys) == 2 and len(result.times) < 2:
        yield from _grouped(result, keys[0], keys[1])


def _over_time(result: _Result, x: int) -> Iterator[ChartSpec]:
    if not result.different(x):
        return
    line = ChartSpec("line", result.y, x)
    bars = list(_bars(result, x))
    points = len(result.columns[x])
    if points >= FEWEST_POINTS and _in_order(result.columns[x]):
        yield line
        yield from bars
    else:
        yield from bars
        if points >= FEWEST_POINTS:
            yield line


def _of_labels(result: _Result, x: int) -> Iterator[ChartSpec]:
    bars = list(_bars(result, x))
    shares = _is_parts(result)
    if shares and bars and SHARE_NAME.search(result.rows.columns[result.y[0]]) and _adds_up(result):
        yield ChartSpec("pie", result.y, x)
        yield from bars
    else:
        yield from bars
        if shares and bars:
            yield ChartSpec("pie", result.y, x)


def _bars(result: _Result, x: int) -> Iterator[ChartSpec]:
    """One bar for each label; several beside each other where there are several measures."""
    if len(result.columns[x]) <= MOST_BARS and result.different(x):
        yield ChartSpec("grouped" if len(result.y) > 1 else "bar", result.y, x)


def _grouped(result: _Result, first: int, second: int) -> Iterator[ChartSpec]:
    """A measure by two things: the one with fewer values gives the colours; a time is always the axis."""
    if len(result.numbers) != 1 or not result.different(first, second):
        return
    swapped = first not in result.times and result.count(first) < result.count(second)
    x, series = (second, first) if swapped else (first, second)
    groups = result.count(series)
    if not 1 < groups <= MOST_GROUPS:
        return
    line = ChartSpec("line", result.y, x, series)
    bars = ChartSpec("grouped", result.y, x, series)
    places = result.count(x) * groups
    if len(result.rows.rows) <= FILLED * places:
        return
    fits = result.count(x) <= MOST_BARS and places <= MOST_MARKS
    if x in result.times and result.count(x) >= FEWEST_POINTS:
        yield line
    if fits:
        yield bars


def _of_numbers(result: _Result, *, alone: bool) -> Iterator[ChartSpec]:
    """Dots of two measures; the spread of one that has no labels."""
    rows, numbers = len(result.rows.rows), result.numbers
    if len(numbers) == 2 and rows >= FEWEST_DOTS:
        yield ChartSpec("scatter", (numbers[1],), numbers[0])
    if len(numbers) == 1 and alone and rows >= FEWEST_VALUES and result.count(numbers[0]) >= FEWEST_DIFFERENT:
        yield ChartSpec("histogram", (numbers[0],), numbers[0])


def _is_parts(result: _Result) -> bool:
    """Whether the one measure gives parts of a whole: few, none negative, no averages, all of them there."""
    if len(result.y) != 1 or len(result.numbers) != 1 or result.rows.truncated:
        return False
    cells = [float(cell) for cell in result.columns[result.y[0]] if isinstance(cell, int | float | Decimal)]
    told = len(cells) == len(result.rows.rows) and 2 <= len(cells) <= MOST_SHARES
    return told and min(cells) >= 0 and sum(cells) > 0 and not NO_PART.search(result.rows.columns[result.y[0]])


def _adds_up(result: _Result) -> bool:
    total = sum(float(cell) for cell in result.columns[result.y[0]] if isinstance(cell, int | float | Decimal))
    return any(WHOLE[0] <= total / whole <= WHOLE[1] for whole in (1, 100))


def _in_order(cells: Sequence[Cell]) -> bool:
    return all(map(_before, cells, cells[1:])) or all(map(_before, cells[1:], cells))


def _before(first: Cell, second: Cell) -> bool:
    return str(first) < str(second)


def _alike(size: float, other: float) -> bool:
    return max(size, other) <= SAME_SCALE * min(size, other) or size == other


def _largest(cells: Sequence[Cell]) -> float:
    return max((abs(float(cell)) for cell in cells if isinstance(cell, int | float | Decimal)), default=0.0)


def _is_measure(name: str, cells: Sequence[Cell]) -> bool:
    return _is_number(cells) and not _named_identifier(name)


def _is_number(cells: Sequence[Cell]) -> bool:
    """A column with an infinity, or with what is no number (NaN), cannot be drawn to scale."""
    return _known(cells, _is_finite)


def _is_finite(cell: Cell) -> bool:
    if isinstance(cell, Decimal):
        return cell.is_finite()
    if isinstance(cell, float):
        return math.isfinite(cell)
    return isinstance(cell, int) and not isinstance(cell, bool)


def _is_time(name: str, cells: Sequence[Cell]) -> bool:
    if _known(cells, lambda cell: isinstance(cell, date)):
        return True
    if _known(cells, lambda cell: isinstance(cell, str) and TIME_TEXT.fullmatch(cell) is not None):
        return True
    named = bool(TIME_NAME.search(name))
    return named and _known(cells, lambda cell: isinstance(cell, int) and not isinstance(cell, bool) and cell in YEARS)


def _is_identifier(name: str, cells: Sequence[Cell]) -> bool:
    return _named_identifier(name) and _is_number(cells)


def _named_identifier(name: str) -> bool:
    return bool(ID_NAME.search(name)) or bool(ENDS_IN_ID.search(name))


def _known(cells: Sequence[Cell], test: Callable[[Cell], bool]) -> bool:
    """Whether at least one cell is not NULL, and all that are not pass."""
    told = [cell for cell in cells if cell is not None]
    return bool(told) and all(map(test, told))
