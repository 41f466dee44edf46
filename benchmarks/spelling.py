"""A statement as the grammar for models spells it: every column with its table, tables under their own names."""

from collections import Counter
from collections.abc import Iterator

from sqlglot import exp
from sqlglot.generators.sqlite import SQLiteGenerator
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from pilot.datasource.lark import spelled
from pilot.datasource.lark_rules import DERIVED, VALUES
from pilot.schema import Schema


class _Writer(SQLiteGenerator):
    """NOT IN and its like as one word; what the grammar has one spelling for, in that."""

    def not_sql(self, node: exp.Not) -> str:
        inside = node.this
        match inside:
            case exp.In() | exp.Like() | exp.Between():
                head = self.sql(inside, "this")
                return f"{head} NOT{self.sql(inside).removeprefix(head)}"
            case exp.Is():
                return f"{self.sql(inside, 'this')} IS NOT {self.sql(inside, 'expression')}"
        return f"NOT {self.sql(inside)}"


def in_grammar(sql: exp.Expr, schema: Schema) -> str:
    """Raises ValueError, or an error of sqlglot, where that cannot be."""
    tables = {table.name.lower(): {column.name.lower(): "TEXT" for column in table.columns} for table in schema.tables}
    tree = qualify(
        sql.copy(), schema=tables, dialect="sqlite", quote_identifiers=False, validate_qualify_columns=True,
    )  # fmt: skip
    _plain(tree)
    for scope in traverse_scope(tree):
        _rename(scope, schema)
    return f"{_Writer(dialect='sqlite', comments=False).generate(tree)};"


def _plain(tree: exp.Expr) -> None:
    """Aliases of the outermost list are words that nobody checks; a comma is a join; ASC goes without saying."""
    for join in tree.find_all(exp.Join):
        join.set("kind", "CROSS" if not join.args.get("on") else None)
    inner = {id(query.this) for query in tree.find_all(exp.CTE)} | {
        id(query.this) for query in tree.find_all(exp.Subquery) if isinstance(query.parent, exp.From | exp.Join)
    }
    for select in tree.find_all(exp.Select):
        named = {each.alias: each.this for each in select.expressions if isinstance(each, exp.Alias)}
        for part in (select.args.get("order"), select.args.get("having"), select.args.get("group")):
            for column in list(part.find_all(exp.Column)) if part else ():
                if not column.table and column.name in named:
                    column.replace(named[column.name].copy())
        if id(select) not in inner:
            select.set("expressions", [each.unalias() for each in select.expressions])


def _rename(scope: Scope, schema: Schema) -> None:
    """Inner scopes come first: their own tables bear their new names when an outer one is asked for."""
    seen: Counter[str] = Counter()
    new: dict[str, str] = {}
    for alias, source in _sources(scope):
        if isinstance(source, exp.Table):
            table = schema.table(source.name)
            name = table.name if table else source.name
            seen[name.lower()] += 1
            times = seen[name.lower()]
            if times > 2:
                raise ValueError(f"{name} stands there {times} times")
            new[alias] = name if times == 1 else f"{name}_2"
            source.set("this", _named(name))
            shown = None if times == 1 else exp.TableAlias(this=_named(f"{name}_2"))
            source.set("alias", shown)
        else:
            outputs = source.expression.selects
            if len(outputs) > len(DERIVED):
                raise ValueError(f"{len(outputs)} columns")
            new[alias] = DERIVED[len(outputs) - 1]
            _number(source, scope, alias)
    for column in scope.columns:
        if column.table in new:
            name = new[column.table]
            table = schema.table(name.removesuffix("_2")) if schema.table(name) is None else schema.table(name)
            own = table.column(column.name) if table else None
            column.set("this", _named(own.name if own else column.name))
            column.set("table", _named(name))


def _named(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=spelled(name, "sqlite") != name)


def _sources(scope: Scope) -> Iterator[tuple[str, exp.Table | Scope]]:
    for name, (_, source) in scope.selected_sources.items():
        yield name, source


def _number(source: Scope, scope: Scope, alias: str) -> None:
    """The columns of a derived table get the names that they have in the grammar."""
    names = dict(zip((each.alias_or_name for each in source.expression.selects), VALUES, strict=False))
    for each, name in zip(list(source.expression.selects), VALUES, strict=False):
        each.replace(exp.alias_(each.unalias().copy(), name))
    for column in scope.columns:
        if column.table == alias and column.name in names:
            column.set("this", exp.to_identifier(names[column.name]))
    made = DERIVED[len(names) - 1]
    for node in scope.expression.find_all(exp.Subquery, exp.Table):
        if node.alias_or_name == alias:
            if isinstance(node, exp.Subquery):
                node.set("alias", exp.TableAlias(this=exp.to_identifier(made)))
            else:
                node.replace(exp.Table(this=exp.to_identifier(made)))
    for common in scope.expression.find_all(exp.CTE):
        if common.alias == alias:
            common.set("alias", exp.TableAlias(this=exp.to_identifier(made)))
