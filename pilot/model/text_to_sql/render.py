"""A query as SQL text of one dialect, by way of sqlglot's tree: nothing here concatenates SQL."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlglot import exp
from sqlglot.dialects import DuckDB, MySQL

from pilot.dates import Period, period
from pilot.model.text_to_sql.query import Condition, Query, Term, Value
from pilot.model.text_to_sql.sound import Unsound
from pilot.model.text_to_sql.view import STAR, Join, SchemaView
from pilot.model.text_to_sql.words import number
from pilot.schema import Dialect

AGGREGATES: dict[str, type[exp.AggFunc]] = {
    "COUNT": exp.Count, "SUM": exp.Sum, "AVG": exp.Avg, "MIN": exp.Min, "MAX": exp.Max,
}  # fmt: skip
ARITHMETIC: dict[str, type[exp.Binary]] = {"PLUS": exp.Add, "MINUS": exp.Sub, "MUL": exp.Mul, "DIV": exp.Div}
COMPARISONS: dict[str, type[exp.Binary]] = {
    "EQ": exp.EQ, "NE": exp.NEQ, "GT": exp.GT, "LT": exp.LT, "GE": exp.GTE, "LE": exp.LTE,
}  # fmt: skip
COMPOUNDS: dict[str, type[exp.SetOperation]] = {
    "UNION": exp.Union, "INTERSECT": exp.Intersect, "EXCEPT": exp.Except,
}  # fmt: skip
RANKING = ("GT", "LT", "GE", "LE", "BETWEEN")
PATTERNS = {"LIKE": "%{}%", "NOTLIKE": "%{}%", "STARTS": "{}%", "ENDS": "%{}"}
ALIASES = {"SUM": "total_{}", "AVG": "average_{}", "MIN": "lowest_{}", "MAX": "highest_{}", "COUNT": "number_of_{}"}
PARTS = {"YEAR": "%Y", "MONTH": "%Y-%m", "DAY": "%Y-%m-%d"}
FALSE_WORDS = ("no", "false", "0", "f", "n", "not")

# Words that some dialect takes for its own; a name like these is quoted.
RESERVED = frozenset(MySQL.Generator.RESERVED_KEYWORDS | DuckDB.Generator.RESERVED_KEYWORDS) | {
    "current_date", "date", "default", "end", "index", "indexed", "isnull", "limit", "match", "notnull", "offset",
    "order", "plan", "row", "rows", "table", "time", "timestamp", "transaction", "user", "value", "values",
}  # fmt: skip


@dataclass(frozen=True)
class Renderer:
    """For one schema. `today` is what "last month" counts from."""

    view: SchemaView
    dialect: Dialect
    today: date

    def sql(self, query: Query) -> str:
        """Raises Unsound when a value does not fit its column."""
        return self._query(query, outermost=True).sql(dialect=self.dialect)

    def _query(self, query: Query, *, outermost: bool = False) -> exp.Query:
        tree: exp.Query = self._select(query, outermost=outermost)
        if query.compound:
            operator, other = query.compound
            tree = COMPOUNDS[operator](this=tree, expression=self._query(other), distinct=True)
        return tree

    def _select(self, query: Query, *, outermost: bool) -> exp.Select:
        scope = _Scope(self, query)
        tree = exp.select(*scope.selected(named=outermost)).from_(self._table(query.tables[0]))
        for table, joins in _ordered_joins(query, self.view):
            on = [exp.EQ(this=scope.column(ours), expression=scope.column(theirs)) for ours, theirs in joins]
            tree = tree.join(self._table(table), on=exp.and_(*on))
        if query.distinct:
            tree = tree.distinct()
        if query.where:
            tree = tree.where(scope.conditions(query.where))
        if query.groups:
            tree = tree.group_by(*map(scope.term, _groups(query)))
        if query.having:
            tree = tree.having(scope.conditions(query.having))
        for order in query.order:
            tree = tree.order_by(scope.ordered(order.term, descending=order.direction == "DESC"))
        if query.limit is not None:
            tree = tree.limit(max(1, int(number(str(query.limit)) or 1)))
        return tree

    def inner(self, query: Query, *, member: bool) -> exp.Expr:
        tree = self._query(query)
        if member and query.limit is not None and self.dialect == "mysql":  # it has no LIMIT inside IN
            tree = exp.select(exp.Star()).from_(tree.subquery("limited"))
        return tree

    def identifier(self, name: str) -> exp.Identifier:
        """Quoted only where it must be: PostgreSQL folds capitals, all have words of their own."""
        plain = r"[a-z_][a-z0-9_]*" if self.dialect == "postgres" else r"[A-Za-z_][A-Za-z0-9_]*"
        return exp.to_identifier(name, quoted=not re.fullmatch(plain, name) or name.lower() in RESERVED)

    def _table(self, table: int) -> exp.Table:
        return exp.Table(this=self.identifier(self.view.tables[table]))


@dataclass(frozen=True)
class _Scope:
    """One SELECT: with several tables in it, columns say whose they are."""

    renderer: Renderer
    query: Query

    @property
    def view(self) -> SchemaView:
        return self.renderer.view

    def column(self, number: int) -> exp.Expr:
        if number == STAR:
            return exp.Star()
        column = self.view.columns[number]
        name = self.renderer.identifier(column.name)
        if len(self.query.tables) == 1:
            return exp.Column(this=name)
        return exp.Column(this=name, table=self.renderer.identifier(self.view.tables[column.table]))

    def term(self, term: Term) -> exp.Expr:
        tree = self.column(term.column)
        if term.part:
            return exp.TimeToStr(this=tree, format=exp.Literal.string(PARTS[term.part]))
        if term.arithmetic:
            tree = ARITHMETIC[term.arithmetic](this=self.quantity(term.column), expression=self.quantity(term.other))
        elif term.aggregate and term.aggregate != "COUNT":
            tree = self.quantity(term.column)
        if term.distinct:
            tree = exp.Distinct(expressions=[tree])
        return AGGREGATES[term.aggregate](this=tree) if term.aggregate else tree

    def quantity(self, number: int) -> exp.Expr:
        """To be counted with: as text, 10 would come before 3, and PostgreSQL adds up no text."""
        tree = self.column(number)
        return exp.cast(tree, exp.DataType.Type.DOUBLE) if self.view.columns[number].as_text else tree

    def selected(self, *, named: bool) -> list[exp.Expr]:
        """With `named`, aggregates get names that a table's head can show."""
        trees: list[exp.Expr] = []
        taken = {column.name.lower() for column in self.view.columns}
        for term in self.query.select:
            name = _alias(term, self.view) if named else ""
            tree = self.term(term)
            if name and name not in taken:
                taken.add(name)
                tree = exp.alias_(tree, self.renderer.identifier(name))
            trees.append(tree)
        return trees

    def ordered(self, term: Term, *, descending: bool) -> exp.Ordered:
        """NULL last in "the highest ten", everywhere; ascending, where the dialect puts it."""
        first = not descending and self.renderer.dialect in ("sqlite", "mysql")
        shown = self.query.distinct  # then rows are ordered by what they show
        tree = self.term(term) if shown or not _plain(term) else self.quantity(term.column)
        return exp.Ordered(this=tree, desc=descending, nulls_first=first)

    def conditions(self, conditions: Sequence[Condition]) -> exp.Expr:
        """As the decoder says them, from left to right; AND binds more strongly, as in SQL."""
        alternatives: list[list[exp.Expr]] = [[]]
        for condition in conditions:
            if condition.connective == "OR":
                alternatives.append([])
            alternatives[-1].append(self.condition(condition))
        return exp.or_(*(exp.and_(*parts) for parts in alternatives))

    def condition(self, condition: Condition) -> exp.Expr:
        left = self._left(condition)
        match condition.operator:
            case "ISNULL" | "NOTNULL":
                test = exp.Is(this=left, expression=exp.Null())
                return test if condition.operator == "ISNULL" else exp.Not(this=test)
            case "IN" | "NOTIN":
                return self._membership(condition, left)
            case "LIKE" | "STARTS" | "ENDS" | "NOTLIKE" if not self._dated(condition.term):
                return self._pattern(condition, left)
        if condition.query:
            inner = self.renderer.inner(condition.query, member=False)
            return COMPARISONS[condition.operator](this=left, expression=exp.Subquery(this=inner))
        if condition.column is not None:
            return COMPARISONS[condition.operator](this=left, expression=self.column(condition.column))
        if self._dated(condition.term):
            return self._in_time(condition, left)
        numbers = [number(str(value)) for value in condition.values]
        if condition.operator in RANKING and self._kind(condition.term) == "text" and None not in numbers:
            left = exp.cast(left, exp.DataType.Type.DOUBLE)  # as text, 10 would come before 3
            values: list[exp.Expr] = [exp.Literal.number(found) for found in numbers]
        elif condition.operator not in RANKING and _plain(condition.term) and self._as_text(condition.term):
            values = [exp.Literal.string(str(value)) for value in condition.values]
        else:
            values = [self._literal(value, condition.term) for value in condition.values]
        if condition.operator == "BETWEEN":
            return exp.Between(this=left, low=values[0], high=values[1])
        return COMPARISONS[condition.operator](this=left, expression=values[0])

    def _as_text(self, term: Term) -> bool:
        return self.view.columns[term.column].as_text

    def _left(self, condition: Condition) -> exp.Expr:
        ranked = _plain(condition.term) and condition.operator in RANKING
        return self.quantity(condition.term.column) if ranked else self.term(condition.term)

    def _membership(self, condition: Condition, left: exp.Expr) -> exp.Expr:
        if condition.query is None:
            raise Unsound("IN without a query")
        query = condition.query
        if condition.operator == "NOTIN":
            query = _without_nulls(query, self.view)
        test = exp.In(this=left, query=exp.Subquery(this=self.renderer.inner(query, member=True)))
        return exp.Not(this=test) if condition.operator == "NOTIN" else test

    def _pattern(self, condition: Condition, left: exp.Expr) -> exp.Expr:
        if self._kind(condition.term) != "text":
            left = exp.cast(left, exp.DataType.Type.TEXT)
        text = PATTERNS[condition.operator].format(condition.values[0])
        # PostgreSQL and DuckDB compare capitals with LIKE, the others do not
        like = exp.ILike if self.renderer.dialect in ("postgres", "duckdb") else exp.Like
        test = like(this=left, expression=exp.Literal.string(text))
        return exp.Not(this=test) if condition.operator == "NOTLIKE" else test

    def _in_time(self, condition: Condition, left: exp.Expr) -> exp.Expr:
        periods = [period(str(value), self.renderer.today) for value in condition.values]
        first, last = periods[0], periods[-1]
        if first is None or last is None:
            raise Unsound(f"{condition.values} is no time")
        moments = re.search(r"TIME(?!$)|TIME\w+|DATETIME|STAMP", self.view.columns[condition.term.column].type.upper())
        if first.is_day and not moments and condition.operator in COMPARISONS:
            return COMPARISONS[condition.operator](this=left, expression=_day(first.start))
        return _within(condition.operator, left, Period(first.start, last.end))

    def _literal(self, value: Value, term: Term) -> exp.Expr:
        kind = self._kind(term)
        if kind == "boolean":
            return exp.Boolean(this=str(value).lower() not in FALSE_WORDS)
        if kind != "number":
            return exp.Literal.string(str(value))
        found = number(str(value))
        if found is None:
            raise Unsound(f"{value!r} is no number")
        return exp.Literal.number(found)

    def _kind(self, term: Term) -> str:
        if term.arithmetic or term.aggregate in ("COUNT", "SUM", "AVG"):
            return "number"
        return self.view.columns[term.column].kind

    def _dated(self, term: Term) -> bool:
        """Compared with days; a column of type TIME holds none."""
        return self._kind(term) == "time" and not re.match(
            r"TIME\b(?!STAMP)", self.view.columns[term.column].type.upper()
        )


