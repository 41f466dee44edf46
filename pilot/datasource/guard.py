"""Decide whether SQL may run. Pure: no database needed, and fail-closed: what is not known to be harmless is refused.

The text that runs is never the text that came in: the tree is written out again without comments, read again and
checked again, because a parser and a server may read one text in two ways (docs/sql-safety.md tells how).
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field

from sqlglot import Dialect as Grammar
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.generators.mysql import MySQLGenerator

from pilot.datasource.functions import FUNCTIONS, KEYWORDS
from pilot.datasource.guard_names import Used, resolve
from pilot.datasource.guard_spelling import respell
from pilot.datasource.guard_text import MAX_CHARS, called, check_text
from pilot.datasource.guard_tree import check_tree
from pilot.datasource.refusals import refuse
from pilot.datasource.stars import spell_out
from pilot.schema import Dialect, Schema

_ISSUED_HERE = object()  # what makes a SafeSql; no other module has it

READING = ("SELECT", "WITH", "(", "VALUES", "FROM", "TABLE")
SHOW_KINDS = frozenset({"TABLES", "COLUMNS", "INDEX", "CREATE TABLE", "DATABASES"})
EXPLAIN: dict[Dialect, str] = {
    "sqlite": r"EXPLAIN(\s+QUERY\s+PLAN)?",
    "mysql": r"(EXPLAIN|DESCRIBE|DESC)(\s+EXTENDED|\s+FORMAT\s*=\s*(JSON|TREE|TRADITIONAL))?",
    "postgres": r"EXPLAIN",
    "duckdb": r"EXPLAIN",
}
SHAPE = (exp.Select, exp.SetOperation, exp.Subquery, exp.CTE, exp.Table, exp.Column)
ROUNDS = 3  # a text is stable after one or two; more means that it grows


@dataclass(frozen=True)
class SafeSql:
    """A statement that the guard has passed. Only `check` can make one. `text` is what runs; `shown` is the same as
    people should see it, without the LIMIT that the guard gave it.
    """

    text: str
    shown: str
    dialect: Dialect
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]  # (table, column), as far as they belong to tables of the schema
    _tree: exp.Expr = field(repr=False, compare=False)
    issuer: InitVar[object]

    def __post_init__(self, issuer: object) -> None:
        if issuer is not _ISSUED_HERE:
            raise TypeError("SafeSql comes from guard.check alone")

    @property
    def tree(self) -> exp.Expr:
        """A copy of the tree of `shown`, to explain it by. Of EXPLAIN: the query that is explained."""
        return self._tree.copy()


def check(sql: str, *, schema: Schema, max_rows: int) -> SafeSql:
    """Pass one reading statement over this schema, with a LIMIT of at most `max_rows` + 1 (one more tells that there
    are more). Raises SqlRejected.
    """
    return _check(sql, schema.dialect, schema, max_rows)


def check_shape(sql: str, *, dialect: Dialect, max_rows: int) -> SafeSql:
    """The same without a schema: any plain table name is known, columns are not looked at. Raises SqlRejected."""
    return _check(sql, dialect, None, max_rows)


def _check(sql: str, dialect: Dialect, schema: Schema | None, max_rows: int) -> SafeSql:
    try:
        return _passed(sql, dialect, schema, max_rows)
    except RecursionError:  # of the parser, the writer, or a chain of common table expressions
        raise refuse("too_deep") from None


def _passed(sql: str, dialect: Dialect, schema: Schema | None, max_rows: int) -> SafeSql:
    check_text(sql, dialect)
    prefix, query = _split_explain(sql.strip().rstrip(";").strip(), dialect)
    tree = parse(query, dialect)
    if isinstance(tree, exp.Show | exp.Describe) and not prefix:
        return _check_listing(tree, dialect, schema)
    tree = _plain_root(tree, dialect)
    used = _check_query(tree, schema, dialect)
    asked = tree.args.get("limit")
    _limit(tree, max_rows)
    for _ in range(ROUNDS):
        text = write(tree, dialect)
        check_text(text, dialect, limit=3 * MAX_CHARS)  # it has blanks that the first one may have saved
        again = _plain_root(parse(text, dialect), dialect)
        if (
            _check_query(again, schema, dialect) != used
            or _shape(again) != _shape(tree)
            or not _is_limited(again, max_rows)
        ):
            raise refuse("changed")
        if write(again, dialect) == text:
            _check_calls(text, again, dialect)
            again.set("limit", asked)
            shown = prefix + write(again, dialect)
            return SafeSql(prefix + text, shown, dialect, used.tables, used.columns, again, _ISSUED_HERE)
        tree = again
    raise refuse("changed")


def _check_query(tree: exp.Expr, schema: Schema | None, dialect: Dialect) -> Used:
    check_tree(tree, dialect)
    if schema:
        respell(tree, schema, dialect)
    if schema and schema.hides:
        spell_out(tree, schema, dialect)
    return resolve(tree, schema, dialect)


def _split_explain(sql: str, dialect: Dialect) -> tuple[str, str]:
    """EXPLAIN and the query behind it. EXPLAIN ANALYZE runs its query, so it stays and is refused as a query."""
    found = re.match(rf"(?P<explain>{EXPLAIN[dialect]})(?=[\s(])\s*(?=SELECT\b|WITH\b|\()", sql, re.IGNORECASE)
    if not found:
        return "", sql
    return " ".join(found["explain"].upper().split()) + " ", sql[found.end() :]


def parse(sql: str, dialect: Dialect, *, first: Sequence[str] = ()) -> exp.Expr:
    """One statement that begins with one of the words `first`, or else with one that reads. Raises SqlRejected."""
    grammar = Grammar.get_or_raise(dialect)
    try:
        tokens = grammar.tokenize(sql)
        _check_first(tokens[0].text.upper() if tokens else "", first or _reading(dialect))
        trees = [tree for tree in grammar.parser().parse(tokens, sql) if tree is not None]
    except (SqlglotError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise refuse("unreadable", dialect=dialect, problem=_problem(error)) from None
    if not trees:
        raise refuse("empty")
    if len(trees) > 1:
        raise refuse("several", count=len(trees))
    return trees[0]


def _reading(dialect: Dialect) -> Sequence[str]:
    return (*READING, "SHOW", "DESCRIBE", "DESC") if dialect == "mysql" else READING


def _check_first(word: str, allowed: Sequence[str]) -> None:
    """Before parsing: sqlglot keeps a statement that it does not know as raw text, and logs it."""
    if word and word not in allowed:
        raise refuse("root", name=word[:40])


def _plain_root(tree: exp.Expr, dialect: Dialect) -> exp.Expr:
    """The query itself, out of parentheses that hold nothing else."""
    while type(tree) is exp.Subquery and not any(value for key, value in tree.args.items() if key != "this"):
        tree = tree.this
    if type(tree) not in (exp.Select, exp.Union, exp.Intersect, exp.Except, exp.Subquery):
        raise refuse("root", name=tree.sql(dialect)[:40])
    return tree


def _limit(tree: exp.Expr, max_rows: int) -> None:
    for part in tree.find_all(exp.Limit, exp.Offset, exp.Fetch):
        number = part.args.get("count") if isinstance(part, exp.Fetch) else part.expression
        options = part.args.get("limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            raise refuse("limit", name=part.sql().strip())
        if not isinstance(number, exp.Literal) or number.is_string or not number.name.isdecimal():
            raise refuse("limit", name=number.sql() if number is not None else "none")
    if not _is_limited(tree, max_rows):
        tree.set("limit", exp.Limit(expression=exp.Literal.number(max_rows + 1)))


def _is_limited(tree: exp.Expr, max_rows: int) -> bool:
    limit = tree.args.get("limit")
    return limit is not None and int((limit.args.get("count") or limit.expression).name) <= max_rows + 1


def _check_calls(text: str, tree: exp.Expr, dialect: Dialect) -> None:
    """Every call in the final text by its name: a type of sqlglot may be spelled as a function that is not built in."""
    aliases = {alias.name.upper() for alias in tree.find_all(exp.TableAlias) if alias.args.get("columns")}
    for name in called(text, dialect):
        if name not in FUNCTIONS[dialect] and name not in KEYWORDS and name.strip('"`').upper() not in aliases:
            raise refuse("function", name=name)


def _check_listing(tree: exp.Expr, dialect: Dialect, schema: Schema | None) -> SafeSql:
    """MySQL's SHOW and DESCRIBE, rebuilt from the one name that they may hold."""
    target = tree.args.get("target") if isinstance(tree, exp.Show) else tree.this
    kind = tree.name.upper() if isinstance(tree, exp.Show) else "DESCRIBE"
    like = tree.args.get("like")
    extra = [key for key, value in tree.args.items() if value and key not in ("this", "target", "like", "full")]
    if kind not in SHOW_KINDS | {"DESCRIBE"} or extra or not (like is None or like.is_string):
        raise refuse("option", name=tree.sql(dialect)[:40])
    if schema and schema.hides:
        raise refuse("hidden", name=tree.sql(dialect)[:40])
    text = tree.sql(dialect, comments=False)
    if target is None:
        return SafeSql(text, text, dialect, (), (), tree, _ISSUED_HERE)
    table = target if isinstance(target, exp.Table) else exp.Table(this=target)
    check_tree(table, dialect)
    used = resolve(table, schema, dialect)
    return SafeSql(text, text, dialect, used.tables, (), tree, _ISSUED_HERE)


