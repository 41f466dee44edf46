"""Where the words of scanned pages stand, kept: tesseract takes seconds to read a page. Blocking."""

from pilot.knowledge.database import Database, leave_untidy
from pilot.knowledge.document import Page

KEPT = 1_000  # pages, the newest
LONGEST = 500_000  # characters of one page's words


class Scans:
    """The words are JSON that only `readers.drawing` writes and reads. They go with their document."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def words(self, document: str, page: Page) -> str:
        """Empty where none are kept."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT s.words FROM scans s JOIN documents d ON d.seq = s.document WHERE d.id = ? AND s.page = ?",
                (document, _place(page))).fetchone()  # fmt: skip
            return str(row["words"]) if row else ""

    def keep(self, document: str, original: str, page: Page, words: str) -> None:
        """What was read in `original`; nothing happens where the document is another one by now."""
        if len(words) > LONGEST:
            return
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO scans (document, page, words) "
                "SELECT seq, ?, ? FROM documents WHERE id = ? AND original = ?",
                (_place(page), words, document, original))  # fmt: skip
            dropped = connection.execute("DELETE FROM scans WHERE id <= (SELECT max(id) FROM scans) - ?", (KEPT,))
            if dropped.rowcount:
                leave_untidy(connection)


def _place(page: Page) -> str:
    return "/".join(map(str, page.inside or (page.number,)))
