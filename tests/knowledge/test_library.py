"""The library end to end: real readers in their processes, SQLite, Chroma; only the embedder has no weights."""

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from pilot.errors import (
    ConfigInvalid,
    Conflict,
    DocumentError,
    DocumentUnreadable,
    InputInvalid,
    ModelUnreachable,
    NotFound,
)
from pilot.i18n import Texts
from pilot.knowledge import chunking, reading
from pilot.knowledge.chroma import ChromaVectors
from pilot.knowledge.database import Database
from pilot.knowledge.embedders import Vectors
from pilot.knowledge.index import ChunkIndex
from pilot.knowledge.library import Library
from pilot.knowledge.originals import Originals
from pilot.knowledge.sentences import refused
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import CHINESE, HANDBOOK, settled
from tests.knowledge.threads import watched


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    library = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await library.start()
    yield library
    await library.close()


class Starting(HashingEmbedder):
    """As the LLM server is at first: it does not answer until `up`."""

    up = False

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if not self.up:
            raise ModelUnreachable("no model server answers", remedy="Start it.")
        return await super().embed(texts)


async def test_what_is_wrong_with_a_space_is_told_in_ones_language(library: Library) -> None:
    with pytest.raises(NotFound) as caught:
        await library.space("gone")
    told = refused(caught.value, Texts("zh"))
    assert (told.message, told.remedy) == ("没有名为“gone”的空间。", "请新建它，或查看空间列表。")


async def test_a_document_is_found_by_what_it_says(library: Library) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    assert record.state == "queued"

    [ready] = await settled(library, "HR")
    [best, *_] = await library.search("HR", "How many days of paid leave does an employee have?", 3)

    assert (ready.state, ready.progress, ready.pages) == ("ready", 1.0, 1)
    assert "25 days" in best.text
    assert (best.document, best.document_id, best.section) == ("handbook.md", record.id, "Handbook > Holidays")


async def test_a_chinese_question_finds_the_chinese_passage(library: Library) -> None:
    await library.create_space("人事")
    await library.add("人事", "手册.md", CHINESE.encode("gb18030"))
    await settled(library, "人事")

    [best, *_] = await library.search("人事", "机票需要谁批准？", 3)

    assert "机票须经理批准" in best.text
    assert best.section == "员工手册 > 差旅"


async def test_the_same_content_twice_is_one_document(library: Library) -> None:
    await library.create_space("HR")
    first = await library.add("HR", "handbook.md", HANDBOOK)
    again = await asyncio.gather(*(library.add("HR", f"copy {n}.md", HANDBOOK) for n in range(9)))
    [only] = await settled(library, "HR")

    assert {record.id for record in again} == {first.id} == {only.id}
    passages = await library.search("HR", "paid leave travel desk", 20)
    assert len({passage.number for passage in passages}) == len(passages) == only.chunks


async def test_a_deleted_document_leaves_no_trace(library: Library, tmp_path: Path) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.delete("HR", record.id)

    assert await library.documents("HR") == []
    assert await library.search("HR", "paid leave", 5) == []
    assert list((tmp_path / "knowledge" / "originals").iterdir()) == []
    with pytest.raises(NotFound):
        await library.document("HR", record.id)


async def test_a_document_deleted_in_the_middle_of_ingestion_stays_deleted(library: Library) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    while (await library.document("HR", record.id)).state == "queued":
        await asyncio.sleep(0.001)
    await library.delete("HR", record.id)
    await library.add("HR", "other.txt", b"Something else.")
    [other] = await settled(library, "HR")

    assert other.name == "other.txt"
    assert await library.search("HR", "paid leave", 5) == []


async def test_documents_wait_for_an_embedder_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.knowledge.ingestion.RETRY_SECONDS", 0.05)
    embedder = Starting()
    library = Library(tmp_path, embedder, chunk_size=100)
    await library.start()
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    while not (waiting := await library.document("HR", record.id)).reason:
        await asyncio.sleep(0.01)
    embedder.up = True
    [ready] = await settled(library, "HR")
    await library.close()

    assert (waiting.state, waiting.problem) == ("queued", "embedder_away")
    assert (ready.state, ready.reason) == ("ready", "")


async def test_a_file_that_is_too_large_is_refused_at_once(tmp_path: Path) -> None:
    library = Library(tmp_path, HashingEmbedder(), max_file_mb=1)
    await library.start()
    await library.create_space("HR")
    with pytest.raises(DocumentUnreadable, match="larger than 1 MB"):
        await library.add("HR", "large.txt", b"x" * 1_000_001)
    await library.close()


async def test_the_event_loop_stays_free_while_documents_are_ingested_and_searched(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = [(Originals, "keep"), (reading, "_document"), (chunking, "chunk"), (Database, "reading"),
             (Database, "writing"), (ChromaVectors, "put"), (ChromaVectors, "nearest")]  # fmt: skip
    threads = watched(monkeypatch, *works)
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.search("HR", "paid leave")
    await library.leaf("HR", record.id, None)
    await library.delete("HR", record.id)
    await library.tidy()
    assert threads.keys() == {name for _, name in works}
    assert not any(threading.get_ident() in each for each in threads.values())


async def test_a_path_in_a_name_is_only_a_name(library: Library, tmp_path: Path) -> None:
    await library.create_space("../../outside")
    record = await library.add("../../outside", "..\\..\\etc/../passwd\x00.txt", b"Something.")
    await settled(library, "../../outside")

    assert record.name == "passwd.txt"
    [kept] = (tmp_path / "knowledge" / "originals").iterdir()
    assert re.fullmatch("[0-9a-f]{32}", kept.name)
    assert {file.name for file in tmp_path.iterdir()} == {"knowledge"}


async def test_a_damaged_library_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "knowledge").mkdir()
    (tmp_path / "knowledge" / "library.sqlite").write_bytes(b"garbage " * 1000)
    library = Library(tmp_path, HashingEmbedder())
    with pytest.raises(DocumentError, match=r"library\.sqlite"):
        await library.start()
    await library.close()


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "knowledge").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="knowledge"):
        await Library(tmp_path, HashingEmbedder()).start()


