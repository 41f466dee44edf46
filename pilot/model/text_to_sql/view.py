"""A schema as the model sees it: numbered tables and columns, their words, and how tables join."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pilot.model.text_to_sql.chinese import english_name, is_chinese
from pilot.model.text_to_sql.words import key_words, name_words, without_prefix
from pilot.schema import Column, Kind, Schema, Table

Join = tuple[int, int]  # two columns that must be equal

STAR = 0  # the number of *, so that columns count from 1

LONGEST_SYSTEM = 4  # letters of a first word that all tables share: crm_customer, sap_order
LONGEST_PREFIX = 2  # of one that all columns of a table share: o_orderdate

TIME_NAME = re.compile(r"\b(date|datetime|timestamp|time|dob|birthday|birthdate)\b|\b(at|on)$")
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\b")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
NAME = re.compile(r"\b(name|title)$")
CODE_NAME = re.compile(r"\b(id|code|number|key|phone|fax|zip|year|version|name)$")  # digits that are no quantity


@dataclass(frozen=True)
class ColumnView:
    """One column, or * (table -1)."""

    name: str
    table: int
    words: str
    kind: Kind
    type: str = ""
    key: bool = False
    samples: tuple[str, ...] = ()
    synonyms: tuple[str, ...] = ()  # what people call it, in the owner's words
    as_text: bool = False  # a number that the database keeps as text

    @property
    def is_id(self) -> bool:
        """Adding up ids makes no sense."""
        return self.key or self.words.endswith("id")

    @property
    def is_worded(self) -> bool:
        """Its values are words: nothing comes after them."""
        return bool(NAME.search(self.words)) or any(not re.search(r"\d", sample) for sample in self.samples)


@dataclass(frozen=True)
class SchemaView:
    """Tables by number from 0, columns by number from 1. `foreign` holds (column, column it refers to)."""

    tables: tuple[str, ...]
    table_words: tuple[str, ...]
    columns: tuple[ColumnView, ...]
    foreign: tuple[Join, ...]
    table_synonyms: tuple[tuple[str, ...], ...] = ()
    columns_of: tuple[tuple[int, ...], ...] = field(init=False)
    links: Mapping[tuple[int, int], Join] = field(init=False)  # two tables -> columns that join them, in their order

    def __post_init__(self) -> None:
        owned: list[list[int]] = [[] for _ in self.tables]
        for number, column in enumerate(self.columns):
            if number != STAR:
                owned[column.table].append(number)
        links: dict[tuple[int, int], Join] = {}
        for ours, theirs in self.foreign:
            pair = self.columns[ours].table, self.columns[theirs].table
            links.setdefault(pair, (ours, theirs))
            links.setdefault(pair[::-1], (theirs, ours))
        object.__setattr__(self, "columns_of", tuple(map(tuple, owned)))
        object.__setattr__(self, "links", links)

    @classmethod
    def of(cls, schema: Schema) -> "SchemaView":
        columns = [ColumnView("*", -1, "*", "text")]
        numbers: dict[tuple[str, str], int] = {}
        table_words = without_prefix([_said(table.name) for table in schema.tables], LONGEST_SYSTEM)
        called = {table.name.lower(): words for table, words in zip(schema.tables, table_words, strict=True)}
        for index, table in enumerate(schema.tables):
            names = without_prefix([_said(column.name) for column in table.columns], LONGEST_PREFIX)
            names = tuple(
                _written_out(table, column, words, called) for column, words in zip(table.columns, names, strict=True)
            )
            for column, words in zip(table.columns, names, strict=True):
                numbers[table.name.lower(), column.name.lower()] = len(columns)
                refers = any(column.name in key.columns for key in table.foreign_keys)
                columns.append(_column_view(column, words, index, refers=refers))
        return cls(
            tables=tuple(table.name for table in schema.tables),
            table_words=table_words,
            columns=tuple(columns),
            foreign=tuple(_foreign(schema.tables, numbers)),
            table_synonyms=tuple(table.synonyms for table in schema.tables),
        )

    def column(self, table: str, column: str) -> int | None:
        """The number of this column, by names in any case."""
        for number, found in enumerate(self.columns[1:], 1):
            if found.name.lower() == column.lower() and self.tables[found.table].lower() == table.lower():
                return number
        return None

    def find(self, table: int, name: str) -> int | None:
        """The column of this table with this name, in any case."""
        return next((number for number in self.columns_of[table] if self.columns[number].name.lower() == name), None)


def bridged(view: SchemaView, tables: Sequence[int]) -> tuple[int, ...]:
    """These tables and those between them: each next one lies nearest, by foreign keys, to what is joined already."""
    done, rest = [tables[0]], list(tables[1:])
    while rest:
        path = _nearest(view, done, rest)
        done += path or [rest[0]]
        rest = [table for table in rest if table not in done]
    return tuple(done)


def default_joins(view: SchemaView, tables: Sequence[int]) -> list[Join | None]:
    """How each table after the first joins an earlier one: by foreign key, else by a key's name; None: not at all."""
    joins: list[Join | None] = []
    done, rest = [tables[0]], list(tables[1:])
    while rest:
        found = _by_foreign_key(view, done, rest) or _by_name(view, done, rest)
        table, join = found if found else (rest[0], None)
        joins.append(join)
        done.append(table)
        rest.remove(table)
    return joins


