"""Which tables a question is about, when the whole schema is too long for the prompt. High recall before precision.

An index of the words in names, synonyms and comments, made once for a schema. A question's words weigh as much as they
are rare; a table counts what it holds itself and, less, what its neighbours by foreign keys hold, because the tables
of an answer lie together. Cell values that the question mentions count as words; vectors, where there are any, are
added to that.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pilot.datasource.functions import words
from pilot.schema import Schema, Table, ValueHit

# Tuned on the questions to 130 databases that were merged into one; what was tried stands in docs/experiments.md.
NAME, COLUMN, TOLD = 1.0, 0.6, 0.5  # what a word weighs in a table's name, in a column's, in what is told of either
HEAD = 2.0  # a table's last word says what it holds: student_addresses are addresses
WHOLE_NAME = 2.0  # times the share of the name's words that the question says
PART = 0.5  # of a word that only begins like the one in the name: cust for customer
VALUE = 1.5
NEAR = 0.6  # of what a neighbour holds; of what his neighbour holds, the square
AROUND = 2.0  # times what is held by the table and around it
SIMILAR = 1.5  # times the similarity of the vectors, against 1 for the best table by words

LATIN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ]+|\d+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
CHINESE = re.compile(r"[\u3400-\u9fff]+")
SHORT = 3  # letters: shorter words tell nothing
PREFIX = 4  # letters that two words must share to be taken for one
CORE = 5  # tables between which the ways are looked for
STEPS = 3  # of the longest way
PLAIN = words("""
    the all and are for from how many what which who whom whose with that have has had each every show list find give
    tell name names number there their more most than not was were does did been between its any into per average total
    count maximum minimum least less when where why whether out over under also only other these those this them they
    you your our please can could would will just some such
""")

Similar = NDArray[np.float32]  # per table, -1 to 1


class TableIndex:
    """The tables of one schema, ready to be ranked. Cheap to ask: no step walks through more than its words."""

    def __init__(self, schema: Schema) -> None:
        self.names = tuple(table.name for table in schema.tables)
        self._number = {table.name: number for number, table in enumerate(schema.tables)}
        self._places, self._titles, self._heads = _indexed(schema.tables)
        self._rarity = {word: math.log(1 + len(self.names) / len(there)) for word, there in self._places.items()}
        self._ours, self._theirs = self._edges(schema)

    def ranked(self, question: str, hits: Sequence[ValueHit] = (), similar: Similar | None = None) -> list[str]:
        """Every table, the likeliest first."""
        scores: NDArray[np.floating[Any]] = self._scores(question, hits)
        if similar is not None:
            around = similar.copy()
            np.maximum.at(around, self._ours, similar[self._theirs])
            scores = scores / max(float(scores.max(initial=0)), 1e-6) + SIMILAR * np.maximum(around, 0)
        return [self.names[number] for number in np.argsort(-scores, kind="stable")]

    def ways(self, chosen: Sequence[str]) -> list[str]:
        """Tables between the first few chosen ones, which the question never names and a join needs."""
        core = [self._number[name] for name in chosen[:CORE]]
        found = (number for one, other in combinations(core, 2) for number in self._way(one, other))
        return [self.names[number] for number in dict.fromkeys(found) if number not in core]

    def _scores(self, question: str, hits: Sequence[ValueHit]) -> NDArray[np.float32]:
        asked = list(dict.fromkeys(terms(question)))
        valued: defaultdict[str, set[int]] = defaultdict(set)
        for hit in hits:
            if hit.table in self._number:
                valued[hit.text.casefold()].add(self._number[hit.table])
        held = np.zeros((len(self.names), len(asked) + len(valued)), np.float32)
        for column, word in enumerate(asked):
            self._note(held[:, column], word)
        for column, there in enumerate(valued.values(), len(asked)):
            held[list(there), column] = VALUE * math.log(1 + len(self.names) / len(there))
        around = held.copy()
        for _ in range(2):
            ring = around.copy()
            np.maximum.at(ring, self._ours, NEAR * around[self._theirs])
            around = ring
        own = held.sum(axis=1)
        for number in np.flatnonzero(own):
            own[number] += WHOLE_NAME * self._share(self._titles[number], asked)
        scores: NDArray[np.float32] = own + AROUND * around.sum(axis=1)
        return scores

    def _note(self, held: NDArray[np.float32], word: str) -> None:
        """What each table holds of a word of the question."""
        for spelling, part in ((word, 1.0), *((other, PART) for other in self._alike(word))):
            rarity = self._rarity.get(spelling, 0.0)
            for number, weight in self._places.get(spelling, {}).items():
                held[number] = max(held[number], part * weight * rarity)
        held[self._heads.get(word, [])] += HEAD

    def _alike(self, word: str) -> Iterator[str]:
        if len(word) >= PREFIX:
            for other in self._by_beginning.get(word[:PREFIX], ()):
                if other != word and (word.startswith(other) or other.startswith(word)):
                    yield other

    @cached_property
    def _by_beginning(self) -> Mapping[str, Sequence[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for word in self._places:
            if len(word) >= PREFIX:
                found[word[:PREFIX]].append(word)
        return found

    def _share(self, title: frozenset[str], asked: Sequence[str]) -> float:
        whole = sum(self._rarity[word] for word in title)
        return sum(self._rarity[word] for word in asked if word in title) / whole if whole else 0.0

    def _edges(self, schema: Schema) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Each foreign key in both directions."""
        pairs = {
            (self._number[table.name], self._number[other.name])
            for table in schema.tables
            for key in table.foreign_keys
            if (other := schema.table(key.ref_table)) and other is not table
        }
        both = np.array(sorted(pairs | {(two, one) for one, two in pairs}), np.int64).reshape(-1, 2)
        return both[:, 0], both[:, 1]

    @cached_property
    def _neighbours(self) -> Mapping[int, Sequence[int]]:
        found: defaultdict[int, list[int]] = defaultdict(list)
        for ours, theirs in zip(self._ours.tolist(), self._theirs.tolist(), strict=True):
            found[ours].append(theirs)
        return found

    def _way(self, start: int, end: int) -> list[int]:
        """What lies between, on the shortest way of at most STEPS keys."""
        before: dict[int, int] = {start: start}
        ring = [start]
        for _ in range(STEPS):
            following = []
            for table in ring:
                for other in self._neighbours.get(table, ()):
                    if other not in before:
                        before[other] = table
                        following.append(other)
            if end in before:
                break
            ring = following
        way = []
        step = before.get(end, start)
        while step != start:
            way.append(step)
            step = before[step]
        return way


