"""Files that are ZIP archives inside (DOCX and its kin): looked through before any parser unpacks them."""

import io
import zipfile

from pilot.knowledge.readers.problems import unreadable

MOST_ENTRIES = 10_000
MOST_BYTES = 300_000_000  # unpacked, in all
MOST_RATIO = 250  # of one entry; text packs at 5-20, a bomb at 1,000
SMALL = 1_000_000  # bytes below which the ratio does not matter


def entries(data: bytes) -> list[str]:
    """The names inside. Raises DocumentUnreadable for a bomb or a damaged archive.

    The sizes that the archive states are binding: Python's zipfile stops reading at them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise unreadable("damaged") from error
    if len(inside) > MOST_ENTRIES or sum(entry.file_size for entry in inside) > MOST_BYTES:
        raise unreadable("too_much_inside")
    if any(e.file_size > SMALL and e.file_size > MOST_RATIO * e.compress_size for e in inside):
        raise unreadable("too_much_inside")
    return [entry.filename for entry in inside]


def stated_type(data: bytes) -> bytes:
    """The content of the entry `mimetype`, by which OpenDocument and EPUB name themselves; empty without one."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("mimetype") as entry:
            return entry.read(100).strip()
    except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile):
        return b""
