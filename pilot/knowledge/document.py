"""What a reader makes of a file: pages of text. Pure values; the child process of a reader imports little else."""

from dataclasses import dataclass
from typing import Any, Literal

SECTION_SEPARATOR = " > "

Markup = Literal["plain", "markdown"]


@dataclass(frozen=True)
class Page:
    """`number` counts from 1 where the format has pages, else None. `section` is the heading path at its top.

    `markup` tells the chunker whether `#`, `|` and fences in the text mean headings, tables and code. `inside` leads to
    what the page looks like, where it is part of a file in an archive or a mail: which file in it (counted from 0),
    which file in that one, and so on; at last the page's number in the innermost, 0 for a picture. Else it is empty.
    """

    text: str
    number: int | None = None
    section: str = ""
    markup: Markup = "plain"
    inside: tuple[int, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A file inside the document that could not be read: `problem` is a key of `readers.problems`."""

    name: str
    problem: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Document:
    """`left_out` is for the one who added the file."""

    pages: tuple[Page, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """A page to be looked at; of a very long one the part around a passage. `text` begins at character `start` of
    `length`; `before` and `after` are the numbers of its neighbours.
    """

    page: Page
    start: int
    length: int
    before: int | None
    after: int | None


def seen(letter: str) -> bool:
    """Whether it leaves ink."""
    return letter.isprintable() and not letter.isspace()


def squashed(text: str) -> str:
    """Only what can be seen: a reader joins lines and words that the page shows apart."""
    return "".join(filter(seen, text))
