"""Read one file in a process of its own: `python -m pilot.knowledge.readers.child FILE NAME MEGABYTES SECONDS`.

Writes one JSON object to standard output: {"pages": [[text, number, section, markup, inside], ...], "left_out": [[name,
problem, values], ...]} or {"problem", "values"}.
The limits are set before the first byte of the file is read.
"""

import json
import re
import resource
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pilot.errors import DocumentUnreadable
from pilot.knowledge.document import Document
from pilot.knowledge.readers.nested import read_any
from pilot.knowledge.readers.problems import unreadable

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")  # escapes of terminals among them
MOST_CHARACTERS = 20_000_000


def limit(megabytes: int, seconds: int) -> None:
    """No more memory, processor time, and no file of any size may be written."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes * 1_000_000, megabytes * 1_000_000))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(data: bytes, name: str) -> Document:
    document = read_any(data, name)
    pages = tuple(replace(page, text=UNPRINTABLE.sub("", page.text)) for page in document.pages)
    document = replace(document, pages=pages)
    if not any(page.text.strip() for page in document.pages):
        raise unreadable("no_text")
    if sum(len(page.text) for page in document.pages) > MOST_CHARACTERS:
        raise unreadable("too_much_text", limit=MOST_CHARACTERS // 1_000_000)
    return document


def answer(data: bytes, name: str, megabytes: int) -> bytes:
    """What is written to standard output, whatever happens."""
    try:
        document = read(data, name)
        pages = [[page.text, page.number, page.section, page.markup, page.inside] for page in document.pages]
        left_out = [[file.name, file.problem, file.values] for file in document.left_out]
        return _json({"pages": pages, "left_out": left_out})
    except DocumentUnreadable as error:
        return _json({"problem": error.details["problem"], "values": error.details["values"]})
    except MemoryError:
        return _json({"problem": "out_of_memory", "values": {"limit": megabytes}})
    except Exception as error:  # noqa: BLE001 - here the process meets the world: any file, any parser
        sys.stderr.write(f"{type(error).__name__}: {error}"[:500])
        return _json({"problem": "crashed", "values": {}})


def _json(found: dict[str, Any]) -> bytes:
    # names inside a broken file may hold lone surrogates, which cannot be written as UTF-8
    return json.dumps(found, ensure_ascii=False).encode("utf-8", errors="replace")


def main(file: str, name: str, megabytes: str, seconds: str) -> None:
    limit(int(megabytes), int(seconds))
    sys.stdout.buffer.write(answer(Path(file).read_bytes(), name, int(megabytes)))


if __name__ == "__main__":
    main(*sys.argv[1:])
