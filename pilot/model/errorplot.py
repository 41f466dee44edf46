"""A drawing of the errors of each matrix, one line for each precision, as an SVG of its own."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 960, 420, 60, 40, 40
COLOURS = ("#219696", "#d98324", "#7b5ea7", "#3b6fb6")


def draw(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    """`rows`: a matrix's name, and the relative error of each precision; hovering over a point names both."""
    names = list(rows[0][1]) if rows else []
    most = max((error for _, errors in rows for error in errors.values()), default=1.0) or 1.0
    parts = [_axis(most), *(_line(rows, name, index, most) for index, name in enumerate(names))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n'
    )


def _axis(most: float) -> str:
    marks = []
    for step in range(5):
        value = most * step / 4
        y = _y(value, most)
        marks.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:.3f}</text>')  # fmt: skip
    return "".join(marks) + f'<text x="{LEFT}" y="{HEIGHT - 12}">matrices, from the first layer to the last</text>'


def _line(rows: Sequence[tuple[str, dict[str, float]]], name: str, index: int, most: float) -> str:
    colour = COLOURS[index % len(COLOURS)]
    step = (WIDTH - 20 - LEFT) / max(1, len(rows) - 1)
    points = [(LEFT + place * step, _y(errors[name], most)) for place, (_, errors) in enumerate(rows)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"><title>{escape(layer)}: {name} '
        f"{errors[name]:.4f}</title></circle>"
        for (x, y), (layer, errors) in zip(points, rows, strict=True)
    )
    legend = f'<text x="{LEFT + index * 110}" y="{TOP - 18}" fill="{colour}">{escape(name)}</text>'
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>{dots}{legend}'


def _y(value: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most
