"""SQL text as the model's Query, as far as its target language goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from pilot.model.text_to_sql.query import (
    Aggregate,
    Arithmetic,
    Compound,
    Condition,
    Operator,
    Order,
    Query,
    Term,
    Value,
)
from pilot.model.text_to_sql.view import STAR, Join, SchemaView

AGGREGATES: dict[type[exp.Expr], Aggregate] = {
    exp.Count: "COUNT", exp.Sum: "SUM", exp.Avg: "AVG", exp.Min: "MIN", exp.Max: "MAX",
}  # fmt: skip
ARITHMETIC: dict[type[exp.Expr], Arithmetic] = {
    exp.Add: "PLUS", exp.Sub: "MINUS", exp.Mul: "MUL", exp.Div: "DIV",
}  # fmt: skip
COMPARISONS: dict[type[exp.Expr], Operator] = {
    exp.EQ: "EQ", exp.NEQ: "NE", exp.GT: "GT", exp.LT: "LT", exp.GTE: "GE", exp.LTE: "LE",
}  # fmt: skip
COMPOUNDS: dict[type[exp.Expr], Compound] = {
    exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT",
}  # fmt: skip
OPPOSITE: dict[Operator, Operator] = {
    "EQ": "NE", "NE": "EQ", "GT": "LE", "LE": "GT", "LT": "GE", "GE": "LT", "LIKE": "NOTLIKE", "IN": "NOTIN",
    "ISNULL": "NOTNULL",
}  # fmt: skip
MIRRORED: dict[Operator, Operator] = {"GT": "LT", "LT": "GT", "GE": "LE", "LE": "GE"}


class Unsupported(Exception):
    """The target language has no words for this."""


@dataclass(frozen=True)
class _Names:
    """The tables of one SELECT by alias, and the names around it."""

    view: SchemaView
    tables: dict[str, int]
    outer: "_Names | None" = None

    def column(self, tree: exp.Expr) -> int:
        tree = _bare(tree)
        if isinstance(tree, exp.Star) or (isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star)):
            return STAR
        if not isinstance(tree, exp.Column):
            raise Unsupported(type(tree).__name__)
        owner = tree.table.lower()
        tables = [self.tables[owner]] if owner in self.tables else [] if owner else list(self.tables.values())
        for table in tables:
            found = self.view.find(table, tree.name.lower())
            if found:
                return found
        if self.outer:
            return self.outer.column(tree)
        raise Unsupported(f"no column {tree.sql()}")


@dataclass(frozen=True)
class SqlReader:
    view: SchemaView

    def read(self, sql: str) -> Query:
        """Raises Unsupported."""
        try:
            tree = sqlglot.parse_one(sql, read="sqlite")
        except SqlglotError as error:
            raise Unsupported("no SQL") from error
        return self._query(tree, None)

    def _query(self, tree: exp.Expr, outer: _Names | None) -> Query:
        tree = _bare(tree)
        if isinstance(tree, exp.SetOperation):
            left, right = self._query(tree.left, outer), self._query(tree.right, outer)
            if left.compound:
                raise Unsupported("more than two queries in a row")
            return Query(**{**vars(left), "compound": (COMPOUNDS[type(tree)], right)})
        if not isinstance(tree, exp.Select):
            raise Unsupported(type(tree).__name__)
        names, joins = self._tables(tree, outer)
        where = [found for found in self._flat(tree.args.get("where")) if not self._is_join(found, names, joins)]
        return Query(
            tables=tuple(dict.fromkeys(names.tables.values())),
            select=tuple(self._term(part, names) for part in tree.expressions),
            joins=tuple(joins),
            distinct=bool(tree.args.get("distinct")),
            where=tuple(self._conditions(where, names)),
            groups=tuple(self._term(part, names) for part in _parts(tree, "group")),
            having=tuple(self._conditions(list(self._flat(tree.args.get("having"))), names)),
            order=tuple(self._order(tree, names)),
            limit=_value(tree.args["limit"].expression) if tree.args.get("limit") else None,
        )

    def _tables(self, tree: exp.Select, outer: _Names | None) -> tuple[_Names, list[Join]]:
        numbers = {name.lower(): number for number, name in enumerate(self.view.tables)}
        names = _Names(self.view, {}, outer)
        joins = tree.args.get("joins") or []
        source = tree.args.get("from_") or tree.args.get("from")
        if source is None or any((join.side or "").upper() == "LEFT" for join in joins):
            raise Unsupported("no FROM, or an outer join")
        for part in (source.this, *(join.this for join in joins)):
            if not isinstance(part, exp.Table) or part.name.lower() not in numbers:
                raise Unsupported(f"FROM {part.sql()}")
            number = numbers[part.name.lower()]
            if number in names.tables.values():
                raise Unsupported("a table joined to itself")
            names.tables[part.alias_or_name.lower()] = number
        found: list[Join] = []
        for join in joins:
            for _, test in self._flat(join.args.get("on")):
                if not self._is_join(("AND", test), names, found):
                    raise Unsupported(f"ON {test.sql()}")
        return names, found

    def _is_join(self, test: tuple[str, exp.Expr], names: _Names, joins: list[Join]) -> bool:
        """Two columns of different tables set equal; then it goes into `joins`."""
        connective, tree = test
        sides = [_bare(side) for side in (tree.args.get("this"), tree.args.get("expression")) if side]
        if (
            connective == "OR"
            or not isinstance(tree, exp.EQ)
            or not all(isinstance(side, exp.Column) for side in sides)
        ):
            return False
        try:
            ours, theirs = names.column(sides[0]), names.column(sides[1])
        except Unsupported:
            return False  # "text" in double quotes
        if self.view.columns[ours].table == self.view.columns[theirs].table:
            return False
        joins.append((ours, theirs))
        return True

    def _flat(self, tree: exp.Expr | None) -> Iterator[tuple[str, exp.Expr]]:
        """Tests from left to right with the connective before each; brackets are not in the language."""
        if tree is None:
            return
        tree = _bare(tree.this if isinstance(tree, exp.Where | exp.Having) else tree)
        if not isinstance(tree, exp.And | exp.Or):
            yield "AND", tree
            return
        left, right = list(self._flat(tree.left)), list(self._flat(tree.right))
        if isinstance(tree, exp.And) and any(connective == "OR" for connective, _ in (*left[1:], *right[1:])):
            raise Unsupported("OR inside AND")
        yield from left
        yield "OR" if isinstance(tree, exp.Or) else "AND", right[0][1]
        yield from right[1:]

    def _conditions(self, tests: Sequence[tuple[str, exp.Expr]], names: _Names) -> Iterator[Condition]:
        for index, (connective, tree) in enumerate(tests):
            said = self._condition(tree, names)
            yield Condition(**{**vars(said), "connective": connective if index else None})

    def _condition(self, tree: exp.Expr, names: _Names) -> Condition:
        tree = _bare(tree)
        if isinstance(tree, exp.Not):
            said = self._condition(tree.this, names)
            if said.operator not in OPPOSITE:
                raise Unsupported(f"NOT {said.operator}")
            return Condition(**{**vars(said), "operator": OPPOSITE[said.operator]})
        match tree:
            case exp.In():
                if not tree.args.get("query"):
                    raise Unsupported("IN a list")
                return Condition(self._term(tree.this, names), "IN", query=self._query(tree.args["query"], names))
            case exp.Between():
                values = (_value(tree.args["low"]), _value(tree.args["high"]))
                return Condition(self._term(tree.this, names), "BETWEEN", values)
            case exp.Is():
                return Condition(self._term(tree.this, names), "ISNULL")
            case exp.Like():
                return self._pattern(tree, names)
        if type(tree) not in COMPARISONS:
            raise Unsupported(type(tree).__name__)
        return self._comparison(tree, names)

    def _pattern(self, tree: exp.Like, names: _Names) -> Condition:
        text = str(_value(tree.expression))
        before, after = text.startswith("%"), text.endswith("%")
        operator: Operator = "LIKE" if before and after else "STARTS" if after else "ENDS" if before else "EQ"
        return Condition(self._term(tree.this, names), operator, (text.strip("%").strip(),))

    def _comparison(self, tree: exp.Expr, names: _Names) -> Condition:
        operator, left, right = COMPARISONS[type(tree)], _bare(tree.left), _bare(tree.right)
        if isinstance(left, exp.Literal | exp.Subquery) and not isinstance(right, exp.Literal | exp.Subquery):
            left, right, operator = right, left, MIRRORED.get(operator, operator)
        term = self._term(left, names)
        if isinstance(right, exp.Subquery | exp.Query):
            return Condition(term, operator, query=self._query(right, names))
        if isinstance(right, exp.Column):
            try:
                return Condition(term, operator, column=names.column(right))
            except Unsupported:
                if right.table:
                    raise
                return Condition(term, operator, (right.name,))
        return Condition(term, operator, (_value(right),))

    def _order(self, tree: exp.Select, names: _Names) -> Iterator[Order]:
        named = {part.alias.lower(): part.this for part in tree.expressions if isinstance(part, exp.Alias)}
        for part in _parts(tree, "order"):
            by = _bare(part.this)
            if isinstance(by, exp.Column) and not by.table:
                by = named.get(by.name.lower(), by)
            yield Order(self._term(by, names), "DESC" if part.args.get("desc") else "ASC")

    def _term(self, tree: exp.Expr, names: _Names) -> Term:
        tree = _bare(tree.this if isinstance(tree, exp.Alias) else tree)
        aggregate = AGGREGATES.get(type(tree))
        if aggregate is None:
            return self._operands(tree, names)
        inner, distinct = _bare(tree.this), False
        if isinstance(inner, exp.Distinct):
            if len(inner.expressions) != 1:
                raise Unsupported("DISTINCT of several columns")
            inner, distinct = _bare(inner.expressions[0]), True
        operands = self._operands(inner, names)
        return Term(operands.column, aggregate, distinct, operands.arithmetic, operands.other)

    def _operands(self, tree: exp.Expr, names: _Names) -> Term:
        arithmetic = ARITHMETIC.get(type(tree))
        if arithmetic is None:
            return Term(names.column(tree))
        return Term(names.column(tree.left), None, False, arithmetic, names.column(tree.right))


def _bare(tree: exp.Expr) -> exp.Expr:
    while isinstance(tree, exp.Paren) or (isinstance(tree, exp.Subquery) and not tree.alias):
        tree = tree.this
    return tree


def _parts(tree: exp.Select, clause: str) -> Sequence[exp.Expr]:
    found = tree.args.get(clause)
    return found.expressions if found else ()


def _value(tree: exp.Expr) -> Value:
    tree = _bare(tree)
    if isinstance(tree, exp.Neg):
        inner = _value(tree.this)
        if isinstance(inner, str):
            raise Unsupported("minus a text")
        return -inner
    if isinstance(tree, exp.Boolean):
        return str(tree.this)
    if not isinstance(tree, exp.Literal):
        raise Unsupported(type(tree).__name__)
    return tree.this if tree.is_string else float(tree.this) if "." in tree.this else int(tree.this)
