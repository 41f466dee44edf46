"""kill -9 in the middle of ingestion: afterwards each document is whole or absent, and no chunk is there twice."""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pilot.knowledge.chroma import ChromaVectors

ROUNDS = 6
DOCUMENTS = 12


def ingest(data_dir: Path, files: Path, *, kill_after: float | None) -> list[str]:
    """The lines that the process wrote: ids of accepted documents, `done` at the end."""
    command = [sys.executable, "-m", "tests.knowledge.ingest", str(data_dir), str(files)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        if kill_after is not None:
            process.stdout.readline()  # it has begun to work
            time.sleep(kill_after)
            process.kill()
        lines = process.stdout.read().split()
    process.wait()
    return lines


def check(data_dir: Path, chunks_of_each: int | None = None) -> int:
    """How many documents are ready; every one of them has all of its chunks once."""
    connection = sqlite3.connect(data_dir / "knowledge" / "library.sqlite")
    rows = connection.execute(
        "SELECT d.state, d.chunks, count(c.id), count(DISTINCT c.number), count(t.rowid) FROM documents d "
        "LEFT JOIN chunks c ON c.document = d.seq LEFT JOIN terms t ON t.rowid = c.id GROUP BY d.seq"
    ).fetchall()
    connection.close()
    ready = [row for row in rows if row[0] == "ready"]
    assert all(row[2] == 0 for row in rows if row[0] != "ready")
    for _, stated, chunks, numbers, terms in ready:
        assert stated == chunks == numbers == terms > 0
        assert chunks_of_each in (None, chunks)
    return len(ready)


@pytest.mark.slow
def test_a_killed_ingestion_leaves_documents_whole_or_absent(tmp_path: Path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for n in range(DOCUMENTS):
        facts = "".join(f"Fact {m} of file {n} is that {m * n} is {m} times {n}. " for m in range(60))
        (files / f"{n}.txt").write_text(facts, encoding="utf-8")
    dice = random.Random(7)

    for _ in range(ROUNDS):
        ingest(tmp_path, files, kill_after=dice.uniform(0, 1.5))
        check(tmp_path)
    assert ingest(tmp_path, files, kill_after=None)[-1] == "done"

    assert check(tmp_path) == DOCUMENTS
    connection = sqlite3.connect(tmp_path / "knowledge" / "library.sqlite")
    [(folder, chunks)] = connection.execute("SELECT i.folder, count(*) FROM chunks, indexes i").fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT count(*) FROM leftovers").fetchone() == (0,)
    connection.close()
    assert [each.name for each in (tmp_path / "knowledge" / "vectors").iterdir()] == [folder]
    store = ChromaVectors(tmp_path / "knowledge" / "vectors" / folder)
    assert store.count() == chunks
    store.close()
    assert len(list((tmp_path / "knowledge" / "originals").iterdir())) == DOCUMENTS
