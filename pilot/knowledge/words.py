"""Finding by words in the library's SQLite file, and what stands where it was found. Blocking."""

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, compress
from typing import Any

from pilot.knowledge.database import Database
from pilot.knowledge.lexical import match_expression
from pilot.knowledge.records import Index, Passage

PASSAGE = """SELECT c.*, d.id AS document_id, d.name, s.name AS space FROM chunks c
    JOIN documents d ON d.seq = c.document JOIN spaces s ON s.seq = d.space"""
FREQUENCY = "SELECT count(*) FROM terms WHERE terms MATCH ?"
SCORES = "SELECT rowid, bm25(terms, ?, 1.0) AS score FROM terms WHERE terms MATCH ?"
CONTEXT_WEIGHT = 0.5  # of a word in the document's name and headings, against one in the text
MOST_POSTINGS = 30_000  # scored for one question: about 25 ms of one core
FEWEST_TERMS = 3
REMEMBERED = 100_000  # frequencies of terms


class Words:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._frequencies: dict[tuple[int, str], int] = {}  # chunks of an index that hold a term, as last seen

    def ranked(self, indexes: Sequence[Index], terms: Sequence[str], k: int) -> dict[int, list[tuple[str, float]]]:
        """By index, at most `k` chunks with their BM25 score, best first."""
        with self._database.reading() as connection:
            numbers = [index.number for index in indexes]
            terms = self._telling(connection, numbers, terms)
            if not terms:
                return {}
            if len(numbers) == 1:
                return {numbers[0]: self._alone(connection, numbers[0], terms, k)}
            return self._together(connection, numbers, terms, k)

    @staticmethod
    def _alone(connection: sqlite3.Connection, index: int, terms: Sequence[str], k: int) -> list[tuple[str, float]]:
        rows = connection.execute(f"{SCORES} ORDER BY score LIMIT ?",
                                  (CONTEXT_WEIGHT, match_expression(index, terms), k))  # fmt: skip
        return [(str(row["rowid"]), -row["score"]) for row in rows]

    def _together(
        self, connection: sqlite3.Connection, indexes: Sequence[int], terms: Sequence[str], k: int
    ) -> dict[int, list[tuple[str, float]]]:
        """As if all indexes were one. FTS5 takes a term for the rarer the smaller its index is, so each term is scored
        alone, and its score put right by how rare the term is in all of them.
        """
        [chunks] = connection.execute("SELECT count(*) FROM chunks").fetchone()
        scores: dict[int, defaultdict[str, float]] = {index: defaultdict(float) for index in indexes}
        for term in terms:
            counts = {index: self._frequencies[index, term] for index in indexes}
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

    def _telling(self, connection: sqlite3.Connection, indexes: Sequence[int], terms: Sequence[str]) -> list[str]:
        """The rarest terms, as many as can be scored quickly: in a large library `的` costs much and tells nothing."""
        if len(self._frequencies) > REMEMBERED:
            self._frequencies.clear()
        for index in indexes:
            for term in terms:
                if (index, term) not in self._frequencies:
                    found = connection.execute(FREQUENCY, (match_expression(index, [term]),)).fetchone()
                    self._frequencies[index, term] = found[0]
        counts = {term: sum(self._frequencies[index, term] for index in indexes) for term in terms}
        # one that was unknown a moment ago costs nothing, and may be known by now
        unknown = [term for term in terms if not counts[term]]
        rarest = sorted((term for term in terms if counts[term]), key=counts.__getitem__)
        cost = accumulate(counts[term] for term in rarest)
        affordable = [total <= MOST_POSTINGS or n < FEWEST_TERMS for n, total in enumerate(cost)]
        return unknown + list(compress(rarest, affordable))


def _rarity(count: int, chunks: int) -> float:
    """As FTS5's BM25 has it: never nothing."""
    return max(math.log((chunks - count + 0.5) / (count + 0.5)), 1e-6)


def _passage(row: Any, score: float) -> Passage:
    return Passage(row["name"], row["document_id"], row["page"], row["section"], row["text"], score, row["number"],
                   row["start"], row["stop"], row["space"])  # fmt: skip
