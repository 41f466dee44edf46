"""What speaks against a statement although it runs: texts in its conditions that do not occur in their column."""

from collections.abc import Iterator

from rapidfuzz import fuzz, process
from sqlglot import exp

from pilot.datasource.values import ValueIndex, folded
from pilot.schema import Schema

NEAR = 70  # of 100


def unknown_values(tree: exp.Expr, schema: Schema, values: ValueIndex) -> str:
    """One clause for each text that a column is compared with but never holds, for the model: in English."""
    return "; ".join(dict.fromkeys(_clauses(tree, schema, values)))


def _clauses(tree: exp.Expr, schema: Schema, values: ValueIndex) -> Iterator[str]:
    for column, text in _compared(tree):
        places = values.places.get(folded(text), ())
        here = [place for place in places if place.column.lower() == column.lower()]
        if any(place.value == text or schema.dialect == "mysql" for place in here):  # MySQL compares without case
            continue
        held = _held(column, values)
        if not held:
            continue  # a column that is not indexed says nothing
        elsewhere = [place for place in places if place not in here]
        hint = f"; {elsewhere[0].table}.{elsewhere[0].column} has it" if elsewhere else _nearest(text, held)
        yield f"no row has {text!r} in {column}{hint}"


def _held(column: str, values: ValueIndex) -> dict[str, str]:
    """The values of a column, each with how it is compared."""
    return {place.value: key for key, places in values.places.items() for place in places
            if place.column.lower() == column.lower()}  # fmt: skip


def _nearest(text: str, held: dict[str, str]) -> str:
    near = process.extractOne(folded(text), held, scorer=fuzz.WRatio, score_cutoff=NEAR)
    return f"; the nearest is {near[2]!r}" if near else ""


def _compared(tree: exp.Expr) -> Iterator[tuple[str, str]]:
    """(column, text) of each equality and each IN."""
    for node in tree.find_all(exp.EQ):
        for column, literal in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(column, exp.Column) and isinstance(literal, exp.Literal) and literal.is_string:
                yield column.name, literal.name
    for node in tree.find_all(exp.In):
        for literal in node.expressions:
            if isinstance(node.this, exp.Column) and isinstance(literal, exp.Literal) and literal.is_string:
                yield node.this.name, literal.name
