"""A changed file, and one that is deleted: what stays, what is made anew, and that no byte is left behind."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pilot.knowledge.database import Database, leave_untidy
from pilot.knowledge.embedders import Vectors
from pilot.knowledge.library import Library
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import HANDBOOK, settled

FIRST_VERSION = Path(__file__).with_name("first_version.sql")


class Counting(HashingEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return await super().embed(texts)


@pytest.fixture
def embedder() -> Counting:
    return Counting()


@pytest.fixture
async def library(tmp_path: Path, embedder: Counting) -> Library:
    library = Library(tmp_path, embedder, chunk_size=100)
    await library.start()
    await library.create_space("HR")
    return library


def bytes_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def test_a_changed_file_changes_only_its_changed_chunks(library: Library, embedder: Counting) -> None:
    record = await library.add("HR", "handbook.md", HANDBOOK)
    [before] = await settled(library, "HR")
    embedder.texts.clear()
    again = await library.add("HR", "handbook.md", HANDBOOK.replace(b"25 days", b"28 days"))
    [after] = await settled(library, "HR")
    [best, *_] = await library.search("HR", "days of paid leave", 9)
    passages = await library.search("HR", "handbook holidays travel leave flights", 20)
    original = await library.original("HR", record.id)
    await library.close()

    assert (again.id, after.id, after.chunks) == (record.id, record.id, before.chunks)
    assert [text for text in embedder.texts if "days" in text and "Holidays" in text] == [embedder.texts[0]]
    assert "28 days" in best.text
    assert not any("25 days" in passage.text for passage in passages)
    assert b"28 days" in original


async def test_the_version_before_is_found_until_the_new_one_is_indexed(library: Library, tmp_path: Path) -> None:
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.add("HR", "handbook.md", HANDBOOK + b"\n## More\nA canteen.\n")
    while (now := await library.document("HR", record.id)).state != "ready":
        assert any("25 days" in passage.text for passage in await library.search("HR", "paid leave", 9))
        await asyncio.sleep(0.01)
    await library.close()
    assert now.state == "ready"
    assert len(list((tmp_path / "knowledge" / "originals").iterdir())) == 1


async def test_a_newer_version_that_cannot_be_read_costs_the_one_before_nothing(library: Library) -> None:
    await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.add("HR", "handbook.md", b"\x00\x01\x02\x03" * 100)
    [record] = await settled(library, "HR")
    found = await library.search("HR", "paid leave", 1)
    original = await library.original("HR", record.id)
    await library.close()
    assert (record.state, record.problem) == ("ready", "no_plain_text")
    assert record.reason
    assert "25 days" in found[0].text
    assert original == HANDBOOK


async def test_nothing_of_a_deleted_document_stays_on_the_disk(library: Library, tmp_path: Path) -> None:
    secret = b"The zanzibarium code word is quetzalcoatlus. " + b"Nobody else knows it. " * 20
    record = await library.add("HR", "secret.txt", secret)
    await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    [passage, *_] = await library.search("HR", "quetzalcoatlus", 1)
    [vector] = await HashingEmbedder().embed([passage.text])
    traces = (b"quetzalcoatlus", b"zanzibarium", np.asarray(vector, "<f4").tobytes(), record.id.encode())
    assert all(trace in bytes_on_disk(tmp_path) for trace in traces)

    await library.delete("HR", record.id)
    await library.tidy()
    left = bytes_on_disk(tmp_path)
    found = await library.search("HR", "paid leave", 5)
    await library.close()

    assert [trace for trace in traces if trace in left] == []
    assert found


async def test_nothing_of_a_deleted_space_stays_on_the_disk(library: Library, tmp_path: Path) -> None:
    await library.create_space("secret")
    await library.add("secret", "secret.txt", b"The code word is quetzalcoatlus.")
    await settled(library, "secret")
    await library.delete_space("secret")
    await library.tidy()
    left = bytes_on_disk(tmp_path)
    await library.close()
    assert b"quetzalcoatlus" not in left
    assert list((tmp_path / "knowledge" / "vectors").iterdir()) == []


async def test_what_a_stopped_process_deleted_is_overwritten_by_the_next_one(library: Library, tmp_path: Path) -> None:
    record = await library.add("HR", "secret.txt", b"The code word is quetzalcoatlus.")
    await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.delete("HR", record.id)
    await library.close()  # before it was tidied
    again = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await again.start()
    async with asyncio.timeout(600):
        while again._holdings.database.untidy():
            await asyncio.sleep(0.02)
    await again.close()
    assert b"quetzalcoatlus" not in bytes_on_disk(tmp_path)


@pytest.mark.parametrize("step", ["incremental_vacuum", "wal_checkpoint"])
def test_where_overwriting_broke_off_it_is_still_to_be_done(step: str, tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite3")
    with database.writing() as connection:
        leave_untidy(connection)

    def refused(action: int, name: str | None, *_: object) -> int:
        return sqlite3.SQLITE_DENY if (action, name) == (sqlite3.SQLITE_PRAGMA, step) else sqlite3.SQLITE_OK

    database._writer.set_authorizer(refused)
    with pytest.raises(sqlite3.DatabaseError):
        list(database.scrub())
    assert database.untidy()
    database._writer.set_authorizer(None)
    list(database.scrub())
    assert not database.untidy()
    database.close()


def test_while_somebody_reads_what_was_deleted_it_is_still_to_be_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite3"
    database = Database(file)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM meta").fetchone()
        with database.writing() as connection:
            leave_untidy(connection)
        list(database.scrub())
        assert database.untidy()
    list(database.scrub())
    assert not database.untidy()
    database.close()


async def test_where_nothing_was_deleted_a_start_tidies_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.close()
    scrubs: list[Database] = []

    def scrub(database: Database) -> Iterator[None]:
        scrubs.append(database)
        yield

    monkeypatch.setattr(Database, "scrub", scrub)
    again = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await again.start()
    await again.add("HR", "other.txt", b"Something else.")
    await settled(again, "HR")
    assert not await again._ingestion._next()  # nothing is left to do
    await again.close()
    assert scrubs == []


async def test_a_library_of_the_first_version_is_read_again_from_its_originals(tmp_path: Path) -> None:
    originals = tmp_path / "knowledge" / "originals"
    originals.mkdir(parents=True)
    (originals / ("a" * 32)).write_bytes(HANDBOOK)
    (originals / ("b" * 32)).write_bytes(b"Something else about parking.")
    connection = sqlite3.connect(tmp_path / "knowledge" / "library.sqlite")
    connection.executescript(FIRST_VERSION.read_text(encoding="utf-8"))
    connection.close()

    library = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await library.start()
    records = await settled(library, "HR")
    [best, *_] = await library.search("HR", "paid leave", 3)
    await library.close()

    assert [(record.name, record.state) for record in records] == [("handbook.md", "ready"), ("handbook.md", "ready")]
    assert "25 days" in best.text


async def test_a_library_of_the_second_version_opens_as_it_is(library: Library, tmp_path: Path) -> None:
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.close()
    connection = sqlite3.connect(tmp_path / "knowledge" / "library.sqlite")
    connection.executescript(
        "DROP INDEX pages_of; ALTER TABLE pages DROP COLUMN inside; PRAGMA user_version = 2; VACUUM"
    )
    connection.close()

    again = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await again.start()
    pages = await again.pages("HR", record.id)
    [best, *_] = await again.search("HR", "paid leave", 3)
    await again.close()

    assert ["25 days" in page.text for page in pages] == [True]
    assert "25 days" in best.text
