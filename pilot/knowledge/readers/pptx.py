"""PPTX: each slide a page with its title, texts, tables, pictures of text and the speaker's notes."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from pptx.enum.shapes import MSO_SHAPE_TYPE
from pptx.exc import PythonPptxError

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.ocr import Pictures
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable

DEEPEST = 20  # groups inside groups


class PptxReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        entries(data)
        pictures = Pictures()
        try:
            slides = pptx.Presentation(io.BytesIO(data)).slides
            pages = [Page("\n\n".join(_texts(slide, pictures)), n, "", "markdown") for n, slide in enumerate(slides, 1)]
        except (KeyError, ValueError, AttributeError, OSError, SyntaxError, PythonPptxError) as error:
            raise unreadable("damaged") from error
        pictures.check(pages)
        return Document(tuple(pages))


def _texts(slide: Any, pictures: Pictures) -> Iterator[str]:
    title = slide.shapes.title
    if title is not None and title.text_frame.text.strip():
        yield "# " + " ".join(title.text_frame.text.split())
    for shape in _shapes(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if text := _text(shape, pictures).strip():
            yield text
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None and notes.text.strip():
            yield notes.text.strip()


def _shapes(shapes: Iterable[Any], depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if shape.shape_type == MSO_SHAPE_TYPE.GROUP and depth < DEEPEST:
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _text(shape: Any, pictures: Pictures) -> str:
    if getattr(shape, "has_table", False):
        lines = [
            "| " + " | ".join(" ".join(cell.text.split()) for cell in row.cells) + " |" for row in shape.table.rows
        ]
        rule = "|" + " --- |" * len(shape.table.columns)
        return "\n".join([*lines[:1], rule, *lines[1:]])
    if shape.shape_type == MSO_SHAPE_TYPE.PICTURE:
        return pictures.text(shape.image.blob)
    if not shape.has_text_frame:
        return ""
    paragraphs = [paragraph.text.replace("\v", " ").strip() for paragraph in shape.text_frame.paragraphs]
    spoken = [text for text in paragraphs if text]
    return spoken[0] if len(spoken) == 1 else "\n".join(f"- {text}" for text in spoken)
