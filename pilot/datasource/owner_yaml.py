"""The owner's words as one YAML file, which people write by hand: every error names its line.

tables:
  customers:
    description: everyone who ever ordered
    synonyms: [clients, buyers]
    columns:
      city: {synonyms: [town]}
      tax_number: {hidden: true}
      note: {values: false}
  audit_log: {hidden: true}
metrics:
  revenue:
    sql: SUM(order_items.quantity * order_items.unit_price)
    where: orders.status = 'paid'
    description: what customers have paid
    synonyms: [turnover]
joins:
  - orders.ship_to = addresses.id
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import yaml

from pilot.datasource.guard_names import nearest
from pilot.datasource.metrics import condition, figure
from pilot.datasource.owner import ColumnWords, JoinHint, OwnerWords, TableWords, apply
from pilot.errors import InputInvalid
from pilot.i18n import Texts
from pilot.schema import Metric, Schema, Table

MOST_CHARS = 1_000_000
TEXT_CHARS = 500
MOST_SYNONYMS = 20
T = TypeVar("T")


def dump(words: OwnerWords) -> str:
    """The file; "" when nothing was said."""
    said = _given(
        tables={name: _table_out(each) for name, each in words.tables.items()},
        metrics={each.name: _metric_out(each) for each in words.metrics},
        joins=[f"{each.table}.{each.column} = {each.ref_table}.{each.ref_column}" for each in words.joins],
    )
    return str(yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=120)) if said else ""


def load(text: str, schema: Schema | None, texts: Texts) -> OwnerWords:
    """Names and figures are looked up in the whole schema, hidden parts included; without one they are believed.

    Raises InputInvalid: "line 7: there is no table 'custmers'; did you mean customers?"
    """
    if len(text) > MOST_CHARS:
        raise InputInvalid(texts("schema.error.too_long", limit=MOST_CHARS))
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _at(mark.line + 1 if mark else 1, texts("schema.error.yaml", problem=problem), texts) from None
    return _Reader(schema, texts).words(root) if root is not None else OwnerWords()


class _Reader:
    """Walks the file's nodes, since they know their lines. Each method takes a node and returns what it says."""

    def __init__(self, schema: Schema | None, texts: Texts) -> None:
        self._schema = schema
        self._texts = texts

    def words(self, root: yaml.Node) -> OwnerWords:
        parts = self._fields(root, "tables", "metrics", "joins")
        tables = {name: self._table(name, node, key) for name, key, node in self._entries(parts.get("tables"))}
        joins = tuple(self._join(node) for node in self._items(parts.get("joins")))
        words = OwnerWords({self._spelling(name): each for name, each in tables.items()}, joins=joins)
        seen = apply(words, self._schema) if self._schema else None
        metrics = tuple(self._metric(name, node, seen) for name, _, node in self._entries(parts.get("metrics")))
        return replace(words, metrics=metrics)

    def _table(self, name: str, node: yaml.Node, key: yaml.Node) -> TableWords:
        table = self._known_table(name, key)
        parts = self._fields(node, "description", "synonyms", "hidden", "columns")
        columns: dict[str, ColumnWords] = {}
        for column, its_key, its_node in self._entries(parts.get("columns")):
            columns[self._known_column(table, column, its_key)] = self._column(its_node)
        return TableWords(
            self._text(parts.get("description")), self._synonyms(parts.get("synonyms")),
            self._flag(parts.get("hidden"), default=False), columns,
        )  # fmt: skip

    def _column(self, node: yaml.Node) -> ColumnWords:
        parts = self._fields(node, "description", "synonyms", "hidden", "values")
        return ColumnWords(
            self._text(parts.get("description")), self._synonyms(parts.get("synonyms")),
            self._flag(parts.get("hidden"), default=False), self._flag(parts.get("values"), default=True),
        )  # fmt: skip

    def _metric(self, name: str, node: yaml.Node, schema: Schema | None) -> Metric:
        parts = self._fields(node, "sql", "where", "description", "synonyms")
        sql, where = self._text(parts.get("sql")), self._text(parts.get("where"))
        if not sql:
            raise self._error(node, "metric", name=name)
        if schema:
            sql = self._checked(lambda: figure(sql, schema, self._texts), parts["sql"])
            where = self._checked(lambda: condition(where, schema, self._texts), parts["where"]) if where else ""
        return Metric(
            self._plain(name, node), sql, where, self._text(parts.get("description")),
            self._synonyms(parts.get("synonyms")),
        )  # fmt: skip

    def _join(self, node: yaml.Node) -> JoinHint:
        sides = [side.strip().rpartition(".") for side in self._text(node).split("=")]
        if len(sides) != 2 or not all(table and column for table, _, column in sides):
            raise self._error(node, "join")
        (table, _, column), (other, _, its) = sides
        ours, theirs = self._known_table(table, node), self._known_table(other, node)
        return JoinHint(
            ours.name if ours else table, self._known_column(ours, column, node),
            theirs.name if theirs else other, self._known_column(theirs, its, node),
        )  # fmt: skip

    # names

    def _known_table(self, name: str, node: yaml.Node) -> Table | None:
        """None where names are believed."""
        if self._schema is None:
            return None
        if found := self._schema.table(name):
            return found
        raise self._unknown(node, "table", name, [table.name for table in self._schema.tables])

    def _known_column(self, table: Table | None, name: str, node: yaml.Node) -> str:
        if table is None:
            return name
        if found := table.column(name):
            return found.name
        raise self._unknown(node, "column", f"{table.name}.{name}", [column.name for column in table.columns])

    def _spelling(self, name: str) -> str:
        found = self._schema.table(name) if self._schema else None
        return found.name if found else name

    # values

    def _fields(self, node: yaml.Node | None, *allowed: str) -> Mapping[str, yaml.Node]:
        found: dict[str, yaml.Node] = {}
        for name, key, value in self._entries(node):
            if name not in allowed:
                raise self._error(key, "field", name=name, known=", ".join(allowed))
            found[name] = value
        return found

    def _entries(self, node: yaml.Node | None) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """(name, its node, what stands behind it)"""
        if node is None or _is_null(node):
            return []
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, "mapping")
        names = [str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(names) != len(node.value):
            raise self._error(node, "mapping")
        for place, name in enumerate(names):
            if name in names[:place]:
                raise self._error(node.value[place][0], "twice", name=name)
        return [(name, key, value) for name, (key, value) in zip(names, node.value, strict=True)]

    def _items(self, node: yaml.Node | None) -> Sequence[yaml.Node]:
        if node is None or _is_null(node):
            return ()
        if not isinstance(node, yaml.SequenceNode):
            raise self._error(node, "list")
        return list(node.value)

    def _text(self, node: yaml.Node | None) -> str:
        if node is None or _is_null(node):
            return ""
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "text")
        return self._plain(str(node.value), node)

    def _plain(self, text: str, node: yaml.Node) -> str:
        line = " ".join(text.split())
        if len(line) > TEXT_CHARS:
            raise self._error(node, "long", limit=TEXT_CHARS)
        if not line.isprintable():
            raise self._error(node, "text")
        return line

    def _synonyms(self, node: yaml.Node | None) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(filter(None, map(self._text, self._items(node)))))
        if len(found) > MOST_SYNONYMS or any('"' in text for text in found):
            raise self._error(node, "synonyms", limit=MOST_SYNONYMS)
        return found

    def _flag(self, node: yaml.Node | None, *, default: bool) -> bool:
        if node is None:
            return default
        if node.tag != "tag:yaml.org,2002:bool":
            raise self._error(node, "flag")
        return bool(yaml.SafeLoader.bool_values[str(node.value).lower()])

    # errors

    def _checked(self, work: Callable[[], T], node: yaml.Node) -> T:
        try:
            return work()
        except InputInvalid as error:
            raise _at(_line(node), error.message, self._texts) from None

    def _unknown(self, node: yaml.Node, kind: str, name: str, names: list[str]) -> InputInvalid:
        near = nearest(name.rpartition(".")[2], names)
        hint = self._texts("refusals.did_you_mean", near=near) if near else ""
        return _at(_line(node), self._texts(f"schema.error.{kind}", name=name) + hint, self._texts)

    def _error(self, node: yaml.Node | None, reason: str, **values: str | int) -> InputInvalid:
        return _at(_line(node), self._texts(f"schema.error.{reason}", **values), self._texts)


def _at(line: int, problem: str, texts: Texts) -> InputInvalid:
    message = texts("schema.error.line", line=line, problem=problem)
    return InputInvalid(message, remedy=texts("schema.error.remedy"), line=line, problem=problem)


def _line(node: yaml.Node | None) -> int:
    return int(node.start_mark.line) + 1 if node is not None else 1


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _table_out(words: TableWords) -> dict[str, Any]:
    columns = {name: _column_out(each) for name, each in words.columns.items()}
    return _given(description=words.description, synonyms=list(words.synonyms), hidden=words.hidden, columns=columns)


def _column_out(words: ColumnWords) -> dict[str, Any]:
    said = _given(description=words.description, synonyms=list(words.synonyms), hidden=words.hidden)
    return said if words.values else said | {"values": False}


def _metric_out(metric: Metric) -> dict[str, Any]:
    return _given(sql=metric.sql, where=metric.where, description=metric.description, synonyms=list(metric.synonyms))


def _given(**said: Any) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value}
