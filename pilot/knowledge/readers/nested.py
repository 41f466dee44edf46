"""Files inside a file: each is read as it would be alone; what cannot be read is named and costs the others nothing."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

from pilot.errors import DocumentUnreadable
from pilot.knowledge.document import SECTION_SEPARATOR, Document, LeftOut, Page
from pilot.knowledge.readers import readers
from pilot.knowledge.readers.base import Container, Packed
from pilot.knowledge.readers.detect import detect, is_drawn
from pilot.knowledge.readers.problems import unreadable


def read_any(data: bytes, name: str, *, without: Collection[str] = ()) -> Document:
    """Raises DocumentUnreadable; also for the formats `without`."""
    kind = detect(data, name, _known())
    if kind in without:
        raise unreadable("nested")
    return readers().get(kind)().read(data, name)


def inside(data: bytes, name: str, way: Sequence[int]) -> bytes:
    """The file that a page's `inside` leads to. Raises DocumentUnreadable where there is none."""
    for place in way:
        reader = readers().get(detect(data, name, _known()))()
        files = reader.files(data) if isinstance(reader, Container) else iter(())
        if (found := next(islice(files, place, None), None)) is None:
            raise unreadable("damaged")
        name, unpack = found
        data = unpack()
    return data


def read_all(files: Iterable[Packed], *, without: Collection[str]) -> tuple[list[Page], tuple[LeftOut, ...]]:
    """The pages of all files, under their names, and what was left out."""
    pages: list[Page] = []
    left_out: list[LeftOut] = []
    for place, (name, unpack) in enumerate(files):
        data = unpack()
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
            drawn = is_drawn(data)
            pages += [
                replace(page, section=_under(name, page.section), inside=_way(place, page, drawn=drawn))
                for page in found
            ]
    return pages, tuple(left_out)


@cache
def _known() -> list[str]:
    """Looked up once in a process: an archive may hold a thousand files."""
    return readers().names()


def numbered(pages: Iterable[Page]) -> tuple[Page, ...]:
    return tuple(replace(page, number=number) for number, page in enumerate(pages, 1))


def _way(place: int, page: Page, *, drawn: bool) -> tuple[int, ...]:
    if page.inside:
        return (place, *page.inside)
    return (place, page.number or 0) if drawn else ()


def _under(name: str, section: str) -> str:
    return f"{name}{SECTION_SEPARATOR}{section}" if section else name
