"""The guard's rules about names: every table and column of a statement must be one of the schema.

A name is looked up where SQL looks it up: common table expressions that are visible at that place, then the schema.
Where this is more lenient than a server (a column alias in WHERE), the server still has the last word; nothing here
lets a table through that the schema does not hold.
"""

from dataclasses import dataclass, field

from rapidfuzz import fuzz, process
from sqlglot import exp

from pilot.datasource.functions import FUNCTIONS, OWN_SCHEMA, SYSTEM_PREFIXES, SYSTEM_SCHEMAS, SYSTEM_TABLES
from pilot.datasource.refusals import refuse
from pilot.schema import Dialect, Schema, Table

Columns = frozenset[str] | None  # lower case; None: not known, anything goes
PATH_CHARS = frozenset("/\\.:*?~%")  # DuckDB opens FROM 'x.csv'; a table of the schema may be called so


@dataclass(frozen=True)
class Used:
    """The tables of the schema that a statement reads, and (table, column) pairs; in order, as the schema spells."""

    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Source:
    """One entry of FROM: a table of the schema, or something with known or unknown columns."""

    name: str  # lower case, as other parts of the statement refer to it
    columns: Columns
    node: exp.Expr  # the entry itself
    table: Table | None = None


@dataclass
class Names:
    schema: Schema | None
    dialect: Dialect
    # By id of a query: without them, a chain of CTEs that each read the one before twice would take 2^n steps.
    # While a query's columns are worked out they count as not known, because a CTE may name itself.
    known_outputs: dict[int, Columns] = field(default_factory=dict)
    known_sources: dict[int, list[Source]] = field(default_factory=dict)

    def table(self, node: exp.Table) -> Table | None:
        """The schema's table behind a FROM entry; None for a CTE or a function. Raises SqlRejected."""
        if not isinstance(node.this, exp.Identifier):
            name = _function_name(node.this, self.dialect)
            if name not in FUNCTIONS[self.dialect]:
                raise refuse("function", name=name)
            return None
        if not node.db and visible_cte(node, self.dialect):
            return None
        return self._known(node)

    def _known(self, node: exp.Table) -> Table:
        name, shown = node.name, ".".join(part.name for part in node.parts)
        if _is_system(name, node.db):
            raise refuse("system_table", name=shown)
        found = self.schema.table(name) if self.schema else None
        place = (found.namespace if found else "") or OWN_SCHEMA[self.dialect]
        own = not node.db or node.db.lower() == place.lower()
        if node.catalog or not (own or (self.schema is None and self.dialect == "mysql")):
            raise refuse("qualified_table", name=shown)
        if found:
            return found
        if PATH_CHARS & set(name):
            raise refuse("path", name=name)
        if self.schema is None:
            return Table(name, ())
        near = nearest(name, [table.name for table in self.schema.tables])
        raise refuse("unknown_table", name=name, near=near)

    def sources(self, query: exp.Expr) -> list[Source]:
        """What FROM and JOIN of one SELECT bring, in order."""
        if id(query) not in self.known_sources:
            self.known_sources[id(query)] = self._read_sources(query)
        return self.known_sources[id(query)]

    def _read_sources(self, query: exp.Expr) -> list[Source]:
        entries = [query.args["from_"].this] if query.args.get("from_") else []
        entries += [join.this for join in query.args.get("joins") or []]
        entries += query.args.get("laterals") or []
        return [source for entry in entries for source in self._entry(entry)]

    def _entry(self, entry: exp.Expr) -> list[Source]:
        joined = [source for join in entry.args.get("joins") or [] for source in self._entry(join.this)]
        name = entry.alias_or_name.lower()
        if isinstance(entry, exp.Subquery) and isinstance(entry.this, exp.Table):  # FROM (a JOIN b ...)
            return self._entry(entry.this) + joined
        if isinstance(entry, exp.Table):
            table = self.table(entry)
            own = self._table_columns(entry, table)
            return [Source(name, renamed(entry, own), entry, table), *joined]
        inner = entry.this if isinstance(entry, exp.Subquery | exp.Lateral) else None
        own = self.outputs(inner) if isinstance(inner, exp.Query) else None
        return [Source(name, renamed(entry, own), entry), *joined]

    def _table_columns(self, entry: exp.Table, table: Table | None) -> Columns:
        if table:
            return frozenset(column.name.lower() for column in table.columns) if self.schema else None
        cte = visible_cte(entry, self.dialect)
        return renamed(cte, self.outputs(cte.this)) if cte else None

    def outputs(self, query: exp.Expr) -> Columns:
        """The column names that a query gives."""
        if id(query) not in self.known_outputs:
            self.known_outputs[id(query)] = None
            match query:
                case exp.SetOperation() | exp.Subquery():
                    self.known_outputs[id(query)] = self.outputs(query.this)
                case exp.Select():
                    self.known_outputs[id(query)] = self._projected(query)
        return self.known_outputs[id(query)]

    def _projected(self, query: exp.Select) -> Columns:
        names: set[str] = set()
        for part in query.expressions:
            if part.is_star:
                wanted = part.table.lower() if isinstance(part, exp.Column) else ""
                for source in self.sources(query):
                    if wanted in ("", source.name):
                        if source.columns is None:
                            return None
                        names |= source.columns
            elif part.alias_or_name:
                names.add(part.alias_or_name.lower())
            else:
                return None  # the server names it: COUNT(*), count, _col_0 ...
        return frozenset(names)


