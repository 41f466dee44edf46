"""What Pilot knows of a database's structure: plain values that prompts, data sources and the bundled model share."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Literal

Dialect = Literal["sqlite", "mysql", "postgres", "duckdb"]  # sqlglot's names; MariaDB is mysql
DIALECTS: tuple[Dialect, ...] = ("sqlite", "mysql", "postgres", "duckdb")

Kind = Literal["number", "text", "time", "boolean", "other"]


@dataclass(frozen=True)
class Column:
    """`type` is the database's own spelling (VARCHAR(40)); `kind` is what a question can do with it."""

    name: str
    type: str
    kind: Kind
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    samples: tuple[str, ...] = ()  # a few distinct values, only of low-cardinality text columns
    synonyms: tuple[str, ...] = ()  # what people call it, in the owner's words


@dataclass(frozen=True)
class ForeignKey:
    """`columns[i]` of the table that holds this refers to `ref_columns[i]` of `ref_table`."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    inferred: bool = False  # not declared in the database: guessed from names and types


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    comment: str = ""
    view: bool = False
    rows: int | None = None  # an estimate, where the database gives one cheaply
    namespace: str = ""  # the schema of PostgreSQL that holds it; a plain name reaches it all the same
    synonyms: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()  # columns that are there and that nobody may see: * must not bring them

    def column(self, name: str) -> Column | None:
        """By name, case-insensitively, as SQL does."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class Metric:
    """A figure that the owner has defined. `sql` and `where` name every column as table.column."""

    name: str
    sql: str
    where: str = ""
    description: str = ""
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    dialect: Dialect
    tables: tuple[Table, ...]
    metrics: tuple[Metric, ...] = ()
    hides: bool = False  # there are tables or columns that nobody may see

    def table(self, name: str) -> Table | None:
        """By name, case-insensitively."""
        return self._by_name.get(name.lower())

    @cached_property
    def _by_name(self) -> Mapping[str, Table]:
        return {table.name.lower(): table for table in reversed(self.tables)}

    def only(self, names: Sequence[str]) -> "Schema":
        """The same schema with just these tables, in the schema's own order."""
        wanted = {name.lower() for name in names}
        return replace(self, tables=tuple(table for table in self.tables if table.name.lower() in wanted))

    def fingerprint(self) -> str:
        """Changes with the structure and the words about it, not with what rows say: samples, counts, kinds."""
        plain = asdict(self)
        for table in plain["tables"]:
            table.pop("rows")
            table.pop("namespace", None)
            for column in table["columns"]:
                column.pop("samples")
                column.pop("kind")
        return hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ValueHit:
    """A cell value that the question mentions: `text` is the question's wording, `value` the database's."""

    table: str
    column: str
    value: str
    text: str
