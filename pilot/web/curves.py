"""The curve of a training as a drawing of our own: it grows each second, and needs no library for that."""

from collections.abc import Sequence

from pilot.i18n import Texts
from pilot.store.runs import Point

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 30
MOST_POINTS = 240  # more cannot be told apart
LINES = 4

Series = list[tuple[float, float]]


def draw(points: Sequence[Point], t: Texts) -> str:
    """SVG, with its title and what the colours mean; empty before there are two points."""
    learn: Series = [(point.step, point.loss) for point in points if point.loss is not None]
    exam: Series = [(point.step, point.exam_loss) for point in points if point.exam_loss is not None]
    if len(learn) < 2:
        return ""
    most = max(value for _, value in learn + exam) * 1.05 or 1.0
    first, last = learn[0][0], max(step for step, _ in learn + exam)
    place = _Place(first, max(last - first, 1), most)
    drawn = "".join((*_grid(place), _line(_thinned(learn), place, "learn"), _line(exam, place, "exam"),
                     *(_dot(point, place) for point in exam)))  # fmt: skip
    steps = (
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{t("own.curve.step")} {first}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{last}</text>'
    )
    legend = f'<span class="learn">{t("own.curve.learn")}</span>'
    legend += f'<span class="exam">{t("own.curve.exam")}</span>' if exam else ""
    return (
        f'<figure class="curve"><figcaption>{t("own.curve")}<br>{legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{t("own.curve")}">{drawn}{steps}</svg></figure>'
    )


class _Place:
    """Where a step and a loss stand in the drawing."""

    def __init__(self, first: float, steps: float, most: float) -> None:
        self.first, self.steps, self.most = first, steps, most

    def x(self, step: float) -> float:
        return round(LEFT + (step - self.first) / self.steps * (WIDTH - LEFT - RIGHT), 1)

    def y(self, loss: float) -> float:
        return round(TOP + (1 - loss / self.most) * (HEIGHT - TOP - BOTTOM), 1)


def _grid(place: _Place) -> list[str]:
    values = [place.most * number / LINES for number in range(LINES + 1)]
    return [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place.y(value)}" y2="{place.y(value)}"/>'
        f'<text x="{LEFT - 8}" y="{place.y(value)}" text-anchor="end" dominant-baseline="middle">{value:.2g}</text>'
        for value in values
    ]


def _line(series: Series, place: _Place, kind: str) -> str:
    path = " ".join(f"{place.x(step)},{place.y(value)}" for step, value in series)
    return f'<polyline class="{kind}" points="{path}"/>' if len(series) > 1 else ""


def _dot(point: tuple[float, float], place: _Place) -> str:
    return f'<circle class="exam" cx="{place.x(point[0])}" cy="{place.y(point[1])}" r="3.5"/>'


def _thinned(series: Series) -> Series:
    """As many as can be told apart, each the mean of its neighbours."""
    size = -(-len(series) // MOST_POINTS)
    groups = [series[start : start + size] for start in range(0, len(series), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