def _by_foreign_key(view: SchemaView, done: Sequence[int], rest: Sequence[int]) -> tuple[int, Join] | None:
    pairs = ((table, view.links.get((known, table))) for table in rest for known in done)
    return next(((table, join) for table, join in pairs if join), None)


def _by_name(view: SchemaView, done: Sequence[int], rest: Sequence[int]) -> tuple[int, Join] | None:
    for table in rest:
        for known in done:
            for ours in view.columns_of[known]:
                name = view.columns[ours].name.lower()
                theirs = view.find(table, name)
                if theirs and (view.columns[ours].key or view.columns[theirs].key or "id" in name):
                    return table, (ours, theirs)
    return None


def _nearest(view: SchemaView, done: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """The tables on the shortest way from `done` to one of `wanted`, that one last; empty when there is no way."""
    neighbours: dict[int, list[int]] = {}
    for one, other in sorted(view.links):
        neighbours.setdefault(one, []).append(other)
    before: dict[int, int | None] = dict.fromkeys(done)
    ring = list(done)
    while ring:
        following = []
        for table in ring:
            for other in neighbours.get(table, ()):
                if other not in before:
                    before[other] = table
                    following.append(other)
        reached = next((table for table in following if table in wanted), None)
        if reached is not None:
            return _way_to(reached, before)
        ring = following
    return []


def _way_to(table: int, before: Mapping[int, int | None]) -> list[int]:
    way = []
    step: int | None = table
    while step is not None:
        way.append(step)
        step = before[step]
    return way[-2::-1]  # without the table it starts from, which is joined already


def _said(name: str) -> str:
    return (english_name(name) if is_chinese(name) else "") or name_words(name)


def _written_out(table: Table, column: Column, words: str, called: Mapping[str, str]) -> str:
    """A key by the table that it is of: 'aid' of aircraft is 'aircraft id', wherever it refers to that."""
    owners = [key.ref_table for key in table.foreign_keys if key.columns == (column.name,)]
    owners += [table.name] if column.primary_key else []
    names = (key_words(column.name, called.get(owner.lower(), "")) for owner in owners)
    return next(filter(None, names), words)


def _column_view(column: Column, words: str, table: int, *, refers: bool) -> ColumnView:
    kind = _kind(column, words)
    if kind == "text" and not refers and not column.primary_key and _counts(column, words):
        kind = "number"
    as_text = kind == "number" and column.kind == "text"
    return ColumnView(
        column.name, table, words, kind, column.type, column.primary_key, column.samples, column.synonyms,
        as_text=as_text,
    )  # fmt: skip


def _kind(column: Column, words: str) -> Kind:
    """SQLite keeps dates as text: then samples decide, and without samples the name. A YEAR is a number."""
    if column.type.upper().startswith("YEAR"):
        return "number"
    if column.kind != "text":
        return column.kind
    dated = all(ISO_DATE.match(sample) for sample in column.samples) if column.samples else TIME_NAME.search(words)
    return "time" if dated else "text"


def _counts(column: Column, words: str) -> bool:
    """Declared as text, filled with quantities."""
    return bool(column.samples) and all(map(NUMBER.fullmatch, column.samples)) and not CODE_NAME.search(words)


def _foreign(tables: Sequence[Table], numbers: Mapping[tuple[str, str], int]) -> list[Join]:
    """Only keys of one column, and only between what is there."""
    joins = []
    for table in tables:
        for key in table.foreign_keys:
            if len(key.columns) == len(key.ref_columns) == 1:
                ours = numbers.get((table.name.lower(), key.columns[0].lower()))
                theirs = numbers.get((key.ref_table.lower(), key.ref_columns[0].lower()))
                if ours and theirs:
                    joins.append((ours, theirs))
    return joins
