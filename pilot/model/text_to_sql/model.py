"""From a task to statements, best first: the whole way that `__init__` describes."""

import itertools
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import torch

from pilot.errors import InputInvalid, ModelUnable, PromptTooLong
from pilot.model.text_to_sql.chinese import Unread, english
from pilot.model.text_to_sql.codes import coded
from pilot.model.text_to_sql.counted import shown, summed
from pilot.model.text_to_sql.evidence import CONTRADICTING, NONE, Asked, Evidence, shares, weigh
from pilot.model.text_to_sql.features import WHOLE, Pieces, Reader
from pilot.model.text_to_sql.grammar import Grammar, Misread
from pilot.model.text_to_sql.names import called
from pilot.model.text_to_sql.network import Network
from pilot.model.text_to_sql.render import Renderer
from pilot.model.text_to_sql.search import Beam, Decoding, missing, search, unanswerable
from pilot.model.text_to_sql.sound import Unsound, check
from pilot.model.text_to_sql.tidy import Values, chronological, keyed, pruned
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.weights import Judgement, load_judgement, load_network, load_tokenizer
from pilot.model.text_to_sql.words import MOST_WORDS, Hits, Word, words_of
from pilot.prompts.text_to_sql import TextToSql
from pilot.schema import Schema, ValueHit

LEAST_BEAMS = 4
MOST_BEAMS = 16  # where the first search found nothing sound
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
MOST_CJK = 0.3  # of a question's letters: beyond, too little is left that the encoder can read


@dataclass(frozen=True)
class Candidate:
    """One statement. `logprob` is the natural logarithm of how probably it is the right one, where the package knows
    what to make of the `evidence`; else of its beam's probability under the grammar.
    """

    sql: str
    logprob: float
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """Distinct statements, best first; none when nothing sound was found, or when the schema does not answer this:
    then `missing` is what the question names and the schema has nothing for, "" where that is not known.

    `unanswerable` is the probability of that, `pieces` is what the encoder read.
    """

    candidates: Sequence[Candidate]
    pieces: int
    unanswerable: float
    missing: str | None = None


@dataclass(frozen=True)
class Understood:
    """A task as the encoder is about to read it, in English."""

    task: TextToSql
    words: tuple[Word, ...]
    view: SchemaView
    hits: Hits


class TextToSqlModel:
    def __init__(self, network: Network, pieces: Pieces, judgement: Judgement) -> None:
        self.network = network
        self.pieces = pieces
        self.judgement = judgement

    @classmethod
    def load(cls, folder: Path, encoder: Path, device: torch.device) -> "TextToSqlModel":
        """Raises ModelUnusable."""
        network = load_network(folder, encoder).to(device)
        return cls(network, Pieces(load_tokenizer(encoder)), load_judgement(folder))

    def answer(self, task: TextToSql, *, count: int, stop: threading.Event) -> Answer:
        """At most `count` statements. Ends between two steps, with none, when `stop` is set.

        Raises InputInvalid, PromptTooLong, ModelUnable for what it cannot read.
        """
        understood = understand(task, self.pieces)
        task, words, view, hits = understood.task, understood.words, understood.view, understood.hits
        reading = Reader(self.pieces).read(words, view, hits)
        decoding = Decoding.of(self.network, reading)
        doubt = unanswerable(decoding)
        if doubt >= self.judgement.declines_from:
            return Answer((), len(reading.pieces), doubt, _spelled(missing(decoding), task.question, words))
        grammar = Grammar(view, task.question, words, reading.tables, reading.columns, hits)
        asked = Asked.of(words, view, hits)
        renderer, values = Renderer(view, task.schema.dialect, _today(task)), Values(view, task.hits)
        named = [table for table, match in enumerate(asked.links.of_tables) if match == WHOLE]
        candidates: list[Candidate] = []
        for width in (max(LEAST_BEAMS, count), MOST_BEAMS):
            if not candidates and not stop.is_set():
                beams = search(decoding, grammar, width=width, stop=stop)
                candidates = _candidates(beams, grammar, renderer, values, named, asked)
        return Answer(_ranked(candidates, self.judgement.ranking)[:count], len(reading.pieces), doubt)


def understand(task: TextToSql, pieces: Pieces) -> Understood:
    """The same for serving and for fine-tuning. Raises InputInvalid, PromptTooLong, ModelUnable."""
    task = _in_english(task)
    words = _readable_words(task)
    task = replace(task, hits=(*task.hits, *coded(words, task.schema)))
    view = called(SchemaView.of(task.schema), words, pieces)
    return Understood(task, words, view, _hits(task, words, view))


