"""Which reader a file needs: by its content first, by the ending of its name second."""

import re
from pathlib import PurePath

from pilot.errors import DocumentUnreadable
from pilot.knowledge.readers import packed
from pilot.knowledge.readers.encoding import encoding_of
from pilot.knowledge.readers.problems import unreadable

SUFFIXES = {
    ".pdf": "pdf", ".docx": "docx", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html",
    ".xhtml": "html", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".txt": "text", ".pptx": "pptx",
    ".xlsx": "xlsx", ".xlsm": "xlsx", ".odt": "odt", ".epub": "epub", ".eml": "eml", ".zip": "zip", ".png": "picture",
    ".jpg": "picture", ".jpeg": "picture", ".tif": "picture", ".tiff": "picture", ".bmp": "picture",
    ".gif": "picture", ".webp": "picture",
}  # fmt: skip
PACKED = ("docx", "pptx", "xlsx", "odt", "epub", "zip")
BINARY = ("pdf", "picture", *PACKED)
HTML_STARTS = (b"<!doctype html", b"<html")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # the container of Office 97-2003, and of locked newer files
LOCKED_STREAM = "EncryptedPackage".encode("utf-16-le")
MAIL_HEAD = 16_384
PDF, PDF_END = b"%PDF-", b"%%EOF"
PDF_HEAD = 1024  # readers look for its signs so far from the beginning and the end
ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06")
OFFICE = {"word/": "docx", "ppt/": "pptx", "xl/": "xlsx"}
TYPED = {b"application/vnd.oasis.opendocument.text": "odt", b"application/epub+zip": "epub"}
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF87a", b"GIF89a")
MAIL = re.compile(rb"(?:[A-Za-z-]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+")
MAIL_ONLY = re.compile(rb"^(?:message-id|mime-version|received):", re.IGNORECASE | re.MULTILINE)


def detect(data: bytes, name: str, known: list[str]) -> str:
    """The name of the reader. `known` are those there are; one from outside is found by the ending of the same name.

    Raises DocumentUnreadable for empty, locked, disguised and unknown files.
    """
    if not data.strip(b" \t\r\n\0"):
        raise unreadable("empty")
    suffix = PurePath(name).suffix.lower()
    expected = SUFFIXES.get(suffix, suffix.removeprefix("."))
    found = _by_content(data)
    if found == "zip" and expected in PACKED:
        return expected  # its own reader says what is missing in it
    if found == "text":
        if expected in BINARY:
            raise unreadable("wrong_content", suffix=suffix)
        return expected if expected in known else "text"
    if found not in known and expected not in BINARY and expected in known and expected not in SUFFIXES.values():
        return expected  # a reader from outside knows formats that we do not
    if found not in known:
        raise unreadable("unknown_format", known=", ".join(known))
    return found


def is_drawn(data: bytes) -> bool:
    """Whether its pages can be shown as they look: a PDF or a picture, of which the two ends are enough."""
    webp, bmp = data[:4] == b"RIFF" and data[8:12] == b"WEBP", data[:2] == b"BM" and data[6:10] == bytes(4)
    return is_pdf(data) or data.startswith(PICTURES) or webp or bmp


def is_pdf(data: bytes) -> bool:
    """Others may stand before its sign; but an archive may begin with a PDF, and a text may speak of one."""
    if data.startswith(ARCHIVES):
        return False
    return data[:PDF_HEAD].lstrip().startswith(PDF) or (PDF in data[:PDF_HEAD] and PDF_END in data[-PDF_HEAD:])


def _by_content(data: bytes) -> str:
    head = data[:PDF_HEAD]
    if is_pdf(data):
        return "pdf"
    if data.startswith(ARCHIVES):
        return _packed(data)
    if is_drawn(data):
        return "picture"
    if data.startswith(OLE):
        raise unreadable("locked") if LOCKED_STREAM in data else unreadable("legacy_office")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(HTML_STARTS):
        return "html"
    if (mail := MAIL.match(data[:MAIL_HEAD])) and MAIL_ONLY.search(mail[0]):
        return "eml"
    try:
        encoding_of(data)
    except DocumentUnreadable:
        return "binary"
    return "text"


def _packed(data: bytes) -> str:
    names = packed.entries(data)
    if "[Content_Types].xml" in names:
        return next((kind for start, kind in OFFICE.items() if any(name.startswith(start) for name in names)), "zip")
    return next((kind for stated, kind in TYPED.items() if packed.stated_type(data) == stated), "zip")
