"""A result as one or two sentences, from rows and tree, without a model. What the tree does not say is not claimed."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeGuard

from sqlglot import exp

from pilot.chat.charts import TIME_NAME, YEARS
from pilot.chat.explain import speaker
from pilot.chat.vote import found
from pilot.chat.wording.headings import heading
from pilot.chat.wording.spacing import tidy
from pilot.chat.wording.speaker import Speaker
from pilot.datasource.base import Cell, Rows
from pilot.i18n import Texts
from pilot.schema import Schema

CELLS_TOLD = 4  # of the first row
PLURAL = re.compile(r"[a-z_]*[a-z][^su\W]s|[a-z_]*ies")  # orders, not address or status
CELL_CHARS = 60
GROUPS_NAMED = 3  # that share an extreme
WORD = re.compile(r"[^\W\d]\w*")  # a column's name that can be said: not SUM(price * quantity)


def summarise(rows: Rows, tree: exp.Expr, texts: Texts, *, schema: Schema | None = None, count: int = 0) -> str:
    """The schema tells times from numbers: 'the latest' and not 'the largest'. `count` says how many rows there were,
    if `rows` are only the first of them.
    """
    return tidy(_told(rows, tree, speaker(schema or Schema("sqlite", ()), texts), count), texts.language)


def _told(rows: Rows, tree: exp.Expr, say: Speaker, count: int) -> str:
    if not rows.rows:
        return _nothing(say, tree)
    if len(rows.rows) == 1 and len(rows.columns) == 1:
        return _single(say, rows.rows[0][0], tree, rows.columns[0])
    if not found(rows):
        return say.texts("chat.sum.only_null", count=len(rows.rows))
    row = _row(say.texts, rows.columns, rows.rows[0])
    if len(rows.rows) == 1:
        return say.texts("chat.sum.one_row", row=row)
    whole = count <= len(rows.rows)
    if whole and (compared := _compared(rows, tree, say)):
        return compared
    counted = say.texts(
        "chat.sum.truncated" if rows.truncated else "chat.sum.rows", shown=shown(max(count, len(rows.rows)), say.texts)
    )
    first = say.texts("chat.sum.top" if tree.args.get("order") is not None else "chat.sum.first", row=row)
    return say.texts("chat.sum.join", a=counted, b=first)


def _compared(rows: Rows, tree: exp.Expr, say: Speaker) -> str:
    """Of groups with one measure each, the extremes: 'Highest average price: Tea (13); lowest: Gifts (4), of 8 groups.'
    Empty where that is not what the result is, or where its order says what matters.
    """
    if not isinstance(tree, exp.Select) or tree.args.get("group") is None or not _in_order_of_groups(tree):
        return ""
    if rows.truncated or len(rows.columns) != 2 or not WORD.fullmatch(rows.columns[1]):
        return ""
    name, measure = rows.columns
    labelled = [(number, _cell(name, label, say.texts)) for label, number in rows.rows
                if _is_number(number) and isinstance(label, str | int | date)]  # fmt: skip
    if len(labelled) != len(rows.rows) or len({number for number, _ in labelled}) == 1:
        return ""
    most, least = max(labelled)[0], min(labelled)[0]
    what = tree.expressions[1].unalias() if len(tree.expressions) == 2 else None
    counted = isinstance(what, exp.Count) and PLURAL.fullmatch(measure)
    rows_counted = isinstance(what, exp.Count) and isinstance(what.this, exp.Star) and not counted
    return say.texts(
        "chat.sum.most" if counted else "chat.sum.highest",
        measure=say.texts("chat.heading.rows") if rows_counted else heading(measure, say.texts).replace("_", " "),
        high=_named([label for number, label in labelled if number == most], say), most=shown(most, say.texts),
        low=_named([label for number, label in labelled if number == least], say), least=shown(least, say.texts),
        groups=len(labelled),
    )  # fmt: skip


def _named(labels: Sequence[str], say: Speaker) -> str:
    if len(labels) > GROUPS_NAMED:
        return say.texts("chat.sum.groups", count=len(labels))
    return say.list(list(labels))


def _in_order_of_groups(tree: exp.Select) -> bool:
    """Without an order, or in that of the labels: month after month, and not the largest first."""
    order, label = tree.args.get("order"), tree.expressions[0]
    keys = [ordered.this for ordered in order.expressions] if order is not None else []
    return all(key == label.unalias() or (isinstance(key, exp.Column) and key.name == label.alias) for key in keys)


def _is_number(cell: Cell) -> TypeGuard[int | float | Decimal]:
    return isinstance(cell, int | float | Decimal) and not isinstance(cell, bool)


def _nothing(say: Speaker, tree: exp.Expr) -> str:
    where = tree.args.get("where") if isinstance(tree, exp.Select) else None
    if where is None or tree.args.get("from_") is None or tree.args.get("having") is not None:
        return say.texts("chat.sum.nothing")
    return say.texts("chat.sum.nothing_where", source=_tables(say, tree), condition=say.condition(where.this))


def _single(say: Speaker, cell: Cell, tree: exp.Expr, column: str) -> str:
    """One value: 'There are 42 customers where country is “Germany”.', 'The average of price is 12.5.'"""
    what = _computed(tree)
    if what is None:
        return say.texts("chat.sum.cell_alone", name=column, value=shown(cell, say.texts))
    if cell is None:
        return say.texts("chat.sum.null", what=_capital(say.value(what)))
    where = tree.args.get("where")
    condition = say.condition(where.this) if where is not None else ""
    if isinstance(what, exp.Count) and isinstance(what.this, exp.Star) and isinstance(cell, int):
        return _counted(say, cell, tree, condition)
    values = {"what": _capital(say.value(what)), "value": shown(cell, say.texts)}
    if condition:
        return say.texts("chat.sum.value_where", condition=condition, **values)
    return say.texts("chat.sum.value", **values)


def _computed(tree: exp.Expr) -> exp.Expr | None:
    """The one aggregate over all rows that a statement shows; None where a value is what some row has."""
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("group") is not None:
        return None
    what: exp.Expr = tree.expressions[0].unalias()
    return what if what.find(exp.AggFunc) is not None and what.find(exp.Window, exp.Query) is None else None


def _counted(say: Speaker, number: int, tree: exp.Expr, condition: str) -> str:
    """'There are 3 order items.' where the table's name is a plural, else 'There are 3 rows in staff.'"""
    table = _tables(say, tree)
    things = table.replace("_", " ") if PLURAL.fullmatch(table) and number != 1 else ""
    values: dict[str, str | int] = {"count": number, "shown": shown(number, say.texts)}
    if things:
        key = "chat.sum.things_where" if condition else "chat.sum.things"
        return say.texts(key, things=things, condition=condition, **values)
    key = "chat.sum.count_where" if condition else "chat.sum.count"
    return say.texts(key, source=table, condition=condition, **values)


