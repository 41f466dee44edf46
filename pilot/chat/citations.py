"""Check what an answer cites: each [n] against its passage. Pure."""

import re
from collections.abc import Sequence

from pilot.chat.events import Citation, FoundPassage
from pilot.chat.sentences import best, numbers, sentences, words

MARK = re.compile(r"\s?\[(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\]")
SUPPORTED = 0.5  # share of a claim's telling words that its passage must have
FEWEST_WORDS = 2  # telling ones: "Yes." claims nothing by itself
MARKED_END = r"(?<=[.!?。！？]\[\d\])|(?<=[.!?。！？]\s\[\d\])"  # a mark behind the end of its sentence
BOUNDARY = re.compile(rf"(?<=[.!?])\s+(?!\s*\[)|(?<=[。！？])\s*(?!\s*\[)|(?:{MARKED_END})\s*(?!\s*\[)|\n+")


def without_unknown(answer: str, passages: Sequence[FoundPassage]) -> str:
    """The answer with each citation as [n], without those of passages that do not exist."""
    known = {passage.number for passage in passages}

    def keep(found: re.Match[str]) -> str:
        cited = [int(number) for number in re.findall(r"\d+", found[1])]
        marks = "".join(f"[{number}]" for number in cited if number in known)
        return f" {marks}" if marks and found[0][0].isspace() else marks

    return MARK.sub(keep, answer).strip()


def check(answer: str, passages: Sequence[FoundPassage]) -> tuple[Citation, ...]:
    """One citation for each passage that the answer names, in order; supported if every claim that cites it is found
    in it, or in another that the same claim cites.
    """
    by_number = {passage.number: passage for passage in passages}
    claims: dict[int, list[tuple[str, bool]]] = {}
    for sentence in _claims(answer):
        borne = _borne_out(sentence, by_number)
        for number in _cited(sentence):
            if number in by_number:
                claims.setdefault(number, []).append((MARK.sub("", sentence), borne))
    return tuple(_citation(by_number[number], told) for number, told in claims.items())


def doubtful(answer: str, passages: Sequence[FoundPassage]) -> tuple[str, ...]:
    """The sentences that claim something and cite nothing that bears it out, as they stand in the answer."""
    by_number = {passage.number: passage for passage in passages}
    return tuple(
        sentence.strip()
        for sentence in _claims(answer)
        if _claims_something(sentence) and not _borne_out(sentence, by_number)
    )


def _claims_something(sentence: str) -> bool:
    """Headings, questions and words that lead to a list claim nothing."""
    bare = MARK.sub("", sentence).strip().strip("*_#").strip()
    return not bare.endswith(("?", "？", ":", "：")) and len(words(bare)) >= FEWEST_WORDS


def _borne_out(sentence: str, passages: dict[int, FoundPassage]) -> bool:
    """By one of the passages that it cites, or by all of them together."""
    cited = [passages[number].text for number in _cited(sentence) if number in passages]
    claim = MARK.sub("", sentence)
    return any(supports(text, claim) for text in (*cited, "\n\n".join(cited)) if text)


def _citation(passage: FoundPassage, claims: Sequence[tuple[str, bool]]) -> Citation:
    quote, _ = best(words(" ".join(claim for claim, _ in claims)), sentences(passage.text))
    return Citation(passage.number, passage, quote, all(borne for _, borne in claims))


def supports(passage: str, claim: str) -> bool:
    """Most of the claim's telling words stand in the passage, and all of its numbers. Of a claim in another script than
    the passage only numbers and names can be looked for; one that has none is not borne out.
    """
    told, asked = words_of(passage), words(claim)
    if _latin(told) != _latin(asked):
        asked = frozenset(word for word in asked if word.isascii() == _latin(told))
        if not asked and not numbers(claim):
            return False
    shared = len(asked & told) / len(asked) if asked else 1.0
    return shared >= SUPPORTED and numbers(claim) <= numbers(passage)


def _latin(found: frozenset[str]) -> bool:
    """Whether most words are of Latin letters and digits."""
    return sum(word.isascii() for word in found) * 2 >= len(found)


def words_of(passage: str) -> frozenset[str]:
    """All telling words of a longer text: `words` looks at a question's length only."""
    return frozenset(word for sentence in sentences(passage) for word in words(sentence))


def _claims(answer: str) -> list[str]:
    """Sentences with the marks that stand behind them."""
    return [claim for claim in BOUNDARY.split(answer) if claim and claim.strip()]


def _cited(sentence: str) -> list[int]:
    return [int(number) for found in MARK.finditer(sentence) for number in re.findall(r"\d+", found[1])]
