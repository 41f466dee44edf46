"""The guard's rules about the parsed tree: only known kinds of nodes, functions, types and plain words.

Whatever is written out without quotes must be a plain word, because writing out is what makes a hidden text live.
"""

import re
from collections.abc import Iterator

from sqlglot import exp

from pilot.datasource.functions import FUNCTIONS, NODES, NOT_IN, TYPES
from pilot.datasource.refusals import refuse
from pilot.schema import Dialect

WORD = re.compile(r"[^\W\d][\w$]*( [^\W\d][\w$]*)*")  # CURRENT ROW is two
NAME = re.compile(r"[\w$]+")  # unquoted; MySQL lets one begin with a digit
QUOTED_NAME = re.compile(r"[^\x00-\x1f\"`\\\[\]]+")
NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DIGITS = re.compile(r"[0-9A-Fa-f]*")
UNESCAPED = re.compile(r"[^\\]*")
PATH_KEY = re.compile(r"[\w $-]+")

# Of a node with many options, the plain ones; others (INTO, locks, hints, samples ...) have no harmless use.
OPTIONS = {
    exp.Select: {
        "with_", "expressions", "distinct", "from_", "joins", "laterals", "where", "group", "having", "windows",
        "qualify", "order", "limit", "offset",
    },
    exp.Table: {"this", "alias", "db", "catalog", "joins"},
    exp.Subquery: {"this", "alias", "with_", "joins", "order", "limit", "offset"},
    exp.In: {"this", "expressions", "query", "unnest"},  # without `field`: SQLite reads IN name as a table
    exp.Column: {"this", "table"},
}  # fmt: skip


def check_tree(tree: exp.Expr, dialect: Dialect) -> None:
    """Raises SqlRejected for the first node that is not on the list, or not plain."""
    for node in tree.walk():
        kind = type(node).__name__
        if kind not in NODES or kind in NOT_IN[dialect]:
            if isinstance(node, exp.Func):
                raise refuse("function", name=_spelled(node))
            raise refuse("node", name=kind, text=_snippet(node, dialect))
        allowed = OPTIONS.get(type(node))
        extra = [key for key, value in node.args.items() if value and key not in allowed] if allowed else []
        if extra:
            raise refuse("option", name=f"{_snippet(node, dialect)!r} with {extra[0]!r}")
        _check_words(node)
        _check_special(node, dialect)


def _check_words(node: exp.Expr) -> None:
    pattern = _pattern(node)
    for text in _strings(node):
        if pattern and not pattern.fullmatch(text):
            raise refuse("word", name=text[:60])


def _pattern(node: exp.Expr) -> re.Pattern[str] | None:
    """What the node's own text must look like; None for string literals, which are written out quoted."""
    match node:
        case exp.Literal():
            return None if node.is_string else NUMBER
        case exp.Identifier():
            return QUOTED_NAME if node.args.get("quoted") else NAME
        case exp.HexString() | exp.BitString():
            return DIGITS
        case exp.ByteString():  # PostgreSQL's E'..'
            return UNESCAPED
        case exp.JSONPathKey():
            return PATH_KEY
        case _:
            return WORD


def _strings(node: exp.Expr) -> Iterator[str]:
    for value in node.args.values():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, str) and not isinstance(part, exp.DType):
                yield part


def _check_special(node: exp.Expr, dialect: Dialect) -> None:
    match node:
        case exp.Anonymous() | exp.AnonymousAggFunc():
            if not isinstance(node.this, str) or node.this.upper() not in FUNCTIONS[dialect]:
                raise refuse("function", name=node.name.upper())
        case exp.DataType():
            name = node.this.name if isinstance(node.this, exp.DType) else str(node.this)
            if name not in TYPES:
                raise refuse("type", name=node.sql(dialect)[:60])
    part, expected = _expected(node)
    if part is not None and not isinstance(part, expected):
        raise refuse("node", name=type(part).__name__, text=_snippet(part, dialect))


def _expected(node: exp.Expr) -> tuple[exp.Expr | None, tuple[type[exp.Expr], ...]]:
    """A part of the node that must be of certain classes, because others are written out as something else."""
    match node:
        case exp.Alias():
            return node.args.get("alias"), (exp.Identifier,)
        case exp.Cast() | exp.TryCast():
            return node.to, (exp.DataType,)
        case exp.Collate():
            return node.expression, (exp.Var, exp.Identifier, exp.Column)
        case exp.From() | exp.Join():  # FROM SELECT ... is read as a subquery, and written without its parentheses
            return node.this, (exp.Table, exp.Subquery, exp.Lateral, exp.Unnest, exp.Values)
        case _:
            return None, ()


def _spelled(node: exp.Func) -> str:
    """CurrentUser -> CURRENT_USER"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(node).__name__).upper()


def _snippet(node: exp.Expr, dialect: Dialect) -> str:
    text = node.sql(dialect, comments=False)
    return text if len(text) <= 40 else text[:37] + "..."
