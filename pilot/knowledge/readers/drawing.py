"""Draw one page of a PDF, or a picture, with texts on it marked, in a process of its own, as `child` reads a file:
`python -m pilot.knowledge.readers.drawing FILE MEGABYTES SECONDS`.

Reads JSON from standard input: {"page", "name", "way", "wanted": [[text, letters before it, quoted], ...], "words"};
`way` leads to the file inside FILE (`nested.inside`). Writes one line of JSON, {"width", "height", "spots": [[left,
top, right, bottom], ...], "words"} in pixels or {"problem"}, then the picture as PNG.

Of a scan the words are read once more (`ocr.words`), to know where they stand: {"chinese", "found": [[text, line, box],
...]}. What was written the first time is to be given the next time.
"""

import ctypes
import io
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pypdfium2
from PIL import Image
from pypdfium2.raw import FPDF_PageToDevice, FPDFText_GetUnicode

from pilot.knowledge.document import seen, squashed
from pilot.knowledge.readers import ocr
from pilot.knowledge.readers.child import limit
from pilot.knowledge.readers.detect import is_pdf
from pilot.knowledge.readers.nested import inside
from pilot.knowledge.readers.ocr import MOST_PIXELS
from pilot.knowledge.readers.pdf import SCANNED, is_picture, photograph

DOTS = 2.0  # a point of 1/72 inch: 144 to the inch
LONGEST_SIDE = 2000  # pixels
MOST_SPOTS = 400
PASSAGE = (255, 250, 220)  # each colour is multiplied into the page: paper takes it, ink stays
QUOTE = (255, 226, 120)
READING_SECONDS = 40  # for the words of a scan
MARGIN = 2  # pixels around a line of text

Spot = tuple[int, int, int, int]


@dataclass(frozen=True)
class Word:
    """One of a scan; `box` as shares of its width and height."""

    text: str
    line: tuple[int, ...]
    box: tuple[float, ...]


Find = Callable[[str, int], Iterable[Spot]]  # where a text stands, and how many letters before it


@dataclass(frozen=True)
class Letters:
    """What a page says without white space, and the place of each letter in it."""

    text: str
    places: tuple[int, ...]


def main(file: str, megabytes: str, seconds: str) -> None:
    limit(int(megabytes), int(seconds))
    asked = json.loads(sys.stdin.buffer.read())
    try:
        data = inside(Path(file).read_bytes(), asked["name"], asked["way"])
        sys.stdout.buffer.write(drawn(data, asked["page"], asked["wanted"], asked["words"]))
    except Exception as error:  # noqa: BLE001 - here the process meets the world: any file, any parser
        sys.stderr.write(f"{type(error).__name__}: {error}"[:500])
        sys.stdout.write(json.dumps({"problem": type(error).__name__}))