def _within(operator: str, left: exp.Expr, days: Period) -> exp.Expr:
    since, before = exp.GTE(this=left, expression=_day(days.start)), exp.LT(this=left.copy(), expression=_day(days.end))
    match operator:
        case "GT":
            return exp.GTE(this=left, expression=_day(days.end))
        case "GE":
            return since
        case "LT":
            return exp.LT(this=left, expression=_day(days.start))
        case "LE":
            return before
        case "NE" | "NOTLIKE":
            return exp.Not(this=exp.Paren(this=exp.and_(since, before)))
    return exp.and_(since, before)


def _plain(term: Term) -> bool:
    return not (term.aggregate or term.arithmetic or term.part)


def _day(day: date) -> exp.Expr:
    return exp.Literal.string(day.isoformat())


def _without_nulls(query: Query, view: SchemaView) -> Query:
    """One NULL in the list makes NOT IN true for no row."""
    term = query.select[0]
    if term.aggregate or query.compound or view.columns[term.column].key:
        return query
    present = Condition(Term(term.column), "NOTNULL", connective="AND" if query.where else None)
    if any(condition.connective == "OR" for condition in query.where):
        return query
    return replace(query, where=(*query.where, present))


def _groups(query: Query) -> Iterator[Term]:
    """What is shown or ordered by, too: only MySQL's older mode and SQLite do without."""
    shown = [term for term in (*query.select, *(order.term for order in query.order)) if not term.aggregate]
    yield from dict.fromkeys((*query.groups, *shown))


def _alias(term: Term, view: SchemaView) -> str:
    if term.part:
        return term.part.lower()
    if not term.aggregate:
        return ""
    if term.column == STAR:
        return "row_count"
    words = "_".join(view.columns[term.column].words.split())
    pattern = "sum_of_{}" if term.aggregate == "SUM" and words.startswith("total") else ALIASES[term.aggregate]
    return pattern.format(words) if re.fullmatch(r"\w+", words) and not term.arithmetic else ""


def _ordered_joins(query: Query, view: SchemaView) -> Iterator[tuple[int, list[Join]]]:
    """Tables after the first, each with the conditions that join it to those before."""
    done, rest, left = {query.tables[0]}, list(query.tables[1:]), list(query.joins)
    while rest:
        for table in rest:
            joins = [join for join in left if _reaches(join, table, done, view)]
            if joins:
                break
        else:
            raise Unsound("tables that nothing joins")
        yield table, joins
        rest.remove(table)
        done.add(table)
        left = [join for join in left if join not in joins]


def _reaches(join: Join, table: int, done: set[int], view: SchemaView) -> bool:
    sides = {view.columns[column].table for column in join}
    return table in sides and sides <= done | {table}
