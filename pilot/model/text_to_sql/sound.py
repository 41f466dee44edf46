"""Does a query make sense in every dialect? The network's is only well formed; a database would refuse some."""

from pilot.model.text_to_sql.query import Condition, Query
from pilot.model.text_to_sql.view import STAR
from pilot.model.text_to_sql.words import number


class Unsound(Exception):
    """Some database refuses this query, or answers it with rows of chance."""


def check(query: Query) -> None:
    """Raises Unsound with the reason."""
    if len(query.joins) < len(query.tables) - 1:
        raise Unsound("tables that nothing joins")
    _check_groups(query)
    _check_conditions(query)
    _check_order(query)
    if query.limit is not None and not isinstance(number(str(query.limit)), int):
        raise Unsound(f"LIMIT {query.limit}")
    if query.compound:
        _check_compound(query, query.compound[1])


def _check_groups(query: Query) -> None:
    aggregated = [term for term in query.select if term.aggregate]
    if any(term.column == STAR and term.arithmetic for term in query.select):
        raise Unsound("arithmetic with *")
    if query.groups and any(term.column == STAR and not term.aggregate for term in query.select):
        raise Unsound("* of groups")
    if query.groups:
        return
    if query.having:
        raise Unsound("HAVING without groups")
    if aggregated and len(aggregated) < len(query.select):
        raise Unsound("one row's value beside all rows' aggregate")


def _check_conditions(query: Query) -> None:
    if any(condition.term.aggregate for condition in query.where):
        raise Unsound("an aggregate in WHERE")
    equals = [condition.term for condition in query.where if condition.operator == "EQ" and condition.values]
    if len(equals) > len(set(equals)) and all(condition.connective != "OR" for condition in query.where):
        raise Unsound("one value that equals two")
    if any(not condition.term.aggregate and condition.term not in query.groups for condition in query.having):
        raise Unsound("a value that is no group's in HAVING")
    for condition in (*query.where, *query.having):
        if condition.term.column == STAR and not condition.term.aggregate:
            raise Unsound("* in a condition")
        if condition.query:
            _check_inner(condition, condition.query)


def _check_inner(condition: Condition, query: Query) -> None:
    check(query)
    if len(query.select) != 1 or (query.select[0].column == STAR and not query.select[0].aggregate):
        raise Unsound("several columns in an inner query")
    single = (query.select[0].aggregate and not query.groups) or query.limit == 1
    if condition.operator not in ("IN", "NOTIN") and not single:
        raise Unsound("many rows compared with one value")


def _check_order(query: Query) -> None:
    if any(order.term.aggregate for order in query.order) and not query.groups:
        raise Unsound("ordered by an aggregate of all rows")
    shown = query.select
    everything = any(term.column == STAR and not term.aggregate for term in shown)
    if query.distinct and not everything and any(order.term not in shown for order in query.order):
        raise Unsound("distinct rows ordered by what they do not show")


def _shows_rows(query: Query) -> set[int]:
    """The tables whose every column is shown."""
    everything = any(term.column == STAR and not term.aggregate for term in query.select)
    return set(query.tables) if everything else set()


def _check_compound(query: Query, other: Query) -> None:
    check(other)
    if len(query.select) != len(other.select) or _shows_rows(query) != _shows_rows(other):
        raise Unsound("two results of different width")
    if query.order or query.limit is not None or other.order or other.limit is not None:
        raise Unsound("a part of a compound query is ordered")
