"""Figures that the owner has defined: their SQL read, every column of it found in the schema and spelled out."""

from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pilot.datasource.guard import check
from pilot.datasource.lark import spelled
from pilot.datasource.refusals import sentence
from pilot.errors import InputInvalid, SqlRejected
from pilot.i18n import Texts
from pilot.schema import Dialect, Metric, Schema, Table


@cache
def columns_of(metric: Metric, dialect: Dialect) -> frozenset[tuple[str, str]]:
    """(table, column), as a checked metric names them."""
    trees = (sqlglot.parse_one(text, read=dialect) for text in (metric.sql, metric.where) if text)
    return frozenset((column.table, column.name) for tree in trees for column in tree.find_all(exp.Column))


def figure(text: str, schema: Schema, texts: Texts) -> str:
    """What a metric counts, with every column written table.column. Raises InputInvalid: the guard would refuse it."""
    tree, tables = _resolved(text, schema, texts)
    _guarded(_over(exp.select(tree.copy()), tables), schema, texts)
    return str(tree.sql(schema.dialect))


def condition(text: str, schema: Schema, texts: Texts) -> str:
    """Which rows a metric counts, written in the same way. Raises InputInvalid."""
    tree, tables = _resolved(text, schema, texts)
    _guarded(_over(exp.select(exp.Literal.number(1)), tables).where(tree.copy()), schema, texts)
    return str(tree.sql(schema.dialect))


def _resolved(text: str, schema: Schema, texts: Texts) -> tuple[exp.Expr, list[str]]:
    try:
        tree = sqlglot.parse_one(text, read=schema.dialect)
    except (SqlglotError, ValueError):
        raise InputInvalid(texts("schema.error.expression", text=text)) from None
    tables = dict.fromkeys(_place(column, schema, texts).name for column in tree.find_all(exp.Column))
    if not tables:
        raise InputInvalid(texts("schema.error.no_column", text=text))
    return tree, list(tables)


def _place(column: exp.Column, schema: Schema, texts: Texts) -> Table:
    """The column's table; the node gets both names as the schema spells them."""
    name = column.name
    named = [schema.table(column.table)] if column.table else schema.tables
    found = [table for table in named if table and table.column(name)]
    shown = f"{column.table}.{name}" if column.table else name
    if not found:
        raise InputInvalid(texts("schema.error.column", name=shown))
    if len(found) > 1:
        places = ", ".join(f"{table.name}.{name}" for table in found[:4])
        raise InputInvalid(texts("schema.error.several", name=name, places=places))
    (table,) = found
    spelling = table.column(name)
    assert spelling is not None
    for part, its in (("this", spelling.name), ("table", table.name)):
        column.set(part, exp.to_identifier(its, quoted=spelled(its, schema.dialect) != its))
    return table


def _over(query: exp.Select, tables: list[str]) -> exp.Select:
    first, *rest = (exp.Table(this=exp.to_identifier(table, quoted=True)) for table in tables)
    query = query.from_(first)
    for table in rest:
        query = query.join(table, join_type="cross")
    return query


def _guarded(query: exp.Select, schema: Schema, texts: Texts) -> None:
    try:
        check(query.sql(schema.dialect), schema=schema, max_rows=1)
    except SqlRejected as error:
        raise InputInvalid(sentence(error, texts)) from None
