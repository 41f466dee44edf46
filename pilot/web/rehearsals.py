"""A rehearsal as HTML: what would change, cell by cell. Knows no database and no Gradio."""

from itertools import zip_longest

from pilot.datasource.base import Cell
from pilot.datasource.writes import Rehearsal
from pilot.i18n import Texts
from pilot.web import cells, words
from pilot.web.render import block


def rehearsal(found: Rehearsal, t: Texts) -> str:
    """The statement, how many rows it meets, and the first of them: what goes is struck out, what comes is marked."""
    said = t("web.write.none")
    if found.count:
        said = t(f"web.write.{found.write.kind}", count=found.count, table=found.write.table.name)
    shown = max(len(found.before), len(found.after))
    notes = [t("web.write.shown", count=shown)] if 0 < shown < found.count else []
    notes += [t("web.write.followers", tables=", ".join(found.followers))] if found.followers and found.count else []
    return block(
        f'<p class="label">{t("web.write.title")}</p><p class="summary">{words.plain(said)}</p>',
        f'<pre class="statement"><code>{words.sql(found.write.text)}</code></pre>',
        _table(found),
        *(f'<p class="foot">{words.plain(note)}</p>' for note in notes),
        kind="rows rehearsed",
    )


def _table(found: Rehearsal) -> str:
    if not found.before and not found.after:
        return ""
    head = "".join(f"<th>{words.plain(name)}</th>" for name in found.columns)
    pairs = zip_longest(found.before, found.after)
    body = "".join(f"<tr>{_row(before, after, len(found.columns))}</tr>" for before, after in pairs)
    return f'<div class="sheet"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(before: tuple[Cell, ...] | None, after: tuple[Cell, ...] | None, width: int) -> str:
    parts = []
    for place in range(width):
        old = _cell(before[place]) if before else ""
        new = _cell(after[place]) if after else ""
        if old and new and old == new:
            parts.append(f"<td>{new}</td>")
        else:
            gone, come = f"<del>{old}</del>" if old else "", f"<ins>{new}</ins>" if new else ""
            parts.append(f"<td>{' → '.join(filter(None, (gone, come)))}</td>")
    return "".join(parts)


def _cell(cell: Cell) -> str:
    """Numbers to their last digit: what is agreed to is what comes."""
    if cell is None:
        return '<span class="null">NULL</span>'
    return words.plain(str(cell) if cells.is_number(cell) else cells.show(cell))