def _shape(tree: exp.Expr) -> Counter[str]:
    return Counter(type(node).__name__ for node in tree.walk() if isinstance(node, SHAPE))


def _problem(error: Exception) -> str:
    """The parser's complaint as one plain line."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).split("\n")[0]
    return text[:200].rstrip(".") or "unreadable"


class _MySqlWriter(MySQLGenerator):
    """MySQL as MariaDB also reads it: it has neither REGEXP_LIKE nor ->>."""

    TRANSFORMS = MySQLGenerator.TRANSFORMS | {
        exp.RegexpLike: lambda self, node: self.binary(node, "REGEXP"),
        exp.JSONExtractScalar: lambda self, node: self.func(
            "JSON_UNQUOTE", self.func("JSON_EXTRACT", node.this, node.expression)
        ),
    }


def write(tree: exp.Expr, dialect: Dialect) -> str:
    """The tree as text without comments. Raises SqlRejected when it cannot be written."""
    try:
        if dialect == "mysql":
            return str(_MySqlWriter(dialect="mysql", comments=False).generate(tree))
        return str(tree.sql(dialect, comments=False))
    except (SqlglotError, ValueError, TypeError, AttributeError, LookupError) as error:
        raise refuse("unreadable", dialect=dialect, problem=_problem(error)) from None
