"""A space as one file: its settings and the originals of its documents. Indexes are not in it: they are made anew, so
that a file from a stranger brings no vector and no text that no reader has seen. Blocking.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from pydantic import BaseModel, Field, ValidationError

from pilot.errors import InputInvalid
from pilot.knowledge.originals import Originals
from pilot.knowledge.records import DocumentRecord, Space, SpaceSettings
from pilot.knowledge.sentences import complaint

FORMAT = "pilot-space"
MANIFEST = "space.json"
LARGEST_MANIFEST = 10_000_000  # bytes
MOST_DOCUMENTS = 10_000
LARGEST = 20_000_000_000  # bytes of all documents


class _Entry(BaseModel):
    name: str
    source: str = Field(max_length=2000)


class _Manifest(BaseModel):
    format: str
    name: str
    chunk_size: int | None = Field(None, ge=100, le=8000)
    top_size: int | None = Field(None, ge=1, le=50)
    embedder: str | None = Field(None, max_length=200)
    documents: list[_Entry] = Field(max_length=MOST_DOCUMENTS)


@dataclass(frozen=True)
class Parcel:
    """What an exported file says it holds; `documents` are (name, source), in the order of the entries."""

    name: str
    settings: SpaceSettings
    documents: tuple[tuple[str, str], ...]


def pack(target: Path, space: Space, documents: Sequence[tuple[DocumentRecord, str]], originals: Originals) -> None:
    """`documents` come with the token of their original."""
    kept = [(record, token) for record, token in documents if token]
    manifest = {
        "format": FORMAT, "name": space.name, **asdict(space.settings),
        "documents": [{"name": record.name, "source": record.source} for record, _ in kept],
    }  # fmt: skip
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2))
        for number, (_, token) in enumerate(kept):
            archive.write(originals.file(token), _entry(number))


def look(file: IO[bytes], *, most_bytes: int) -> Parcel:
    """What is in it. Raises InputInvalid for anything that is not whole, or larger than a document may be."""
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {entry.filename: entry.file_size for entry in archive.infolist()[: MOST_DOCUMENTS + 2]}
            if sizes.get(MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
                raise complaint(InputInvalid, "no_export")
            told = _Manifest.model_validate_json(archive.read(MANIFEST))
    except (zipfile.BadZipFile, ValidationError, OSError, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise complaint(InputInvalid, "no_export") from error
    entries = [sizes.get(_entry(number), most_bytes + 1) for number in range(len(told.documents))]
    if told.format != FORMAT or any(size > most_bytes for size in entries) or sum(entries) > LARGEST:
        raise complaint(InputInvalid, "export_large", limit=most_bytes // 1_000_000)
    settings = SpaceSettings(told.chunk_size, told.top_size, told.embedder)
    return Parcel(told.name, settings, tuple((each.name, each.source) for each in told.documents))


def unpack(file: IO[bytes], parcel: Parcel) -> Iterator[tuple[str, str, bytes]]:
    """Name, source and content, one document at a time. Raises InputInvalid where the file is damaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            for number, (name, source) in enumerate(parcel.documents):
                yield name, source, archive.read(_entry(number))
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, RuntimeError, ValueError, zlib.error) as error:
        raise complaint(InputInvalid, "export_damaged") from error


def _entry(number: int) -> str:
    return f"documents/{number:05}"
