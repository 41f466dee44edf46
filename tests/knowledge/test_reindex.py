"""Another embedder or chunk size: a new index is made in the background while the one there is serves."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pilot.errors import InputInvalid, ModelUnknown, ModelUnreachable
from pilot.knowledge.embedders import Embedder, Reranker, Vectors, only
from pilot.knowledge.library import Library
from pilot.knowledge.records import SpaceSettings
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import HANDBOOK, moved_on, settled


class Slow(HashingEmbedder):
    """Gives way at each text until `go`."""

    def __init__(self, name: str, dimension: int) -> None:
        super().__init__(name, dimension)
        self.go = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        await self.go.wait()
        return await super().embed(texts)


async def made(tmp_path: Path) -> None:
    library = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await library.start()
    await library.create_space("HR")
    await library.add("HR", "handbook.md", HANDBOOK)
    await library.add("HR", "other.txt", b"Parking is free for guests.")
    await settled(library, "HR")
    await library.close()


async def test_the_index_there_is_serves_until_the_new_embedders_is_whole(tmp_path: Path) -> None:
    await made(tmp_path)
    slow, old = Slow("another", 64), HashingEmbedder()
    by_name: dict[str, Embedder] = {"another": slow, "hashing": old}
    library = Library(tmp_path, slow, embedders=by_name.__getitem__, chunk_size=100)
    await library.start()
    while (await library.space("HR")).reindexing is None:
        await asyncio.sleep(0.01)
    before = await library.space("HR")
    [best, *_] = await library.search("HR", "How many days of paid leave?", 5)
    slow.go.set()
    await moved_on(library, "HR", "another")
    after = await library.space("HR")
    [again, *_] = await library.search("HR", "How many days of paid leave?", 5)
    await library.tidy()
    folders = len(list((tmp_path / "knowledge" / "vectors").iterdir()))
    await library.close()

    assert (before.embedder, before.dimension) == ("hashing", 256)
    assert (after.embedder, after.dimension) == ("another", 64)
    assert "25 days" in best.text
    assert "25 days" in again.text
    assert folders == 1


async def test_while_the_old_embedder_is_gone_words_alone_find(tmp_path: Path) -> None:
    await made(tmp_path)
    slow = Slow("another", 64)
    library = Library(tmp_path, slow, chunk_size=100)
    await library.start()
    [best, *_] = await library.search("HR", "paid leave", 5)
    await library.add("HR", "late.txt", b"Lockers are in the cellar.")  # waits for the new index
    slow.go.set()
    await moved_on(library, "HR", "another")
    records = await settled(library, "HR")
    [late, *_] = await library.search("HR", "lockers cellar", 5)
    await library.close()
    assert "25 days" in best.text
    assert {record.state for record in records} == {"ready"}
    assert "Lockers" in late.text


async def test_a_new_index_is_taken_up_after_a_restart(tmp_path: Path) -> None:
    await made(tmp_path)
    first = Library(tmp_path, Slow("another", 64), chunk_size=100)
    await first.start()
    while (await first.space("HR")).reindexing is None:
        await asyncio.sleep(0.01)
    await first.close()
    second = Library(tmp_path, HashingEmbedder("another", 64), chunk_size=100)
    await second.start()
    await moved_on(second, "HR", "another")
    records = await second.documents("HR")
    await second.close()
    assert [record.state for record in records] == ["ready", "ready"]


async def test_a_document_changed_meanwhile_is_in_the_new_index_as_it_is_now(tmp_path: Path) -> None:
    await made(tmp_path)
    slow = Slow("another", 64)
    by_name: dict[str, Embedder] = {"another": slow, "hashing": HashingEmbedder()}
    library = Library(tmp_path, slow, embedders=by_name.__getitem__, chunk_size=100)
    await library.start()
    while (await library.space("HR")).reindexing is None:
        await asyncio.sleep(0.01)
    await library.add("HR", "handbook.md", HANDBOOK.replace(b"25 days", b"28 days"))
    slow.go.set()
    await settled(library, "HR")
    await moved_on(library, "HR", "another")
    found = await library.search("HR", "days of paid leave", 9)
    await library.close()
    assert "28 days" in found[0].text
    assert not any("25 days" in passage.text for passage in found)


async def test_a_space_has_settings_of_its_own(tmp_path: Path) -> None:
    await made(tmp_path)
    library = Library(tmp_path, HashingEmbedder(), chunk_size=100, top_size=2)
    await library.start()
    assert await library.top_size("HR") == 2
    before = sum(record.chunks for record in await library.documents("HR"))
    await library.configure("HR", SpaceSettings(chunk_size=1000, top_size=1))
    async with asyncio.timeout(600):
        while (await library.space("HR")).chunk_size != 1000:
            await asyncio.sleep(0.02)
    after = sum(record.chunks for record in await library.documents("HR"))
    assert len(await library.search("HR", "paid leave parking")) == await library.top_size("HR") == 1
    await library.close()
    assert 2 <= after < before


@pytest.mark.parametrize("wrong", [{"chunk_size": 99}, {"chunk_size": 8001}, {"top_size": 0}, {"top_size": 51}])
async def test_senseless_settings_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    library = Library(tmp_path, HashingEmbedder())
    await library.start()
    with pytest.raises(InputInvalid):
        await library.create_space("HR", replace(SpaceSettings(), **wrong))  # type: ignore[arg-type]
    with pytest.raises(ModelUnknown):
        await library.create_space("HR", SpaceSettings(embedder="absent"))
    spaces = await library.spaces()
    await library.close()
    assert spaces == []


async def test_indexing_again_on_request_ends_in_one_index(tmp_path: Path) -> None:
    await made(tmp_path)
    library = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await library.start()
    await library.reindex("HR")
    assert (await library.space("HR")).reindexing is not None
    await moved_on(library, "HR", "hashing")
    found = await library.search("HR", "paid leave", 1)
    await library.close()
    assert "25 days" in found[0].text


class Judging(Reranker):
    """Prefers what has the question's last word; cannot read anything but Latin letters."""

    def __init__(self) -> None:
        self.up = True

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        if not self.up:
            raise ModelUnreachable("no reranker answers")
        if not question.isascii():
            return [0.5] * len(texts)
        return [1.0 if text == question else 0.9 * (question.split()[-1] in text) for text in texts]


async def test_a_reranker_orders_what_was_found_where_it_reads_the_question(tmp_path: Path) -> None:
    await made(tmp_path)
    reranker = Judging()
    library = Library(tmp_path, HashingEmbedder(), reranker=reranker, chunk_size=100)
    await library.start()
    reranked = await library.search("HR", "paid leave per year guests", 3)
    chinese = await library.search("HR", "年假 paid leave 几天年假休假", 3)
    reranker.up = False
    without = await library.search("HR", "paid leave per year guests", 3)
    await library.close()
    assert "guests" in reranked[0].text
    assert "leave" in chinese[0].text
    assert "leave" in without[0].text


def test_one_embedder_alone_knows_no_other() -> None:
    own = HashingEmbedder()
    assert only(own)("hashing") is own