def _ranked(candidates: Sequence[Candidate], weights: Mapping[str, float]) -> list[Candidate]:
    """First those that nothing contradicts; among these, the probable where there are weights."""
    if weights and candidates:
        known = shares([*(weigh(one.evidence, weights) for one in candidates), weights[NONE]])
        weighed = [replace(one, logprob=share) for one, share in zip(candidates, known, strict=False)]
        candidates = sorted(weighed, key=lambda one: -one.logprob)
    ordered = sorted(candidates, key=lambda one: sum(one.evidence[name] for name in CONTRADICTING))
    falling = itertools.accumulate((one.logprob for one in ordered), min)
    return [replace(one, logprob=logprob) for one, logprob in zip(ordered, falling, strict=True)]


def _candidates(
    beams: Sequence[Beam], grammar: Grammar, renderer: Renderer, values: Values, named: Collection[int], asked: Asked
) -> list[Candidate]:
    """As the search ranks them."""
    found: dict[str, Candidate] = {}
    for beam in beams:
        try:
            query = grammar.read(beam.tokens[:-1])
            query = chronological(keyed(pruned(query, grammar.view, named), grammar.view))
            query = summed(shown(query, grammar.view), grammar.view, grammar.words)
            check(query)
            sql = renderer.sql(values.resolved(query))
        except (Misread, Unsound):
            continue
        evidence = {**asked.evidence(query, beam), "misplaced": float(values.contradict(query))}
        if sql not in found or evidence["misplaced"] < found[sql].evidence["misplaced"]:
            found[sql] = Candidate(sql, beam.logprob, evidence)
    return list(found.values())


def _spelled(place: tuple[int, int] | None, question: str, words: Sequence[Word]) -> str:
    return question[words[place[0]].start : words[place[1]].end] if place else ""


def _readable_words(task: TextToSql) -> tuple[Word, ...]:
    words = words_of(task.question)
    if not words:
        raise InputInvalid("the question holds no words", remedy="Ask in a sentence.")
    if len(words) > MOST_WORDS:
        raise PromptTooLong(
            f"the question has {len(words)} words; this model reads {MOST_WORDS}",
            remedy="Ask more briefly.",
            reason="wordy",
            words=len(words),
            most=MOST_WORDS,
        )
    return words


def _in_english(task: TextToSql) -> TextToSql:
    """A Chinese question as its English gloss. Raises ModelUnable for words that are in no list."""
    if _share_of_cjk(task.question, task.hits) <= MOST_CJK:
        return task
    try:
        question = english(task.question, task.schema, [hit.text for hit in task.hits])
        return replace(task, question=question, hits=(*task.hits, *_sampled(question, task.schema)))
    except Unread as error:
        raise ModelUnable(
            f"the bundled model does not know these words: {error}",
            remedy="Ask in other words or in English, or give them as synonyms of tables and columns. A larger model "
            "reads more; models/README.md says how.",
            reason="unread",
            words=list(error.words),
        ) from error


def _sampled(question: str, schema: Schema) -> Iterator[ValueHit]:
    """The values that only the gloss spells as the database does, as far as the schema shows them."""
    for table in schema.tables:
        for column in table.columns:
            for sample in column.samples:
                found = re.search(rf"\b{re.escape(sample)}\b", question, re.IGNORECASE)
                if found:
                    yield ValueHit(table.name, column.name, sample, found[0])


def _share_of_cjk(question: str, hits: Sequence[ValueHit]) -> float:
    """Without the cell values in it, which are only copied."""
    for hit in hits:
        question = question.replace(hit.text, " ")
    letters = [letter for letter in question if letter.isalpha()]
    return sum(bool(CJK.match(letter)) for letter in letters) / max(1, len(letters))


def _hits(task: TextToSql, words: Sequence[Word], view: SchemaView) -> Hits:
    """The words of the question that spell a value, by the column that holds it."""
    found: dict[int, frozenset[int]] = {}
    for hit in task.hits:
        column = view.column(hit.table, hit.column)
        places = [match.span() for match in re.finditer(re.escape(hit.text), task.question, re.IGNORECASE)]
        spelled = {
            index
            for index, word in enumerate(words)
            if any(word.start < end and start < word.end for start, end in places)
        }
        if column and spelled:
            found[column] = found.get(column, frozenset()) | spelled
    return found


def _today(task: TextToSql) -> date:
    try:
        return date.fromisoformat(task.today)
    except ValueError:
        return date.today()