def describe(table: Table) -> str:
    """A table in a line of plain words, as an embedder reads it."""
    columns = ", ".join(_plain(text) for column in table.columns for text in (column.name, *column.synonyms))
    told = " ".join(filter(None, (_plain(table.name), *table.synonyms, table.comment)))
    return f"{told}: {columns}"


def terms(text: str) -> Iterator[str]:
    """Words without their endings, and pairs of Chinese characters."""
    for word in LATIN.findall(CAMEL.sub(" ", text)):
        plain = word.lower()
        if (len(plain) >= SHORT or plain.isdecimal()) and plain not in PLAIN:
            yield _stem(plain)
    for run in CHINESE.findall(text):
        yield from (first + second for first, second in pairwise(run))


def _indexed(
    tables: Sequence[Table],
) -> tuple[dict[str, dict[int, float]], list[frozenset[str]], dict[str, list[int]]]:
    """Word -> table -> weight; each table's own words; last word -> tables."""
    places: defaultdict[str, dict[int, float]] = defaultdict(dict)
    titles: list[frozenset[str]] = []
    heads: defaultdict[str, list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        called = [list(terms(name)) for name in (table.name, *table.synonyms)]
        titles.append(frozenset(called[0]))
        for name in called:
            for word in name[-1:]:
                heads[word].append(number)
        for weight, words_ in (
            (TOLD, terms(" ".join((table.comment, *(column.comment for column in table.columns))))),
            (COLUMN, terms(" ".join(name for column in table.columns for name in (column.name, *column.synonyms)))),
            (NAME, (word for name in called for word in name)),
        ):
            for word in words_:
                places[word][number] = max(weight, places[word].get(number, 0.0))
    return places, titles, heads


def _stem(word: str) -> str:
    """Crude on purpose: both sides go through it. movies, movie -> movi; addresses -> address; cities, city -> citi."""
    if len(word) <= SHORT:
        return word
    if word.endswith("ies"):
        word = word[:-3] + "i"
    elif word.endswith(("sses", "xes", "ches", "shes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) > SHORT:
            word = word.removesuffix(ending)
            break
    word = word.removesuffix("e")
    return word[:-1] + "i" if word.endswith("y") else word


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", CAMEL.sub(" ", name)).lower().strip()
