"""The words of a question and of names: what the model points at and what it compares."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pilot.abbreviations import long_forms
from pilot.numbers import NUMBER_WORDS
from pilot.numbers import number as number


def listed(text: str) -> tuple[str, ...]:
    """A list of words that reads as one."""
    return tuple(text.split())


MOST_WORDS = 64  # of a question; the network has no more places to point at

LETTERS = r"[^\W_\u2e80-\U0010ffff]+"  # of scripts that put blanks between words
OTHERS = r"(?:(?![^\W_\u2e80-\U0010ffff])\w)+"  # Chinese, Japanese, underscores
WORD = re.compile(
    rf"\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+\.\d+|{LETTERS}(?:[-'./:@_&]{LETTERS})*|[^\w\s]|{OTHERS}"
)  # thousands, decimals, words that hold together (co-op, 2024-03-01, a@b.c), signs
KEY_ENDS = {"id": "id", "no": "number", "num": "number", "cd": "code"}
LONGEST_PLURAL = 3  # letters: 'ies'
PREFIXES = frozenset(listed("tbl tab t vw dim fct fact"))  # of table names: they say nothing

Hits = Mapping[int, frozenset[int]]  # column -> words of the question that spell one of its values


@dataclass(frozen=True)
class Word:
    """`text` is question[start:end]."""

    text: str
    start: int
    end: int

    @property
    def numeric(self) -> bool:
        return self.text[0].isdecimal() or self.text.lower() in NUMBER_WORDS


def words_of(question: str) -> tuple[Word, ...]:
    return tuple(Word(found[0], *found.span()) for found in WORD.finditer(question))


def name_words(name: str) -> str:
    """An identifier as people say it: 'custOrderID' and 'tbl_cust_order_id' are both 'customer order id'."""
    text = re.sub(r"^(tbl|TBL)(?=[A-Za-z]{3})", "", name)
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", text)
    words = re.sub(r"[\W_]+", " ", text).lower().split()
    if len(words) > 1 and words[0] in PREFIXES:
        words = words[1:]
    return " ".join(long_forms().get(word, word) for word in words) or name.lower()


def without_prefix(names: Sequence[str], longest: int) -> tuple[str, ...]:
    """Names in words, without a first word that all of several share: it says what system they are of."""
    first = {name.split()[0] for name in names}
    shared = len(names) > 2 and len(first) == 1 and all(" " in name for name in names)
    return tuple(name.split(" ", 1)[1] for name in names) if shared and len(first.pop()) <= longest else tuple(names)


def key_words(name: str, table: str) -> str:
    """A key's name as its table's words and what it is of it: 'flno' of 'flights' is 'flight number', 'cID' of
    'course' is 'course id'; "" where it is no such short form.
    """
    joined = re.sub(r"[\W_]+", "", name).lower()
    first, *rest = table.split() or [""]
    for short, long in KEY_ENDS.items():
        start = joined.removesuffix(short)
        if start != joined and _begins(start, first):
            return " ".join((first.removesuffix("s") if not rest else first, *rest, long))
    return ""


def _begins(start: str, word: str) -> bool:
    """An initial, the first letters, or some of the letters in their order; not the whole word or its plural."""
    left = iter(word)
    in_order = start[:1] == word[:1] and all(letter in left for letter in start)
    whole = word.startswith(start) and len(word) - len(start) <= LONGEST_PLURAL
    return bool(start) and in_order and not whole and (len(start) != 2 or word.startswith(start))


def stem(word: str) -> str:
    """Without the plural, so that 'cities' meets 'city'. Crude on purpose: both sides go through it."""
    word = word.lower()
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(ss|x|ch|sh|[^aoe]us)es$", word):  # 'campuses', but 'houses' and 'courses'
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def folded(text: str) -> str:
    """Lower case, letters and digits only, for comparing values."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))
