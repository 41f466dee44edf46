"""What speaks against a statement although it runs: texts in its conditions that do not occur in their column, and
keys of different things that are compared.
"""

from collections.abc import Iterator

from rapidfuzz import fuzz, process
from sqlglot import exp

from pilot.chat.statements import table_of
from pilot.datasource.values import ValueIndex, folded
from pilot.schema import Schema

NEAR = 70  # of 100
FARTHEST = 8  # foreign keys in a row: some go in circles
Key = tuple[str, str]  # table, column


def unknown_values(tree: exp.Expr, schema: Schema, values: ValueIndex) -> str:
    """One clause for each text that a column is compared with but never holds, for the model: in English."""
    return "; ".join(dict.fromkeys(_clauses(tree, schema, values)))


def unlike_keys(tree: exp.Expr, schema: Schema) -> str:
    """One clause for each EXCEPT, INTERSECT and IN that compares the key of one thing with that of another, or a number
    with a text.
    """
    found = []
    for one, other in _matched(tree):
        keys = [_key(column, schema) for column in (one, other)]
        if (all(keys) and keys[0] == keys[1]) or one.name.lower() == other.name.lower():
            continue
        if all(keys):
            found.append(f"{one.name} and {other.name} are keys of different things")
        elif (kinds := [_kind(column, schema) for column in (one, other)]) and set(kinds) == {"number", "text"}:
            found.append(f"{one.name} is {kinds[0]}, {other.name} is {kinds[1]}")
    return "; ".join(dict.fromkeys(found))


def _matched(tree: exp.Expr) -> Iterator[tuple[exp.Column, exp.Column]]:
    """Single columns of which one's values are looked for among the other's."""
    for both in tree.find_all(exp.Except, exp.Intersect):
        yield from _pair(_only(both.left), _only(both.right))
    for within in tree.find_all(exp.In):
        if query := within.args.get("query"):
            yield from _pair(within.this, _only(query.unnest()))


def _pair(one: exp.Expr | None, other: exp.Expr | None) -> Iterator[tuple[exp.Column, exp.Column]]:
    if isinstance(one, exp.Column) and isinstance(other, exp.Column):
        yield one, other


def _only(query: exp.Expr) -> exp.Expr | None:
    return query.expressions[0].unalias() if isinstance(query, exp.Select) and len(query.expressions) == 1 else None


def _key(column: exp.Column, schema: Schema) -> Key | None:
    """The key that a column is, or at last refers to; None for what is no key."""
    table = schema.table(table_of(column, schema))
    if table is None:
        return None
    name, is_key = (
        column.name,
        [each.name.lower() for each in table.columns if each.primary_key] == [column.name.lower()],
    )
    for _ in range(FARTHEST):
        links = [key for key in table.foreign_keys if [each.lower() for each in key.columns] == [name.lower()]]
        target = schema.table(links[0].ref_table) if links else None
        if target is None:
            break
        table, name, is_key = target, links[0].ref_columns[0], True
    return (table.name.lower(), name.lower()) if is_key else None


def _kind(column: exp.Column, schema: Schema) -> str:
    table = schema.table(table_of(column, schema))
    known = table.column(column.name) if table else None
    return known.kind if known else ""


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
