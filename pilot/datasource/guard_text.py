"""The guard's rules about raw text: what parser and server might read differently is refused before it is parsed.

A statement is cut into literals, comments and the bare text between them, by the quoting rules of its dialect.
Only literals may hold anything; comments must be plain; bare text must hold none of the tricks below.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pilot.datasource.refusals import refuse
from pilot.schema import Dialect

MAX_CHARS = 20_000

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")  # text that shows in another order, or not

_PLAIN = r"'(?:[^']|'')*'"
_BACKSLASH = r"'(?:[^'\\]|\\.|'')*'"
_DOUBLE = r'"(?:[^"]|"")*"'
_BACKTICK = r"`(?:[^`]|``)*`"
_DOLLAR = r"(?<![\w$])\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$"
_ESCAPED = r"(?<![\w$])[eE]" + _BACKSLASH

LITERALS: dict[Dialect, str] = {
    "sqlite": rf"{_PLAIN}|{_DOUBLE}|{_BACKTICK}|\[[^\]]*\]",
    "mysql": rf'{_BACKSLASH}|"(?:[^"\\]|\\.|"")*"|{_BACKTICK}',
    "postgres": rf"{_ESCAPED}|{_PLAIN}|{_DOUBLE}|{_DOLLAR}",
    "duckdb": rf"{_ESCAPED}|{_PLAIN}|{_DOUBLE}|{_DOLLAR}",
}
COMMENTS: dict[Dialect, str] = {
    "sqlite": r"--[^\n]*|/\*.*?\*/",
    "mysql": r"--(?=\s|\Z)[^\n]*|\#[^\n]*|/\*.*?\*/",  # MySQL's -- needs a blank: 1--1 is 2
    "postgres": r"--[^\n]*|/\*.*?\*/",
    "duckdb": r"--[^\n]*|/\*.*?\*/",
}
# What begins with a brace and a hash is a comment for sqlglot, and code for MySQL; U& spells names by code points.
TRICKS = r"\{[#%{]|/\*|\*/|[uU]&(?=['\"])"
NO_BRACES = r"|[{}]"  # DuckDB alone has a use for them
MORE_TRICKS: dict[Dialect, str] = {
    "sqlite": NO_BRACES, "mysql": NO_BRACES + r"|--", "postgres": NO_BRACES, "duckdb": "",
}  # fmt: skip


class Piece(NamedTuple):
    kind: str  # "literal", "comment" or "bare"
    text: str


def pieces(sql: str, dialect: Dialect) -> Iterator[Piece]:
    """The whole text in order, cut into literals, comments and what lies between."""
    pattern = re.compile(rf"(?P<literal>{LITERALS[dialect]})|(?P<comment>{COMMENTS[dialect]})", re.DOTALL)
    end = 0
    for found in pattern.finditer(sql):
        if found.start() > end:
            yield Piece("bare", sql[end : found.start()])
        yield Piece("literal" if found["literal"] is not None else "comment", found[0])
        end = found.end()
    if end < len(sql):
        yield Piece("bare", sql[end:])


def check_text(sql: str, dialect: Dialect, *, limit: int = MAX_CHARS) -> None:
    """Raises SqlRejected for text that is too long, or that hides something from the parser."""
    if not sql.strip():
        raise refuse("empty")
    if len(sql) > limit:
        raise refuse("too_long", length=len(sql), limit=limit)
    if control := CONTROL.search(sql):
        raise refuse("control", name=f"U+{ord(control[0]):04X}")
    skeleton = []
    for piece in pieces(sql, dialect):
        if piece.kind == "comment":
            _check_comment(piece.text)
        skeleton.append(_placeholder(piece))
    _check_bare("".join(skeleton), dialect)


def called(sql: str, dialect: Dialect) -> set[str]:
    """Every name that stands before an opening parenthesis, upper case; quoted names with their quotes."""
    names = set()
    before = ""
    for piece in pieces(sql, dialect):
        if piece.kind == "bare":
            if before and re.match(r"\s*\(", piece.text):
                names.add(before)
            names |= {name.upper() for name in re.findall(r"([\w$]+)\s*\(", piece.text)}
        before = piece.text if piece.kind == "literal" else before if piece.kind == "comment" else ""
    return names


def _check_comment(text: str) -> None:
    if re.match(r"/\*(?:!|M!|\+)", text) or re.search(r"/\*|\{#|#\}", text[2:]):
        raise refuse("comment", name=text[:20])


def _placeholder(piece: Piece) -> str:
    if piece.kind == "literal":
        quote = piece.text[-1]
        return '""' if quote in '"`]' else "''"
    return " " if piece.kind == "comment" else piece.text


def _check_bare(skeleton: str, dialect: Dialect) -> None:
    if invisible := INVISIBLE.search(skeleton):
        raise refuse("control", name=f"U+{ord(invisible[0]):04X}")
    if trick := re.search(TRICKS + MORE_TRICKS[dialect], skeleton):
        raise refuse("construct", name=trick[0])
    if re.search(r"['\"`]", skeleton.replace("''", "").replace('""', "")):
        raise refuse("unclosed")
    statements = [part for part in skeleton.split(";") if part.strip()]
    if len(statements) > 1:
        raise refuse("several", count=len(statements))
