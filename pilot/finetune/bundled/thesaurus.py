"""The words of WordNet that may stand for one another, as the short list that Pilot reads questions with.

From a folder of WordNet 3.0 (Debian: the package wordnet-base, /usr/share/wordnet). A line is one meaning: the words
that have it, and behind "<" those for what it is a kind of. A word is told by its most frequent meanings only; names of
plants, animals and chemicals, and words that hardly anybody uses, are left out.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

KINDS = {"noun": "n", "verb": "v", "adj": "a"}
LEFT_OUT = frozenset((0, 1, 2, 3, 5, 8, 12, 16, 17, 19, 20, 25, 27, 43))  # files: of animals, plants, adverbs
MOST_SENSES = 2  # of a word, the most frequent first
WIDER = 1  # sense of a word for what something is a kind of
MOST_WORDS = 2  # of a phrase
MOST_WIDER = 2
PLAIN = re.compile(r"[a-z]+(?:_[a-z]+)*")
HEADER = """\
# Words that may stand for one another: a line is one meaning, with what it is a kind of behind "<".
# Made from WordNet 3.0 by `python -m pilot.finetune.bundled thesaurus`.
# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. Permission to use, copy, modify and
# distribute it for any purpose and without fee or royalty is granted, provided that this notice is kept; it comes
# "as is", without warranty. https://wordnet.princeton.edu/license-and-commercial-use
"""


@dataclass(frozen=True)
class Meaning:
    """A synset: its words, and where what it is a kind of stands."""

    topic: int
    words: tuple[str, ...]
    wider: tuple[str, ...]


def write(wordnet: Path, encoder: Path, out: Path) -> int:
    """Returns the number of lines. A phrase counts as common when each of its words is one piece to the encoder."""
    common = frozenset(Tokenizer.from_file(str(encoder / "tokenizer.json")).get_vocab())
    lines = sorted({line for kind in KINDS for line in _lines(wordnet, kind, common)})
    out.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _lines(wordnet: Path, kind: str, common: Collection[str]) -> Iterator[str]:
    meanings = dict(_meanings(wordnet / f"data.{kind}", KINDS[kind]))
    ranks = _ranks(wordnet / f"index.{kind}")
    for place, meaning in meanings.items():
        if meaning.topic in LEFT_OUT:
            continue
        words = _known(place, meaning, ranks, MOST_SENSES)
        if not any(" " not in word for word in words):
            continue
        said = [word for word in words if _is_common(word, common) or " " not in word]
        wider = [word for up in meaning.wider for word in _known(up, meanings[up], ranks, WIDER) if word in common]
        if any(_is_common(word, common) for word in words) and len(said) + len(wider) > 1:
            yield ",".join(said) + ("<" + ",".join(wider[:MOST_WIDER]) if wider else "")


def _known(place: str, meaning: Meaning, ranks: Mapping[tuple[str, str], int], most: int) -> list[str]:
    """The words that are mainly said in this meaning."""
    return [
        word.replace("_", " ")
        for word in meaning.words
        if PLAIN.fullmatch(word) and word.count("_") < MOST_WORDS and ranks.get((word, place), most + 1) <= most
    ]


def _is_common(phrase: str, common: Collection[str]) -> bool:
    return all(word in common for word in phrase.split())


def _meanings(file: Path, kind: str) -> Iterator[tuple[str, Meaning]]:
    """`offset file type words... pointers... | gloss`; see the manual page wndb(5WN)."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("  "):
            continue
        place, topic, _, count, *rest = line.partition("|")[0].split()
        size = 2 * int(count, 16)
        words = tuple(re.sub(r"\(\w+\)$", "", word) for word in rest[:size:2])
        pointers = rest[size + 1 : size + 1 + 4 * int(rest[size])]
        wider = (pointers[start + 1] for start in range(0, len(pointers), 4)
                 if pointers[start] == "@" and pointers[start + 2] == kind)  # fmt: skip
        yield place, Meaning(int(topic), words, tuple(wider))


def _ranks(file: Path) -> dict[tuple[str, str], int]:
    """(word, place) -> which of the word's senses it is, the most frequent being 1."""
    found: dict[tuple[str, str], int] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            word, _, _, pointers, *rest = line.split()
            found |= {(word, place): rank for rank, place in enumerate(rest[int(pointers) + 2 :], 1)}
    return found
