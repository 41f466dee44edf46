"""What stands for columns without naming them, where the owner hides some: * is spelled out, the rest is refused.

The schema that the guard knows does not hold what is hidden, so a column that is named as its table's is unknown. This
is about the ways to reach one without its name, or by a name that something else in the statement bears as well.
"""

from collections.abc import Iterator

from sqlglot import exp

from pilot.datasource.guard_names import Names, Source, enclosing
from pilot.datasource.refusals import refuse
from pilot.schema import Dialect, Schema


def spell_out(tree: exp.Expr, schema: Schema, dialect: Dialect) -> None:
    """Rewrite every * over a table with hidden columns, in place. Raises SqlRejected for what could bring them."""
    names = Names(schema, dialect)
    for table in tree.find_all(exp.Table):
        found = names.table(table)
        alias = table.args.get("alias")
        if found and found.hidden and alias and alias.columns:
            raise refuse("hidden", name=alias.sql(dialect))
    for join in tree.find_all(exp.Join):
        _check_join(join, names, dialect)
    for column in tree.find_all(exp.Column):
        _check_column(column, names, dialect)
    for query in list(tree.find_all(exp.Select)):
        query.set("expressions", [part for each in query.expressions for part in _spelled(each, query, names, dialect)])


def _check_join(join: exp.Join, names: Names, dialect: Dialect) -> None:
    """NATURAL and USING compare columns by name, whoever may see them."""
    sources = _narrowed(join, names)
    using = {part.name.lower() for part in join.args.get("using") or []}
    natural = str(join.args.get("method") or "").upper() == "NATURAL"
    if sources and (natural or any(using & _hidden(source) for source in sources)):
        raise refuse("hidden", name=join.sql(dialect).strip())


def _check_column(column: exp.Column, names: Names, dialect: Dialect) -> None:
    """Without a table before it, a name may be that of a hidden column, or of a whole row."""
    wanted = column.name.lower()
    for source in [] if column.table else _narrowed(column, names):
        if not column.is_star and (wanted in _hidden(source) or _is_row(wanted, source)):
            raise refuse("unknown_column", name=column.name, tables=source.name)
    if column.is_star and not isinstance(column.parent, exp.Select) and _narrowed(column, names):
        raise refuse("hidden", name=column.sql(dialect))


def _is_row(wanted: str, source: Source) -> bool:
    return wanted == source.name and wanted not in (source.columns or ())


def _spelled(part: exp.Expr, query: exp.Select, names: Names, dialect: Dialect) -> Iterator[exp.Expr]:
    wanted = part.table.lower() if isinstance(part, exp.Column) else ""
    sources = [source for source in names.sources(query) if wanted in ("", source.name)]
    if not part.is_star or not any(source.table and source.table.hidden for source in sources):
        yield part
        return
    if any(value for star in part.find_all(exp.Star) for value in star.args.values()):
        raise refuse("hidden", name=part.sql(dialect))  # EXCEPT, REPLACE and their like
    spelling = {entry.alias_or_name.lower(): _name(entry) for entry in reversed(_entries(query))}
    for source in sources:
        if source.table and source.table.hidden:
            columns = [exp.to_identifier(column.name, quoted=True) for column in source.table.columns]
        else:
            columns = [exp.Star()]
        yield from (exp.Column(this=column, table=spelling[source.name].copy()) for column in columns)


def _entries(query: exp.Select) -> list[exp.Expr]:
    """Outermost first."""
    return list(query.find_all(exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.Values))


def _name(entry: exp.Expr) -> exp.Expr:
    """As the statement spells it: an alias in quotes is another than one without."""
    alias = entry.args.get("alias")
    name = alias.this if isinstance(alias, exp.TableAlias) and alias.this else entry.this
    return name if isinstance(name, exp.Identifier) else exp.to_identifier(entry.alias_or_name, quoted=True)


def _narrowed(node: exp.Expr, names: Names) -> list[Source]:
    sources = (source for query in enclosing(node) for source in names.sources(query))
    return [source for source in sources if source.table and source.table.hidden]


def _hidden(source: Source) -> set[str]:
    return {name.lower() for name in source.table.hidden} if source.table else set()
