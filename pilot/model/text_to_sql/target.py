"""The language that the decoder speaks: 64 keywords and four kinds of pointers; `to_tokens` writes a Query in it.

`grammar` reads it back. FROM comes first, so that columns can be limited to its tables; joins are left out where they
are the foreign keys' own; values are the first and last word of their place in the question. REFUSE instead of a
query says that the schema does not answer this, and points at the words that it has nothing for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pilot.model.text_to_sql.query import Condition, Query, Term, Value
from pilot.model.text_to_sql.view import STAR, SchemaView, default_joins
from pilot.model.text_to_sql.words import Word, listed, number

KEYWORD_PLACES = 64  # of the network; those not yet used are free for later
KEYWORDS = listed(
    "PAD BOS EOS FROM ON WHERE GROUP HAVING SELECT DISTINCT COUNT SUM AVG MIN MAX STAR ORDER ASC DESC LIMIT UNION "
    "INTERSECT EXCEPT AND OR EQ NE GT LT GE LE LIKE STARTS ENDS NOTLIKE IN NOTIN BETWEEN ISNULL NOTNULL LP RP PLUS "
    "MINUS MUL DIV UNKNOWN 0 1 2 3 4 5 6 7 8 9 10 YEAR MONTH DAY REFUSE"
)
AGGREGATES = ("COUNT", "SUM", "AVG", "MIN", "MAX")
ARITHMETIC = ("PLUS", "MINUS", "MUL", "DIV")
COMPARISONS = ("EQ", "NE", "GT", "LT", "GE", "LE")
PATTERNS = ("LIKE", "STARTS", "ENDS", "NOTLIKE")
MEMBERSHIPS = ("IN", "NOTIN")
NULL_TESTS = ("ISNULL", "NOTNULL")
OPERATORS = (*COMPARISONS, *PATTERNS, *MEMBERSHIPS, "BETWEEN", *NULL_TESTS)
COMPOUNDS = ("UNION", "INTERSECT", "EXCEPT")
PARTS = ("YEAR", "MONTH", "DAY")
NUMBERS = KEYWORDS[KEYWORDS.index("0") : KEYWORDS.index("YEAR")]  # need not be said: "the youngest" means 1


class Pointer(NamedTuple):
    """At a table or column of the view, or at the word of the question where a value starts or ends."""

    kind: Literal["table", "column", "start", "end"]
    number: int


Token = str | Pointer  # a string is one of KEYWORDS


class Unsayable(Exception):
    """This query cannot be written in the target language."""


@dataclass(frozen=True)
class Writer:
    """Writes queries for one question over one schema."""

    view: SchemaView
    words: Sequence[Word]

    def tokens(self, query: Query) -> list[Token]:
        """Raises Unsayable when a value is not in the question."""
        return list(self._query(query))

    def _query(self, query: Query) -> Iterator[Token]:
        yield "FROM"
        for table in query.tables:
            yield Pointer("table", table)
        yield from self._joins(query)
        if query.where:
            yield "WHERE"
            yield from self._conditions(query.where)
        if query.groups:
            yield "GROUP"
            for group in query.groups:
                yield from _term(group)
        if query.having:
            yield "HAVING"
            yield from self._conditions(query.having)
        yield from ("SELECT", "DISTINCT") if query.distinct else ("SELECT",)
        for term in query.select:
            yield from _term(term)
        if query.order:
            yield "ORDER"
            for order in query.order:
                yield from (*_term(order.term), order.direction)
        if query.limit is not None:
            yield from ("LIMIT", *self._value(query.limit))
        if query.compound:
            operator, other = query.compound
            yield operator
            yield from self._query(other)

    def _joins(self, query: Query) -> Iterator[Token]:
        said = {frozenset(join) for join in query.joins}
        implied = {frozenset(join) for join in default_joins(self.view, query.tables) if join}
        if len(query.tables) > 1 and said != implied:
            for ours, theirs in query.joins:
                yield from ("ON", Pointer("column", ours), Pointer("column", theirs))

    def _conditions(self, conditions: Sequence[Condition]) -> Iterator[Token]:
        for condition in conditions:
            if condition.connective:
                yield condition.connective
            yield from (*_term(condition.term), condition.operator)
            if condition.query:
                yield from ("LP", *self._query(condition.query), "RP")
            elif condition.column is not None:
                yield Pointer("column", condition.column)
            for value in condition.values:
                yield from self._value(value)

    def _value(self, value: Value) -> Iterator[Token]:
        span = self._numeric_span(value)
        if span:
            yield from (Pointer("start", span[0]), Pointer("end", span[1]))
            return
        plain = number(str(value))
        if str(plain) in NUMBERS:
            yield str(plain)
            return
        span = self._text_span(str(value))
        if not span:
            raise Unsayable(f"{value!r} is not in the question")
        yield from (Pointer("start", span[0]), Pointer("end", span[1]))

    def _numeric_span(self, value: Value) -> tuple[int, int] | None:
        wanted = number(str(value))
        if wanted is None:
            return None
        for index, word in enumerate(self.words):
            if word.text.lower() != "one" and number(word.text) == wanted:  # "which one" is no number
                return index, index
        return None

    def _text_span(self, value: str) -> tuple[int, int] | None:
        wanted = _squeezed(value)
        if not wanted:
            return None
        pieces = [_squeezed(word.text) for word in self.words]
        for alike in (_same, _nearly):
            for start in range(len(pieces)):
                joined = ""
                for end in range(start, min(len(pieces), start + 14)):
                    joined += pieces[end]
                    if not pieces[start] or len(joined) > len(wanted) + 2:
                        break
                    if pieces[end] and alike(joined, wanted):
                        return start, end
        return None


def _term(term: Term) -> Iterator[Token]:
    if term.aggregate:
        yield term.aggregate
    if term.distinct:
        yield "DISTINCT"
    if term.part:
        yield term.part
    yield _column(term.column)
    if term.arithmetic:
        yield from (term.arithmetic, _column(term.other))


def _column(column: int) -> Token:
    return "STAR" if column == STAR else Pointer("column", column)


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "", text.lower())


def _same(said: str, wanted: str) -> bool:
    return said == wanted


def _nearly(said: str, wanted: str) -> bool:
    """One of them in the plural, or another last letter: 'dogs' for 'dog', 'Germans' for 'German'."""
    if len(wanted) <= 2:
        return False
    if said in (wanted + "s", wanted + "es") or said + "s" == wanted:
        return True
    return len(wanted) > 4 and len(said) == len(wanted) and said[:-1] == wanted[:-1]
