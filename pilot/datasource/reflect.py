"""Turn what a database's catalog says into a Schema, and look at a few rows for samples and hidden dates."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sqlglot import exp

from pilot.datasource.base import Cell
from pilot.prompts.text_to_sql import kind_of
from pilot.schema import Column, Dialect, ForeignKey, Schema, Table

SAMPLE_DISTINCT = 20  # a column with more different values is not sampled
SAMPLE_SHOWN = 8
SAMPLE_CHARS = 40
DATE_NAME = re.compile(r"(?i:(^|_)(date|time|at|on|day|timestamp|datetime)$)|[a-z](Date|Time|At)$")
DATE_VALUE = re.compile(r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")


CatalogRows = Sequence[tuple[Any, ...]]
Meanings = Mapping[str, Sequence[tuple[Table, Column]]]  # a column's name without its signs -> the keys it may refer to


def assemble(dialect: Dialect, tables: CatalogRows, columns: CatalogRows, keys: CatalogRows) -> Schema:
    """A schema from catalog rows, in order. Tables without a column (a view that is broken) are left out.

    tables: name, is it a view, comment, estimated rows
    columns: table, name, type, nullable, in the primary key, comment
    keys: table, number or name of the key, column, table and column referred to
    """
    by_table: dict[str, list[Column]] = {}
    for table, name, type_, nullable, primary, comment in columns:
        spelled = str(type_ or "")
        column = Column(name, spelled, kind_of(spelled), bool(nullable), bool(primary), comment or "")
        by_table.setdefault(table, []).append(column)
    found = tuple(
        Table(name, tuple(by_table[name]), comment=comment or "", view=bool(view), rows=rows)
        for name, view, comment, rows in tables
        if name in by_table
    )
    schema = Schema(dialect, found)
    own: defaultdict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in keys:
        own[row[0]].append(row)
    schema = replace(schema, tables=tuple(_with_keys(table, schema, own[table.name]) for table in found))
    meant = _meanings(schema)
    return replace(schema, tables=tuple(_with_inferred(table, meant) for table in schema.tables))


def _with_keys(table: Table, schema: Schema, own: CatalogRows) -> Table:
    parts = [list(group) for _, group in groupby(own, key=lambda row: row[1])]
    made = (_foreign_key([row[2:] for row in rows], schema) for rows in parts)
    return replace(table, foreign_keys=tuple(key for key in made if key))


def _foreign_key(parts: list[tuple[Any, ...]], schema: Schema) -> ForeignKey | None:
    """SQLite leaves the other side out when it is the primary key; and names what need not exist."""
    other = schema.table(parts[0][1])
    if other is None:
        return None
    primary = [column.name for column in other.columns if column.primary_key]
    theirs = [ref for _, _, ref in parts] if parts[0][2] else primary
    if len(theirs) != len(parts):
        return None
    return ForeignKey(tuple(column for column, _, _ in parts), other.name, tuple(theirs))


def _with_inferred(table: Table, meant: Meanings) -> Table:
    """Many databases declare no foreign keys; customer_id says enough when there is one table it can mean."""
    declared = {name for key in table.foreign_keys for name in key.columns}
    made = (_inferred(column, table, meant) for column in table.columns if column.name not in declared)
    return replace(table, foreign_keys=table.foreign_keys + tuple(key for key in made if key))


def _inferred(column: Column, table: Table, meant: Meanings) -> ForeignKey | None:
    targets = [
        (other.name, key.name)
        for other, key in meant.get(_bare(column.name), ())
        if other.name != table.name and key.kind == column.kind
    ]
    if len(targets) != 1 or _only_key(table) == column:
        return None
    ((other_name, key_name),) = targets
    return ForeignKey((column.name,), other_name, (key_name,), inferred=True)


def _meanings(schema: Schema) -> Meanings:
    """What a column may be called that refers to a table: customer_id, customerId or customers_id of customers.id; and
    the key's own name where it is not just `id`.
    """
    found: defaultdict[str, list[tuple[Table, Column]]] = defaultdict(list)
    for table in schema.tables:
        if key := _only_key(table):
            for name in _said(_bare(table.name), _bare(key.name)):
                found[name].append((table, key))
    return found


def _said(owner: str, its: str) -> set[str]:
    singular = owner[:-3] + "y" if owner.endswith("ies") else owner.removesuffix("s")
    names = {word + end for word in (owner, singular) for end in (its, "id")}
    names = {name for name in names if its in name + "id"} - {its}
    own = len(its) > len("code") and its.endswith(("id", "code", "no", "number", "key"))
    return names | {its} if own else names


def _only_key(table: Table) -> Column | None:
    keys = [column for column in table.columns if column.primary_key]
    return keys[0] if len(keys) == 1 else None


def _bare(name: str) -> str:
    return name.lower().replace("_", "")


def with_samples(schema: Schema, read: Callable[[str], Iterable[tuple[Cell, ...]]]) -> Schema:
    """Look at the text columns of every table. `read` runs a statement and gives its first rows, none if it fails."""
    return replace(schema, tables=tuple(_sampled(table, schema.dialect, read) for table in schema.tables))


def _sampled(table: Table, dialect: Dialect, read: Callable[[str], Iterable[tuple[Cell, ...]]]) -> Table:
    texts = [column for column in table.columns if column.kind == "text"]
    if not texts:
        return table
    rows = list(read(select(table.name, [column.name for column in texts], dialect)))
    seen = {column.name: [row[i] for row in rows if row[i] is not None] for i, column in enumerate(texts)}
    columns = tuple(
        _looked_at(column, seen[column.name]) if column.name in seen else column for column in table.columns
    )
    return replace(table, columns=columns)


def _looked_at(column: Column, values: list[Cell]) -> Column:
    texts = [str(value) for value in values]
    if texts and DATE_NAME.search(column.name) and all(DATE_VALUE.fullmatch(text) for text in texts):
        return replace(column, kind="time")
    counted = Counter(texts)
    repeated = len(texts) >= 2 * len(counted)  # names and addresses of a small table are no categories
    if len(counted) > (SAMPLE_DISTINCT if repeated else SAMPLE_SHOWN) or any(
        len(text) > SAMPLE_CHARS for text in counted
    ):
        return column
    return replace(column, samples=tuple(text for text, _ in counted.most_common(SAMPLE_SHOWN) if text.strip()))


def select(table: str, columns: Sequence[str], dialect: Dialect, *, distinct: bool = False) -> str:
    """SELECT of these columns, every name quoted; it still has to pass the guard."""
    query = exp.select(*(exp.column(name, quoted=True) for name in columns)).from_(
        exp.to_identifier(table, quoted=True)
    )
    return str((query.distinct() if distinct else query).sql(dialect))