async def test_spaces_do_not_see_each_other(library: Library) -> None:
    await library.create_space("HR")
    await library.create_space("IT")
    await library.add("HR", "handbook.md", HANDBOOK)
    await library.add("IT", "rules.txt", b"Passwords have twelve characters. No paid leave without one.")
    await settled(library, "HR")
    await settled(library, "IT")

    assert {p.document for p in await library.search("IT", "paid leave", 9)} == {"rules.txt"}
    await library.delete_space("IT")
    assert [space.name for space in await library.spaces()] == ["HR"]
    assert {p.document for p in await library.search("HR", "paid leave", 9)} == {"handbook.md"}


async def test_a_bad_file_fails_with_its_reason_and_the_others_go_on(library: Library) -> None:
    await library.create_space("HR")
    await library.add("HR", "cut off.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Cat")
    await library.add("HR", "handbook.md", HANDBOOK)
    bad, good = await settled(library, "HR")

    assert (bad.state, bad.problem, bad.reason) == ("failed", "damaged", "The file is damaged or cut off.")
    assert bad.remedy
    assert good.state == "ready"


@pytest.mark.usefixtures("library")
async def test_a_second_library_on_the_folder_names_the_lock(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="knowledge/lock"):
        await Library(tmp_path, HashingEmbedder()).start()


async def test_a_lost_vector_store_is_made_anew(library: Library, tmp_path: Path) -> None:
    await library.create_space("HR")
    await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    await library.close()
    for file in (tmp_path / "knowledge" / "vectors").rglob("*.sqlite3"):
        file.write_bytes(b"garbage" * 1000)

    again = Library(tmp_path, HashingEmbedder(), chunk_size=100)
    await again.start()
    [index] = again._holdings.indexes.all()
    store = again._holdings.dense.store(index)
    counted = store.count()
    await again.close()

    assert counted == chunks_in(tmp_path)


def chunks_in(data_dir: Path) -> int:
    connection = sqlite3.connect(data_dir / "knowledge" / "library.sqlite")
    [count] = connection.execute("SELECT count(*) FROM chunks").fetchone()
    connection.close()
    return int(count)


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "x" * 201, "\ud800"])
async def test_a_space_needs_a_plain_name(library: Library, name: str) -> None:
    with pytest.raises(InputInvalid):
        await library.create_space(name)


@pytest.mark.parametrize("question", ["", " \n\t", "\x00\x01", "why " * 2000])
async def test_a_senseless_question_is_refused(library: Library, question: str) -> None:
    await library.create_space("HR")
    with pytest.raises(InputInvalid):
        await library.search("HR", question, 5)


async def test_a_passage_counts_in_the_text_of_its_page(library: Library) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    [best, *_] = await library.search("HR", "flights manager approval", 1)

    page = await library.page("HR", record.id, best.page)
    assert page[best.start : best.stop] == best.text


async def test_a_page_is_read_without_the_others_and_only_around_the_passage(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"title": f"Entry {n}", "text": f"Fact {n}. " + "word " * 900}) for n in range(30)]
    await library.create_space("HR")
    record = await library.add("HR", "facts.jsonl", "\n".join(lines).encode())
    await settled(library, "HR")
    monkeypatch.delattr(ChunkIndex, "pages")  # which reads them all
    whole = await library.leaf("HR", record.id, 7)
    part = await library.leaf("HR", record.id, 7, around=(3_000, 3_100), most=200)
    first, last = await library.leaf("HR", record.id, 1), await library.leaf("HR", record.id, 30)
    unknown = await library.leaf("HR", record.id, 31)
    elsewhere = await library.leaf("HR", record.id, 31, around=(3_000, 3_100), most=200)
    assert whole
    assert part
    assert first
    assert last
    assert elsewhere

    assert (whole.page.number, whole.before, whole.after, whole.start) == (7, 6, 8, 0)
    assert "Fact 6." in whole.page.text
    assert len(whole.page.text) == whole.length == part.length
    assert (part.start, part.page.text) == (2_800, whole.page.text[2_800:3_300])
    assert (first.before, first.after, last.before, last.after) == (None, 2, 29, None)
    assert unknown == first
    assert (elsewhere.start, elsewhere.page.text) == (0, first.page.text[:3_300])


@pytest.mark.parametrize("around", [(0, 0), (9_000, 9_100), (9_000, 5)])
async def test_marks_beside_the_text_are_no_error(library: Library, around: tuple[int, int]) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "handbook.md", HANDBOOK)
    await settled(library, "HR")
    leaf = await library.leaf("HR", record.id, None, around=around, most=100)
    assert leaf is not None
    assert len(leaf.page.text) <= 100


async def test_what_is_not_read_has_no_page(library: Library) -> None:
    await library.create_space("HR")
    record = await library.add("HR", "cut.pdf", b"%PDF-1.7 cut off")
    await settled(library, "HR")
    assert await library.leaf("HR", record.id, 1) is None


async def test_the_library_says_how_much_of_a_text_the_embedder_can_read(library: Library) -> None:
    assert await library.readable("paid leave") == 1.0
    assert await library.readable("年假 leave") == 5 / 7
