"""The owner's words: what people call things, figures that the business has defined, joins that no key declares, and
what nobody may see. They are laid over the schema that the database tells; what the database no longer has is passed
over, so that a table which comes back finds its words again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pilot.datasource.metrics import columns_of
from pilot.schema import Column, ForeignKey, Metric, Schema, Table


@dataclass(frozen=True)
class ColumnWords:
    description: str = ""
    synonyms: tuple[str, ...] = ()
    hidden: bool = False
    values: bool = True  # whether its cells may be indexed and shown to the model


@dataclass(frozen=True)
class TableWords:
    description: str = ""
    synonyms: tuple[str, ...] = ()
    hidden: bool = False
    columns: Mapping[str, ColumnWords] = field(default_factory=dict)


@dataclass(frozen=True)
class JoinHint:
    """Two columns that must be equal, of a key that the database does not declare."""

    table: str
    column: str
    ref_table: str
    ref_column: str


@dataclass(frozen=True)
class OwnerWords:
    """Names as the database spells them."""

    tables: Mapping[str, TableWords] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    joins: tuple[JoinHint, ...] = ()

    def table(self, name: str) -> TableWords:
        return self.tables.get(name, TableWords())

    def column(self, table: str, name: str) -> ColumnWords:
        return self.table(table).columns.get(name, ColumnWords())

    def silent(self, table: str, column: str) -> bool:
        """Whether the cells of this column are to be left alone."""
        words = self.column(table, column)
        return self.table(table).hidden or words.hidden or not words.values

    def with_table(self, name: str, words: TableWords) -> "OwnerWords":
        """The same with other words about one table."""
        said = {column: each for column, each in words.columns.items() if each != ColumnWords()}
        words = replace(words, columns=said)
        rest = {table: each for table, each in self.tables.items() if table != name}
        return replace(self, tables=rest if words == TableWords() else rest | {name: words})


def apply(words: OwnerWords, schema: Schema) -> Schema:
    """The schema as everyone but its owner may see it."""
    seen = (_table(table, words) for table in schema.tables if not words.table(table.name).hidden)
    tables = tuple(table for table in seen if table.columns)
    shown = replace(schema, tables=tables)
    hides = len(tables) < len(schema.tables) or any(table.hidden for table in tables)
    metrics = tuple(metric for metric in words.metrics if _stands(metric, shown))
    tables = tuple(_with_joins(table, words, shown) for table in tables)
    return replace(shown, tables=tables, metrics=metrics, hides=hides)


def _table(table: Table, words: OwnerWords) -> Table:
    own = words.table(table.name)
    hidden = tuple(column.name for column in table.columns if words.column(table.name, column.name).hidden)
    columns = tuple(_column(column, words, table) for column in table.columns if column.name not in hidden)
    keys = tuple(
        key
        for key in table.foreign_keys
        if not set(key.columns) & set(hidden)
        and not words.table(key.ref_table).hidden
        and not any(words.column(key.ref_table, column).hidden for column in key.ref_columns)
    )
    return replace(
        table, columns=columns, foreign_keys=keys, hidden=hidden, synonyms=own.synonyms,
        comment=own.description or table.comment,
    )  # fmt: skip


def _column(column: Column, words: OwnerWords, table: Table) -> Column:
    own = words.column(table.name, column.name)
    samples = column.samples if own.values else ()
    return replace(column, comment=own.description or column.comment, synonyms=own.synonyms, samples=samples)


def _with_joins(table: Table, words: OwnerWords, schema: Schema) -> Table:
    """A hint comes before what was inferred for the same column."""
    hints = tuple(
        ForeignKey((hint.column,), hint.ref_table, (hint.ref_column,))
        for hint in words.joins
        if hint.table == table.name and table.column(hint.column) and _has(schema, hint.ref_table, hint.ref_column)
    )
    told = {column for hint in hints for column in hint.columns}
    kept = (key for key in table.foreign_keys if not (key.inferred and told & set(key.columns)) and key not in hints)
    return replace(table, foreign_keys=(*kept, *hints)) if hints else table


def _has(schema: Schema, table: str, column: str) -> bool:
    found = schema.table(table)
    return found is not None and found.column(column) is not None


def _stands(metric: Metric, schema: Schema) -> bool:
    """Whether all that the metric reads is there and may be seen."""
    return all(_has(schema, table, column) for table, column in columns_of(metric, schema.dialect))
