"""Text from outside as safe HTML: plain, Markdown, and SQL in colours.

Nothing that a model, a document or a cell says becomes markup: HTML stays text, images are never fetched.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from html import escape as html_escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
CITED = re.compile(r"\[(\d{1,3})\]")
DOUBT = "\ue000"  # stands in a text where a sign of doubt is to be shown; nobody's own text holds it
MARKS = re.compile(rf"(\[\d{{1,3}}\]|{DOUBT})")
SQL_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>'(?:[^']|'')*')|(?P<name>"[^"]*"|`[^`]*`|\[[^\]]*\])"""
    r"""|(?P<number>\b\d+(?:\.\d+)?\b)|(?P<word>[^\W\d]\w*)|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL,
)
CLAUSES = re.compile(
    r"(?:from|where|group by|having|order by|limit|union(?: all)?|except|intersect|"
    r"(?:left |right |inner |cross |full )?(?:outer )?join)",
    re.IGNORECASE,
)
WORDS = """
    all and as asc between by case cast cross desc distinct else end except exists false from full group having in inner
    intersect interval is join lateral left like limit not null nulls offset on or order outer over partition right
    select then true union using values when where window with first last rows range recursive escape filter
    insert into update set delete
"""
KEYWORDS = frozenset(WORDS.split())


def plain(text: object) -> str:
    """Escaped, on one line: a blank line inside would end the block of HTML that it stands in."""
    return html_escape(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", str(text))).replace("\n", "&#10;").replace("\r", "")


def markdown(text: str, *, cite: Callable[[int], str] | None = None, doubt: str = "") -> str:
    """Markdown without HTML and images; links only to http(s) pages. `cite` gives the address that [n] points to,
    `doubt` is what DOUBT says.
    """
    parser = _Parser("commonmark", {"html": False, "linkify": False, "breaks": True}).enable("table")
    parser.disable("image")
    parser.add_render_rule("link_open", _open_outside)
    if cite is not None:
        parser.core.ruler.push("cite", partial(_link_citations, cite=cite, doubt=doubt))
    return one_line(parser.render(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)))


def one_line(html: str) -> str:
    return html.strip("\n").replace("\n", "&#10;")


def sql(statement: str) -> str:
    """A statement in colours, each clause on its own line; its words are unchanged."""
    return "".join(_coloured(kind, text) for kind, text in _laid_out(statement))


def sql_lines(statement: str) -> str:
    """The same as plain text, for an editor."""
    return "".join(text for _, text in _laid_out(statement))


def _coloured(kind: str, text: str) -> str:
    if kind == "word":
        kind = "keyword" if text.lower() in KEYWORDS else "plain"
    return plain(text) if kind in ("plain", "space", "other") else f'<span class="sql-{kind}">{plain(text)}</span>'


def _laid_out(statement: str) -> list[tuple[str, str]]:
    """Tokens, with a line break before each clause that stands outside parentheses, if it was all one line."""
    tokens = [(match.lastgroup or "other", match.group()) for match in SQL_TOKEN.finditer(statement)]
    if "\n" in statement.strip():
        return tokens
    depth, at = 0, 0
    for index, (kind, text) in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(text, 0)
        clause = CLAUSES.match(statement, at)
        if kind == "word" and clause and depth == 0 and index and tokens[index - 1][0] == "space":
            inside = tokens[index - 2][1].lower() if index > 1 else ""
            if inside not in ("left", "right", "inner", "cross", "full", "outer", "distinct"):
                tokens[index - 1] = ("space", "\n")
        at += len(text)
    return tokens


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802  its name in markdown-it
        return url.startswith(("http://", "https://"))


def _open_outside(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: object, _env: object) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, {})  # type: ignore[arg-type]


def _link_citations(state: StateCore, *, cite: Callable[[int], str], doubt: str) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = [part for child in token.children for part in _split_marks(child, cite, doubt)]


def _split_marks(token: Token, cite: Callable[[int], str], doubt: str) -> list[Token]:
    if token.type != "text" or not MARKS.search(token.content):
        return [token]
    parts: list[Token] = []
    for piece in filter(None, MARKS.split(token.content)):
        cited = CITED.fullmatch(piece)
        marked = cited or piece == DOUBT
        part = Token("html_inline" if marked else "text", "", 0)
        part.content = piece
        if cited:
            part.content = f'<a class="cite" href="{plain(cite(int(cited[1])))}">{cited[1]}</a>'
        elif marked:
            part.content = f'<span class="unsure" title="{plain(doubt)}">?</span>'
        parts.append(part)
    return parts
