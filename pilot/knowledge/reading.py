"""Read a file in a child process, so that a hostile or broken one costs neither memory nor time nor the process."""

import asyncio
import json
from math import ceil
from pathlib import Path

from pilot.knowledge import children
from pilot.knowledge.children import Said
from pilot.knowledge.document import Document, LeftOut, Page
from pilot.knowledge.readers.problems import unreadable

MEGABYTES = 1500  # address space of the child
SECONDS = 600  # tesseract, a process of its own, takes seconds for a page
PROCESSOR_SECONDS = 120  # of the reader itself


async def read(file: Path, name: str, *, megabytes: int = MEGABYTES, seconds: float = SECONDS) -> Document:
    """The pages of `file`. `name` says what people call it; it is never opened.

    Raises DocumentUnreadable with one sentence and its remedy.
    """
    processor_seconds = min(ceil(seconds), PROCESSOR_SECONDS)
    said = await children.run(
        "pilot.knowledge.readers.child", [str(file), name, str(megabytes), str(processor_seconds)], seconds=seconds
    )
    return await asyncio.to_thread(_document, said, processor_seconds)


def _document(said: Said, seconds: int) -> Document:
    try:
        found = json.loads(said.output)
    except ValueError:
        if said.out_of_time:
            raise unreadable("out_of_time", limit=seconds) from None
        raise unreadable("crashed") from None
    if "problem" in found:
        raise unreadable(found["problem"], **found["values"])
    left_out = tuple(LeftOut(*file) for file in found["left_out"])
    pages = tuple(
        Page(text, number, section, markup, tuple(inside)) for text, number, section, markup, inside in found["pages"]
    )
    return Document(pages, left_out)
