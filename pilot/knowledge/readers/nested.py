"""Files inside a file: each is read as it would be alone; what cannot be read is named and costs the others nothing."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import cache

from pilot.errors import DocumentUnreadable
from pilot.knowledge.document import SECTION_SEPARATOR, Document, LeftOut, Page
from pilot.knowledge.readers import readers
from pilot.knowledge.readers.detect import detect
from pilot.knowledge.readers.problems import unreadable


def read_any(data: bytes, name: str, *, without: Collection[str] = ()) -> Document:
    """Raises DocumentUnreadable; also for the formats `without`."""
    kind = detect(data, name, _known())
    if kind in without:
        raise unreadable("nested")
    return readers().get(kind)().read(data, name)


def read_all(files: Iterable[tuple[str, bytes]], *, without: Collection[str]) -> tuple[list[Page], tuple[LeftOut, ...]]:
    """The pages of all files, under their names, and what was left out."""
    pages: list[Page] = []
    left_out: list[LeftOut] = []
    for name, data in files:
        try:
            found = [page for page in read_any(data, name, without=without).pages if page.text.strip()]
            if not found:
                raise unreadable("no_text")
        except MemoryError:
            raise
        except DocumentUnreadable as error:
            left_out.append(LeftOut(name, error.details["problem"], error.details["values"]))
        except Exception:  # noqa: BLE001 - any parser on any file, as in `child`
            left_out.append(LeftOut(name, "crashed", {}))
        else:
            pages += [replace(page, section=_under(name, page.section)) for page in found]
    return pages, tuple(left_out)


@cache
def _known() -> list[str]:
    """Looked up once in a process: an archive may hold a thousand files."""
    return readers().names()


def numbered(pages: Iterable[Page]) -> tuple[Page, ...]:
    return tuple(replace(page, number=number) for number, page in enumerate(pages, 1))


def _under(name: str, section: str) -> str:
    return f"{name}{SECTION_SEPARATOR}{section}" if section else name
