"""What tables and columns of a statement are called when it is told in words, and of what kind a value is."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from pilot.schema import Kind, Schema, Table

NUMBERS = (
    exp.Count, exp.Sum, exp.Avg, exp.Round, exp.Length, exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week,
    exp.DateDiff, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Abs, exp.RowNumber, exp.Rank,
    exp.DenseRank,
    exp.Extract, exp.TimestampDiff, exp.Median, exp.Stddev, exp.Variance, exp.Ceil, exp.Floor,
)  # fmt: skip
TIMES = (
    exp.Date, exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentDatetime, exp.TsOrDsToDate, exp.TsOrDsToTimestamp,
    exp.DateAdd, exp.DateSub, exp.DateTrunc, exp.TimestampTrunc, exp.LastDay,
)  # fmt: skip
SAME_AS_INSIDE = (
    exp.Min,
    exp.Max,
    exp.Paren,
    exp.Alias,
    exp.Collate,
    exp.FirstValue,
    exp.LastValue,
    exp.AnyValue,
    exp.Coalesce,
    exp.Lag,
    exp.Lead,
    exp.Window,
    exp.Nullif,
)


@dataclass(frozen=True)
class Source:
    """One entry of FROM. `called` is how the words name it; `table` is None for a list that the statement makes."""

    alias: str
    called: str
    table: Table | None

    @property
    def by_alias(self) -> bool:
        return self.table is not None and self.called.lower() != self.table.name.lower()


class Names:
    """The names of statements over one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def source(self, node: exp.Expr) -> Source:
        """A table by its own name, unless it stands there twice and only the alias tells which one is meant."""
        alias = node.alias_or_name
        if not isinstance(node, exp.Table):
            return Source(alias, alias, None)
        table = self._schema.table(node.name)
        by_alias = node.alias and any(other.name.lower() == node.name.lower() for other in _seen_together(node))
        return Source(alias, alias if by_alias else (table.name if table else node.name), table)

    def sources(self, query: exp.Expr) -> list[Source]:
        return [self.source(entry) for entry in entries(query)]

    def column(self, node: exp.Column) -> str:
        """The bare name where only one table is read, else `table.name`."""
        source = self._holder(node)
        scope = node.find_ancestor(exp.Select)
        alone = scope is not None and self.sources(scope) == [source]
        return str(node.name) if source is None or (alone and not source.by_alias) else f"{source.called}.{node.name}"

    def kind(self, node: exp.Expr | None) -> Kind:
        """What a value is, as far as the tree and the schema tell; "other" where they do not."""
        match node:
            case exp.Column():
                return self._column_kind(node)
            case exp.Literal():
                return "text" if node.is_string else "number"
            case _ if isinstance(node, NUMBERS):
                return "number"
            case _ if isinstance(node, TIMES):
                return "time"
            case _ if isinstance(node, SAME_AS_INSIDE):
                return self.kind(node.this)
        return "other"

    def _column_kind(self, node: exp.Column) -> Kind:
        source = self._holder(node)
        column = source.table.column(node.name) if source and source.table else None
        if column:
            return column.kind
        projected = aliased(node)
        return self.kind(projected) if projected is not None and node not in projected.find_all(exp.Column) else "other"

    def _holder(self, node: exp.Column) -> Source | None:
        """The entry of FROM that a column comes from, looked for from the inside out."""
        for query in _around(node):
            for source in self.sources(query):
                if node.table:
                    if source.alias.lower() == node.table.lower():
                        return source
                elif source.table and source.table.column(node.name):
                    return source
        return None


def entries(query: exp.Expr) -> Iterator[exp.Expr]:
    """What FROM and JOIN bring."""
    from_ = query.args.get("from_")
    if from_ is not None:
        yield from_.this
    for join in query.args.get("joins") or []:
        yield join.this


def _seen_together(node: exp.Table) -> Iterator[exp.Expr]:
    """The other tables that a column could mean at the same place: of the same query, of queries inside that look out
    of themselves, and of those around when this one does.
    """
    query = node.find_ancestor(exp.Select)
    if query is None:
        return
    yield from (entry for entry in entries(query) if entry is not node)
    for inner in query.find_all(exp.Select):
        if inner is not query and _looks_out(inner):
            yield from entries(inner)
    if _looks_out(query):
        for outer in _around(query):
            yield from entries(outer)


def _looks_out(query: exp.Expr) -> bool:
    """Whether a column is qualified by a table of a query around."""
    own = {entry.alias_or_name.lower() for select in query.find_all(exp.Select) for entry in entries(select)}
    return any(column.table and column.table.lower() not in own for column in query.find_all(exp.Column))


def aliased(node: exp.Expr) -> exp.Expr | None:
    """The expression that a name in GROUP BY, HAVING or ORDER BY stands for, if it is an alias of the same query."""
    clause = node.find_ancestor(exp.Group, exp.Having, exp.Order, exp.Select)
    query = node.find_ancestor(exp.Select)
    if not isinstance(node, exp.Column) or node.table or query is None or isinstance(clause, exp.Select):
        return None
    for part in query.expressions:
        if isinstance(part, exp.Alias) and part.alias.lower() == node.name.lower():
            found: exp.Expr = part.this
            return found
    return None


def _around(node: exp.Expr) -> Iterator[exp.Expr]:
    query = node.find_ancestor(exp.Select)
    while query is not None:
        yield query
        query = query.find_ancestor(exp.Select)
