"""Charts by rule."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.chat.charts import MOST_GROUPS, suggest, suiting
from pilot.chat.events import ChartSpec
from pilot.datasource.base import Cell, Rows
from tests.chat.cases_of import cases_of

CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.sampled_from(["a", "b", "2025-01", "2025-02"]),
    st.decimals(allow_nan=True), st.dates(date(2024, 1, 1), date(2024, 1, 9)), st.binary(max_size=2),
)  # fmt: skip
NAMES = st.sampled_from(["id", "name", "month", "price", "share", "年份"])


@pytest.mark.parametrize("case", cases_of("charts"), ids=lambda case: case["case"])
def test_a_result_is_drawn_so(case: dict[str, Any]) -> None:
    rows = Rows(tuple(case["columns"]), tuple(map(tuple, case["rows"])), truncated=False, milliseconds=1)
    kind, x, y, *series = case["chart"] or (None, None, ())
    assert suggest(rows) == (ChartSpec(kind, tuple(y), x, *series) if kind else None)
    assert [spec.kind for spec in suiting(rows)[1:]] == case.get("others", [])


def test_what_a_server_sends_as_dates_and_decimals_is_drawn_too() -> None:
    rows = Rows(("day", "sum"), tuple((date(2025, 1, day), Decimal(day)) for day in range(1, 6)), False, 1)
    assert suggest(rows) == ChartSpec("line", (1,), 0)


@pytest.mark.parametrize("cell", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), float("nan"), float("inf")])
def test_what_has_no_size_is_not_drawn(cell: Cell) -> None:
    rows = Rows(("country", "sum"), (("a", Decimal(1)), ("b", cell)), truncated=False, milliseconds=1)
    assert suiting(rows) == ()


def test_a_pie_needs_all_of_its_shares() -> None:
    rows = Rows(("country", "n"), (("a", 6), ("b", 2)), truncated=True, milliseconds=1)
    assert [spec.kind for spec in suiting(rows)] == ["bar"]


@given(names=st.lists(NAMES, min_size=1, max_size=4), data=st.data())
def test_every_chart_is_of_columns_that_are_there(names: list[str], data: st.DataObject) -> None:
    row = st.tuples(*[CELLS for _ in names])
    cells = data.draw(st.lists(row, max_size=25))
    rows = Rows(tuple(names), tuple(cells), truncated=False, milliseconds=1)
    for spec in suiting(rows):
        used = {*spec.y, *(index for index in (spec.x, spec.series) if index is not None)}
        assert used <= set(range(len(names)))
        assert spec.series is None or len({str(row[spec.series]) for row in cells}) <= MOST_GROUPS
        assert not any(names[index] == "id" for index in used)
