"""Where a passage stands, as a part of an address: `passage=120-920&mark=300-380`, counted in the text of its page."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query

from pilot.chat.events import FoundPassage
from pilot.knowledge.pictures import Marks

MOST_QUOTES = 10
LAST_PAGE = 2**31  # that may be asked for

Span = Annotated[str, Query(pattern=r"^\d{1,9}-\d{1,9}$")]
Spans = Annotated[list[Span], Query(alias="mark", max_length=MOST_QUOTES)]


def address(passage: FoundPassage, quotes: Sequence[str] = ()) -> str:
    """Where it can be seen in its page, with these quotes marked in it."""
    asked: list[tuple[str, str | int]] = [("space", passage.space)]
    if passage.page is not None:
        asked.append(("page", passage.page))
    if passage.stop > passage.start:
        asked.append(("passage", f"{passage.start}-{passage.stop}"))
        starts = [(passage.start + passage.text.find(each), len(each)) for each in quotes if each in passage.text]
        asked += [("mark", f"{start}-{start + length}") for start, length in starts[:MOST_QUOTES] if length]
    return f"/documents/{quote(passage.document_id, safe='')}?{urlencode(asked)}"


def marks(passage: str, quotes: Sequence[str]) -> Marks:
    return Marks(_span(passage), tuple(map(_span, quotes)))


def asked_for(marks: Marks) -> str:
    """The same as a part of an address."""
    spans = [("passage", marks.passage), *(("mark", each) for each in marks.quotes)]
    return urlencode([(name, f"{start}-{stop}") for name, (start, stop) in spans])


def _span(text: str) -> tuple[int, int]:
    start, _, stop = text.partition("-")
    return int(start), int(stop)
