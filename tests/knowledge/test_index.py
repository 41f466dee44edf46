"""The lexical index in SQLite, and what it does in a library that is too large to score every word."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pilot.errors import NotFound
from pilot.knowledge.catalog import Catalog
from pilot.knowledge.chunking import Chunk
from pilot.knowledge.database import Database
from pilot.knowledge.document import Document, Page
from pilot.knowledge.index import Change, ChunkIndex
from pilot.knowledge.indexes import Indexes
from pilot.knowledge.originals import Original
from pilot.knowledge.records import Index
from pilot.knowledge.words import Words


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "library.sqlite")
    yield database
    database.close()


@pytest.fixture
def index(database: Database) -> Index:
    return Indexes(database, embedder="e", chunk_size=800).first(Catalog(database).add_space("s"))


def fill(database: Database, index: Index, document: str, texts: list[str], section: str = "") -> Change:
    """A document of these chunks, or its newer version; what had to change."""
    original = Original(f"{document} {texts}", str(texts), 1)
    record, _ = Catalog(database).enqueue("s", f"{document}.txt", f"{document}.txt", original)
    chunks = [Chunk(n, text, 1, section, 0, len(text)) for n, text in enumerate(texts)]
    held = ChunkIndex(database)
    change = held.compare(index, record.id, chunks)
    pages = Document((Page(" ".join(texts), 1),))
    vectors = np.eye(len(change.added), 4, dtype=np.float32)
    held.store(index, record.id, change, held.next_key(), vectors, pages=pages, original=original.token)
    return change


def found(database: Database, index: Index, *terms: str) -> list[str]:
    words = Words(database)
    ranked = words.ranked([index], terms, 10).get(index.number, [])
    return [f"{p.document.removesuffix('.txt')}:{p.number}" for p in words.passages(ranked)]


def test_latin_words_are_found_in_other_forms(database: Database, index: Index) -> None:
    fill(database, index, "a", ["Employees were PAID monthly in the cafés.", "Nothing of it."])
    assert found(database, index, "employee") == ["a:0"]
    assert found(database, index, "paying", "cafe") == ["a:0"]


def test_two_chinese_characters_are_found(database: Database, index: Index) -> None:
    fill(database, index, "a", ["全部订单总额按月统计。", "没有关系。"])
    assert found(database, index, "订单") == ["a:0"]


def test_headings_and_the_document_name_count_too(database: Database, index: Index) -> None:
    fill(database, index, "handbook", ["Twenty-five days."], section="Holidays")
    assert found(database, index, "holiday") == ["handbook:0"]
    assert found(database, index, "handbook") == ["handbook:0"]


def test_common_words_are_not_scored_beyond_the_budget(
    database: Database, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.knowledge.words.MOST_FOUND", 4)
    monkeypatch.setattr("pilot.knowledge.words.MOST_POSTINGS", 4)
    fill(database, index, "a", ["common words", "common words", "common words", "common rare"])
    assert found(database, index, "common", "rare", "absent") == ["a:3"]
    assert len(found(database, index, "common", "absent")) == 4


def test_of_chunks_with_a_rare_word_common_words_change_the_order_and_no_score(
    database: Database, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["rare alone here", "rare with common words", "rare rare", *["common words"] * 4]
    fill(database, index, "a", [*texts, *["other words"] * 10])
    words = Words(database)
    everything = words.ranked([index], ["common", "rare"], 10)[index.number]
    assert len(everything) == len(texts)
    monkeypatch.setattr("pilot.knowledge.words.MOST_FOUND", 3)
    assert words.ranked([index], ["common", "rare"], 10)[index.number] == everything[:3]
    assert [key for key, _ in everything[:3]] == ["3", "2", "1"]


def test_a_newer_version_changes_only_what_is_different(database: Database, index: Index) -> None:
    fill(database, index, "a", ["first words", "second words", "third words"])
    change = fill(database, index, "a", ["new words", "first words", "third words"])
    assert [chunk.text for chunk in change.added] == ["new words"]
    assert [(key, chunk.number) for key, chunk in change.kept] == [(1, 1), (3, 2)]
    assert change.removed == (2,)
    assert sorted(found(database, index, "words")) == ["a:0", "a:1", "a:2"]
    assert found(database, index, "second") == []


def test_a_text_that_stands_twice_is_kept_twice(database: Database, index: Index) -> None:
    fill(database, index, "a", ["same", "same", "other"])
    change = fill(database, index, "a", ["same", "same"])
    assert (len(change.kept), len(change.added), len(change.removed)) == (2, 0, 1)


def test_a_deleted_document_cannot_be_stored(database: Database, index: Index) -> None:
    fill(database, index, "a", ["words"])
    [record] = Catalog(database).documents("s")
    ChunkIndex(database).remove(Catalog(database).space("s"), record.id)
    with pytest.raises(NotFound):
        ChunkIndex(database).store(index, record.id, Change((), (), ()), 1, np.zeros((0, 4), np.float32))


def test_an_older_version_is_not_stored_over_a_newer_one(database: Database, index: Index) -> None:
    fill(database, index, "a", ["words"])
    record, _ = Catalog(database).enqueue("s", "a.txt", "a.txt", Original("newer", "newer", 1))
    with pytest.raises(NotFound, match="replaced"):
        ChunkIndex(database).store(index, record.id, Change((), (), ()), 2, np.zeros((0, 4), np.float32),
                                   pages=Document((Page("old"),)), original="older")  # fmt: skip


def test_another_version_of_the_tokenizing_indexes_anew(
    database: Database, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    ChunkIndex(database).renew_terms()
    fill(database, index, "a", ["words of old"])
    monkeypatch.setattr("pilot.knowledge.index.VERSION", 999)
    monkeypatch.setattr("pilot.knowledge.index.index_text", lambda text: f"{text} renewed")
    ChunkIndex(database).renew_terms()
    assert found(database, index, "renewed") == ["a:0"]
    assert found(database, index, "old") == ["a:0"]
