"""PDF by PDFium: text page by page, headings from the outline; pages that are pictures by tesseract."""

import re
from collections.abc import Iterator

import pypdfium2
from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

from pilot.knowledge.document import SECTION_SEPARATOR, Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.ocr import Pictures
from pilot.knowledge.readers.problems import unreadable

PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD of PDFium
BROKEN_WORD = re.compile(r"[\x02\ufffe]\n?")  # PDFium's sign for a hyphen at the end of a line
SENTENCE_ENDS = tuple(".!?:;。！？：；…")
STARTS_ANEW = re.compile(r"\s*([-*•·●▪–◦]|\(?\d{1,3}[.)、]|[（(]?[一二三四五六七八九十]+[）)、]|#{1,6} )")
WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
SCANNED = 40  # characters on a page below which its pictures are taken for the text
DOTS_PER_INCH = 300  # what tesseract is trained on
LONGEST_SIDE = 5000  # pixels; a poster is scaled down
FULL_LINE = 0.7  # share of the page's usual line length from which a line is taken to run on


class PdfReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        try:
            file = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            locked = getattr(error, "err_code", None) == PASSWORD_ERROR
            raise unreadable("locked" if locked else "damaged") from error
        with file:
            sections = _sections(file)
            pictures = Pictures()
            texts = _texts(file, pictures)
            pages = tuple(Page(text, number, sections.get(number, "")) for number, text in enumerate(texts, 1))
        pictures.check(pages)
        return Document(pages)


def _texts(file: pypdfium2.PdfDocument, pictures: Pictures) -> Iterator[str]:
    for number in range(len(file)):
        try:
            page = file[number]
            words = page.get_textpage()
        except pypdfium2.PdfiumError:
            yield ""  # one damaged page does not cost the others
            continue
        text = unwrap(words.get_text_bounded().replace("\r\n", "\n").replace("\t", " "))
        words.close()
        if len(text.strip()) < SCANNED and is_picture(page):
            text = _joined(text, unwrap(pictures.text(photograph(page))))
        page.close()
        yield text


def is_picture(page: pypdfium2.PdfPage) -> bool:
    return any(True for _ in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=3))


def photograph(page: pypdfium2.PdfPage) -> bytes:
    """The page as a grey picture in the simplest of all formats (PGM)."""
    scale = min(DOTS_PER_INCH / 72, LONGEST_SIDE / max(*page.get_size(), 1))
    bitmap = page.render(scale=scale, grayscale=True)
    rows = bytes(bitmap.buffer)
    lines = [rows[start : start + bitmap.width] for start in range(0, bitmap.height * bitmap.stride, bitmap.stride)]
    return f"P5 {bitmap.width} {bitmap.height} 255\n".encode() + b"".join(lines)


def _joined(text: str, recognised: str) -> str:
    """The page's own words are exact; of its picture only what they do not say."""
    seen = [line for line in recognised.split("\n") if not line.strip() or line.strip() not in text]
    return "\n".join([*([text.strip()] if text.strip() else []), "\n".join(seen).strip()])


def unwrap(text: str) -> str:
    """Join the lines that typesetting broke, so that sentences are whole and Chinese words are not cut in two."""
    lines = BROKEN_WORD.sub("", text).split("\n")
    lengths = sorted(len(line) for line in lines if line.strip())
    full = FULL_LINE * lengths[len(lengths) * 3 // 4] if lengths else 0
    joined: list[str] = []
    previous = ""
    for line in lines:
        if _runs_on(previous, line, full):
            glue = "" if WIDE.match(previous[-1]) and WIDE.match(line) else " "
            joined[-1] += glue + line.lstrip()
        else:
            joined.append(line)
        previous = line.rstrip()
    return "\n".join(joined)


def _runs_on(previous: str, line: str, full: float) -> bool:
    if len(previous) < max(full, 2) or previous.endswith(SENTENCE_ENDS):
        return False
    return bool(line.strip()) and not STARTS_ANEW.match(line)


def _sections(file: pypdfium2.PdfDocument) -> dict[int, str]:
    """Page number -> heading path at its top, from the outline."""
    path: list[str] = []
    starts: dict[int, str] = {}
    for item in file.get_toc(max_depth=8):
        target = item.get_dest()
        index = target.get_index() if target else None
        title = item.get_title().strip()
        if index is None or not title:
            continue
        path = [*path[: item.level], title]
        starts.setdefault(index + 1, SECTION_SEPARATOR.join(path))
    sections: dict[int, str] = {}
    current = ""
    for number in range(1, len(file) + 1):
        current = starts.get(number, current)
        sections[number] = current
    return sections
