"""What stands around the answers, as HTML."""

import re

from pilot.i18n import Texts
from pilot.knowledge.records import DocumentRecord, Space, State
from pilot.web import panels


def test_progress_names_pages_and_time() -> None:
    record = DocumentRecord("1", "s", "<b>.pdf", 10, "indexing", "", 0.5, pages=12, pages_done=5, seconds_left=200)
    shown = panels.documents([record], Texts("en"))
    assert "5 of 12 pages" in shown
    assert "3 min left" in shown
    assert "<b>.pdf" not in shown
    moving = Space("x", 1, "S", "", embedder="m", chunk_size=800, reindexing=0.4)
    assert "40 %" in panels.index(moving, Texts("zh"))


def test_what_moves_and_what_failed_is_listed_first_and_all_is_counted() -> None:
    states: tuple[State, ...] = ("ready", "failed", "queued", "ready", "queued", "reading")
    records = [DocumentRecord(str(n), "s", f"file-{n}.md", 10, state, "") for n, state in enumerate(states)]
    shown = panels.documents(records, Texts("en"))
    assert re.findall(r"file-\d", shown) == ["file-5", "file-2", "file-4", "file-1", "file-3", "file-0"]
    assert "6 documents · 1 reading · 2 waiting · 1 failed · 2 ready" in shown
    assert "documents ·" not in panels.documents(records[:5], Texts("en"))


def test_a_document_read_in_part_says_what_is_missing() -> None:
    values = {"left_out": [["old.doc", "legacy_office", {}]], "more": 0}
    record = DocumentRecord("1", "s", "a.zip", 10, "ready", "", problem="partial", reason="x", values=values)
    assert "old.doc" in panels.documents([record], Texts("zh"))
