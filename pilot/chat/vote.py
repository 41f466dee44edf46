"""Several candidates -> the one to show: results are compared, not texts, and the result most often found wins."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from sqlglot import exp

from pilot.datasource.base import Cell, Rows
from pilot.datasource.guard import SafeSql

# What a vote counts for a result that wrong statements have far more often than right ones:
EMPTY = 0.1  # one that finds nothing, or counts 0,
DOUBTFUL = 0.3  # that looks for a value that is not there,
HOLLOW = 0.3  # that finds no value where it shows a column,
REPEATED = 0.5  # that says the same row twice,
CONSTANT = 0.3  # that shows the same in rows that differ otherwise,
IDLE = 0.1  # that combines a query with itself,
ECHOED = 0.1  # or tells what it was asked for: the name of whoever is called Anna
RERANKED = 0.25  # nats that a candidate may be more probable than the one before it: beams are put right a little
DIGITS = 9  # that two computations of the same number agree in


@dataclass(frozen=True)
class Trial:
    """A candidate that ran. `weight` is its share of all candidates, those that failed included; `doubt` is what speaks
    against it all the same; `fit` is how it fits the question, 1 where nothing speaks against it.
    """

    statement: SafeSql
    rows: Rows
    weight: float
    doubt: str = ""
    fit: float = 1.0

    @property
    def trust(self) -> float:
        """Its weight as a vote."""
        against = DOUBTFUL if self.doubt else 1
        return self.weight * self.fit * against * plausibility(self.rows, self.statement.tree)


def weights(texts: Sequence[str], logprobs: Sequence[float | None]) -> list[float]:
    """What each candidate counts, 1 in all.

    Candidates that come best first are a beam: each text is there once (or again, to fill up), and its probability says
    what it is worth. Those in no order are samples: what is probable comes more often by itself, so each counts alike.
    """
    first = {text: index for index, text in reversed(list(enumerate(texts)))}
    known = [logprobs[index] for index in sorted(first.values())]
    ranked = [logprob for logprob in known if logprob is not None]
    if len(ranked) < len(known) or any(later > before + RERANKED for before, later in pairwise(ranked)):
        return [1 / len(texts)] * len(texts)
    most = max(ranked)
    shares = {text: math.exp((logprobs[index] or 0.0) - most) for text, index in first.items()}
    total = sum(shares.values())
    return [shares[text] / total if first[text] == index else 0.0 for index, text in enumerate(texts)]


def ranked(trials: Sequence[Trial]) -> list[tuple[Trial, float]]:
    """Of each group with the same result its best-ranked trial, and the share that agrees with it; the group that
    weighs most comes first. `trials` are best first.
    """
    groups: dict[Hashable, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(same(trial.rows), []).append(trial)
    order = sorted(groups.values(), key=lambda group: -sum(trial.trust for trial in group))
    return [(group[0], min(1.0, sum(trial.weight for trial in group))) for group in order]


def found(rows: Rows) -> bool:
    """Whether there is anything in the result: a lone NULL is what an aggregate says of nothing."""
    return any(cell is not None for row in rows.rows for cell in row)


def plausibility(rows: Rows, tree: exp.Expr) -> float:
    """What a result says for itself beside another one: 1, or less for what wrong statements find more often."""
    if counted_nothing(rows):
        return EMPTY
    distinct = dict.fromkeys(map(_whole, rows.rows))
    columns = list(zip(*distinct, strict=True))
    signs = (
        (HOLLOW, any(cell is None for row in rows.rows for cell in row)),
        (REPEATED, len(distinct) < len(rows.rows)),
        (CONSTANT, len(distinct) > 1 and any(len(set(column)) == 1 for column in columns)),
        (IDLE, any(each.left == each.right for each in tree.find_all(exp.SetOperation))),
        (ECHOED, not asked_values(tree).isdisjoint(str(cell) for row in rows.rows[:1] for cell in row)),
    )
    return math.prod(weight for weight, shows in signs if shows)


def asked_values(tree: exp.Expr) -> set[str]:
    """The texts that a column has to be equal to."""
    return {
        side.name
        for test in tree.find_all(exp.EQ)
        for side in (test.this, test.expression)
        if isinstance(side, exp.Literal) and side.is_string
    }


def _whole(row: Sequence[Cell]) -> Hashable:
    return tuple(map(plain, row))


def counted_nothing(rows: Rows) -> bool:
    """Nothing was found, or a lone row says 0 of everything."""
    return not found(rows) or (len(rows.rows) == 1 and not any(rows.rows[0]))


def same(rows: Rows) -> Hashable:
    """Equal for results that say the same, whatever the order of rows and the names of columns."""
    return frozenset(Counter(map(_whole, rows.rows)).items()), len(rows.columns)


def plain(cell: Cell) -> Hashable:
    """A cell for comparison: 3, 3.0 and Decimal('3.00') are one."""
    if isinstance(cell, int | float | Decimal) and not isinstance(cell, bool):
        return f"{float(cell):.{DIGITS}g}" if math.isfinite(cell) else str(cell)
    return (type(cell).__name__, str(cell))
