"""Bytes of a text file -> text: byte order marks, UTF-8, UTF-16 and the East Asian encodings that files still have."""

import codecs
import re

from pilot.knowledge.readers.problems import unreadable

BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Each East Asian set orders its characters by use: lead bytes of the kana and of the most frequent ideographs.
FREQUENT: dict[str, tuple[tuple[int, int], ...]] = {
    "cp949": ((0xA1, 0xA1), (0xA3, 0xA3), (0xB0, 0xC8)),
    "gb18030": ((0xA1, 0xA1), (0xA3, 0xA3), (0xB0, 0xD7)),
    "big5": ((0xA1, 0xA1), (0xA4, 0xC6)),
    "cp932": ((0x81, 0x83), (0x88, 0x97)),
}
SPACED = "cp949"  # its frequent bytes are frequent Chinese ones, too; but Korean has spaces between words
SURE = 0.8  # share of frequent characters below which a text is rather Western
MOST_CONTROL = 0.05  # share of control characters in a text; more is some binary format
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
SAMPLE = 200_000  # bytes looked at; more would not change the verdict


def decode(data: bytes) -> str:
    """Raises DocumentUnreadable when this is no text."""
    text = data.decode(encoding_of(data), errors="replace")
    if len(CONTROL.findall(text, 0, SAMPLE)) > MOST_CONTROL * min(len(text), SAMPLE):
        raise unreadable("no_plain_text")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def encoding_of(data: bytes) -> str:
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return encoding
    if wide := _utf16_without_bom(data[:SAMPLE]):
        return wide
    if b"\0" in data[:SAMPLE]:
        raise unreadable("no_plain_text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > 0 and error.start >= len(data) - 3:
            return "utf-8"  # cut off in its last character
    else:
        return "utf-8"
    best = max(FREQUENT, key=lambda encoding: _frequent_share(data, encoding))
    return best if _frequent_share(data, best) >= SURE else "cp1252"


def _utf16_without_bom(sample: bytes) -> str:
    """Latin text in UTF-16 has a zero in every other byte."""
    half = len(sample) // 2
    if half and sample[1::2].count(0) > 0.4 * half and not sample[0::2].count(0):
        return "utf-16-le"
    if half and sample[0::2].count(0) > 0.4 * half and not sample[1::2].count(0):
        return "utf-16-be"
    return ""


def _frequent_share(data: bytes, encoding: str) -> float:
    """Share of the characters beyond ASCII that are frequent in that encoding; 0 if the bytes are not of it."""
    try:
        text = data.decode(encoding)[:SAMPLE]
    except UnicodeDecodeError:
        return 0.0
    foreign = [character.encode(encoding) for character in text if character > "\x7f"]
    frequent = sum(
        len(code) == 2 and any(low <= code[0] <= high for low, high in FREQUENT[encoding]) for code in foreign
    )
    if not foreign or (encoding == SPACED and text.count(" ") * 8 < len(foreign)):
        return 0.0
    return frequent / len(foreign)
