"""Answer from passages without a model that can write: the sentences that best answer, quoted word for word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pilot.chat.events import FoundPassage
from pilot.chat.sentences import covered, rarity, sentences, terms

MOST_QUOTES = 3
NEAR_BEST = 0.8  # of the best sentence's score: below, a sentence adds little
# Below these the passages do not answer. Measured on XQuAD, each question once with its paragraph and once without:
# English with vectors answers 97 % and 28 %, Chinese by words alone 93 % and 42 %.
ENOUGH = 0.42  # mean of the share of telling words that the passage has, and of the likeness of the sentence
ENOUGH_WORDS = 0.34  # the share alone, where no vectors tell
LEANT_ON = 0.5  # weight of the words of the question before, against those of a follow-up
FOUND = 0.3  # weight of the passage's own score, against 1 for its sentence's

HEADING = re.compile(r"#{1,6} [^\n]*$")

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Quote:
    """A sentence of passage `number`, as it stands there. `score` orders quotes of one question."""

    number: int
    text: str
    score: float


@dataclass(frozen=True)
class Sentence:
    number: int
    place: int  # in its passage
    text: str
    words: frozenset[str]
    found: float  # the score of its passage, as a share of the best one's


def split(passages: Sequence[FoundPassage]) -> list[Sentence]:
    """Every sentence of the passages; one that overlapping passages share counts for the first, however its lines are
    broken. A heading says nothing by itself: its words are those of the sentences under it.
    """
    best = max((passage.score for passage in passages), default=0.0) or 1.0
    found: dict[str, Sentence] = {}
    for passage in passages:
        heading: frozenset[str] = frozenset()
        for place, text in enumerate(sentences(passage.text)):
            if HEADING.match(text):
                heading = terms(text)
                continue
            words = terms(text) | heading
            found.setdefault(" ".join(text.split()), Sentence(passage.number, place, text, words, passage.score / best))
    return list(found.values())


def quotes(question: str, told: Sequence[Sentence], alike: Sequence[float] | None, before: str = "") -> list[Quote]:
    """The sentences that best answer, best first; empty when the passages do not say.

    `alike` says for each sentence how near its meaning is to the question's, where an embedder can tell; `before` is
    what a follow-up leans on: its words count less, and without a word of the follow-up itself they are no answer.
    """
    if not told:
        return []
    own = terms(question)
    asked = own | terms(before) if before else own
    weight = _weights(told, own, asked)
    shares = [covered(asked, sentence.words, weight) for sentence in told]
    meanings = list(alike) if alike is not None else shares
    scored = [
        Quote(sentence.number, sentence.text, ((share + meaning) / 2 + FOUND * sentence.found) / (1 + FOUND))
        for sentence, share, meaning in zip(told, shares, meanings, strict=True)
    ]
    ranked = sorted(range(len(told)), key=lambda index: -scored[index].score)
    best = ranked[0]
    passage = _of_passage(told, told[best].number)
    share = covered(asked, passage, weight)
    enough = (share + meanings[best]) / 2 >= ENOUGH if alike is not None else share >= ENOUGH_WORDS
    if not enough or (before and own and not own & passage):
        return []
    return [scored[index] for index in ranked[:MOST_QUOTES] if scored[index].score >= NEAR_BEST * scored[best].score]


def _weights(told: Sequence[Sentence], own: frozenset[str], asked: frozenset[str]) -> dict[str, float]:
    """How much each word tells; what a follow-up only leans on counts in part."""
    weight = rarity(sentence.words for sentence in told)
    rarest = max(weight.values(), default=1.0)
    return weight | {word: LEANT_ON * weight.get(word, rarest) for word in asked - own}


def _of_passage(told: Sequence[Sentence], number: int) -> frozenset[str]:
    return frozenset(word for sentence in told if sentence.number == number for word in sentence.words)
