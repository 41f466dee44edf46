"""Finding by words in the library's SQLite file, and what stands where it was found. Blocking."""

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from pilot.knowledge.database import Database
from pilot.knowledge.lexical import match_expression
from pilot.knowledge.records import Index, Passage

PASSAGE = """SELECT c.*, d.id AS document_id, d.name, s.name AS space FROM chunks c
    JOIN documents d ON d.seq = c.document JOIN spaces s ON s.seq = d.space"""
FREQUENCY = "SELECT count(*) FROM (SELECT 1 FROM terms WHERE terms MATCH ? LIMIT ?)"
SCORES = "SELECT rowid, bm25(terms, ?, 1.0) AS score FROM terms WHERE terms MATCH ?"
CONTEXT_WEIGHT = 0.5  # of a word in the document's name and headings, against one in the text
MOST_FOUND = 3_000  # chunks with the rarest terms: only these are scored, about 1 us for each term in it
MOST_POSTINGS = 30_000  # of all terms that are scored
COUNTED = 10_000
ALL = -1
REMEMBERED = 100_000  # frequencies of terms


class Words:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._frequencies: dict[tuple[int, str, int], int] = {}  # chunks of an index that hold a term, as last seen

    def ranked(self, indexes: Sequence[Index], terms: Sequence[str], k: int) -> dict[int, list[tuple[str, float]]]:
        """By index, at most `k` chunks with their BM25 score, best first."""
        with self._database.reading() as connection:
            numbers = [index.number for index in indexes]
            counts = self._counts(connection, numbers, terms)
            if len(numbers) == 1:
                rare, common = _rare_and_common(counts)
                return {numbers[0]: _alone(connection, numbers[0], rare, common, k)} if rare else {}
            return self._together(connection, numbers, _within(counts, MOST_POSTINGS), k)

    def _together(
        self, connection: sqlite3.Connection, indexes: Sequence[int], terms: Sequence[str], k: int
    ) -> dict[int, list[tuple[str, float]]]:
        """As if all indexes were one. FTS5 takes a term for the rarer the smaller its index is, so each term is scored
        alone, and its score put right by how rare the term is in all of them.
        """
        [chunks] = connection.execute("SELECT count(*) FROM chunks").fetchone()
        scores: dict[int, defaultdict[str, float]] = {index: defaultdict(float) for index in indexes}
        for term in terms:
            counts = {index: self._frequencies[index, term, ALL] for index in indexes}
            common = _rarity(sum(counts.values()), chunks)
            for index in (index for index, count in counts.items() if count):
                right = common / _rarity(counts[index], chunks)
                for row in connection.execute(SCORES, (CONTEXT_WEIGHT, match_expression(index, [term]))):
                    scores[index][str(row["rowid"])] -= right * row["score"]
        return {index: sorted(found.items(), key=lambda hit: -hit[1])[:k] for index, found in scores.items() if found}

    def forget(self) -> None:
        """The library has changed: count the terms anew."""
        self._frequencies.clear()

    def passages(self, keys: Sequence[tuple[str, float]]) -> list[Passage]:
        """The chunks of these keys, in their order; one that was deleted meanwhile is left out."""
        with self._database.reading() as connection:
            found = []
            for key, score in keys:
                row = connection.execute(f"{PASSAGE} WHERE c.id = ?", (int(key),)).fetchone()
                if row is not None:
                    found.append(_passage(row, score))
            return found

    def _counts(self, connection: sqlite3.Connection, indexes: Sequence[int], terms: Sequence[str]) -> dict[str, int]:
        """How many chunks hold each term, rarest first; of one index up to COUNTED."""
        if len(self._frequencies) > REMEMBERED:
            self._frequencies.clear()
        most = COUNTED if len(indexes) == 1 else ALL
        for index in indexes:
            for term in terms:
                if (index, term, most) not in self._frequencies:
                    found = connection.execute(FREQUENCY, (match_expression(index, [term]), most)).fetchone()
                    self._frequencies[index, term, most] = found[0]
        counts = {term: sum(self._frequencies[index, term, most] for index in indexes) for term in terms}
        return {term: counts[term] for term in sorted(terms, key=counts.__getitem__)}


def _rare_and_common(counts: dict[str, int]) -> tuple[list[str], list[str]]:
    """The terms of which a chunk must have one, and those that count beside them: in a large library `的` costs much
    and tells nothing.
    """
    scored = _within(counts, MOST_POSTINGS)
    rare = _within(counts, MOST_FOUND)
    return rare, scored[len(rare) :]


def _within(counts: dict[str, int], most: int) -> list[str]:
    """The rarest terms, as many as have so many postings; at least the rarest. One that was unknown a moment ago costs
    nothing, and may be known by now.
    """
    totals = zip(counts, accumulate(counts.values()), strict=True)
    rarest = next((count for count in counts.values() if count), 0)
    return [term for term, total in totals if total <= max(most, rarest)]


def _alone(
    connection: sqlite3.Connection, index: int, rare: Sequence[str], common: Sequence[str], k: int
) -> list[tuple[str, float]]:
    """Chunks with both kinds and chunks with rare terms alone, apart: FTS5 scores every term that is written, so each
    is written once.
    """
    matches = [match_expression(index, rare)]
    if common:
        others = match_expression(index, common)
        matches = [f"({matches[0]}) {word} ({others})" for word in ("AND", "NOT")]
    statement = " UNION ALL ".join([SCORES] * len(matches))
    asked = [value for match in matches for value in (CONTEXT_WEIGHT, match)]
    rows = connection.execute(f"{statement} ORDER BY score LIMIT ?", (*asked, k))
    return [(str(row["rowid"]), -row["score"]) for row in rows]


def _rarity(count: int, chunks: int) -> float:
    """As FTS5's BM25 has it: never nothing."""
    return max(math.log((chunks - count + 0.5) / (count + 0.5)), 1e-6)


def _passage(row: Any, score: float) -> Passage:
    return Passage(row["name"], row["document_id"], row["page"], row["section"], row["text"], score, row["number"],
                   row["start"], row["stop"], row["space"])  # fmt: skip
