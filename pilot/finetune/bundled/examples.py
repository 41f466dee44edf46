"""Training examples without end: a mixture of generated and public pairs, varied at random, always the same by seed."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pilot.finetune.bundled.clauses import Values
from pilot.finetune.bundled.corpora import Pair, spider, wikisql
from pilot.finetune.bundled.domain import Domain
from pilot.finetune.bundled.phrases import Phrases
from pilot.finetune.bundled.questions import Asker
from pilot.finetune.bundled.renaming import Habits
from pilot.finetune.bundled.schemas import Entity, entities, random_schema
from pilot.finetune.bundled.unanswerable import Refusal, bereft, elsewhere, small_talk
from pilot.model.text_to_sql.batch import Batch, collate
from pilot.model.text_to_sql.features import Reader, Reading
from pilot.model.text_to_sql.query import Query
from pilot.model.text_to_sql.search import Vocabulary
from pilot.model.text_to_sql.target import KEYWORD_PLACES, KEYWORDS, Pointer, Token, Unsayable, Writer
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import MOST_WORDS, Hits, Word, words_of

MOST_TOKENS = 60
MOST_PIECES = 230  # of training readings; longer ones cost time and teach the same
POOL = 512  # examples drawn at once and sorted by length, so that batches need little padding
QUESTIONS_PER_SCHEMA = 3
RENAMED = 0.25  # of the schemas
IGNORED = -100  # of cross entropy

Asked = tuple[str, Query, SchemaView]


@dataclass(frozen=True)
class Example:
    reading: Reading
    target: Sequence[int]  # numbers of the reading's vocabulary, EOS last
    used: Sequence[int]  # places of the items that the query names


@dataclass(frozen=True)
class Targets:
    """`said` is what the decoder has said before `next`. [B, T]; `used` is [B, N]."""

    said: Tensor
    next: Tensor
    used: Tensor

    def to(self, device: torch.device) -> "Targets":
        return Targets(self.said.to(device), self.next.to(device), self.used.to(device))


@dataclass(frozen=True)
class Mixture:
    """`weights` are those of generated pairs, of Spider's and of WikiSQL's, and of questions without an answer."""

    reader: Reader
    spider: Sequence[Pair]
    wikisql: Sequence[Pair]
    known: dict[str, Entity]
    values: Values
    phrases: Phrases
    small_talk: Sequence[str]
    weights: tuple[float, float, float, float] = (0.43, 0.41, 0.04, 0.12)

    @classmethod
    def open(cls, folder: Path, reader: Reader) -> "Mixture":
        corpora = spider(folder), wikisql(folder, 20_000)
        return cls(reader, *corpora, entities(), Values.read(), Phrases.read(), small_talk())

    def pool(self, number: int, seed: int, size: int = POOL) -> list[Example]:
        """The examples of pool `number`, by length; the same whenever training resumes there."""
        rng = random.Random(f"{seed}/{number}")
        found: list[Example] = []
        while len(found) < size:
            found.extend(self._some(rng))
        return sorted(found[:size], key=lambda example: len(example.reading.pieces))

    def _some(self, rng: random.Random) -> Iterator[Example]:
        (source,) = rng.choices(("generated", "spider", "wikisql", "unanswerable"), self.weights)
        if source == "unanswerable":
            found = [self._unanswerable(rng)]
        else:
            found = [self._example(*pair, rng) for pair in self._pairs(source, rng)]
        yield from filter(None, found)

    def _pairs(self, source: str, rng: random.Random) -> list[Asked]:
        match source:
            case "spider":
                question, query, view = _named(rng.choice(self.spider), rng)
                return [(question, query, self._renamed(view, rng))]
            case "wikisql":
                return [_named(rng.choice(self.wikisql), rng)]
        return list(self._generated(rng))

    def _renamed(self, view: SchemaView, rng: random.Random) -> SchemaView:
        """Some under the names of a business: what a model meets that does not stand in any corpus."""
        return Habits.by_chance(rng).renamed(view, rng) if rng.random() < RENAMED else view

    def _generated(self, rng: random.Random) -> Iterator[Asked]:
        view = rng.choice(self.spider).view if rng.random() < 0.2 else random_schema(self.known, rng)
        asker = Asker.over(Domain(view), self.values, self.phrases, rng)
        shown = self._renamed(view, rng)  # people ask by what things are, not by what they are called there
        for _ in range(QUESTIONS_PER_SCHEMA):
            draft = asker.ask()
            if draft:
                yield (*draft, shown)

    def _unanswerable(self, rng: random.Random) -> Example | None:
        kind = rng.random()
        other = rng.choice(self.spider).view if rng.random() < 0.6 else random_schema(self.known, rng)
        if kind < 0.12:
            return self._refused(_cased(rng.choice(self.small_talk), rng), other, Refusal(), rng)
        (source,) = rng.choices(("generated", "spider", "wikisql"), (0.4, 0.5, 0.1))
        pairs = self._pairs(source, rng)
        if not pairs:
            return None
        question, query, view = pairs[0]
        question = _cased(question, rng)
        words = words_of(question)
        if kind < 0.5:
            refusal = elsewhere(query, view, words, other)
            return self._refused(question, other, refusal, rng) if refusal else None
        lost = bereft(query, view, words, rng)
        return self._refused(question, lost[0], lost[1], rng) if lost else None

    def _refused(self, question: str, view: SchemaView, refusal: Refusal, rng: random.Random) -> Example | None:
        words = words_of(question)
        if len(words) > MOST_WORDS:
            return None
        tokens = refusal.tokens()
        hits = _hits(view, tokens, words, rng) if rng.random() < 0.75 else {}
        reading = self._shuffled(words, view, hits, tokens, rng)
        return Example(reading, *numbers(reading, tokens))

    def _example(self, question: str, query: Query, view: SchemaView, rng: random.Random) -> Example | None:
        question = _cased(question, rng)
        words = words_of(question)
        try:
            tokens = Writer(view, words).tokens(query)
        except Unsayable:
            return None
        if len(words) > MOST_WORDS or len(tokens) > MOST_TOKENS:
            return None
        hits = _hits(view, tokens, words, rng) if rng.random() < 0.75 else {}
        reading = self._shuffled(words, view, hits, tokens, rng)
        try:
            return Example(reading, *numbers(reading, tokens))
        except ValueError:
            return None  # a table that had no room

    def _shuffled(
        self, words: Sequence[Word], view: SchemaView, hits: Hits, tokens: Sequence[Token], rng: random.Random
    ) -> Reading:
        pointers = [token for token in tokens if isinstance(token, Pointer)]
        needed = {token.number for token in pointers if token.kind == "table"}
        needed |= {view.columns[token.number].table for token in pointers if token.kind == "column"}
        tables = self.reader.fitting(words, view, hits, needed=needed)
        rng.shuffle(tables)
        columns = {table: list(view.columns_of[table]) for table in tables}
        for owned in columns.values():
            if rng.random() < 0.5:
                rng.shuffle(owned)
        return self.reader.read(words, view, hits, columns_of=columns)


def batches(pool: Sequence[Example], size: int, rng: random.Random) -> list[tuple[Batch, Targets]]:
    groups = [pool[start : start + size] for start in range(0, len(pool), size)]
    rng.shuffle(groups)
    return [(collate([example.reading for example in group]), _targets(group)) for group in groups]


def _targets(group: Sequence[Example]) -> Targets:
    """In the numbering of the batch, where items and words are padded to the longest."""
    items = max(len(example.reading.items) for example in group)
    words = max(1, *(len(example.reading.words) for example in group))
    length = max(len(example.target) for example in group)
    targets = Targets(
        said=torch.zeros(len(group), length, dtype=torch.long),
        next=torch.full((len(group), length), IGNORED),
        used=torch.zeros(len(group), items),
    )
    for row, example in enumerate(group):
        numbers = [_padded(number, example.reading, items, words) for number in example.target]
        targets.said[row, : len(numbers)] = torch.tensor([KEYWORDS.index("BOS"), *numbers[:-1]])
        targets.next[row, : len(numbers)] = torch.tensor(numbers)
        targets.used[row, list(example.used)] = 1
    return targets


def _padded(number: int, reading: Reading, items: int, words: int) -> int:
    own_items, own_words = len(reading.items), len(reading.words)
    if number < KEYWORD_PLACES + own_items:
        return number
    if number < KEYWORD_PLACES + own_items + own_words:
        return number - own_items + items
    return number - own_items - own_words + items + words


def numbers(reading: Reading, tokens: Sequence[Token]) -> tuple[list[int], list[int]]:
    """Raises ValueError when the reading lacks one."""
    vocabulary = Vocabulary(reading.items, len(reading.words))
    numbers = [vocabulary.number(token) for token in (*tokens, "EOS")]
    last = KEYWORD_PLACES + len(reading.items)
    return numbers, sorted({number - KEYWORD_PLACES for number in numbers if KEYWORD_PLACES <= number < last})


def _cased(question: str, rng: random.Random) -> str:
    return question.lower() if rng.random() < 0.25 else question


def _named(pair: Pair, rng: random.Random) -> Asked:
    return pair.question, pair.query, pair.spoken if rng.random() < 0.3 else pair.view


def _hits(view: SchemaView, tokens: Sequence[Token], words: Sequence[Word], rng: random.Random) -> Hits:
    """What a value index would find: most values in their column, some in others of the same name, some by chance."""
    found: dict[int, set[int]] = {}
    column = None
    for index, token in enumerate(tokens):
        if not isinstance(token, Pointer):
            continue
        if token.kind == "column":
            column = token.number
        elif token.kind == "start" and column and view.columns[column].kind == "text" and rng.random() < 0.9:
            end = tokens[index + 1]
            spelled = range(token.number, (end.number if isinstance(end, Pointer) else token.number) + 1)
            for home in (column, *_namesakes(view, column, rng)):
                found.setdefault(home, set()).update(spelled)
    texts = [number for number, one in enumerate(view.columns) if number and one.kind == "text"]
    if texts and rng.random() < 0.12:
        found.setdefault(rng.choice(texts), set()).add(rng.randrange(len(words)))
    return {home: frozenset(places) for home, places in found.items()}


def _namesakes(view: SchemaView, column: int, rng: random.Random) -> list[int]:
    name = view.columns[column].name.lower()
    others = [number for number, one in enumerate(view.columns) if number != column and one.name.lower() == name]
    texts = [number for number, one in enumerate(view.columns) if number and one.kind == "text"]
    return [other for other in others if rng.random() < 0.3] + ([rng.choice(texts)] if rng.random() < 0.15 else [])
