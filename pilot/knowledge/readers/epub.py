"""EPUB: the chapters of the book in its own order, each a page."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from defusedxml.ElementTree import ParseError, fromstring

from pilot.knowledge.document import Document, Page
from pilot.knowledge.readers.base import Reader
from pilot.knowledge.readers.html import as_markdown
from pilot.knowledge.readers.packed import entries
from pilot.knowledge.readers.problems import unreadable

ROOTFILE = "{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
OPF = "{http://www.idpf.org/2007/opf}"
LOCKS = "META-INF/encryption.xml"  # names what is encrypted: fonts often, texts when the book is protected


class EpubReader(Reader):
    def read(self, data: bytes, name: str) -> Document:
        inside = entries(data)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                locks = archive.read(LOCKS).decode(errors="replace") if LOCKS in inside else ""
                chapters = list(_chapters(archive))
                if any(chapter in locks for chapter in chapters):
                    raise unreadable("locked")
                texts = [as_markdown(archive.read(chapter)) for chapter in chapters if chapter in inside]
        except (KeyError, ValueError, OSError, RuntimeError, zipfile.BadZipFile, ParseError) as error:
            raise unreadable("damaged") from error
        return Document(tuple(Page(text, number, "", "markdown") for number, text in enumerate(texts, 1)))


def _chapters(archive: zipfile.ZipFile) -> Iterator[str]:
    """The names of the chapters' files, in reading order."""
    rootfile = fromstring(archive.read("META-INF/container.xml")).find(f".//{ROOTFILE}")
    if rootfile is None:
        raise unreadable("damaged")
    path = rootfile.get("full-path", "")
    package = fromstring(archive.read(path))
    files = {item.get("id"): item.get("href", "") for item in package.iter(f"{OPF}item")}
    for reference in package.iter(f"{OPF}itemref"):
        if href := files.get(reference.get("idref")):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(href.partition("#")[0])))
