"""Text of pictures, by tesseract where it is installed: a program of its own, fed and read through pipes.

It inherits the limits of the reader's process: memory, time, and no file may be written.
"""

import io
import re
import shutil
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image

from pilot.knowledge.document import Page
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.scripts import UNSPACED, shares

PLACES = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/opt/local/bin"  # the reader's process knows no PATH
LATIN = "eng"
LANGUAGES = ("chi_sim", LATIN)  # in this order: the first one's script decides how words are put together
FEWEST_HAN = 0.1  # share of Chinese letters below which a text is read again as English
SECONDS = 60  # for one picture
MOST_PIXELS = 50_000_000
MOST_PICTURES = 100  # of one file
FEWEST_BYTES = 1_000  # less is a bullet or a line
WORD_LEVEL, TEXT = "5", 11  # of tesseract's table: the level of a word, the column of its text
BLANK_LINES = re.compile(r"\n\s*\n+")
GAP = re.compile(rf"(?<=[{UNSPACED}，。；：、？！（）《》“”]) +(?=[{UNSPACED}，。；：、？！（）《》“”])")


@dataclass(frozen=True)
class Word:
    """`box` is left, top, right and bottom in pixels; words of one `line` stand beside each other."""

    text: str
    line: tuple[int, ...]
    box: tuple[int, int, int, int]


def program() -> str | None:
    return shutil.which("tesseract", path=PLACES)


def recognise(picture: bytes) -> str:
    """The text in a PNG, JPEG, TIFF, BMP, WebP, GIF or PNM; empty where there is none to be seen.

    Raises DocumentUnreadable where tesseract is not installed.
    """
    if _is_too_large(picture):
        raise unreadable("too_many_pixels")
    tesseract = program()
    if tesseract is None:
        raise unreadable("needs_ocr")
    known = _languages(tesseract)
    text = _run(tesseract, picture, "+".join(known) or LATIN)
    if len(known) > 1 and not is_chinese(text):
        text = _run(tesseract, picture, LATIN)  # with Chinese in mind it loses spaces between English words
    return GAP.sub("", BLANK_LINES.sub("\n\n", text)).strip()


def is_chinese(text: str) -> bool:
    return shares(text).get("han", 0.0) >= FEWEST_HAN


def words(picture: bytes, *, chinese: bool, seconds: float) -> list[Word]:
    """What `recognise` reads and where it stands; nothing where it cannot be read in so many seconds."""
    tesseract = program()
    if tesseract is None or _is_too_large(picture):
        return []
    languages = "+".join(_languages(tesseract)) if chinese else LATIN
    rows = [row.split("\t") for row in _run(tesseract, picture, languages, "tsv", seconds=seconds).splitlines()]
    return [
        Word(
            row[TEXT],
            (*map(int, row[1:5]),),
            (int(row[6]), int(row[7]), int(row[6]) + int(row[8]), int(row[7]) + int(row[9])),
        )
        for row in rows
        if len(row) > TEXT and row[0] == WORD_LEVEL and row[TEXT].strip()
    ]


def _run(tesseract: str, picture: bytes, languages: str, *output: str, seconds: float = SECONDS) -> str:
    try:
        done = subprocess.run(
            [tesseract, "stdin", "stdout", "-l", languages, *output],
            input=picture, capture_output=True, timeout=seconds, check=False, env={"OMP_THREAD_LIMIT": "1"},
        )  # fmt: skip
    except (subprocess.TimeoutExpired, BrokenPipeError):
        return ""
    return done.stdout.decode(errors="replace").replace("\f", "")


def _is_too_large(picture: bytes) -> bool:
    """By what its head states: nothing is unpacked."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(picture)) as opened:
            width, height = opened.size
    except Image.DecompressionBombError:
        return True
    except (OSError, ValueError, SyntaxError):
        return False  # tesseract may know better
    return width * height > MOST_PIXELS


class Pictures:
    """The pictures inside one file: read where that can be, and counted."""

    def __init__(self) -> None:
        self.seen = 0

    def text(self, picture: bytes) -> str:
        if len(picture) < FEWEST_BYTES or self.seen >= MOST_PICTURES:
            return ""
        self.seen += 1
        return recognise(picture) if program() and not _is_too_large(picture) else ""

    def check(self, pages: Sequence[Page]) -> None:
        """Raises DocumentUnreadable when there are only pictures, and no means to read them."""
        if self.seen and not program() and not any(page.text.strip() for page in pages):
            raise unreadable("needs_ocr")


@cache
def _languages(tesseract: str) -> list[str]:
    listed = subprocess.run([tesseract, "--list-langs"], capture_output=True, text=True, check=False, env={}).stdout
    return [language for language in LANGUAGES if language in listed.split()]
