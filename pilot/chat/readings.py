"""Two readings of a question that are about as likely: what sets them apart, in plain words and in rows."""

from collections import Counter
from collections.abc import Sequence

from sqlglot import exp

from pilot.chat.events import DidYouMean, Reading
from pilot.chat.explain import explain
from pilot.chat.summary import shown
from pilot.chat.vote import Trial, counted_nothing, plain
from pilot.datasource.base import Cell, Rows
from pilot.i18n import Texts
from pilot.schema import Schema

CLOSE = 0.6  # how much of the first reading's share the second must have
LEAST = 0.2  # share of all candidates below which a reading is noise
ROWS_SHOWN = 3


def did_you_mean(ranked: Sequence[tuple[Trial, float]], schema: Schema, texts: Texts) -> DidYouMean | None:
    """None when one reading stands out, or when two find the same and one of them just shows more of it."""
    if len(ranked) < 2:
        return None
    (first, share), (second, other) = ranked[:2]
    if other < max(CLOSE * share, LEAST) or second.doubt or counted_nothing(second.rows):
        return None
    if _shows_more(first.rows, second.rows) or _shows_more(second.rows, first.rows) or _cut_off(first, second):
        return None
    return DidYouMean((
        _reading(first, second, share, schema, texts), _reading(second, first, other, schema, texts)
    ))  # fmt: skip


def _reading(trial: Trial, other: Trial, share: float, schema: Schema, texts: Texts) -> Reading:
    meaning = apart(trial.statement.tree, other.statement.tree, schema, texts)
    rows = tuple(tuple(shown(cell, texts) for cell in row) for row in _only_in(trial.rows, other.rows)[:ROWS_SHOWN])
    return Reading(trial.statement.shown, meaning, trial.rows.columns, rows, round(share, 2))


def apart(tree: exp.Expr, other: exp.Expr, schema: Schema, texts: Texts) -> tuple[str, ...]:
    """What one statement does and the other does not, in plain words; all that it does if words do not tell."""
    mine, theirs = (explain(each, schema, texts) for each in (tree, other))
    return tuple(line for line in mine if line not in theirs) or tuple(mine)


def _only_in(rows: Rows, other: Rows) -> list[tuple[Cell, ...]]:
    """The rows that the other result does not have; all where the two cannot be compared."""
    if len(rows.columns) != len(other.columns):
        return list(rows.rows)
    there = Counter(tuple(map(plain, row)) for row in other.rows)
    only = []
    for row in rows.rows:
        key = tuple(map(plain, row))
        if there[key]:
            there[key] -= 1
        else:
            only.append(row)
    return only


def _cut_off(one: Trial, other: Trial) -> bool:
    """Whether one is only the beginning of the other."""
    trees = one.statement.tree, other.statement.tree
    for tree in trees:
        tree.set("limit", None)
    return trees[0] == trees[1]


def _shows_more(wide: Rows, narrow: Rows) -> bool:
    """Whether every column of one result stands in the other, too."""
    if len(wide.rows) != len(narrow.rows):
        return False
    columns = [Counter(map(plain, column)) for column in zip(*wide.rows, strict=True)]
    return all(Counter(map(plain, column)) in columns for column in zip(*narrow.rows, strict=True))
