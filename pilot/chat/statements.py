"""What a checked statement says, by its tree: which column a literal is compared with."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from pilot.schema import Dialect, Schema

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Like, exp.ILike)


def parsed(sql: str, dialect: Dialect) -> exp.Expr:
    """The tree of a statement that the guard has passed once."""
    return sqlglot.parse_one(sql, read=dialect)


def compared(literal: exp.Expr) -> exp.Column | None:
    """The column that a literal is compared with, if that is what it is there for."""
    test = literal.find_ancestor(*COMPARISONS)
    if test is None or not any(part is literal for part in _operands(test)):
        return None
    return next((part for part in _operands(test) if isinstance(part, exp.Column)), None)


def counted(literal: exp.Expr) -> bool:
    """Whether a number stands where a question can have said it: in a comparison or as LIMIT, not within a formula."""
    return isinstance(literal.parent, exp.Limit) or (isinstance(literal.parent, COMPARISONS) and not literal.is_string)


def table_of(column: exp.Column, schema: Schema) -> str:
    """The schema's name of the table that a column belongs to; "" where that is not plain to see."""
    scope = column.find_ancestor(exp.Select)
    tables = list(scope.find_all(exp.Table)) if scope is not None else []
    if column.table:
        tables = [table for table in tables if table.alias_or_name.lower() == column.table.lower()]
    holders = {table.name for table in tables if (known := schema.table(table.name)) and known.column(column.name)}
    return next(iter(holders)) if len(holders) == 1 else ""


def literals(tree: exp.Expr) -> Iterator[exp.Literal]:
    yield from tree.find_all(exp.Literal)


def _operands(test: exp.Expr) -> Iterator[exp.Expr]:
    yield test.this
    for key in ("expression", "low", "high"):
        if test.args.get(key) is not None:
            yield test.args[key]
    yield from test.expressions
