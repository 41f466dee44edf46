"""A question -> passages: by words and by meaning, fused, and read once more by a reranker where there is one."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from pilot.errors import IndexMismatch, ModelError
from pilot.knowledge import probes, scripts, search
from pilot.knowledge.crossing import apart
from pilot.knowledge.embedders import Embedders, Reranker
from pilot.knowledge.holdings import Holdings
from pilot.knowledge.lexical import question_terms
from pilot.knowledge.records import Index, Passage, Space
from pilot.knowledge.sentences import complaint

logger = logging.getLogger(__name__)

RERANKED = 30  # passages that a reranker reads


class Finder:
    def __init__(self, holdings: Holdings, embedders: Embedders, reranker: Reranker | None) -> None:
        self._holdings = holdings
        self._embedders = embedders
        self._reranker = reranker
        self._read: dict[str, frozenset[str]] = {}  # scripts, by embedder
        self._reranked: frozenset[str] | None = None  # scripts that the reranker reads

    async def search(self, spaces: Sequence[Space], question: str, k: int) -> list[Passage]:
        """The `k` best of all these spaces, best first. While an embedder does not answer, by words alone.

        Raises IndexMismatch.
        """
        found = [(space, await apart(self._holdings.indexes.live, space)) for space in spaces]
        indexes = [(space, index) for space, index in found if index]
        if not indexes:
            return []
        groups = [[*each] for _, each in groupby(sorted(indexes, key=_embedder), key=_embedder)]
        terms = question_terms(question)
        words, dense = await asyncio.gather(
            apart(self._holdings.words.ranked, [index for _, index in indexes], terms, search.DEPTH),
            asyncio.gather(*(self._nearest(group, question) for group in groups)),
        )
        best = max(map(search.best_of, words.values()), default=0.0)
        fused: list[tuple[str, float]] = []
        for group, (near, readable) in zip(groups, dense, strict=True):
            lexical = [hit for _, index in group for hit in words.get(index.number, ())]
            fused += search.fuse(lexical, near, readable=readable, best=best)
        fused.sort(key=lambda hit: -hit[1])
        if self._reranker is None:
            return await apart(self._holdings.words.passages, fused[:k])
        passages = await apart(self._holdings.words.passages, fused[: max(k, RERANKED)])
        return (await self._reordered(self._reranker, question, passages))[:k]

    async def readable(self, text: str, embedder: str) -> float:
        """Share of the letters of `text` that the embedder can read. Raises a ModelError when it does not answer."""
        if embedder not in self._read:
            self._read[embedder] = await probes.scripts_read_by(self._embedders(embedder))
        return scripts.readable(text, self._read[embedder])

    async def _nearest(
        self, group: Sequence[tuple[Space, Index]], question: str
    ) -> tuple[list[tuple[str, float]], float]:
        """The dense ranking of indexes that one embedder made, and how much of the question it can read."""
        filled = [(space, index) for space, index in group if index.dimension]
        embedder = group[0][1].embedder
        try:
            readable = await self.readable(question, embedder) if filled else 0.0
            if readable < search.LEAST:
                return [], 0.0
            vector = (await self._embedders(embedder).embed([question]))[0]
        except ModelError as error:
            logger.info("%s: %r is searched by words alone", error.code, group[0][0].name)
            return [], 0.0
        found: list[tuple[str, float]] = []
        for space, index in filled:
            check_dimension(space.name, index, len(vector))
            store = await apart(self._holdings.dense.store, index)
            found += await apart(store.nearest, vector, search.DEPTH)
        return sorted(found, key=lambda hit: -hit[1])[: search.DEPTH], readable

    async def _reordered(self, reranker: Reranker, question: str, passages: list[Passage]) -> list[Passage]:
        """In the order of the reranker, where it reads the question's script and answers."""
        try:
            if self._reranked is None:
                self._reranked = await probes.scripts_ranked_by(reranker.scores)
            if not passages or scripts.readable(question, self._reranked) < search.MOSTLY:
                return passages
            scores = await reranker.scores(question, [_told(passage) for passage in passages])
        except ModelError as error:
            logger.info("the reranker is left out: %s", error.code)
            return passages
        scored = [replace(passage, score=score) for passage, score in zip(passages, scores, strict=True)]
        return sorted(scored, key=lambda passage: -passage.score)


def check_dimension(space: str, index: Index, dimension: int) -> None:
    """Raises IndexMismatch: the embedder of that name is another one than before."""
    if index.dimension not in (0, dimension):
        raise complaint(IndexMismatch, "dimensions", space=space, embedder=index.embedder, has=index.dimension,
                        gives=dimension)  # fmt: skip


def _embedder(indexed: tuple[Space, Index]) -> str:
    return indexed[1].embedder


def _told(passage: Passage) -> str:
    return f"{passage.section}\n{passage.text}" if passage.section else passage.text
