"""ZIP: the documents inside, under their names. An archive inside an archive stays closed."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

from pilot.errors import DocumentUnreadable
from pilot.knowledge.document import Document
from pilot.knowledge.readers.base import Container, Packed
from pilot.knowledge.readers.encoding import decode
from pilot.knowledge.readers.nested import numbered, read_all
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.sentences import left_out

MOST_FILES = 1_000
UTF8_NAME = 0x800  # flag of an entry
LOCKED = 0x1


class ZipReader(Container):
    def read(self, data: bytes, name: str) -> Document:
        try:
            pages, left = read_all(self.files(data), without=("zip",))
        except (KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise unreadable("damaged") from error
        if not pages:
            raise unreadable("nothing_inside", **left_out(left))
        return Document(numbered(pages), left)

    def files(self, data: bytes) -> Iterator[Packed]:
        entries(data)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir() and not _litter(entry.filename)]
            if len(files) > MOST_FILES:
                raise unreadable("too_much_inside")
            if any(entry.flag_bits & LOCKED for entry in files):
                raise unreadable("locked")
            for entry in files:
                yield _name(entry), partial(archive.read, entry)


def _name(entry: zipfile.ZipInfo) -> str:
    """Windows writes names in the code page of its country, and zipfile reads them as IBM's first one."""
    if entry.flag_bits & UTF8_NAME or entry.filename.isascii():
        return entry.filename
    try:
        return decode(entry.filename.encode("cp437"))
    except (UnicodeEncodeError, DocumentUnreadable):
        return entry.filename


def _litter(name: str) -> bool:
    """What systems leave in archives, and nobody wrote."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1] in ("Thumbs.db", "desktop.ini")