def drawn(data: bytes, number: int, wanted: list[tuple[str, int, bool]], words: dict[str, Any] | None) -> bytes:
    """`number` counts from 1; of a picture it does not matter."""
    if not is_pdf(data):
        return _drawn_picture(data, wanted, words)
    with pypdfium2.PdfDocument(data) as pdf:
        page = pdf[number - 1]
        scale = min(DOTS, LONGEST_SIDE / max(*page.get_size(), 1.0))
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
        size = (bitmap.width, bitmap.height)
        rows = _rows(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
        text = page.get_textpage()
        if text.count_chars() < SCANNED and is_picture(page):
            return _marked_scan(rows, size, wanted, partial(photograph, page), words)
        return _marked(rows, size, wanted, partial(_spots, page, text, size))


def _drawn_picture(data: bytes, wanted: list[tuple[str, int, bool]], words: dict[str, Any] | None) -> bytes:
    with Image.open(io.BytesIO(data)) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        picture = opened.convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    rows = _rows(picture.tobytes(), *picture.size, 3 * picture.width, 3)
    return _marked_scan(rows, picture.size, wanted, lambda: data, words)


def _marked_scan(
    rows: list[bytearray],
    size: tuple[int, int],
    wanted: list[tuple[str, int, bool]],
    scan: Callable[[], bytes],
    words: dict[str, Any] | None,
) -> bytes:
    """It is read only where something is wanted, and not read yet."""
    chinese = ocr.is_chinese("".join(text for text, _, _ in wanted))
    if wanted and (words is None or words["chinese"] != chinese):
        words = {"chinese": chinese, "found": _read(scan(), chinese=chinese)}
    found = [Word(text, tuple(line), tuple(box)) for text, line, box in words["found"]] if words else []
    return _marked(rows, size, wanted, _seen(found, size), words if found else None)


def _marked(
    rows: list[bytearray],
    size: tuple[int, int],
    wanted: list[tuple[str, int, bool]],
    find: Find,
    words: dict[str, Any] | None = None,
) -> bytes:
    spots: dict[bool, list[Spot]] = {False: [], True: []}
    for text, before, quoted in sorted(wanted, key=lambda each: each[2]):
        for spot in find(text, before):
            _tint(rows, spot, QUOTE if quoted else PASSAGE)
            spots[quoted].append(spot)
    head = {"width": size[0], "height": size[1], "spots": spots[True] or spots[False], "words": words}
    return json.dumps(head).encode() + b"\n" + _png(rows, *size)


def _read(scan: bytes, *, chinese: bool) -> list[tuple[str, tuple[int, ...], tuple[float, ...]]]:
    """The words of a picture; their boxes as shares of its width and height."""
    with Image.open(io.BytesIO(scan)) as opened:
        across, down = opened.size
    return [
        (word.text, word.line, (word.box[0] / across, word.box[1] / down, word.box[2] / across, word.box[3] / down))
        for word in ocr.words(scan, chinese=chinese, seconds=READING_SECONDS)
    ]


def _seen(found: list[Word], size: tuple[int, int]) -> Find:
    """Finds texts among the words of a picture, which is shown in this size."""
    across, down = size
    letters = [(letter, place) for place, word in enumerate(found) for letter in squashed(word.text)]
    page = Letters("".join(letter for letter, _ in letters), tuple(place for _, place in letters))

    def find(text: str, before: int) -> Iterator[Spot]:
        span = _span(page, text, before)
        lines = groupby(found[span[0] : span[1] + 1] if span else (), key=lambda word: word.line)
        for _, words in lines:
            left, top, right, bottom = zip(*(word.box for word in words), strict=True)
            yield (
                max(int(min(left) * across) - MARGIN, 0), max(int(min(top) * down) - MARGIN, 0),
                min(int(max(right) * across) + MARGIN, size[0]), min(int(max(bottom) * down) + MARGIN, size[1]),
            )  # fmt: skip

    return find


def _rows(data: bytes, width: int, height: int, stride: int, channels: int) -> list[bytearray]:
    """Red, green, blue for each pixel."""
    rows = []
    for top in range(height):
        line = data[top * stride : top * stride + width * channels]
        row = bytearray(3 * width)
        for colour in range(3):
            row[colour::3] = line[min(colour, channels - 1) :: channels]
        rows.append(row)
    return rows


def _spots(
    page: pypdfium2.PdfPage, words: pypdfium2.PdfTextPage, size: tuple[int, int], text: str, before: int
) -> Iterator[Spot]:
    """Where a text stands, a line of it at a time."""
    span = _span(_letters(words), text, before)
    if span is None:
        return
    first, last = span
    for number in range(min(words.count_rects(first, last - first + 1), MOST_SPOTS)):
        left, bottom, right, top = words.get_rect(number)
        corners = [_pixel(page, size, left, top), _pixel(page, size, right, bottom)]
        across, down = sorted(x for x, _ in corners), sorted(y for _, y in corners)
        spot = (
            max(across[0] - MARGIN, 0), max(down[0] - MARGIN, 0),
            min(across[1] + MARGIN, size[0]), min(down[1] + MARGIN, size[1]),
        )  # fmt: skip
        if spot[0] < spot[2] and spot[1] < spot[3]:  # text may stand beside the page, too
            yield spot


def _letters(words: pypdfium2.PdfTextPage) -> Letters:
    found = [(chr(FPDFText_GetUnicode(words, n)), n) for n in range(words.count_chars())]
    shown = [(letter, n) for letter, n in found if seen(letter)]
    return Letters("".join(letter for letter, _ in shown), tuple(n for _, n in shown))


def _span(letters: Letters, text: str, before: int) -> tuple[int, int] | None:
    """The places of its first and its last letter."""
    wanted = squashed(text)
    start = _nearest(letters.text, wanted, before)
    return None if start is None else (letters.places[start], letters.places[start + len(wanted) - 1])


def _nearest(text: str, wanted: str, before: int) -> int | None:
    """Of the places where it stands, the one nearest to where it is expected."""
    best: int | None = None
    at = text.find(wanted) if wanted else -1
    while at >= 0:
        if best is not None and abs(at - before) > abs(best - before):
            break
        best, at = at, text.find(wanted, at + 1)
    return best


def _pixel(page: pypdfium2.PdfPage, size: tuple[int, int], across: float, up: float) -> tuple[int, int]:
    x, y = ctypes.c_int(), ctypes.c_int()
    FPDF_PageToDevice(page, 0, 0, *size, 0, across, up, x, y)
    return x.value, y.value


def _tint(rows: list[bytearray], spot: Spot, colour: tuple[int, int, int]) -> None:
    left, top, right, bottom = spot
    tables = [bytes(value * part // 255 for value in range(256)) for part in colour]
    for row in rows[top:bottom]:
        for part, table in enumerate(tables):
            where = slice(3 * left + part, 3 * right, 3)
            row[where] = row[where].translate(table)


def _png(rows: list[bytearray], width: int, height: int) -> bytes:
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _part(b"IHDR", head) + _part(b"IDAT", pixels) + _part(b"IEND", b"")


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    main(*sys.argv[1:])
