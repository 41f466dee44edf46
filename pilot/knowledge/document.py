"""What a reader makes of a file: pages of text. Pure values; the child process of a reader imports little else."""

from dataclasses import dataclass
from typing import Any, Literal

SECTION_SEPARATOR = " > "

Markup = Literal["plain", "markdown"]


@dataclass(frozen=True)
class Page:
    """`number` counts from 1 where the format has pages, else None. `section` is the heading path at its top.

    `markup` tells the chunker whether `#`, `|` and fences in the text mean headings, tables and code.
    """

    text: str
    number: int | None = None
    section: str = ""
    markup: Markup = "plain"


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


def seen(letter: str) -> bool:
    """Whether it leaves ink."""
    return letter.isprintable() and not letter.isspace()


def squashed(text: str) -> str:
    """Only what can be seen: a reader joins lines and words that the page shows apart."""
    return "".join(filter(seen, text))
