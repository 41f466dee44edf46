"""HTML: the article as Markdown, without scripts, styles, navigation and links' addresses."""

import re

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.encoding import decode

NOT_TEXT = "script, style, noscript, template, svg, canvas, iframe, object, button, select, input, nav, head"
UNSEEN = (
    '[hidden], [aria-hidden="true"], [style*="display:none"], [style*="display: none"], [style*="visibility:hidden"]'
)
DECLARED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w-]{2,20})", re.IGNORECASE)
BLANK_LINES = re.compile(r"\n\s*\n\s*\n+")


class HtmlReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        return Document((Page(as_markdown(data), markup="markdown"),))


def as_markdown(data: bytes) -> str:
    soup = BeautifulSoup(_text(data), "lxml")
    for element in soup.select(f"{NOT_TEXT}, {UNSEEN}"):  # a reader does not see it, so it is no source
        element.decompose()
    converter = MarkdownConverter(
        heading_style="ATX", strip=["a", "img"], escape_underscores=False, escape_asterisks=False
    )
    text: str = converter.convert_soup(_article(soup))
    return BLANK_LINES.sub("\n\n", text).strip()


def _text(data: bytes) -> str:
    """The declared encoding wins over a guess, as in browsers."""
    if declared := DECLARED.search(data[:4096]):
        try:
            return data.decode(declared[1].decode())
        except (LookupError, UnicodeDecodeError):
            pass  # declared wrongly: guess
    return decode(data)


def _article(soup: BeautifulSoup) -> Tag:
    """The page's one main part where it marks it, else all of it."""
    for name in ("main", "article"):
        found = soup(name)
        if len(found) == 1 and found[0].get_text(strip=True):
            return found[0]
    return soup
