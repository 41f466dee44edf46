"""Decide whether a statement may change data: one INSERT ... VALUES, UPDATE ... SET ... WHERE or DELETE ... WHERE.

Nothing of the text that came in runs. Every value and every condition is put into a SELECT over the same table, which
has to pass the reading guard (guard.py); the writing statement is then built anew of the parts that passed, and of
names as the schema spells them. What has no place in that form (RETURNING, ON CONFLICT, joins, CTEs ...) is refused.
"""

from dataclasses import InitVar, dataclass
from typing import Literal

from sqlglot import exp

from pilot.datasource.guard import SafeSql, check, parse, write
from pilot.datasource.guard_names import Names
from pilot.datasource.guard_text import check_text
from pilot.datasource.refusals import refuse
from pilot.schema import Column, Dialect, Schema, Table

_ISSUED_HERE = object()  # what makes a SafeWrite; no other module has it

Kind = Literal["insert", "update", "delete"]
WRITING = ("INSERT", "UPDATE", "DELETE")
WRITABLE: frozenset[Dialect] = frozenset({"mysql", "postgres", "sqlite"})  # DuckDB files are opened for reading only
FORM: dict[type[exp.Expr], set[str]] = {
    exp.Insert: {"this", "expression"},
    exp.Update: {"this", "expressions", "where"},
    exp.Delete: {"this", "where"},
}


@dataclass(frozen=True)
class SafeWrite:
    """A statement that may change rows of one table. Only `check_write` can make one.

    `before` reads the rows that an UPDATE or DELETE would meet; an INSERT meets none. `columns` are those that it sets.
    """

    text: str
    dialect: Dialect
    kind: Kind
    table: Table
    columns: tuple[str, ...]
    before: SafeSql | None
    issuer: InitVar[object]

    def __post_init__(self, issuer: object) -> None:
        if issuer is not _ISSUED_HERE:
            raise TypeError("SafeWrite comes from guard_write.check_write alone")


def is_write(sql: str) -> bool:
    """Whether it begins like one: whoever wrote it wants to change data."""
    return sql.lstrip().upper().startswith(WRITING)


def check_write(sql: str, *, schema: Schema, shown_rows: int) -> SafeWrite:
    """Pass one statement that changes rows of a table of this schema. Raises SqlRejected.

    `shown_rows` is how many of the rows that it meets `before` will read.
    """
    dialect = schema.dialect
    if dialect not in WRITABLE:
        raise refuse("write_dialect", name=dialect)
    check_text(sql, dialect)
    try:
        return _Writer(schema, shown_rows).statement(sql)
    except RecursionError:
        raise refuse("too_deep") from None


