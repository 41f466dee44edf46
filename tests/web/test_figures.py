"""Charts from their specs."""

import json
import re
from datetime import date
from decimal import Decimal

import pytest

from pilot.chat.events import ChartSpec
from pilot.datasource.base import Cell, Rows
from pilot.i18n import Texts
from pilot.web import figures
from pilot.web.render import ROWS_DRAWN

T = Texts("en")
ROWS = Rows(
    ("country", "orders", "amount"), (("Germany", 3, Decimal("1.5")), (None, 4, None), ("<b>x</b>", 5, 2.0)), False, 1
)


@pytest.mark.parametrize("kind", ["bar", "grouped", "scatter"])
def test_a_figure_holds_every_point_of_every_series(kind: str) -> None:
    figure = figures.draw(ChartSpec(kind, (1, 2), 0), ROWS, T)  # type: ignore[arg-type]
    assert [trace.name for trace in figure.data] == ["orders", "amount"]
    values = [list(trace.x if getattr(trace, "orientation", None) == "h" else trace.y) for trace in figure.data]
    assert values == [[3, 4, 5], [1.5, None, 2.0]]


def test_cells_become_no_markup_in_a_figure() -> None:
    assert "<b>" not in figures.draw(ChartSpec("bar", (1,), 0), ROWS, T).to_json()


def test_a_figure_names_no_other_host() -> None:
    text = json.dumps(figures.draw(ChartSpec("line", (1,), 0), ROWS, T).to_plotly_json(), default=str)
    assert "http" not in text


def test_dates_stay_dates_so_that_the_axis_is_one_of_time() -> None:
    rows = Rows(("day", "n"), ((date(2026, 1, 1), 1), (date(2026, 1, 3), 2)), False, 1)
    assert list(figures.draw(ChartSpec("line", (1,), 0), rows, T).data[0].x) == [date(2026, 1, 1), date(2026, 1, 3)]


def test_a_number_alone_has_no_figure() -> None:
    assert figures.draw(ChartSpec("number", (0,)), Rows(("n",), ((5,),), False, 1), T) is None


def test_a_figure_has_at_most_so_many_points() -> None:
    rows = Rows(("x", "y"), tuple((i, i) for i in range(ROWS_DRAWN + 1)), False, 1)
    assert len(figures.draw(ChartSpec("scatter", (1,), 0), rows, T).data[0].x) == ROWS_DRAWN


def test_each_value_of_the_series_column_is_a_trace() -> None:
    cells = (("2026-02", "a", 1), ("2026-01", "a", 2), ("2026-01", "b", 3))
    figure = figures.draw(ChartSpec("line", (2,), 0, 1), Rows(("month", "who", "n"), cells, False, 1), T)
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("a", ["2026-01", "2026-02"], [2.0, 1.0]), ("b", ["2026-01"], [3.0]),
    ]  # fmt: skip


def test_shares_and_spreads_hold_every_value() -> None:
    pie = figures.draw(ChartSpec("pie", (1,), 0), ROWS, T).data[0]
    assert (list(pie.labels), list(pie.values)) == (["Germany", "NULL", "&lt;b&gt;x&lt;/b&gt;"], [3.0, 4.0, 5.0])
    assert list(figures.draw(ChartSpec("histogram", (1,), 1), ROWS, T).data[0].x) == [3.0, 4.0, 5.0]


def test_a_chart_as_a_file_needs_nothing_else() -> None:
    hostile = "</script><script>alert(1)</script>"
    rows = Rows((hostile, "n"), ((hostile, 1), ("b", 2)), False, 1)
    text = figures.page(figures.draw(ChartSpec("bar", (1,), 0), rows, T), heading=hostile, foot=hostile)
    assert hostile not in text
    assert "Plotly.newPlot" in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)


@pytest.mark.parametrize(("counts", "step"), [((2, 3, 5), 1), ((2, 3, 500), None), ((2, 3, 2.5), None)])
def test_few_things_are_counted_in_whole_steps(counts: tuple[float, ...], step: int | None) -> None:
    rows = Rows(("country", "n"), tuple((str(place), count) for place, count in enumerate(counts)), False, 1)
    assert figures.draw(ChartSpec("bar", (1,), 0), rows, T).layout.yaxis.dtick == step


@pytest.mark.parametrize(("cell", "hover"), [("2026-01", "%Y-%m"), (date(2026, 1, 2), "%Y-%m-%d"), ("Jan", None)])
def test_times_are_told_by_numbers(cell: Cell, hover: str | None) -> None:
    axis = figures.draw(ChartSpec("line", (1,), 0), Rows(("at", "n"), ((cell, 1),), False, 1), T).layout.xaxis
    assert axis.hoverformat == hover
    assert not any("%b" in stop.value for stop in axis.tickformatstops)
    assert bool(axis.tickformatstops) == bool(hover)


def test_axes_are_named_in_the_readers_language() -> None:
    rows = Rows(("country", "row_count"), (("Germany", 3), ("China", 4)), False, 1)
    figure = figures.draw(ChartSpec("bar", (1,), 0), rows, Texts("zh"))
    assert figure.layout.yaxis.title.text == "行数"
