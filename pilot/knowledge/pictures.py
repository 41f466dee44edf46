"""A page of a PDF, or a picture, with its passages marked: drawn in a child process, kept for a while."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from pilot.knowledge import children
from pilot.knowledge.document import Page, squashed
from pilot.knowledge.readers.detect import is_drawn, is_pdf
from pilot.knowledge.readers.problems import unreadable

MEGABYTES = 1000
SECONDS = 60.0  # a scan is read once more
PROCESSOR_SECONDS = 20
AT_ONCE = 2  # pages that are drawn
KEPT = 24  # pictures
KEPT_BYTES = 48_000_000
ENDS = 1024  # bytes at the beginning and the end that tell what a file is

Span = tuple[int, int]  # characters of a page's text, from and to


@dataclass(frozen=True)
class Marks:
    """What is to be seen at a glance: the passage, and in it what was quoted."""

    passage: Span = (0, 0)
    quotes: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Picture:
    """`spots` are the lines of what is marked (of the quotes where there are some), as shares of width and height:
    left, top, right, bottom. `words` says where the words of a scan stand, as `readers.drawing` reads it.
    """

    png: bytes
    width: int
    height: int
    spots: tuple[tuple[float, float, float, float], ...]
    words: str = ""


class Pictures:
    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int | None, Marks], Picture] = OrderedDict()
        self._drawing = asyncio.Semaphore(AT_ONCE)

    async def draw(self, file: Path, name: str, page: Page, marks: Marks, kept: str = "") -> Picture:
        """The marks count in the text of the page; `name` is what people call the file. `kept` are the `words` of an
        earlier picture of this page: then a scan is not read again. Raises DocumentUnreadable.
        """
        key = (file.name, page.number, marks)
        async with self._drawing:
            if (picture := self._kept.pop(key, None)) is None:
                picture = await _drawn(file, name, page, _wanted(page.text, marks), kept)
            self._kept[key] = picture
        while len(self._kept) > KEPT or sum(len(each.png) for each in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return picture

    def forget(self, names: Sequence[str]) -> None:
        """These files are gone."""
        for key in [key for key in self._kept if key[0] in names]:
            del self._kept[key]


def shows(file: Path, page: Page) -> bool:
    """Whether the page can be drawn: one of a PDF by its number, a picture, by the content, or in an archive."""
    if page.inside or not file.is_file():
        return bool(page.inside)
    with file.open("rb") as content:
        head = content.read(ENDS)
        content.seek(max(len(head), file.stat().st_size - ENDS))
        ends = head + content.read()
    return is_drawn(ends) and (page.number is not None or not is_pdf(ends))


def _wanted(text: str, marks: Marks) -> list[tuple[str, int, bool]]:
    spans = [(marks.passage, False), *((quote, True) for quote in marks.quotes)]
    return [
        (text[start:stop], len(squashed(text[:start])), quoted) for (start, stop), quoted in spans if text[start:stop]
    ]


async def _drawn(file: Path, name: str, page: Page, wanted: list[tuple[str, int, bool]], kept: str) -> Picture:
    *way, number = page.inside or (page.number or 0,)
    asked = {"page": number, "name": name, "way": way, "wanted": wanted, "words": json.loads(kept or "null")}
    said = await children.run(
        "pilot.knowledge.readers.drawing",
        [str(file), str(MEGABYTES), str(PROCESSOR_SECONDS)],
        seconds=SECONDS,
        given=json.dumps(asked).encode(),
    )
    head, _, png = said.output.partition(b"\n")
    try:
        told = json.loads(head)
        width, height = told["width"], told["height"]
    except (ValueError, KeyError):
        raise unreadable("out_of_time" if said.out_of_time else "crashed", limit=ceil(PROCESSOR_SECONDS)) from None
    spots = tuple((x / width, y / height, right / width, down / height) for x, y, right, down in told["spots"])
    return Picture(png, width, height, spots, json.dumps(told["words"]) if told.get("words") else "")