class _Writer:
    def __init__(self, schema: Schema, shown_rows: int) -> None:
        self._schema = schema
        self._dialect = schema.dialect
        self._shown = shown_rows

    def statement(self, sql: str) -> SafeWrite:
        tree = parse(sql.strip().rstrip(";").strip(), self._dialect, first=WRITING)
        form = FORM.get(type(tree))
        extra = [key for key, value in tree.args.items() if value and key not in (form or ())]
        if form is None or extra:
            raise refuse("write_form", name=" ".join(sql.split())[:60])
        match tree:
            case exp.Insert():
                return self._insert(tree)
            case exp.Update():
                return self._update(tree)
            case _:
                return self._delete(tree)

    def _insert(self, tree: exp.Insert) -> SafeWrite:
        target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        table = self._table(target)
        named = tree.this.expressions if isinstance(tree.this, exp.Schema) else []
        columns = [self._column(table, part) for part in named] or list(table.columns)
        rows = tree.expression.expressions if isinstance(tree.expression, exp.Values) else []
        if not rows or any(not isinstance(row, exp.Tuple) or len(row.expressions) != len(columns) for row in rows):
            raise refuse("write_form", name=f"INSERT INTO {table.name}")
        asked = exp.select(*(value for row in rows for value in row.expressions))
        values = self._passed(asked).expressions
        width = len(columns)
        tuples = [exp.Tuple(expressions=values[start : start + width]) for start in range(0, len(values), width)]
        made = exp.Insert(
            this=exp.Schema(this=_name(table), expressions=[_identifier(column.name) for column in columns]),
            expression=exp.Values(expressions=tuples),
        )
        return self._made("insert", made, table, columns, None)

    def _update(self, tree: exp.Update) -> SafeWrite:
        table = self._table(tree.this)
        condition = self._condition(tree)
        pairs = tree.expressions
        if any(type(pair) is not exp.EQ or not isinstance(pair.this, exp.Column) for pair in pairs):
            raise refuse("write_form", name=f"UPDATE {table.name}")
        columns = [self._column(table, pair.this.this, pair.this.table) for pair in pairs]
        keys = [column.name for column in table.columns if column.primary_key]
        changed = [column.name for column in columns if column.primary_key]
        if not keys or changed:
            raise refuse("write_key", name=table.name, column=", ".join(changed) or "-")
        asked = exp.select(*(pair.expression for pair in pairs)).from_(tree.this.copy()).where(condition)
        passed = self._passed(asked)
        settings = [
            exp.EQ(this=exp.Column(this=_identifier(column.name)), expression=value)
            for column, value in zip(columns, passed.expressions, strict=True)
        ]
        made = exp.Update(this=_name(table), expressions=settings, where=passed.args["where"])
        return self._made("update", made, table, columns, self._before(tree))

    def _delete(self, tree: exp.Delete) -> SafeWrite:
        table = self._table(tree.this)
        self._condition(tree)
        before = self._before(tree)
        made = exp.Delete(this=_name(table), where=before.tree.args["where"])
        return self._made("delete", made, table, list(table.columns), before)

    def _made(
        self, kind: Kind, made: exp.Expr, table: Table, columns: list[Column], before: SafeSql | None
    ) -> SafeWrite:
        """The statement as text, which must read as it was built."""
        text = write(made, self._dialect)
        check_text(text, self._dialect, limit=3 * len(text))
        again = parse(text, self._dialect, first=WRITING)
        if type(again) is not type(made) or write(again, self._dialect) != text or _count(again) != _count(made):
            raise refuse("changed")
        names = tuple(column.name for column in columns)
        return SafeWrite(text, self._dialect, kind, table, names, before, _ISSUED_HERE)

    def _table(self, node: exp.Expr) -> Table:
        if not isinstance(node, exp.Table) or any(
            value for key, value in node.args.items() if key not in ("this", "db")
        ):
            raise refuse("write_form", name=node.sql(self._dialect)[:60])
        found = Names(self._schema, self._dialect).table(node)
        if found is None or found.view:
            raise refuse("write_view", name=node.name)
        return found

    def _column(self, table: Table, node: exp.Expr, qualifier: str = "") -> Column:
        found = table.column(node.name)
        if found is None or (qualifier and qualifier.lower() != table.name.lower()):
            raise refuse("unknown_column", name=node.name, tables=table.name)
        return found

    def _condition(self, tree: exp.Expr) -> exp.Expr:
        where = tree.args.get("where")
        if where is None:
            raise refuse("write_where", name=type(tree).__name__.upper())
        condition: exp.Expr = where.this
        return condition

    def _before(self, tree: exp.Expr) -> SafeSql:
        keys = [column.name for column in self._table(tree.this).columns if column.primary_key]
        order = [exp.column(key, quoted=True) for key in keys]  # so that the same rows come the next time
        asked = exp.select("*").from_(tree.this.copy()).where(self._condition(tree))
        asked = asked.order_by(*order) if order else asked
        return check(write(asked, self._dialect), schema=self._schema, max_rows=self._shown)

    def _passed(self, asked: exp.Select) -> exp.Expr:
        passed = check(write(asked, self._dialect), schema=self._schema, max_rows=1).tree
        if type(passed) is not exp.Select or len(passed.expressions) != len(asked.expressions):
            raise refuse("changed")
        if any(isinstance(part, exp.Alias) or part.is_star for part in passed.expressions):
            raise refuse("write_form", name=asked.sql(self._dialect)[:60])
        return passed


def _name(table: Table) -> exp.Table:
    return exp.Table(this=_identifier(table.name), db=_identifier(table.namespace) if table.namespace else None)


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _count(tree: exp.Expr) -> int:
    return sum(1 for _ in tree.walk())
