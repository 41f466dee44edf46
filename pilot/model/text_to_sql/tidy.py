"""What is done to a query after decoding: joins that change nothing go, values become the database's own."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pilot.model.text_to_sql.query import Condition, Order, Query, Term, Value
from pilot.model.text_to_sql.view import NAME, STAR, SchemaView
from pilot.model.text_to_sql.words import folded, stem
from pilot.schema import ValueHit

POSSESSIVE = re.compile(r"['’]s?$")  # of "Smith's": it ends no value that the database does not hold


def terms_of(query: Query) -> Iterator[Term]:
    """Every term of this query, not of the queries inside it."""
    yield from query.select
    yield from (order.term for order in query.order)
    yield from (condition.term for condition in (*query.where, *query.having))


def pruned(query: Query, view: SchemaView, named: Collection[int] = ()) -> Query:
    """Without joined tables of which nothing is used: the decoder, which says FROM first, names too many.

    A join also filters and multiplies rows. So a table stays that the question has `named`, unless it is a parent:
    each row has at most one. Where rows are counted or made distinct, only a parent goes.
    """
    query = _inside(query, lambda inner: pruned(inner, view, named))
    terms = list(terms_of(query))
    used = {column for term in terms for column in term.columns} | {group.column for group in query.groups}
    used |= {condition.column for condition in query.where if condition.column}
    tables = {view.columns[column].table for column in used if column != STAR}
    strict = query.distinct or STAR in used
    kept = set(range(len(view.tables))) if strict else set(named)
    while (needless := _needless(query, view, tables, kept)) is not None:
        query = replace(
            query,
            tables=tuple(table for table in query.tables if table != needless),
            joins=tuple(join for join in query.joins if needless not in _joined(join, view)),
        )
    return query


def keyed(query: Query, view: SchemaView) -> Query:
    """Grouped by their key where rows are grouped by name: two customers may be called Anna Schmidt."""
    groups = list(query.groups)
    for group in query.groups:
        key = _key_joined(view.columns[group.column].table, query, view)
        if key and NAME.search(view.columns[group.column].words) and Term(key) not in groups:
            groups.insert(0, Term(key))
    return replace(_inside(query, lambda inner: keyed(inner, view)), groups=tuple(groups))


def chronological(query: Query) -> Query:
    """Months and years in their order, where none is asked for."""
    times = [group for group in query.groups if group.part]
    if query.order or query.limit is not None or query.compound:
        return query
    return replace(query, order=tuple(Order(time, "ASC") for time in times))


@dataclass(frozen=True)
class Values:
    """The cell values that the question mentions, as whoever asks has found them in the database."""

    view: SchemaView
    hits: Sequence[ValueHit]

    def resolved(self, query: Query) -> Query:
        """With values as the database spells them: 'munich' becomes 'München'."""
        query = _inside(query, self.resolved)
        return replace(
            query,
            where=tuple(
                replace(condition, values=tuple(self._spelled(condition.term, value) for value in condition.values))
                if condition.operator in ("EQ", "NE") and not condition.term.aggregate
                else condition
                for condition in query.where
            ),
        )

    def contradict(self, query: Query) -> bool:
        """Is a value compared with one column, while the database holds it in others only?"""
        inner = [condition.query for condition in query.where if condition.query]
        inner += [query.compound[1]] if query.compound else []
        return any(map(self._misplaced, query.where)) or any(map(self.contradict, inner))

    def _spelled(self, term: Term, value: Value) -> Value:
        kept = (hit.value for hit in self._spoken(value) if self._column(hit) == term.column)
        return next(kept, POSSESSIVE.sub("", value) if isinstance(value, str) else value)

    def _misplaced(self, condition: Condition) -> bool:
        if condition.operator != "EQ" or condition.term.aggregate:
            return False
        homes = [{self._column(hit) for hit in self._spoken(value)} for value in condition.values]
        return any(columns and condition.term.column not in columns for columns in homes)

    def _spoken(self, value: Value) -> list[ValueHit]:
        texts = {folded(str(value)), folded(POSSESSIVE.sub("", str(value)))} - {""}
        return [hit for hit in self.hits if texts & {folded(hit.text), folded(hit.value)}]

    def _column(self, hit: ValueHit) -> int | None:
        return self.view.column(hit.table, hit.column)


def _inside(query: Query, change: Callable[[Query], Query]) -> Query:
    """The same query with the queries inside it changed."""
    return replace(
        query,
        where=tuple(_changed(condition, change) for condition in query.where),
        having=tuple(_changed(condition, change) for condition in query.having),
        compound=(query.compound[0], change(query.compound[1])) if query.compound else None,
    )


def _changed(condition: Condition, change: Callable[[Query], Query]) -> Condition:
    return replace(condition, query=change(condition.query)) if condition.query else condition


def _key_joined(table: int, query: Query, view: SchemaView) -> int | None:
    """The table's key, if the query joins by it."""
    sides = {side for join in query.joins for side in join}
    return next((side for side in sorted(sides) if view.columns[side].table == table and view.columns[side].key), None)


def _needless(query: Query, view: SchemaView, used: set[int], kept: set[int]) -> int | None:
    """A table that stands at the end of the joins and gives nothing; one of `kept` only if it is a parent."""
    for table in query.tables:
        if table in used or len(query.tables) == 1:
            continue
        joins = [join for join in query.joins if table in _joined(join, view)]
        if len(joins) > 1:
            continue
        if table not in kept or _is_parent(table, joins, view) or _multiplies(table, joins, query, view, used):
            return table
    return None


def _is_parent(table: int, joins: Sequence[tuple[int, int]], view: SchemaView) -> bool:
    """Joined by its own key, and that is no reference itself: a gymnast's key may be that of a person."""
    sides = [ours if view.columns[ours].table == table else theirs for ours, theirs in joins]
    references = {ours for ours, _ in view.foreign}
    return bool(sides) and all(view.columns[side].key and side not in references for side in sides)


def _multiplies(table: int, joins: Sequence[tuple[int, int]], query: Query, view: SchemaView, used: set[int]) -> bool:
    """Beside another child of the same parent, each row of which it would repeat; and called by nothing of its own."""
    own = _stems(table, view)
    parents = {parent for join in joins for parent in _joined(join, view)} - {table}
    beside = {each for other in query.joins if parents & (both := _joined(other, view)) for each in both}
    return any(own <= _stems(each, view) for each in (beside - parents - {table}) & used)


def _stems(table: int, view: SchemaView) -> set[str]:
    return {stem(word) for word in view.table_words[table].split()}


def _joined(join: tuple[int, int], view: SchemaView) -> set[int]:
    return {view.columns[side].table for side in join}
