"""Changes to a statement that has run: another filter, order, limit or grouping, put into its tree.

A change that would say something else than it seems to, raises Unfit: then the model is asked instead.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Dialect as Grammar
from sqlglot import exp

from pilot.chat.naming import Named, label, stems
from pilot.chat.statements import table_of
from pilot.dates import Period, Relation
from pilot.schema import Column, Schema, Table

PARTS = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}
SHARED = (exp.Count, exp.Sum)  # what has a share: parts of it add up to the whole
OPERATORS: dict[str, type[exp.Binary]] = {
    ">": exp.GT, ">=": exp.GTE, "<": exp.LT, "<=": exp.LTE, "=": exp.EQ,
}  # fmt: skip


class Unfit(Exception):
    """The statement cannot be changed in this way."""


@dataclass(frozen=True)
class Place:
    table: Table
    column: Column


class Edit:
    """A statement while it is changed. `tree` is the outermost SELECT."""

    def __init__(self, tree: exp.Expr, schema: Schema) -> None:
        if not isinstance(tree, exp.Select) or tree.args.get("from_") is None or tree.args.get("with_") is not None:
            raise Unfit("not a plain SELECT")
        self.tree = tree
        self.schema = schema
        self._grammar = Grammar.get_or_raise(schema.dialect)

    # what is there

    @property
    def tables(self) -> list[str]:
        """The schema's names of the tables that are read, in their order."""
        return [entry.name for entry in self._entries() if isinstance(entry, exp.Table)]

    @property
    def aggregated(self) -> list[exp.Expr]:
        return [part for part in self.tree.expressions if _has_aggregate(part)]

    @property
    def grouped(self) -> bool:
        return self.tree.args.get("group") is not None

    def conditions(self) -> list[exp.Expr]:
        where = self.tree.args.get("where")
        return list(where.this.flatten()) if where is not None and isinstance(where.this, exp.And) else (
            [where.this] if where is not None else []
        )  # fmt: skip

    def filtered(self, place: Place) -> list[exp.Expr]:
        """The conditions that are about this column alone."""
        return [each for each in self.conditions() if self._about(each) == {(place.table.name, place.column.name)}]

    # changes

    def keep(self, place: Place, values: Sequence[str], *, exclude: bool, instead_of: Sequence[exp.Expr]) -> exp.Expr:
        """Only rows with one of these values, or none of them; the conditions `instead_of` go."""
        self._drop(instead_of)
        column = self._column(place)
        listed = [exp.Literal.string(value) for value in values]
        test: exp.Expr = exp.EQ(this=column, expression=listed[0])
        if len(listed) > 1:
            test = exp.In(this=column, expressions=listed)
        if exclude:
            test = exp.Not(this=test) if len(listed) > 1 else exp.NEQ(this=column, expression=listed[0])
            if place.column.nullable:  # a value that is missing is not one of these either
                test = exp.paren(exp.or_(test, exp.Is(this=column.copy(), expression=exp.Null())))
        self.tree.where(test, copy=False)
        return self.conditions()[-1]

    def during(self, place: Place, period: Period, relation: Relation) -> list[exp.Expr]:
        """Only rows of this time; what was said of this column before goes."""
        self._drop(self.filtered(place))
        column = self._column(place)
        start, end = exp.Literal.string(period.start.isoformat()), exp.Literal.string(period.end.isoformat())
        since, before = exp.GTE(this=column, expression=start), exp.LT(this=column.copy(), expression=end)
        tests = {"since": [since], "until": [before],
                 "before": [exp.LT(this=column, expression=start)],
                 "after": [exp.GTE(this=column, expression=end)]}.get(relation, [since, before])  # fmt: skip
        for test in tests:
            self.tree.where(test, copy=False)
        return self.conditions()[-len(tests) :]

    def compare(self, operator: str, number: str, place: Place | None) -> exp.Expr:
        """Only rows, or groups, with more or less than this number; without a column, of what is measured."""
        literal = exp.Literal.number(number)
        if place is not None:
            if place.column.kind != "number":
                raise Unfit("no number")
            self.tree.where(OPERATORS[operator](this=self._column(place), expression=literal), copy=False)
            return self.conditions()[-1]
        measure = self.measure()
        if measure is None:
            raise Unfit("nothing is measured")
        test = OPERATORS[operator](this=measure.copy(), expression=literal)
        if not _has_aggregate(measure):
            self.tree.where(test, copy=False)
            return self.conditions()[-1]
        if not self.grouped:
            raise Unfit("one number is not filtered")
        self.tree.having(test, copy=False)
        having = self.tree.args["having"].this
        return having.expression if isinstance(having, exp.And) else having

    def first(self, count: int | None, *, largest: bool | None) -> exp.Expr | None:
        """Only so many rows: of the largest or the smallest, where nothing is said in the order that there is. Gives
        the order that was made.
        """
        if count is None:
            self.tree.set("limit", None)
            return None
        if self.aggregated and not self.grouped:
            raise Unfit("there is one row only")
        order = self.tree.args.get("order")
        if order is not None and largest is not None and self.grouped and not self._by_measure(order):
            order = None  # months stand in their order, and the top ones are others than the first
        ranked = largest is False or (order is None and (largest is True or self.grouped))
        if ranked:
            self._order_by_measure(order, largest=largest)
        self.tree.set("limit", exp.Limit(expression=exp.Literal.number(count)))
        return self.tree.args.get("order") if ranked else None

    def shown(self, said: str) -> exp.Expr | None:
        """What is shown under a heading that says this: "month", "total amount"."""
        wanted = stems(said)
        return next(
            (part.unalias() for part in self.tree.expressions if part.alias and stems(part.alias) == wanted), None
        )

    def sort(self, name: Named | exp.Expr | None, *, descending: bool | None) -> exp.Expr:
        """By a column, by what is shown, or by what is measured. Of a top list its rows are put in order, not chosen
        anew.
        """
        if isinstance(name, exp.Expr):
            key, falls = name.copy(), bool(descending)
        elif name is None:
            measure = self.measure()
            if measure is None:
                raise Unfit("nothing is measured")
            key, falls = measure.copy(), descending is not False
        else:
            key, falls = self._sort_key(name), bool(descending)
        if self.tree.args.get("limit") is not None:
            key = self._wrap(key)
        self.tree.set("order", exp.Order(expressions=[self._ordered(key, falls)]))
        return self.tree.args["order"]

    def reverse(self) -> exp.Expr:
        order = self.tree.args.get("order")
        if order is None:
            raise Unfit("there is no order")
        for part in order.expressions:
            part.replace(self._ordered(part.this, not part.args.get("desc")))
        return order

    def group(self, name: Named | str, *, also: bool) -> exp.Expr:
        """One row for each: of a name, or of a "year", "month" or "day". Without a measure, rows are counted."""
        if isinstance(name, str):
            place = self.time_place()
            keys: list[exp.Expr] = [exp.TimeToStr(this=self._column(place), format=exp.Literal.string(PARTS[name]))]
            shown = [exp.alias_(keys[0].copy(), name)]
        else:
            keys, shown = self._keys(name)
        measures = [part.copy() for part in self.aggregated] or [exp.alias_(exp.Count(this=exp.Star()), "row_count")]
        kept = [part for part in self.tree.expressions if not _has_aggregate(part)] if also and self.grouped else []
        kept_keys = self.tree.args["group"].expressions if kept else []
        self.tree.set("expressions", [*kept, *shown, *measures])
        self.tree.set("group", exp.Group(expressions=[*kept_keys, *keys]))
        self.tree.set("distinct", None)
        self.tree.set("limit", None)
        self.tree.set(
            "order", exp.Order(expressions=[self._ordered(keys[0].copy())]) if isinstance(name, str) else None
        )
        return shown[-1].unalias()

    def share(self) -> exp.Expr:
        """Each group's share of the whole; of one filtered number, its share of all."""
        measures = self.aggregated
        measure = measures[-1].unalias() if measures else None
        if not isinstance(measure, SHARED) or (isinstance(measure, exp.Count) and measure.find(exp.Distinct)):
            raise Unfit("this has no share")
        if self.grouped:
            whole: exp.Expr = exp.Window(this=exp.Sum(this=measure.copy()))
            part = measure.copy()
        else:
            part, whole = self._filtered_part(measure)
        self._spell_out_order()
        shown = exp.alias_(self._percent(part, whole), "percent")
        measures[-1].replace(shown)
        return measure

    def count(self) -> None:
        """How many rows there are instead of the rows."""
        if self.aggregated and not self.grouped:
            raise Unfit("a number is counted already")
        total = exp.alias_(exp.Count(this=exp.Star()), "row_count")
        if self.grouped or self.tree.args.get("distinct") or self.tree.args.get("limit") is not None:
            if self.tree.args.get("limit") is None:
                self.tree.set("order", None)
            self.tree = exp.select(total).from_(self.tree.subquery("listed"))
            return
        self.tree.set("expressions", [total])
        self.tree.set("order", None)

    def show(self, name: Named) -> exp.Expr:
        """One more column."""
        if self.grouped or self.aggregated or self.tree.args.get("distinct"):
            raise Unfit("groups have no single value")
        column = self._column(_place(name))
        self.tree.append("expressions", column)
        return column

    # where things are

    def time_place(self) -> Place:
        """The one column that can be meant by a time: one that is spoken of already, else the only one there is."""
        used = [self._place_of(column) for column in self.tree.find_all(exp.Column)]
        spoken = [place for place in used if place and place.column.kind == "time"]
        if spoken:
            return spoken[0]
        for name in self.tables:
            table = self.schema.table(name)
            times = [column for column in table.columns if column.kind == "time"] if table else []
            if table and len(times) == 1:
                return Place(table, times[0])
            if times:
                raise Unfit("several times")
        parents = {(table.name, column.name): Place(table, column) for table in self._parents()
                   for column in table.columns if column.kind == "time"}  # fmt: skip
        if len(parents) != 1:
            raise Unfit("no single time")
        return next(iter(parents.values()))

    def measure(self) -> exp.Expr | None:
        """What the rows are compared by: the last aggregate, what they are sorted by, or the only number shown."""
        if self.aggregated:
            return self.aggregated[-1].unalias()
        order = self.tree.args.get("order")
        if order is not None and self._kind(order.expressions[0].this) == "number":
            return order.expressions[0].this
        shown = [part.unalias() for part in self.tree.expressions]
        numbers = [part for part in shown if self._kind(part) == "number" and not self._is_key(part)]
        return numbers[0] if len(numbers) == 1 else None

    def reaches(self, table: Table) -> bool:
        return table.name in self.tables or any(parent.name == table.name for parent in self._parents())

    # inside

    def _ordered(self, key: exp.Expr, falls: bool = False) -> exp.Ordered:
        """With NULLs where this dialect puts them by itself."""
        first = self._grammar.NULL_ORDERING == "nulls_are_small" and not falls
        return exp.Ordered(this=key, desc=falls or None, nulls_first=first or (
            self._grammar.NULL_ORDERING == "nulls_are_large" and falls))  # fmt: skip

    def _entries(self) -> Iterator[exp.Expr]:
        yield self.tree.args["from_"].this
        yield from (join.this for join in self.tree.args.get("joins") or [])

    def _column(self, place: Place) -> exp.Column:
        """The column as this statement must write it; its table is joined where it is not there yet."""
        name = exp.to_identifier(place.column.name)
        for entry in self._entries():
            if isinstance(entry, exp.Table) and entry.name.lower() == place.table.name.lower():
                alone = len(list(self._entries())) == 1
                return exp.column(name, None if alone else entry.alias_or_name)
        self._join(place.table)
        return exp.column(name, place.table.name)

    def _join(self, table: Table) -> None:
        """By foreign keys from child to parent, so that no row is multiplied."""
        path = self._path(table)
        if path is None:
            raise Unfit(f"no way to {table.name}")
        self._qualify()
        for child, ours, parent, theirs in path:
            on = exp.EQ(this=exp.column(ours, self._alias(child)), expression=exp.column(theirs, self._alias(parent)))
            self.tree.join(exp.to_table(parent), on=on, join_type="left", copy=False)

    def _alias(self, table: str) -> str:
        named = (
            e.alias_or_name for e in self._entries() if isinstance(e, exp.Table) and e.name.lower() == table.lower()
        )
        return next(named, table)

    def _path(self, wanted: Table) -> list[tuple[str, str, str, str]] | None:
        """Steps (child, its column, parent, its column) from a table that is read to the wanted one."""
        reached: dict[str, list[tuple[str, str, str, str]]] = {name: [] for name in self.tables}
        ring = list(self.tables)
        while ring:
            name = ring.pop(0)
            table = self.schema.table(name)
            for key in table.foreign_keys if table else ():
                if len(key.columns) == 1 and key.ref_table not in reached:
                    reached[key.ref_table] = [*reached[name], (name, key.columns[0], key.ref_table, key.ref_columns[0])]
                    ring.append(key.ref_table)
                    if key.ref_table == wanted.name:
                        return reached[key.ref_table]
        return None

    def _parents(self) -> list[Table]:
        return [table for table in self.schema.tables if table.name not in self.tables and self._path(table)]

    def _qualify(self) -> None:
        """Each column with its table: another table is about to come in."""
        aliases = {part.alias.lower() for part in self.tree.expressions if part.alias}
        for column in self.tree.find_all(exp.Column):
            if column.table or column.find_ancestor(exp.Select) is not self.tree:
                continue
            holder = table_of(column, self.schema)
            if holder:
                column.set("table", exp.to_identifier(self._alias(holder)))
            elif column.name.lower() not in aliases:
                raise Unfit(f"whose is {column.name}?")

    def _place_of(self, column: exp.Column) -> Place | None:
        table = self.schema.table(table_of(column, self.schema))
        found = table.column(column.name) if table else None
        return Place(table, found) if table and found else None

    def _kind(self, node: exp.Expr) -> str:
        if isinstance(node, exp.Column):
            named = [part.this for part in self.tree.expressions if part.alias and part.alias == node.name]
            place = self._place_of(node)
            return place.column.kind if place else self._kind(named[0]) if named and named[0] is not node else "other"
        return "number" if _has_aggregate(node) or isinstance(node, exp.Binary) else "other"

    def _is_key(self, node: exp.Expr) -> bool:
        place = self._place_of(node) if isinstance(node, exp.Column) else None
        return place is not None and (
            place.column.primary_key or any(place.column.name in key.columns for key in place.table.foreign_keys)
        )

    def _about(self, condition: exp.Expr) -> set[tuple[str, str]]:
        places = [self._place_of(column) for column in condition.find_all(exp.Column)]
        return {(place.table.name, place.column.name) if place else ("", "") for place in places}

    def _drop(self, conditions: Sequence[exp.Expr]) -> None:
        gone = [condition.sql() for condition in conditions]
        rest = [each.copy() for each in self.conditions() if each.sql() not in gone]
        self.tree.set("where", None)
        for each in rest:
            self.tree.where(each, copy=False)

    def _by_measure(self, order: exp.Expr) -> bool:
        key = order.expressions[0].this
        named = {part.alias: part.this for part in self.tree.expressions if part.alias}
        return _has_aggregate(named.get(key.name, key) if isinstance(key, exp.Column) and not key.table else key)

    def _order_by_measure(self, order: exp.Expr | None, *, largest: bool | None) -> None:
        if order is not None:
            order.expressions[0].replace(self._ordered(order.expressions[0].this))
            return
        measure = self.measure()
        if measure is None and largest is not None:
            raise Unfit("nothing to rank by")
        if measure is not None:
            ordered = self._ordered(measure.copy(), largest is not False)
            self.tree.set("order", exp.Order(expressions=[ordered]))

    def _sort_key(self, name: Named) -> exp.Expr:
        place = _place(name)
        for part in self.tree.expressions:
            inner = part.unalias()
            if isinstance(inner, exp.Column) and self._place_of(inner) == place:
                return inner.copy()
        if self.grouped or self.tree.args.get("distinct"):
            raise Unfit("groups have no single value")
        return self._column(place)

    def _wrap(self, key: exp.Expr) -> exp.Expr:
        """The statement as a list to be sorted; gives the key as the list calls it."""
        for number, part in enumerate(self.tree.expressions):
            if part.unalias() == key:
                if not part.alias_or_name:
                    part.replace(exp.alias_(part.copy(), f"value_{number + 1}"))
                name = self.tree.expressions[number].alias_or_name
                inner = self.tree
                self.tree = exp.select("*").from_(inner.subquery("listed"))
                return exp.column(name, "listed")
        raise Unfit("the list does not show it")

    def _keys(self, name: Named) -> tuple[list[exp.Expr], list[exp.Expr]]:
        """What rows are grouped by, and what is shown of it: of a table, its rows by their name."""
        if name.column is not None:
            column = self._column(Place(name.table, name.column))
            return [column], [column.copy()]
        shown = label(name.table)
        keys = [column for column in name.table.columns if column.primary_key]
        if shown is None or len(keys) != 1:
            raise Unfit(f"{name.table.name} has no name")
        key, told = self._column(Place(name.table, keys[0])), self._column(Place(name.table, shown))
        return [key, told], [told.copy()]

    def _filtered_part(self, measure: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
        conditions = self.conditions()
        if not conditions:
            raise Unfit("all is all")
        what = measure.this if isinstance(measure, exp.Sum) else exp.Literal.number(1)
        case = exp.Case().when(exp.and_(*(each.copy() for each in conditions)), what.copy())
        self.tree.set("where", None)
        return exp.Sum(this=case.else_(exp.Literal.number(0))), measure.copy()

    def _percent(self, part: exp.Expr, whole: exp.Expr) -> exp.Expr:
        """With one decimal; of nothing there is no share. PostgreSQL rounds no floating numbers."""
        quotient = exp.Div(
            this=exp.Mul(this=exp.Literal.number("100.0"), expression=part),
            expression=exp.Nullif(this=whole, expression=exp.Literal.number(0)),
            typed=self._grammar.TYPED_DIVISION,
            safe=self._grammar.SAFE_DIVISION,
        )
        exact = exp.cast(quotient, exp.DataType.build("DECIMAL(18, 4)"))
        rounded = exact if self.schema.dialect == "postgres" else quotient
        return exp.Round(this=rounded, decimals=exp.Literal.number(1))

    def _spell_out_order(self) -> None:
        """ORDER BY an alias would order by what stands there from now on."""
        named = {part.alias: part.this for part in self.tree.expressions if part.alias}
        order = self.tree.args.get("order")
        for column in list(order.find_all(exp.Column)) if order is not None else []:
            if not column.table and column.name in named:
                column.replace(named[column.name].copy())


def _place(name: Named) -> Place:
    column = name.column or label(name.table)
    if column is None:
        raise Unfit(f"{name.table.name} has no name")
    return Place(name.table, column)


def _has_aggregate(node: exp.Expr) -> bool:
    return node.find(exp.AggFunc) is not None and node.find(exp.Query) is None
