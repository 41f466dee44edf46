"""Draw one page of a PDF with texts on it marked, in a process of its own, as `child` reads a file:
`python -m pilot.knowledge.readers.drawing FILE PAGE MEGABYTES SECONDS`.

Reads the texts as JSON from standard input: [[text, letters before it, quoted], ...]. Writes one line of JSON,
{"width", "height", "spots": [[left, top, right, bottom], ...]} in pixels or {"problem"}, then the picture as PNG.
"""

import ctypes
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pypdfium2
from pypdfium2.raw import FPDF_PageToDevice, FPDFText_GetUnicode

from pilot.knowledge.document import seen, squashed
from pilot.knowledge.readers.child import limit

DOTS = 2.0  # a point of 1/72 inch: 144 to the inch
LONGEST_SIDE = 2000  # pixels
MOST_SPOTS = 400
PASSAGE = (255, 250, 220)  # each colour is multiplied into the page: paper takes it, ink stays
QUOTE = (255, 226, 120)
MARGIN = 2  # pixels around a line of text

Spot = tuple[int, int, int, int]


@dataclass(frozen=True)
class Letters:
    """What a page says without white space, and the place of each letter in it."""

    text: str
    places: tuple[int, ...]


def main(file: str, page: str, megabytes: str, seconds: str) -> None:
    limit(int(megabytes), int(seconds))
    wanted = json.loads(sys.stdin.buffer.read())
    try:
        sys.stdout.buffer.write(drawn(file, int(page), wanted))
    except (pypdfium2.PdfiumError, MemoryError, IndexError, ValueError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}"[:500])
        sys.stdout.write(json.dumps({"problem": type(error).__name__}))


def drawn(file: str, number: int, wanted: list[tuple[str, int, bool]]) -> bytes:
    """`number` counts from 1."""
    with pypdfium2.PdfDocument(file) as pdf:
        page = pdf[number - 1]
        scale = min(DOTS, LONGEST_SIDE / max(*page.get_size(), 1.0))
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
        size = (bitmap.width, bitmap.height)
        rows = _rows(bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride, bitmap.n_channels)
        spots: dict[bool, list[Spot]] = {False: [], True: []}
        for text, before, quoted in sorted(wanted, key=lambda each: each[2]):
            for spot in _spots(page, size, text, before):
                _tint(rows, spot, QUOTE if quoted else PASSAGE)
                spots[quoted].append(spot)
    head = {"width": size[0], "height": size[1], "spots": spots[True] or spots[False]}
    return json.dumps(head).encode() + b"\n" + _png(rows, *size)


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


def _spots(page: pypdfium2.PdfPage, size: tuple[int, int], text: str, before: int) -> Iterator[Spot]:
    """Where a text stands, a line of it at a time; nowhere if it is part of a picture."""
    words = page.get_textpage()
    letters = _letters(words)
    wanted = squashed(text)
    start = _nearest(letters.text, wanted, before)
    if start is None:
        return
    first, last = letters.places[start], letters.places[start + len(wanted) - 1]
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