def _tables(say: Speaker, tree: exp.Expr) -> str:
    sources = say.names.sources(tree)
    if _only_looked_up(say, tree):
        sources = sources[:1]
    return say.list([each.called for each in sources])


def _only_looked_up(say: Speaker, tree: exp.Expr) -> bool:
    """Whether what is joined says more about each row of the first table, so that rows counted are rows of it.

    A join leaves out what has no match: told truly only where a condition on the joined table does so, too.
    """
    joins, where = tree.args.get("joins") or [], tree.args.get("where")
    if not joins or not all(_looks_up(say, join) for join in joins):
        return False
    tests = list(where.this.flatten()) if where is not None and isinstance(where.this, exp.And) else [where]
    tested = [_tables_of(test) for test in tests if test is not None]
    known = {table for tables in tested if len(tables) == 1 for table in tables}
    for join in reversed(joins):
        if not join.side and join.this.alias_or_name.lower() not in known:
            return False
        known |= _tables_of(join.args["on"])
    return True


def _tables_of(node: exp.Expr) -> set[str]:
    return {column.table.lower() for column in node.find_all(exp.Column)}


def _looks_up(say: Speaker, join: exp.Join) -> bool:
    """Whether each row meets at most one row of the joined table, by its primary key."""
    source, on = say.names.source(join.this), join.args.get("on")
    if source.table is None or not isinstance(on, exp.EQ) or join.side not in ("", "LEFT"):
        return False
    keys = [column.name.lower() for column in source.table.columns if column.primary_key]
    sides = [side for side in (on.this, on.expression) if isinstance(side, exp.Column)]
    own = [side.name.lower() for side in sides if side.table.lower() == source.alias.lower()]
    return len(sides) == 2 and own == keys


def _row(texts: Texts, columns: Sequence[str], row: Sequence[Cell]) -> str:
    told = [
        texts("chat.sum.cell", name=heading(name, texts), value=_cell(name, cell, texts))
        for name, cell in zip(columns, row, strict=True)
    ]
    more = [texts("chat.sum.more")] if len(told) > CELLS_TOLD else []
    return texts("chat.list.comma").join([*told[:CELLS_TOLD], *more])


def _cell(name: str, cell: Cell, texts: Texts) -> str:
    """A year is no amount: 2025 and not 2,025."""
    year = isinstance(cell, int) and cell in YEARS and TIME_NAME.search(name)
    return str(cell) if year else shown(cell, texts)


def shown(cell: Cell, texts: Texts) -> str:
    """A cell as people write it: 1,234.5 and not 1234.4999999."""
    match cell:
        case None:
            return texts("chat.say.null")
        case bool():
            return texts("chat.say.true" if cell else "chat.say.false")
        case int():
            return f"{cell:,}"
        case Decimal() if cell.as_tuple().exponent == -1:  # rounded to one decimal
            return f"{cell:,}"
        case float() | Decimal():
            return _number(float(cell))
        case bytes():
            return f"0x{cell[:16].hex()}"
        case datetime() | date():
            return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    text = " ".join(str(cell).split())
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1] + "…"


def _number(number: float) -> str:
    """Two decimals; of small numbers as many digits as say something."""
    if number != number or number in (float("inf"), float("-inf")):
        return str(number)
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:,.2f}" if abs(number) >= 1 else f"{number:.3g}"


def _capital(text: str) -> str:
    """At the start of a sentence; a column's name stays as it is."""
    return "The" + text[3:] if text.startswith("the ") else text