def resolve(tree: exp.Expr, schema: Schema | None, dialect: Dialect) -> Used:
    """Check every table and column name. Without a schema any plain table is known, and columns are not checked.

    Raises SqlRejected with a near name where there is one.
    """
    names = Names(schema, dialect)
    tables = [names.table(node) for node in tree.find_all(exp.Table, bfs=False)]
    columns = [_column(node, names) for node in tree.find_all(exp.Column, bfs=False) if schema and not node.is_star]
    columns += [pair for node in tree.find_all(exp.Select) if schema for pair in _starred(node, names)]
    columns += [pair for node in tree.find_all(exp.Join) if schema for pair in _using(node, names)]
    return Used(
        tuple(dict.fromkeys(table.name for table in tables if table)),
        tuple(dict.fromkeys(pair for pair in columns if pair)),
    )


def visible_cte(node: exp.Table, dialect: Dialect) -> exp.CTE | None:
    """The common table expression that this name means, if any: the nearest, by the server's rules of visibility."""
    name = folded(node.this, dialect)
    child: exp.Expr = node
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            visible = _before(parent, child, dialect)
        else:
            with_ = parent.args.get("with_")
            visible = with_.expressions if with_ is not None and with_ is not child else []
        for cte in reversed(visible):
            if folded(cte.args["alias"].this, dialect) == name:
                return cte
        child, parent = parent, parent.parent
    return None


def _before(with_: exp.With, cte: exp.Expr, dialect: Dialect) -> list[exp.CTE]:
    """What one CTE sees of its siblings: the earlier ones, and itself when recursion is allowed."""
    position = next(index for index, other in enumerate(with_.expressions) if other is cte)
    recursive = bool(with_.args.get("recursive")) or dialect == "sqlite"
    return with_.expressions[: position + 1 if recursive else position]


def renamed(node: exp.Expr, columns: Columns) -> Columns:
    """`columns` unless the alias lists names of its own: AS t(a, b)."""
    alias = node.args.get("alias")
    listed = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return frozenset(part.name.lower() for part in listed) if listed else columns


def nearest(name: str, candidates: list[str]) -> str | None:
    """The candidate that a slip of the pen would turn into `name`."""
    found = process.extractOne(name, candidates, scorer=fuzz.WRatio, processor=str.lower, score_cutoff=70)
    return found[0] if found else None


def _column(node: exp.Column, names: Names) -> tuple[str, str] | None:
    scopes = [names.sources(query) for query in enclosing(node)]
    wanted = node.name.lower()
    if node.table:
        sources = [source for scope in scopes for source in scope if source.name == node.table.lower()][:1]
        if not sources:
            known = [source.name for scope in scopes for source in scope]
            raise refuse("unknown_qualifier", name=node.table, near=nearest(node.table, known))
    else:
        sources = [source for scope in scopes for source in scope]
    for source in sources:
        if source.columns is None or wanted in source.columns:
            column = source.table.column(wanted) if source.table else None
            return (source.table.name, column.name) if source.table and column else None
    if not node.table and any(wanted in _aliases(query) for query in enclosing(node)):
        return None
    raise _unknown_column(node, sources, names)


def _unknown_column(node: exp.Column, sources: list[Source], names: Names) -> Exception:
    candidates = [column for source in sources for column in sorted(source.columns or ())]
    near = nearest(node.name, candidates)
    elsewhere = [
        f"{table.name}.{node.name}"
        for table in (names.schema.tables if names.schema else ())
        if table.column(node.name)
    ]
    hint = near or (elsewhere[0] if elsewhere else None)
    where = ", ".join(source.name for source in sources) or "this statement"
    return refuse("unknown_column", name=node.name, tables=where, near=hint)


def _starred(query: exp.Select, names: Names) -> list[tuple[str, str] | None]:
    """SELECT * and t.* read every column of their tables; COUNT(*) reads none."""
    wanted = {part.table.lower() if isinstance(part, exp.Column) else "" for part in query.expressions if part.is_star}
    return [
        (source.table.name, column.name)
        for source in (names.sources(query) if wanted else [])
        if source.table and ("" in wanted or source.name in wanted)
        for column in source.table.columns
    ]


def _using(join: exp.Join, names: Names) -> list[tuple[str, str] | None]:
    listed = [part for part in join.args.get("using") or [] if isinstance(part, exp.Identifier)]
    pairs: list[tuple[str, str] | None] = []
    for part in listed:
        sources = [source for query in enclosing(join) for source in names.sources(query)]
        holders = [source for source in sources if source.columns is None or part.name.lower() in source.columns]
        if not holders:
            raise _unknown_column(exp.column(part.name), sources, names)
        pairs += [(source.table.name, part.name) for source in holders if source.table]
    return pairs


def enclosing(node: exp.Expr) -> list[exp.Expr]:
    """The queries around a node, innermost first. ORDER BY of a set operation sees its first SELECT."""
    found = []
    parent = node.parent
    while parent is not None:
        if isinstance(parent, exp.Select):
            found.append(parent)
        elif isinstance(parent, exp.SetOperation):
            found.append(_first_select(parent))
        parent = parent.parent
    return found


def _first_select(query: exp.Expr) -> exp.Expr:
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this
    return query


def _aliases(query: exp.Expr) -> set[str]:
    return {part.alias.lower() for part in query.expressions if isinstance(part, exp.Alias)}


def _is_system(name: str, db: str) -> bool:
    lower = name.lower()
    return db.lower() in SYSTEM_SCHEMAS or lower in SYSTEM_TABLES or lower.startswith(SYSTEM_PREFIXES)


def folded(identifier: exp.Expr, dialect: Dialect) -> str:
    """A name as the server compares it. MySQL on Linux tells Orders from orders."""
    if dialect == "mysql" or (dialect == "postgres" and identifier.args.get("quoted")):
        return str(identifier.name)
    return str(identifier.name).lower()


def _function_name(node: exp.Expr, dialect: Dialect) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else node.sql(dialect).partition("(")[0].upper()
