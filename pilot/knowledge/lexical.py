"""Words for SQLite's FTS5: what its tokenizer cannot do is done to the text before it.

FTS5 lower-cases, strips accents and stems Latin words (porter over unicode61). Chinese, Japanese and Korean come
without spaces; here each run of them becomes its characters and its pairs of neighbours.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from pilot.knowledge.scripts import UNSPACED

TOKENIZER = "porter unicode61 remove_diacritics 2"
VERSION = 2  # of `index_text` and `within`; another number makes the library index its chunks anew
MOST_TERMS = 64  # of one question

RUN = re.compile(f"[{UNSPACED}]+")
TERM = re.compile(r"[^\W_]+")
STOP_WORDS = Path(__file__).with_name("stopwords.txt")  # English, Chinese, Japanese


def index_text(text: str) -> str:
    """The text as FTS5 is to see it."""
    return RUN.sub(_pieces, unicodedata.normalize("NFKC", text))


def question_terms(question: str) -> list[str]:
    """What to look for: each word and pair once, without the words that every text has."""
    found = list(dict.fromkeys(TERM.findall(index_text(question).casefold())))
    telling = [term for term in found if term not in _stop_words()]
    return (telling or found)[:MOST_TERMS]


def within(space: int, text: str) -> str:
    """Each term with its space before it: so a space has posting lists of its own, and no other's are walked.

    The mark has no vowel, which leaves Porter's stemmer as it is.
    """
    return " ".join(f"s{space}x{term}" for term in TERM.findall(text))


def match_expression(space: int, terms: Sequence[str]) -> str:
    """FTS5's query: any of the terms, in this space only."""
    return " OR ".join(f'"{within(space, term)}"' for term in terms)


def _pieces(run: re.Match[str]) -> str:
    characters = run[0]
    pairs = [first + second for first, second in pairwise(characters)]
    return f" {' '.join([*characters, *pairs])} "


@cache
def _stop_words() -> frozenset[str]:
    return frozenset(STOP_WORDS.read_text(encoding="utf-8").split())
