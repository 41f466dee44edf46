"""Cut a document into chunks that can be found and cited: headings, then paragraphs, then sentences.

A chunk is a piece of one page, word for word: `page.text[chunk.start:chunk.stop] == chunk.text`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Literal

from pilot.knowledge.document import SECTION_SEPARATOR, Document, Markup, Page

OVERLAP = 8  # a chunk repeats at most size / OVERLAP characters of whole sentences of the one before
LONGEST_HEAD = 200  # characters of column names
TINY = 4  # a chunk under size / TINY takes the next section, too: a heading alone answers nothing

HEADING = re.compile(r"(#{1,6})\s+(.+)$")
FENCE = re.compile(r"\s*(```|~~~)")
RULE = re.compile(r"\s*(?:[-*_]\s*){3,}$")
ITEM = re.compile(r"\s*([-*+•]|\d{1,3}[.)、])\s")
# Full-width marks always end a sentence; Latin ones before white space and not before a small letter. A run of marks is
# looked at from its beginning only, and never again in part (`++`): a text of marks alone costs no more than another.
SENTENCE_END = re.compile(r"[。！？；]+[”’」』）》]*\s*|(?<=[^\s.!?])[.!?]++[\"'”’)\]]*+\s++(?![a-z])")
ABBREVIATION = re.compile(
    r"(?:^\s*\d{1,3}\.|\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|No|Fig|Eq|vs|cf|ca|etc|e\.g|i\.e|[ap]\.m|U\.S)\.)\s+$"
)
LONGEST_ABBREVIATION = 16  # characters, with what stands around it
LAST_RESORT = re.compile(r"[，、,;:：]\s*|\s+")

Kind = Literal["heading", "text", "whole"]
Span = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """`start` and `stop` count characters in the text of its page; `section` is the heading path."""

    number: int
    text: str
    page: int | None
    section: str
    start: int
    stop: int


@dataclass(frozen=True)
class Unit:
    """What is not cut any further: a heading, a sentence, a table or a piece of code."""

    start: int
    stop: int
    kind: Kind
    section: str


def chunk(document: Document, *, size: int) -> list[Chunk]:
    """Chunks of at most `size` characters, in reading order."""
    chunks: list[Chunk] = []
    for page in document.pages:
        units = list(_units(page, size))
        for start, stop, where in _pack(units, size):
            text = page.text[start:stop]
            kept = text.strip()
            start += len(text) - len(text.lstrip())
            chunks.append(Chunk(len(chunks), kept, page.number, where, start, start + len(kept)))
    return chunks


def sentences(text: str) -> list[Span]:
    """Where the sentences of a paragraph stand; white space after one belongs to it."""
    cuts = [0]
    for match in SENTENCE_END.finditer(text):
        if not ABBREVIATION.search(text, max(cuts[-1], match.end() - LONGEST_ABBREVIATION), match.end()):
            cuts.append(match.end())
    cuts.append(len(text))
    return [(start, stop) for start, stop in pairwise(cuts) if text[start:stop].strip()]


def _units(page: Page, size: int) -> Iterator[Unit]:
    path = [(0, page.section)] if page.section else []  # above every heading of the page
    for start, stop, kind in _blocks(page.text, page.markup):
        text = page.text[start:stop]
        if kind == "heading" and (heading := HEADING.match(text.strip())):
            level = len(heading[1])
            path = [*(upper for upper in path if upper[0] < level), (level, heading[2].rstrip("# ").strip("*_ "))]
        where = SECTION_SEPARATOR.join([*(title for _, title in path), *_columns(text, kind, size)])
        if kind == "text":
            spans = [span for sentence in sentences(text) for span in _cut(text, sentence, size)]
        elif len(text) <= size:
            spans = [(0, len(text))]
        else:
            spans = [span for line in _lines(text) for span in _cut(text, line, size)]
        yield from (Unit(start + a, start + b, kind, where) for a, b in spans)


def _columns(text: str, kind: Kind, size: int) -> list[str]:
    """The names of the columns, for the rows of a table that is cut: alone they would not say what they mean."""
    if kind != "whole" or len(text) <= size or not text.lstrip().startswith("|"):
        return []
    cells = [cell.strip() for cell in text.strip().split("\n", 1)[0].strip("| ").split("|")]
    return [", ".join(filter(None, cells))[:LONGEST_HEAD]]


def _blocks(text: str, markup: Markup) -> Iterator[tuple[int, int, Kind]]:
    """Headings, tables, code, list items and paragraphs, in order; blank lines fall between them."""
    begin, kind, fenced = 0, "", False
    for start, stop in [*_lines(text), (len(text), len(text))]:
        line = text[start:stop]
        fence = markup == "markdown" and bool(FENCE.match(line))
        new = "" if start == stop else "code" if fenced or fence else _kind(line, markup)  # code may never be closed
        opens = new == "heading" or (fence and not fenced) or (new == "text" and bool(ITEM.match(line)))
        if kind and (new != kind or opens):
            yield begin, start, "heading" if kind == "heading" else "text" if kind == "text" else "whole"
            begin = start
        if not kind:
            begin = start
        kind = new
        fenced ^= fence


def _kind(line: str, markup: Markup) -> str:
    if not line.strip() or (markup == "markdown" and RULE.match(line)):
        return ""
    if markup == "markdown" and HEADING.match(line.strip()):
        return "heading"
    return "table" if markup == "markdown" and line.lstrip().startswith("|") else "text"


def _lines(text: str) -> list[Span]:
    cuts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    return [(start, stop) for start, stop in pairwise(cuts) if start < stop]


def _cut(text: str, span: Span, size: int) -> Iterator[Span]:
    """A sentence longer than a chunk is cut at a comma or a space in its second half, else where it must be."""
    start, stop = span
    while stop - start > size:
        gaps = [match.end() for match in LAST_RESORT.finditer(text, start + size // 2, start + size)]
        cut = gaps[-1] if gaps else start + size
        yield start, cut
        start = cut
    yield start, stop


def _pack(units: list[Unit], size: int) -> Iterator[tuple[int, int, str]]:
    """Units -> chunks: a heading opens a new one, unless the one before is tiny."""
    packed: list[Unit] = []
    for unit in units:
        filled = unit.start - packed[0].start if packed else 0
        opens = unit.kind == "heading" and filled * TINY >= size
        if packed and (opens or unit.stop - packed[0].start > size):
            tail = _heading_tail(packed) if not opens else []
            done = packed[: len(packed) - len(tail)]
            yield done[0].start, done[-1].stop, _section(done)
            packed = tail or ([] if opens else _repeated(done, unit, size))
        packed.append(unit)
    if packed:
        yield packed[0].start, packed[-1].stop, _section(packed)


def _section(units: list[Unit]) -> str:
    """What the headings of all of a chunk's text have in common; its first heading path if that is nothing."""
    paths = [unit.section.split(SECTION_SEPARATOR) for unit in units if unit.kind != "heading"] or [[units[0].section]]
    common = [names[0] for names in takewhile(lambda names: len(set(names)) == 1, zip(*paths, strict=False))]
    return SECTION_SEPARATOR.join(common or paths[0])


def _heading_tail(units: list[Unit]) -> list[Unit]:
    """Headings at the end of a full chunk: they belong to what follows."""
    count = next((i for i, unit in enumerate(reversed(units)) if unit.kind != "heading"), 0)
    return units[len(units) - count :]


def _repeated(done: list[Unit], unit: Unit, size: int) -> list[Unit]:
    """The last sentences of a chunk, as far as they fit into the overlap and leave room for `unit`."""
    repeated: list[Unit] = []
    for last in reversed(done[1:]):
        if last.kind != "text" or unit.kind != "text" or done[-1].stop - last.start > size // OVERLAP:
            break
        if unit.stop - last.start > size:
            break
        repeated.insert(0, last)
    return repeated
