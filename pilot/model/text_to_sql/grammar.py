"""The grammar of the target language, as one recursive reader: it says what may come next, and builds the Query.

Each rule is a generator that yields a Choice and is sent the token that was chosen. Decoding masks by the choices;
reading a finished target is the same walk with the choices ignored.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from pilot.model.text_to_sql.query import Condition, Direction, Operator, Order, Query, Term, Value
from pilot.model.text_to_sql.target import (
    AGGREGATES,
    ARITHMETIC,
    COMPARISONS,
    COMPOUNDS,
    MEMBERSHIPS,
    NULL_TESTS,
    NUMBERS,
    OPERATORS,
    PARTS,
    PATTERNS,
    Pointer,
    Token,
)
from pilot.model.text_to_sql.view import STAR, Join, SchemaView, bridged, default_joins
from pilot.model.text_to_sql.words import Hits, Word

MOST_TABLES = 5  # after FROM
MOST_TERMS = 8  # after SELECT
MOST_GROUPS = 4
MOST_VALUE_WORDS = 12
DEEPEST = 2  # no query inside a query inside a query
SUMS = ("SUM", "AVG")  # of what can be added
EXTREMES = ("MIN", "MAX")  # of what has an order that people ask for
RANKING = ("GT", "LT", "GE", "LE", "BETWEEN")
BODY = ("WHERE", "GROUP", "SELECT")  # what may follow the tables

R = TypeVar("R")


@dataclass(frozen=True)
class Choice:
    """What may come next: keywords, and indexes to point at, by kind. `doubted` are starts that the database speaks
    against.
    """

    keywords: Sequence[str] = ()
    tables: Sequence[int] = ()
    columns: Sequence[int] = ()
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    doubted: Sequence[int] = ()

    def __bool__(self) -> bool:
        return any((self.keywords, self.tables, self.columns, self.starts, self.ends))

    def also(self, *keywords: str) -> "Choice":
        return replace(self, keywords=(*self.keywords, *keywords))


Rule = Generator[Choice, Token, R]


class Misread(Exception):
    """These tokens are no target."""


@dataclass(frozen=True)
class Grammar:
    """For one question over one schema. `tables` and `columns` are those that the encoder has read, in order; `hits`
    says which words spell values of which column.
    """

    view: SchemaView
    question: str
    words: Sequence[Word]
    tables: Sequence[int]
    columns: Sequence[int]
    hits: Hits = field(default_factory=dict)

    def read(self, tokens: Sequence[Token]) -> Query:
        """The query that these tokens, without BOS and EOS, say. Raises Misread."""
        walk = _Walk(self).target()
        next(walk)
        try:
            for token in (*tokens, "EOS"):
                walk.send(token)
        except StopIteration as end:
            return cast(Query, end.value)
        raise Misread("it breaks off")

    def after(self, tokens: Sequence[Token]) -> Choice:
        """What may follow these tokens, which were chosen under this grammar."""
        walk = _Walk(self).target()
        choice = next(walk)
        for token in tokens:
            choice = walk.send(token)
        return choice


class _Walk:
    """`here` is the token at hand. A rule starts on its first token and leaves `here` on the first that is not its own,
    so a rule must be told what may follow it.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.view = grammar.view
        self.here: Token = "BOS"
        self.numeric = [index for index, word in enumerate(grammar.words) if word.numeric]

    def target(self) -> Rule[Query]:
        self.here = yield Choice(("FROM",))
        query = yield from self.query("EOS", COMPOUNDS, depth=0)
        if self.here != "EOS":
            raise Misread(f"{self.here} after the end")
        return query

    def query(self, end: str, compounds: Sequence[str], *, depth: int) -> Rule[Query]:
        self._expect("FROM")
        tables = yield from self.tables()
        columns = [column for column in self.grammar.columns if self.view.columns[column].table in tables]
        joins = yield from self.joins(columns)
        if not joins and len(tables) > 1:
            tables = bridged(self.view, tables)
            joins = tuple(join for join in default_joins(self.view, tables) if join)
        where = yield from self.conditions("WHERE", columns, ("SELECT", "GROUP"), depth)
        groups = yield from self.groups(columns)
        having = yield from self.conditions("HAVING", columns, ("SELECT",), depth)
        distinct, terms = yield from self.select(columns, ("ORDER", "LIMIT", *compounds, end))
        order = yield from self.order(columns, ("LIMIT", *compounds, end))
        limit = yield from self.limit((*compounds, end))
        compound = None
        if self.here in COMPOUNDS:
            operator, self.here = self.here, (yield Choice(("FROM",)))
            compound = cast(Any, operator), (yield from self.query(end, (), depth=depth))
        return Query(tables, terms, joins, distinct, where, groups, having, order, limit, compound)

    def tables(self) -> Rule[tuple[int, ...]]:
        found: list[int] = []
        self.here = yield Choice(tables=self.grammar.tables)
        while isinstance(self.here, Pointer) and self.here.kind == "table":
            found.append(self.here.number)
            rest = [table for table in self.grammar.tables if table not in found] if len(found) < MOST_TABLES else ()
            self.here = yield Choice((*BODY, "ON") if len(found) > 1 else BODY, tables=rest)
        if not found:
            raise Misread("no table")
        return tuple(found)

    def joins(self, columns: Sequence[int]) -> Rule[tuple[Join, ...]]:
        found: list[Join] = []
        while self.here == "ON":
            self.here = yield Choice(columns=columns)
            ours, self.here = self._column(), (yield Choice(columns=columns))
            found.append((ours, self._column()))
            self.here = yield Choice((*BODY, "ON"))
        return tuple(found)

    def conditions(
        self, keyword: str, columns: Sequence[int], following: Sequence[str], depth: int
    ) -> Rule[tuple[Condition, ...]]:
        found: list[Condition] = []
        connective: Token | None = None
        while self.here == keyword or (connective and self.here == connective):
            grouped = keyword == "HAVING"  # then only aggregates are compared; before grouping there are none
            self.here = yield Choice(self._aggregates(columns)) if grouped else Choice(columns=columns)
            term = yield from self.term(columns, (), lambda term: Choice(self._operators(term)))
            operator = cast(Operator, self._one_of(OPERATORS))
            right = yield from self.right(columns, term, operator, Choice(("AND", "OR", *following)), depth)
            condition = Condition(term, operator, *right, connective=cast(Any, connective) if found else None)
            if not any(_same(condition, other) for other in found):
                found.append(condition)
            connective = self.here if self.here in ("AND", "OR") else None
        return tuple(found)

    def right(
        self, columns: Sequence[int], term: Term, operator: Operator, following: Choice, depth: int
    ) -> Rule[tuple[tuple[Value, ...], int | None, Query | None]]:
        """Values, a column, or a query in brackets; nothing after IS NULL."""
        if operator in NULL_TESTS:
            self.here = yield following
            return (), None, None
        choice = self._values(term, operator)
        if operator in MEMBERSHIPS:
            choice = Choice(("LP",))
        elif operator in COMPARISONS and depth < DEEPEST:
            choice = choice.also("LP")
        self.here = yield choice
        if self.here == "LP":
            self.here = yield Choice(("FROM",))
            inner = yield from self.query("RP", COMPOUNDS, depth=depth + 1)
            self._expect("RP")
            self.here = yield following
            return (), None, inner
        if isinstance(self.here, Pointer) and self.here.kind == "column":
            column, self.here = self.here.number, (yield following)
            return (), column, None
        values = [(yield from self.value())]
        if operator == "BETWEEN":
            self.here = yield choice
            values.append((yield from self.value()))
        self.here = yield following
        return tuple(values), None, None

    def value(self) -> Rule[Value]:
        """Leaves `here` on the last token of the value."""
        if isinstance(self.here, Pointer) and self.here.kind == "start":
            first, words = self.here.number, self.grammar.words
            self.here = yield Choice(ends=range(first, min(len(words), first + MOST_VALUE_WORDS)))
            if (
                not isinstance(self.here, Pointer)
                or self.here.kind != "end"
                or not first <= self.here.number < len(words)
            ):
                raise Misread("a value without an end")
            return self.grammar.question[words[first].start : words[self.here.number].end]
        if self.here in NUMBERS:
            return int(self.here)
        if self.here == "UNKNOWN":
            return "unknown"
        raise Misread(f"{self.here} is no value")

    def groups(self, columns: Sequence[int]) -> Rule[tuple[Term, ...]]:
        found: list[Term] = []
        if self.here == "GROUP":
            self.here = yield self._values_of_rows(columns)
            while self._at_value():
                found.append((yield from self.operand(columns)))
                more = self._values_of_rows(columns) if len(found) < MOST_GROUPS else Choice()
                self.here = yield more.also("HAVING", "SELECT")
        return tuple(found)

    def select(self, columns: Sequence[int], following: Sequence[str]) -> Rule[tuple[bool, tuple[Term, ...]]]:
        self._expect("SELECT")
        found: list[Term] = []

        def more(term: Term) -> Choice:
            return self._terms(columns, [*found, term]).also(*following)

        first = self._values_of_rows(columns).also("STAR", *self._aggregates(columns))
        self.here = yield first.also("DISTINCT")
        distinct = self.here == "DISTINCT"
        if distinct:
            self.here = yield first
        while self.here in AGGREGATES or self._at_value():
            found.append((yield from self.term(columns, found, more)))
        if not found:
            raise Misread("nothing selected")
        return distinct, tuple(found)

    def order(self, columns: Sequence[int], following: Sequence[str]) -> Rule[tuple[Order, ...]]:
        found: list[Order] = []
        if self.here == "ORDER":
            choice = self._values_of_rows(columns).also(*self._aggregates(columns))
            self.here = yield choice
            while self.here in AGGREGATES or self._at_value():
                term = yield from self.term(columns, (), lambda _: Choice(("ASC", "DESC")))
                found.append(Order(term, cast(Direction, self._one_of(("ASC", "DESC")))))
                self.here = yield choice.also(*following)
        return tuple(found)

    def limit(self, following: Sequence[str]) -> Rule[Value | None]:
        if self.here != "LIMIT":
            return None
        self.here = yield Choice(NUMBERS[1:], starts=self.numeric)
        value = yield from self.value()
        self.here = yield Choice(following)
        return value

    def term(self, columns: Sequence[int], taken: Sequence[Term], following: Callable[[Term], Choice]) -> Rule[Term]:
        """`taken` are the terms before it in the same list; none comes twice."""
        aggregate, distinct = None, False
        if self.here in AGGREGATES:
            aggregate = cast(Any, self.here)
            choice = self._aggregated(columns, taken, aggregate)
            self.here = yield choice.also("DISTINCT")
            distinct = self.here == "DISTINCT"
            if distinct:
                self.here = yield Choice(columns=choice.columns)
        operand = yield from self.operand(columns)
        term = replace(operand, aggregate=aggregate, distinct=distinct)
        measured = self._can_be_added(term.column) and not term.part
        self.here = yield following(term).also(*(ARITHMETIC if measured else ()))
        if self.here in ARITHMETIC:
            arithmetic = cast(Any, self.here)
            self.here = yield Choice(columns=[column for column in columns if self._can_be_added(column)])
            term = replace(term, arithmetic=arithmetic, other=self._column())
            self.here = yield following(term)
        return term

    def operand(self, columns: Sequence[int]) -> Rule[Term]:
        """A column or a part of its time. Leaves `here` on its last token."""
        part = cast(Any, self.here) if self.here in PARTS else None
        if part:
            self.here = yield Choice(columns=self._times(columns))
        return Term(self._column(), part=part)

    def _values_of_rows(self, columns: Sequence[int]) -> Choice:
        return Choice(PARTS if self._times(columns) else (), columns=columns)

    def _terms(self, columns: Sequence[int], taken: Sequence[Term]) -> Choice:
        """The terms that may follow these after SELECT."""
        if len(taken) >= MOST_TERMS:
            return Choice()
        plain = {term.column for term in taken if not (term.aggregate or term.arithmetic or term.part)}
        counted = Term(STAR, "COUNT") in taken
        keywords = [one for one in self._aggregates(columns) if not (counted and one == "COUNT")]
        return self._values_of_rows([column for column in columns if column not in plain]).also(*keywords)

    def _times(self, columns: Sequence[int]) -> list[int]:
        return [column for column in columns if self.view.columns[column].kind == "time"]

    def _aggregated(self, columns: Sequence[int], taken: Sequence[Term], aggregate: str) -> Choice:
        used = {term.column for term in taken if term.aggregate == aggregate}
        free = [column for column in columns if column not in used]
        if aggregate in SUMS:
            free = [column for column in free if self._can_be_added(column)]
        elif aggregate in EXTREMES:
            free = [column for column in free if self._can_be_ranked(column)]
        return Choice(("STAR",) if aggregate == "COUNT" and STAR not in used else (), columns=free)

    def _aggregates(self, columns: Sequence[int]) -> Sequence[str]:
        without: tuple[str, ...] = () if any(map(self._can_be_added, columns)) else SUMS
        without += () if any(map(self._can_be_ranked, columns)) else EXTREMES
        return tuple(one for one in AGGREGATES if one not in without)

    def _can_be_added(self, column: int) -> bool:
        return self.view.columns[column].kind == "number" and not self.view.columns[column].is_id

    def _can_be_ranked(self, column: int) -> bool:
        return self._can_be_added(column) or self.view.columns[column].kind == "time"

    def _operators(self, term: Term) -> Sequence[str]:
        """Numbers have no letters to look for, times begin with a year, names are not more or less."""
        kind = self.view.columns[term.column].kind
        if kind == "text" and not term.aggregate and self.view.columns[term.column].is_worded:
            return tuple(one for one in OPERATORS if one not in RANKING)
        if term.aggregate or term.arithmetic or kind == "number":
            return tuple(one for one in OPERATORS if one not in PATTERNS)
        return tuple(one for one in OPERATORS if kind != "time" or one not in PATTERNS or one == "STARTS")

    def _values(self, term: Term, operator: Operator) -> Choice:
        """Words of the question; only numbers where only a number makes sense."""
        counted = term.column == STAR
        measured = self.view.columns[term.column].kind == "number" and operator in (*COMPARISONS, "BETWEEN")
        starts = self.numeric if counted or measured else range(len(self.grammar.words))
        keywords = ("UNKNOWN",) if operator in PATTERNS else ("UNKNOWN", *NUMBERS)
        doubted = self._found_elsewhere(term.column) if operator in ("EQ", "NE") and not term.aggregate else ()
        return Choice(keywords, starts=starts, doubted=doubted)

    def _found_elsewhere(self, column: int) -> Sequence[int]:
        """Words that spell values of other columns, not of this one."""
        if self.view.columns[column].kind != "text":
            return ()
        elsewhere = {word for words in self.grammar.hits.values() for word in words}
        return sorted(elsewhere - self.grammar.hits.get(column, frozenset()))

    def _at_value(self) -> bool:
        return self.here in PARTS or self._at_column()

    def _at_column(self) -> bool:
        return self.here == "STAR" or (isinstance(self.here, Pointer) and self.here.kind == "column")

    def _column(self) -> int:
        if not self._at_column():
            raise Misread(f"{self.here} is no column")
        return self.here.number if isinstance(self.here, Pointer) else STAR

    def _expect(self, keyword: str) -> None:
        if self.here != keyword:
            raise Misread(f"{self.here} instead of {keyword}")

    def _one_of(self, keywords: Sequence[str]) -> str:
        if not isinstance(self.here, str) or self.here not in keywords:
            raise Misread(f"{self.here} is none of {keywords}")
        return self.here


def _same(one: Condition, other: Condition) -> bool:
    return (one.term, one.operator, one.values, one.column, one.query) == (
        other.term,
        other.operator,
        other.values,
        other.column,
        other.query,
    )
