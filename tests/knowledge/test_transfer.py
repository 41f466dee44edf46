"""A space as one file: taken along, and never trusted."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from pilot.errors import Conflict, InputInvalid, NotFound
from pilot.knowledge.library import Library
from pilot.knowledge.records import SpaceSettings
from tests.knowledge import samples
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import CHINESE, HANDBOOK, settled


async def opened(folder: Path, **options: int) -> Library:
    library = Library(folder, HashingEmbedder(), chunk_size=200, **options)  # type: ignore[arg-type]
    await library.start()
    return library


async def exported(library: Library, name: str) -> bytes:
    async with library.export(name) as file:
        return file.read_bytes()


async def test_a_space_comes_back_with_its_settings_and_documents(tmp_path: Path) -> None:
    library = await opened(tmp_path / "here")
    await library.create_space("人事", SpaceSettings(chunk_size=300, top_size=3))
    await library.add("人事", "handbook.md", HANDBOOK)
    await library.add("人事", "手册.md", CHINESE.encode())
    await library.add("人事", "cut.pdf", b"%PDF-1.7 broken")
    await settled(library, "人事")
    file = await exported(library, "人事")
    left = [each.name for each in (tmp_path / "here" / "knowledge").glob("export*")]
    await library.close()

    other = await opened(tmp_path / "there")
    space = await other.import_space(io.BytesIO(file))
    records = await settled(other, "人事")
    [best, *_] = await other.search("人事", "机票需要谁批准？")
    with pytest.raises(Conflict):
        await other.import_space(io.BytesIO(file))
    copy = await other.import_space(io.BytesIO(file), "copy")
    await other.close()

    assert (space.name, copy.name) == ("人事", "copy")
    assert space.settings == SpaceSettings(chunk_size=300, top_size=3)
    assert [(record.name, record.state) for record in records] == [
        ("handbook.md", "ready"), ("手册.md", "ready"), ("cut.pdf", "failed")]  # fmt: skip
    assert "机票须经理批准" in best.text
    assert left == []


MANIFEST = {"format": "pilot-space", "name": "x", "documents": [{"name": "a.txt", "source": "a.txt"}]}


def parcel(manifest: object, **entries: bytes) -> bytes:
    inside = {name.replace("_", "/"): content for name, content in entries.items()}
    return samples.packed({"space.json": json.dumps(manifest).encode(), **inside})


BAD = {
    "no archive": b"plain text",
    "no manifest": samples.packed({"documents/00000": b"x"}),
    "manifest is no JSON": samples.packed({"space.json": b"{"}),
    "another format": parcel({**MANIFEST, "format": "zip"}, documents_00000=b"x"),
    "a document is missing": parcel(MANIFEST),
    "a document is too large": parcel(MANIFEST, documents_00000=bytes(1_000_001)),
    "settings out of bounds": parcel({**MANIFEST, "chunk_size": 1}, documents_00000=b"x"),
    "an endless name": parcel({**MANIFEST, "name": "x" * 300}, documents_00000=b"x"),
    "no name": parcel({**MANIFEST, "name": " "}, documents_00000=b"x"),
    "too many documents": parcel({**MANIFEST, "documents": MANIFEST["documents"] * 10_001}),  # type: ignore[operator]
    "manifest is a bomb": samples.packed({"space.json": b" " * 20_000_000}),
    "cut": parcel(MANIFEST, documents_00000=b"x" * 5000)[:-30],
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_file_that_is_no_export_leaves_nothing_behind(kind: str, tmp_path: Path) -> None:
    library = await opened(tmp_path, max_file_mb=1)
    with pytest.raises(InputInvalid):
        await library.import_space(io.BytesIO(BAD[kind]))
    spaces = await library.spaces()
    await library.close()
    assert spaces == []
    assert list((tmp_path / "knowledge" / "originals").iterdir()) == []


async def test_names_in_an_export_are_names_only(tmp_path: Path) -> None:
    manifest = {**MANIFEST, "documents": [{"name": "../../etc/passwd", "source": "../../x"}]}
    library = await opened(tmp_path)
    await library.import_space(io.BytesIO(parcel(manifest, documents_00000=b"Something.")))
    [record] = await settled(library, "x")
    await library.close()
    assert record.name == "passwd"
    assert {each.name for each in tmp_path.iterdir()} == {"knowledge"}


async def test_a_damaged_document_in_an_export_takes_the_space_back(tmp_path: Path) -> None:
    content = bytearray(parcel(MANIFEST, documents_00000=b"Something that is long enough. " * 200))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        [entry] = [each for each in archive.infolist() if each.filename == "documents/00000"]
    content[entry.header_offset + 60] ^= 0xFF
    library = await opened(tmp_path)
    with pytest.raises(InputInvalid, match="damaged"):
        await library.import_space(io.BytesIO(bytes(content)))
    spaces = await library.spaces()
    await library.close()
    assert spaces == []


async def test_only_a_space_that_is_there_is_exported(tmp_path: Path) -> None:
    library = await opened(tmp_path)
    with pytest.raises(NotFound):
        await exported(library, "absent")
    await library.close()
