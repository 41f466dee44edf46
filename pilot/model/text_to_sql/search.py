"""Beam search under the grammar: the best targets for one question, best first."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from pilot.model.text_to_sql.batch import collate
from pilot.model.text_to_sql.features import Reading
from pilot.model.text_to_sql.grammar import Choice, Grammar
from pilot.model.text_to_sql.network import FAR_BELOW, Encoded, Network, Past
from pilot.model.text_to_sql.target import KEYWORD_PLACES, KEYWORDS, Pointer, Token

MOST_TOKENS = 64
DOUBT = 4.0  # nats: a value that is found in other columns only must be very much meant
MOST_MISSING = 4  # words
LENGTH_POWER = 0.3  # long targets are forgiven some of their many small losses


@dataclass(frozen=True)
class Vocabulary:
    """Numbers of tokens for one reading: [keywords | items | starts | ends]."""

    items: Sequence[Pointer]
    words: int

    def token(self, number: int) -> Token:
        if number < KEYWORD_PLACES:
            return KEYWORDS[number]
        number -= KEYWORD_PLACES
        if number < len(self.items):
            return self.items[number]
        number -= len(self.items)
        return Pointer("start", number) if number < self.words else Pointer("end", number - self.words)

    def number(self, token: Token) -> int:
        """Raises ValueError when the reading does not hold it."""
        if isinstance(token, str):
            return KEYWORDS.index(token)
        if token.kind in ("table", "column"):
            return KEYWORD_PLACES + self.items.index(token)
        return KEYWORD_PLACES + len(self.items) + token.number + (self.words if token.kind == "end" else 0)

    def numbers(self, choice: Choice) -> list[int]:
        wanted = {Pointer("table", table) for table in choice.tables}
        wanted |= {Pointer("column", column) for column in choice.columns}
        starts = KEYWORD_PLACES + len(self.items)
        return [
            *map(KEYWORDS.index, choice.keywords),
            *(KEYWORD_PLACES + place for place, item in enumerate(self.items) if item in wanted),
            *(starts + word for word in choice.starts),
            *(starts + self.words + word for word in choice.ends),
        ]


@dataclass(frozen=True)
class Beam:
    """`tokens` without BOS; the last is EOS once it is `whole`. `parent` is the place of the beam that it grew from."""

    tokens: tuple[Token, ...] = ()
    logprob: float = 0.0
    parent: int = 0

    @property
    def whole(self) -> bool:
        return self.tokens[-1:] == ("EOS",)

    @property
    def rank(self) -> float:
        return self.logprob / (len(self.tokens) + 1) ** LENGTH_POWER


@dataclass(frozen=True)
class Decoding:
    """What the network has made of one reading: decoded from as often as needed."""

    network: Network
    encoded: Encoded
    vocabulary: Vocabulary

    @classmethod
    def of(cls, network: Network, reading: Reading) -> "Decoding":
        with torch.inference_mode(), _one_thread():
            encoded = network.encode(collate([reading]).to(network.keywords.weight.device))
        return cls(network, encoded, Vocabulary(reading.items, max(1, len(reading.words))))

    def step(self, said: Sequence[Token], past: Past, choices: Sequence[Choice]) -> tuple[torch.Tensor, Past]:
        """Each beam says one token more: log-probabilities [beams, V] of what follows, of what its choice allows."""
        device = self.encoded.inputs.device
        tokens = torch.tensor([self.vocabulary.number(token) for token in said], device=device)
        found, past = self.network.step(self.encoded, tokens, past)
        scores = found.cpu()
        allowed = torch.zeros_like(scores, dtype=torch.bool)
        doubts = torch.zeros_like(scores)
        for row, choice in enumerate(choices):
            allowed[row, self.vocabulary.numbers(choice)] = True
            doubts[row, self.vocabulary.numbers(Choice(starts=choice.doubted))] = DOUBT
        return scores.masked_fill(~allowed, FAR_BELOW).log_softmax(-1).masked_fill(~allowed, FAR_BELOW) - doubts, past


@torch.inference_mode()
def search(decoding: Decoding, grammar: Grammar, *, width: int, stop: threading.Event) -> list[Beam]:
    """Whole beams, best first, at most `width`; none when `stop` was set between two steps."""
    beams = [Beam()]
    past: Past = []
    with _one_thread():
        for _ in range(MOST_TOKENS):
            growing = [beam for beam in beams if not beam.whole]
            if not growing or stop.is_set():
                break
            parents = [beam.parent for beam in growing]
            past = [(keys[parents], values[parents]) for keys, values in past]
            said: list[Token] = [beam.tokens[-1] if beam.tokens else "BOS" for beam in growing]
            scores, past = decoding.step(said, past, [grammar.after(beam.tokens) for beam in growing])
            grown = [
                Beam((*beam.tokens, decoding.vocabulary.token(number)), beam.logprob + score, parent)
                for parent, (beam, row) in enumerate(zip(growing, scores, strict=True))
                for number, score in _best(row, width)
            ]
            grown += [beam for beam in beams if beam.whole]
            beams = sorted(grown, key=lambda beam: -beam.rank)[:width]
    return [] if stop.is_set() else [beam for beam in beams if beam.whole]


@torch.inference_mode()
def unanswerable(decoding: Decoding) -> float:
    """The probability that the schema does not answer the question, for a network that was taught to say so."""
    with _one_thread():
        scores, _ = decoding.step(["BOS"], [], [Choice(("FROM", "REFUSE"))])
    return float(scores[0, KEYWORDS.index("REFUSE")].exp())


@torch.inference_mode()
def missing(decoding: Decoding) -> tuple[int, int] | None:
    """The first and last word of the question for which the schema has nothing, if the network knows any."""
    words = range(decoding.vocabulary.words)
    with _one_thread():
        _, past = decoding.step(["BOS"], [], [Choice(("REFUSE",))])
        scores, past = decoding.step(["REFUSE"], past, [Choice(("EOS",), starts=words)])
        start = decoding.vocabulary.token(int(scores[0].argmax()))
        if not isinstance(start, Pointer):
            return None
        ends = words[start.number : start.number + MOST_MISSING]
        scores, _ = decoding.step([start], past, [Choice(ends=ends)])
        end = decoding.vocabulary.token(int(scores[0].argmax()))
    return (start.number, end.number) if isinstance(end, Pointer) else None


@contextmanager
def _one_thread() -> Iterator[None]:
    """A second one gains little for so small a network, and on a busy machine each step waits for both: 8 times slower
    (measured with two threads on two busy cores).
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _best(row: torch.Tensor, width: int) -> Iterator[tuple[int, float]]:
    scores, numbers = row.topk(min(width, len(row)))
    for number, score in zip(numbers.tolist(), scores.tolist(), strict=True):
        if score > FAR_BELOW / 10:
            yield number, score
