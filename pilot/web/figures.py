"""Draw a chart from its spec. Loaded late: plotly is large, and most questions need no chart.

Colours of text and grid come from the page's style sheet, so that one figure serves light and dark.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go

from pilot.chat.events import ChartSpec
from pilot.chat.wording.headings import heading
from pilot.datasource.base import Cell, Rows
from pilot.i18n import Texts
from pilot.web.render import ROWS_DRAWN

COLOURS = ("#0f8b8d", "#d98324", "#5b6abf", "#b5446e", "#6b8f3c", "#8a7a5c", "#3f9bd1", "#9a6fc0")
GRID = "rgba(128,128,128,0.18)"
LABEL_CHARS = 24
FEW_BARS, FEW_THINGS = 12, 8
BARS = ("bar", "grouped")
MONTH, DATE = re.compile(r"\d{4}-\d{2}"), re.compile(r"\d{4}-\d{2}-\d{2}([ T].*)?")
DAY = 24 * 3600 * 1000  # milliseconds
# By numbers, as the table tells them: plotly.js writes the names of months in English, whatever the reader's language.
TIMES = [
    {"dtickrange": [None, DAY / 2], "value": "%H:%M\n%Y-%m-%d"},
    {"dtickrange": [DAY / 2, "M1"], "value": "%m-%d\n%Y"},
    {"dtickrange": ["M1", "M12"], "value": "%Y-%m"},
    {"dtickrange": ["M12", None], "value": "%Y"},
]
# Where a modebar is shown: only the button that saves a picture, and no link to a service.
CONFIG = {
    "displaylogo": False, "plotlyServerURL": "", "responsive": True,
    "modeBarButtonsToRemove": ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d",
                               "resetScale2d"],
}  # fmt: skip


def draw(spec: ChartSpec, rows: Rows, t: Texts) -> Any:
    """A figure of at most ROWS_DRAWN rows. `number` has none: it is shown in figures of its own, large."""
    if spec.x is None or spec.kind == "number":
        return None
    rows = replace(rows, columns=tuple(heading(name, t) for name in rows.columns))
    points = _in_time(spec, rows.rows[:ROWS_DRAWN])
    labels = [_label(row[spec.x]) for row in points]
    flat = spec.kind in BARS and _reads_better_flat(labels)
    figure = go.Figure(_traces(spec, rows, points, flat=flat))
    figure.update_layout(
        height=_height(spec, labels, flat=flat), margin={"l": 8, "r": 16, "t": 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", bargap=0.35 if spec.kind in BARS else 0.04,
        font={"family": "IBM Plex Sans, Noto Sans CJK SC, sans-serif", "size": 13}, hovermode="closest",
        showlegend=len(figure.data) > 1, legend={"orientation": "h", "y": 1.08, "x": 0},
        modebar={"remove": ["zoom", "pan", "select", "lasso", "zoomin", "zoomout", "autoscale", "resetscale"]},
        dragmode=False,
    )  # fmt: skip
    if spec.kind != "pie":
        figure.update_layout(_axes(spec, rows, spec.x, flat=flat))
    return figure


def page(figure: Any, *, heading: str, foot: str) -> str:
    """The figure as one file that needs nothing else: Plotly is inside, in light and dark."""
    drawing = figure.to_html(include_plotlyjs=True, full_html=False, config=CONFIG)
    return PAGE.format(heading=_escaped(heading), foot=_escaped(foot), drawing=drawing)


PAGE = """<!doctype html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{heading}</title><style>
body {{ font: 15px/1.5 "IBM Plex Sans", "Noto Sans CJK SC", system-ui, sans-serif; margin: 32px auto; max-width: 960px;
  padding: 0 20px; background: #faf9f7; color: #22211f; }}
h1 {{ font-size: 20px; }} pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font-size: 12.5px; opacity: .7; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #141312; color: #eceae5; }}
  text {{ fill: #a8a39a !important; }} .hoverlayer text {{ fill: #fff !important; }} }}
</style></head><body><h1>{heading}</h1>{drawing}<pre>{foot}</pre></body></html>
"""


def _traces(spec: ChartSpec, rows: Rows, points: Sequence[Sequence[Cell]], *, flat: bool) -> list[Any]:
    """One trace for each measure, or for each value of the series column."""
    assert spec.x is not None
    if spec.series is None:
        groups = [(rows.columns[column], points, column) for column in spec.y]
    else:
        names = list(dict.fromkeys(str(row[spec.series]) for row in points))
        groups = [(name, [row for row in points if str(row[spec.series]) == name], spec.y[0]) for name in names]
    return [
        _trace(spec, _text(name), COLOURS[number % len(COLOURS)], [_label(row[spec.x]) for row in held],
               [_value(row[column]) for row in held], flat=flat)
        for number, (name, held, column) in enumerate(groups)
    ]  # fmt: skip


def _trace(
    spec: ChartSpec, name: str, colour: str, labels: list[Any], values: list[float | None], *, flat: bool
) -> Any:
    match spec.kind:
        case "bar" | "grouped":
            across = {"x": values, "y": labels, "orientation": "h"} if flat else {"x": labels, "y": values}
            return go.Bar(**across, name=name, marker={"color": colour, "cornerradius": 3})
        case "line":
            return go.Scatter(x=labels, y=values, name=name, mode="lines+markers", marker={"size": 5},
                              line={"color": colour, "width": 2.5})  # fmt: skip
        case "pie":
            return go.Pie(labels=labels, values=values, name=name, hole=0.55, sort=False, direction="clockwise",
                          marker={"colors": COLOURS}, textinfo="label+percent", textposition="outside")  # fmt: skip
        case "histogram":
            return go.Histogram(x=values, name=name, marker={"color": colour, "cornerradius": 2})
        case _:
            return go.Scatter(x=labels, y=values, name=name, mode="markers",
                              marker={"color": colour, "size": 8, "opacity": 0.75})  # fmt: skip


def _axes(spec: ChartSpec, rows: Rows, x: int, *, flat: bool) -> dict[str, Any]:
    value, category = ("xaxis", "yaxis") if flat else ("yaxis", "xaxis")
    counted = spec.kind == "histogram"
    return {
        value: {"title": "" if counted or len(spec.y) > 1 else _text(rows.columns[spec.y[0]]), "gridcolor": GRID,
                "zeroline": False, "automargin": True, **_ticks(spec, rows)},
        category: {"title": "" if flat else _text(rows.columns[x]), "showgrid": False, "automargin": True,
                   "ticklabelstandoff": 6, **({} if spec.kind in BARS else _times([row[x] for row in rows.rows])),
                   "type": "category" if spec.kind in BARS else "-", "autorange": "reversed" if flat else True},
    }  # fmt: skip


def _times(cells: Sequence[Cell]) -> dict[str, Any]:
    """How an axis of times tells them; of anything else, nothing."""
    known = [str(cell) for cell in cells if cell is not None]
    if not known or not all(DATE.fullmatch(text) or MONTH.fullmatch(text) for text in known):
        return {}
    longest = max(map(len, known))
    return {"tickformatstops": TIMES, "hoverformat": "%Y-%m" if longest == len("2026-01") else
            "%Y-%m-%d" if longest == len("2026-01-31") else "%Y-%m-%d %H:%M"}  # fmt: skip


def _ticks(spec: ChartSpec, rows: Rows) -> dict[str, int]:
    """Few things are counted in whole steps: no tick stands at two and a half customers."""
    cells = [row[column] for row in rows.rows[:ROWS_DRAWN] for column in spec.y]
    few = spec.kind != "histogram" and all(isinstance(cell, int) and abs(cell) <= FEW_THINGS for cell in cells)
    return {"dtick": 1} if few else {}


def _height(spec: ChartSpec, labels: Sequence[Any], *, flat: bool) -> int:
    bars = len(set(map(str, labels))) * (1 if spec.series is None and len(spec.y) == 1 else 1.6)
    return max(260, round(28 * bars) + 90) if flat else 320


def _in_time(spec: ChartSpec, points: Sequence[Sequence[Cell]]) -> Sequence[Sequence[Cell]]:
    """A line goes from the earliest to the latest, whatever the order of the rows."""
    x = spec.x
    return points if spec.kind != "line" or x is None else sorted(points, key=lambda row: str(row[x]))


def _reads_better_flat(labels: Sequence[Any]) -> bool:
    different = set(map(str, labels))
    return len(different) <= FEW_BARS and max((len(label) for label in different), default=0) > 7


def _label(cell: Cell) -> Any:
    return _text(cell) if cell is None or isinstance(cell, (str, bytes, bool)) else cell


def _value(cell: Cell) -> float | None:
    return None if cell is None else float(cell)  # type: ignore[arg-type]


def _text(cell: Cell) -> str:
    """Plotly reads a little HTML in its texts; cells have none."""
    shown = "NULL" if cell is None else cell.hex() if isinstance(cell, bytes) else str(cell)
    return _escaped(shown if len(shown) <= LABEL_CHARS else shown[: LABEL_CHARS - 1] + "…")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
