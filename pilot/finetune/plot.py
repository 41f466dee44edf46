"""The curves of a run as a drawing: the loss of each step, and that of examples kept back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 800, 360, 60, 20, 30, 40
CURVES = (("loss", "learnt", "#219696"), ("eval_loss", "kept back", "#d98324"))


def plot(figures: Sequence[Mapping[str, Any]], file: Path) -> None:
    """`figures` are the lines of log.jsonl; a drawing of none is an empty one."""
    values = [line[name] for line in figures for name, _, _ in CURVES if name in line]
    last, most = max((line["step"] for line in figures), default=1), max(values, default=1.0) or 1.0

    def place(step: float, value: float) -> str:
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        return f"{x:.1f},{HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most:.1f}"

    parts = [_mark(place(0, most * step / 4), f"{most * step / 4:.2f}") for step in range(5)]
    for number, (name, called, colour) in enumerate(CURVES):
        path = " ".join(place(line["step"], line[name]) for line in figures if name in line)
        if path:
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
            parts.append(f'<text x="{LEFT + 120 * number}" y="{TOP - 12}" fill="{colour}">{called}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 12}" text-anchor="end">step {last}</text>')
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


def _mark(place: str, text: str) -> str:
    y = float(place.partition(",")[2])
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
    )
