"""Words that may stand for one another: a pupil is a student, and a teacher a kind of educator. From WordNet.

`pilot.finetune.bundled thesaurus` makes the list; its licence stands in it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

NONE: frozenset[str] = frozenset()


def synonyms(phrase: str) -> frozenset[str]:
    """What has a meaning of this word or phrase, in small letters; not the phrase itself."""
    return _alike().get(phrase, NONE)


def kin(phrase: str) -> frozenset[str]:
    """What it is a kind of, and what is a kind of it."""
    return _kin().get(phrase, NONE)


@cache
def _meanings() -> tuple[tuple[list[str], list[str]], ...]:
    """(words of one meaning, words for what it is a kind of)"""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    parted = (line.partition("<") for line in lines if not line.startswith("#"))
    return tuple((words.split(","), wider.split(",") if wider else []) for words, _, wider in parted)


@cache
def _alike() -> Mapping[str, frozenset[str]]:
    return _pairs((one, other) for words, _ in _meanings() for one in words for other in words)


@cache
def _kin() -> Mapping[str, frozenset[str]]:
    pairs = [(one, other) for words, wider in _meanings() for one in words for other in wider]
    return _pairs([*pairs, *((other, one) for one, other in pairs)])


def _pairs(pairs: Iterable[tuple[str, str]]) -> Mapping[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        if one != other:
            found[one].add(other)
    return {one: frozenset(others) for one, others in found.items()}
