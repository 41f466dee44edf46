"""What is counted: rows, or what a column says of them. One row of `degrees(campus, year, degrees)` is many degrees."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from pilot.model.text_to_sql.features import SMALL_WORDS
from pilot.model.text_to_sql.query import Condition, Query, Term
from pilot.model.text_to_sql.tidy import terms_of
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.model.text_to_sql.words import Word, listed, stem

ASKED = (("how", "many"), ("number", "of"), ("count", "of"))
BETWEEN = frozenset(listed("the total overall full"))  # "number of the full time students"
EACH = frozenset(listed("each per every"))
COUNTING = frozenset(listed("number count total num of quantity"))  # of a column's name: how it counts
AFTER = SMALL_WORDS | frozenset(listed("there per within over between than s . , ? !"))


def summed(query: Query, view: SchemaView, words: Sequence[Word]) -> Query:
    """With the sum of a column instead of the number of rows, where the rows hold the numbers that are asked for."""
    asked = [stem(word.text) for word in words]
    if _is_bare_number(query, view) and ("how", "many") in pairwise(asked) and not EACH & set(asked):
        return replace(query, select=(replace(query.select[0], aggregate="SUM"),))
    column = next(_counters(query, view, asked), None)
    if column is None:
        return query

    def sum_of(term: Term) -> Term:
        return Term(column, "SUM") if term in (Term(STAR, "COUNT"), Term(column, "COUNT")) else term

    def changed(condition: Condition) -> Condition:
        return replace(condition, term=sum_of(condition.term))

    return replace(
        query,
        select=tuple(dict.fromkeys(map(sum_of, query.select))),
        order=tuple(replace(order, term=sum_of(order.term)) for order in query.order),
        having=tuple(map(changed, query.having)),
    )


def shown(query: Query, view: SchemaView) -> Query:
    """With the name of each instead of all columns, where a column is called as its table: the campus of campuses."""
    if query.select != (Term(STAR),) or len(query.tables) > 1 or query.groups:
        return query
    names = (column for column in view.columns_of[query.tables[0]] if view.columns[column].kind == "text")
    name = next((column for column in names if _is_called_as_its_table(column, view)), None)
    return replace(query, select=(Term(name),)) if name else query


def _is_bare_number(query: Query, view: SchemaView) -> bool:
    """One number of each row: where there is but one row, their sum is the same."""
    if len(query.select) > 1 or query.groups or query.order or query.distinct or query.limit or query.compound:
        return False
    term, column = query.select[0], view.columns[query.select[0].column]
    return term == Term(term.column) and column.kind == "number" and not column.is_id


def _counters(query: Query, view: SchemaView, asked: Sequence[str]) -> Iterator[int]:
    if not any(term.aggregate == "COUNT" and not term.distinct for term in terms_of(query)):
        return
    compared = {condition.term.column for condition in query.where} | {group.column for group in query.groups}
    for table in query.tables:
        for number in view.columns_of[table]:
            column = view.columns[number]
            if column.kind != "number" or column.is_id or number in compared:
                continue
            if _is_called_as_its_table(number, view) or _is_asked_for(_counted(column.words), view, asked):
                yield number


def _is_called_as_its_table(number: int, view: SchemaView) -> bool:
    column = view.columns[number]
    return _stems(column.words) == _stems(view.table_words[column.table])


def _counted(name: str) -> list[str]:
    """What a column counts: rooms, where it is called 'room count'."""
    return [word for word in _stems(name) if word not in COUNTING]


def _is_asked_for(name: list[str], view: SchemaView, asked: Sequence[str]) -> bool:
    """How many of these? Not where a table holds them one by one."""
    if not name or any(_stems(table) == name for table in view.table_words):
        return False
    for place in range(len(asked) - 1):
        if tuple(asked[place : place + 2]) in ASKED:
            start = place + 2
            while asked[start : start + 1] and asked[start] in BETWEEN and asked[start : start + len(name)] != name:
                start += 1
            after = asked[start + len(name) : start + len(name) + 1]
            if list(asked[start : start + len(name)]) == name and (not after or after[0] in AFTER):
                return True
    return False


def _stems(name: str) -> list[str]:
    return [stem(word) for word in name.split()]
