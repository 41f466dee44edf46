"""What stands around the answers, as HTML."""

from pilot.i18n import Texts
from pilot.knowledge.records import DocumentRecord, Space
from pilot.web import panels


def test_progress_names_pages_and_time() -> None:
    record = DocumentRecord("1", "s", "<b>.pdf", 10, "indexing", "", 0.5, pages=12, pages_done=5, seconds_left=200)
    shown = panels.documents([record], Texts("en"))
    assert "5 of 12 pages" in shown
    assert "3 min left" in shown
    assert "<b>.pdf" not in shown
    moving = Space("x", 1, "S", "", embedder="m", chunk_size=800, reindexing=0.4)
    assert "40 %" in panels.index(moving, Texts("zh"))


def test_a_document_read_in_part_says_what_is_missing() -> None:
    values = {"left_out": [["old.doc", "legacy_office", {}]], "more": 0}
    record = DocumentRecord("1", "s", "a.zip", 10, "ready", "", problem="partial", reason="x", values=values)
    assert "old.doc" in panels.documents([record], Texts("zh"))
