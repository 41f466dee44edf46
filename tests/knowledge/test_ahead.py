"""Documents are read while another is embedded: what cannot be read need not wait for a model that is slow to come."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from pilot.knowledge import reading
from pilot.knowledge.document import Document
from pilot.knowledge.embedders import Vectors
from pilot.knowledge.library import Library
from tests.knowledge.hashing import HashingEmbedder


class Waiting(HashingEmbedder):
    """Answers once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        await self.may.wait()
        return await super().embed(texts)


async def states(library: Library) -> list[str]:
    return [each.state for each in await library.documents("files")]


async def until(library: Library, wanted: list[str]) -> None:
    async with asyncio.timeout(600):
        while await states(library) != wanted:
            await asyncio.sleep(0.02)


async def test_a_broken_file_fails_while_the_model_for_the_one_before_is_still_loading(tmp_path: Path) -> None:
    embedder = Waiting()
    library = Library(tmp_path, embedder)
    await library.start()
    await library.create_space("files")
    await library.add("files", "first.md", b"The first one.")
    await library.add("files", "broken.pdf", b"%PDF-1.7 cut off")
    await library.add("files", "last.md", b"The last one.")
    await until(library, ["indexing", "failed", "queued"])
    embedder.may.set()
    await until(library, ["ready", "failed", "ready"])
    assert {each.text for each in await library.search("files", "which one is it?")} == {
        "The first one.",
        "The last one.",
    }
    await library.close()


async def test_a_document_that_is_deleted_or_replaced_after_it_was_read_ahead_is_not_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def read(file: Path, name: str) -> Document:
        document = await reading.read(file, name)
        done.append(name)
        return document

    monkeypatch.setattr("pilot.knowledge.ingestion.reading", SimpleNamespace(read=read))
    embedder = Waiting()
    library = Library(tmp_path, embedder)
    await library.start()
    await library.create_space("files")
    await library.add("files", "first.md", b"The first one.")
    gone = await library.add("files", "gone.md", b"This one goes.")
    await library.add("files", "changed.md", b"This one was.")
    await until(library, ["indexing", "queued", "queued"])
    async with asyncio.timeout(600):
        while done != ["first.md", "gone.md"]:  # the second one ahead, while the first waits for the model
            await asyncio.sleep(0.02)
    await library.delete("files", gone.id)
    await library.add("files", "changed.md", b"This one is.")
    embedder.may.set()
    await until(library, ["ready", "ready"])
    assert {each.text for each in await library.search("files", "this one")} == {"The first one.", "This one is."}
    await library.close()
