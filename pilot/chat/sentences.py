"""Sentences of a passage, word for word, and the words that tell what a sentence is about. English and Chinese."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pilot.knowledge.lexical import question_terms

END = re.compile(r"(?<=[.!?])(?=\s)|(?<=[。！？；])|\n\s*\n|\n(?=\s*(?:[-*•|#]|\d+[.)、]\s))")
HEADING = re.compile(
    r"(?:\A|(?<=[.!?。！？\n])\n)[^\n]{1,60}(?<![.,;:!?，；：。！？])(?=\n[A-Z\u3400-\u9fff])"
)  # its own line
ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|St|No|vs|etc|e\.g|i\.e|Inc|Ltd|Co|Fig|approx))\.$")
BULLET = re.compile(r"^[-*•]\s+")  # of a list's item
EMPTY = frozenset(
    "的了是在和与或也就都而及着吗呢吧啊么被把之其这那哪谁何什个几怎些它他她们为"
)  # a pair with one of them tells little
ASKING = frozenset({"多少", "如何", "多大", "多久", "多长", "多远", "请问"})
ENDINGS = ("ing", "ies", "ed", "es", "s")
SHORT = 4
LONGEST = 600  # characters; what has no end (a table) is cut by lines


def sentences(text: str) -> list[str]:
    """In order; each stands word for word in the text."""
    found: list[str] = []
    start = 0
    ends = {match.start() for match in END.finditer(text)} | {match.end() for match in HEADING.finditer(text)}
    for end in [*sorted(ends), len(text)]:
        piece = text[start:end]
        if end < len(text) and ABBREVIATION.search(piece):
            continue
        start = end
        found += [_told(line) for line in ([piece] if len(piece) <= LONGEST else piece.split("\n"))]
    return [sentence for sentence in found if any(letter.isalnum() for letter in sentence)]


def _told(text: str) -> str:
    return BULLET.sub("", text.strip())


def words(text: str) -> frozenset[str]:
    """Telling words without their endings; Chinese by pairs of characters where there are pairs."""
    terms = question_terms(text)
    telling = [
        term for term in terms if term.isascii() or (len(term) > 1 and term not in ASKING and not EMPTY & set(term))
    ]
    return frozenset(_stem(term) for term in telling or terms)


def terms(text: str) -> frozenset[str]:
    """Telling words and, of Chinese, the single characters too: of a short question pairs alone find too little."""
    found = question_terms(re.sub("|".join(ASKING), " ", text)) or question_terms(text)
    telling = [term for term in found if term.isascii() or not EMPTY & set(term)]
    return frozenset(_stem(term) for term in telling or found)


def rarity(texts: Iterable[frozenset[str]]) -> dict[str, float]:
    """How much a word tells: what stands in every sentence tells little."""
    every = list(texts)
    holders = Counter(word for each in every for word in each)
    return {word: math.log(1 + len(every) / count) for word, count in holders.items()}


def covered(asked: frozenset[str], told: frozenset[str], weight: dict[str, float]) -> float:
    """Share of what is asked that is told, 0 to 1; a word that stands nowhere counts as the rarest."""
    rarest = max(weight.values(), default=1.0)
    total = sum(weight.get(word, rarest) for word in asked)
    return sum(weight.get(word, rarest) for word in asked & told) / total if total else 0.0


def _stem(word: str) -> str:
    if not word.isascii() or any(letter.isdigit() for letter in word):
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORT - 1:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word.removesuffix("e") if len(word) > SHORT else word


def numbers(text: str) -> frozenset[str]:
    """The numbers of a text, without separators of thousands."""
    return frozenset(found.replace(",", "") for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text))


def best(asked: frozenset[str], candidates: Sequence[str]) -> tuple[str, float]:
    """The sentence that shares most with `asked`, and the share."""
    told = [words(sentence) for sentence in candidates]
    weight = rarity(told)
    scored = [(covered(asked, each, weight), sentence) for each, sentence in zip(told, candidates, strict=True)]
    share, sentence = max(scored, key=lambda pair: pair[0], default=(0.0, ""))
    return sentence, share
