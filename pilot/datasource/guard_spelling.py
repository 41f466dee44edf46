"""Write names as the schema does, where the server tells capitals apart and would not find them.

PostgreSQL reads Customers as customers, so a table that is really called Customers has to be quoted; MySQL tells the
names of tables and aliases apart, most often. Models, and people, forget. A name that the server does find is left.
Words that a newer MySQL has reserved are quoted, too.
"""

from sqlglot import exp

from pilot.datasource.guard_names import Names, Source, enclosing, folded, visible_cte
from pilot.schema import Dialect, Schema

# Words that MySQL has reserved since sqlglot's list was made (8.4, 9.x).
RESERVED = frozenset({"library", "manual", "parallel", "qualify", "tablesample"})

TELLS_CAPITALS: frozenset[Dialect] = frozenset({"postgres", "mysql"})


def respell(tree: exp.Expr, schema: Schema, dialect: Dialect) -> None:
    """In place. Raises SqlRejected for a table that is not known."""
    if dialect not in TELLS_CAPITALS:
        return
    if dialect == "mysql":
        for name in tree.find_all(exp.Identifier):
            if name.name.lower() in RESERVED:
                name.set("quoted", True)
    speller = _Speller(Names(schema, dialect), dialect)
    for table in list(tree.find_all(exp.Table)):
        speller.table(table)
    for column in list(tree.find_all(exp.Column)):
        speller.column(column)
    for join in tree.find_all(exp.Join):
        for part in join.args.get("using") or []:
            if isinstance(part, exp.Identifier) and dialect == "postgres":
                speller.name(part, [source for query in enclosing(join) for source in speller.names.sources(query)])


class _Speller:
    def __init__(self, names: Names, dialect: Dialect) -> None:
        self.names = names
        self._dialect = dialect

    def table(self, node: exp.Table) -> None:
        found = self.names.table(node)
        if found is None:
            return
        self._write(node.this, found.name)
        if node.args.get("db"):
            self._write(node.args["db"], found.namespace or node.db.lower())

    def column(self, node: exp.Column) -> None:
        queries = enclosing(node)
        sources = [source for query in queries for source in self.names.sources(query)]
        if node.table:
            sources = [source for source in sources if source.name == node.table.lower()][:1]
            for named in map(_named_by, sources):
                if self._folded(named) != self._folded(node.args["table"]):
                    node.set("table", named.copy())
        elif isinstance(node.parent, exp.Ordered | exp.Group) and self._is_alias(node, queries):
            return
        if not isinstance(node.this, exp.Identifier) or self._dialect != "postgres":
            return  # columns are compared without a look at capitals elsewhere
        if not self.name(node.this, sources) and not node.table:
            for alias in _aliases(queries):
                if alias.name.lower() == node.name.lower():
                    node.set("this", alias.copy())
                    return

    def _is_alias(self, node: exp.Column, queries: list[exp.Expr]) -> bool:
        return any(self._folded(alias) == self._folded(node.this) for alias in _aliases(queries))

    def name(self, node: exp.Identifier, sources: list[Source]) -> bool:
        """Whether one of the sources has such a column, however it is spelled."""
        spellings = [spelling for source in sources if (spelling := self._spelling(source, node.name.lower()))]
        if spellings and self._folded(node) not in spellings:
            self._write(node, spellings[0])
        return bool(spellings)

    def _spelling(self, source: Source, wanted: str) -> str:
        """How the server calls this column of a source; "" where it has none, or where that is not known."""
        alias = source.node.args.get("alias")
        for part in (alias.args.get("columns") or []) if isinstance(alias, exp.TableAlias) else []:
            if part.name.lower() == wanted:
                return self._folded(part)
        if source.table is not None:
            column = source.table.column(wanted)
            return column.name if column else ""
        if isinstance(source.node, exp.Table):
            cte = visible_cte(source.node, self._dialect)
            listed = cte.args["alias"].args.get("columns") or [] if cte else []
            named = next((self._folded(part) for part in listed if part.name.lower() == wanted), "")
            return named or (self._output(cte.this, wanted) if cte else "")
        return self._output(source.node.this, wanted)

    def _output(self, query: exp.Expr, wanted: str) -> str:
        while isinstance(query, exp.SetOperation | exp.Subquery):
            query = query.this
        for part in query.expressions if isinstance(query, exp.Select) else []:
            if isinstance(part, exp.Alias) and part.alias.lower() == wanted:
                return self._folded(part.args["alias"])
            if isinstance(part, exp.Column) and not part.is_star and part.name.lower() == wanted:
                return self._of(part, query) or self._folded(part.this)
            if part.is_star:
                for source in self.names.sources(query):
                    if found := self._spelling(source, wanted):
                        return found
        return ""

    def _of(self, column: exp.Column, query: exp.Expr) -> str:
        sources = self.names.sources(query)
        if column.table:
            sources = [source for source in sources if source.name == column.table.lower()]
        spellings = [spelling for source in sources if (spelling := self._spelling(source, column.name.lower()))]
        own = self._folded(column.this)
        return own if own in spellings else next(iter(spellings), "")

    def _write(self, node: exp.Identifier, name: str) -> None:
        if self._folded(node) != name:
            node.set("this", name)
            node.set("quoted", True)

    def _folded(self, node: exp.Expr) -> str:
        return folded(node, self._dialect)


def _named_by(source: Source) -> exp.Identifier:
    alias = source.node.args.get("alias")
    named = alias.this if isinstance(alias, exp.TableAlias) and alias.this else source.node.this
    return named if isinstance(named, exp.Identifier) else exp.to_identifier(source.name)


def _aliases(queries: list[exp.Expr]) -> list[exp.Identifier]:
    parts = (part.args["alias"] for query in queries for part in query.expressions if isinstance(part, exp.Alias))
    return [part for part in parts if isinstance(part, exp.Identifier)]
