"""What a question speaks of, and whether the database has anything for it: words that stand for nothing in the schema.

No model takes part. A word of the question stands for a name of the schema, a comment, a word of the owner's or a
sample when it is the same word in another form, when the name is short for it, when it means the same or is a kind of
it (pilot/synonyms.py), or when people use it for such a name (meant.txt). It is a check that errs on the side of
asking: of questions that have an answer hardly one may be declined (docs/experiments.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import dropwhile, pairwise
from pathlib import Path

from rapidfuzz import fuzz
from sqlglot import exp

from pilot.abbreviations import abbreviates, long_forms
from pilot.chat.naming import CHINESE, chinese_nouns, meanings, stem, stems
from pilot.chat.slots import mask, mentioned
from pilot.datasource.functions import words
from pilot.datasource.values import ValueIndex
from pilot.schema import Schema, Table
from pilot.synonyms import kin, synonyms

NEAR = 85  # of 100: two spellings of a word
LIKE = 5  # letters: shorter words are not compared by spelling
SHORTENED = 4  # letters of a word that a name may be short for
ENGLISH = 0.3  # share of general words that tells English from other languages in Latin letters
ROOT = 3  # letters that are left of a word without its ending
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*|[^\w\s]")
VERBAL = re.compile(r".{3,}(?:ed|ing)$")  # joined, living: what is said of a thing, not the thing
ENDINGS = ("ations", "ation", "ments", "ment", "ings", "ing", "ions", "ion", "ers", "er", "ors", "or", "ities", "ity",
           "ed", "es", "ly", "al", "ies", "y", "e", "s")  # fmt: skip
ASKED = re.compile(
    r"^(?:(?:please|can you|could you) )*(?:how (?:many|much)"
    r"|(?:list|show|count|give|display|find|get|return|tell)(?: (?:me|us|all|the|of|each|every))*"
    r"|(?:the )?(?:average|total|number of)"
    r"|(?:what|who) (?:is|are|was|were)(?: (?:the|our|their))?(?: (?:average|total|number of))?(?: the)?"
    r"|which|what)"
    r"\s+(?P<rest>.+)$",
    re.IGNORECASE,
)
UNASKABLE = re.compile(
    r"^\W*(?:why|write|compose|draw|translate|explain to|will (?:the|it|we|he|she|they)|should (?:i|we)"
    r"|how (?:do|can|should) (?:i|we)|tell (?:me|us) (?:a|about)|what (?:is|does) the meaning)\b"
    r"|^\W*(?:为什么|为何|写一|翻译|讲个|讲一|怎么才能|如何才能)",
    re.IGNORECASE,
)  # what rows cannot answer, whatever they hold
AFTER = words("""
    of in for from do does did are is was were have has had that who which with without by per there we and or on at to
    than whose where our all as be been each every the a an it its their they you i can when this last next current
    currently sorted ordered grouped more less after before since between under over above below not if will would
    should only always never ever
""")  # what ends the thing that is asked for
HAVING = words("have has had having own owns with without")
COUNTING = words("a an the any no some all each every more less than last next not")  # may stand before what is had
BEING = words("is are was were")


@dataclass(frozen=True)
class Coverage:
    """`declines` says that the database has nothing for what is asked; `missing` are the words that it has nothing for,
    or, where it does not decline, those that an answer is bound to leave out: "customers with children". `asked` is
    what an answer must show or count, as the question says it; empty where that is not told.
    """

    declines: bool
    missing: tuple[str, ...]
    asked: tuple[str, ...] = ()


def cover(
    question: str,
    schema: Schema,
    values: ValueIndex | None,
    today: date,
    *,
    taught: Sequence[str] = (),
) -> Coverage:
    """Of a question in a language that is not known here, nothing is said. `taught` are questions that have an answer:
    what their words mean here the schema need not say.
    """
    if UNASKABLE.search(question):
        return Coverage(True, ())
    known = _Known(schema, taught)
    text = _without_values(question, values, known, today)
    if CHINESE.search(text):
        return _chinese(text, known)
    said = WORD.findall(text)
    spoken = [word for word in said if word[0].isalpha()]
    if sum(word.lower() in general_words() for word in spoken) < ENGLISH * len(spoken):
        return Coverage(False, ())
    content = [word for word in spoken if not _is_general(word) or (word.lower() not in AFTER and known.names(word))]
    missing = tuple(dict.fromkeys(word for word in content if not known.touches(word)))
    asked = _asked_for(text)
    if asked and all(word in missing for word in asked):
        return Coverage(True, tuple(asked))
    if missing and len(missing) == len(set(content)):
        return Coverage(True, missing)
    left_out = [*(word for word, behind in pairwise(said) if word in asked and behind.lower() in ("of", "for")),
                *_had(said), *_said_of(said)]  # fmt: skip
    return Coverage(
        False,
        tuple(dict.fromkeys(word for word in left_out if word in missing)),
        () if any(map(known.was_taught, asked)) else tuple(asked),
    )


def unused(asked: Sequence[str], tree: exp.Expr, schema: Schema) -> tuple[str, ...]:
    """What was asked for, where no table or column of the statement goes by any of these words."""
    known = _Known(replace(schema, tables=tuple(_used(tree, schema))), ())
    return () if any(map(known.touches, asked)) else tuple(asked)


def _used(tree: exp.Expr, schema: Schema) -> Iterator[Table]:
    """The tables of a statement with the columns that it names; of SELECT * with all."""
    columns = {column.name.lower() for column in tree.find_all(exp.Column)}
    every = any(isinstance(star.parent, exp.Select | exp.Column) for star in tree.find_all(exp.Star))
    for name in {table.name for table in tree.find_all(exp.Table)}:
        if table := schema.table(name):
            yield replace(
                table, columns=tuple(column for column in table.columns if every or column.name.lower() in columns)
            )


class _Known:
    """Everything that a schema calls something, as stems; beside it the words that were taught, which count as they
    are: a name is short for other words, what people say is not, and of hundreds of questions some word is like any.
    """

    def __init__(self, schema: Schema, taught: Sequence[str]) -> None:
        called: list[str] = []
        for metric in schema.metrics:
            called += [metric.name, metric.description, *metric.synonyms]
        for table in schema.tables:
            called += [table.name, table.comment, *table.synonyms]
            for column in table.columns:
                called += [column.name, column.comment, *column.synonyms, *column.samples]
        self._texts = "\n".join(text for text in called if CHINESE.search(text))
        said = {word for name in called for word in stems(name)}
        self._stems = frozenset(said.union(*(stems(long_forms().get(word, "")) for word in said)))
        self._taught = frozenset(word for text in taught for word in stems(text))

    def names(self, word: str) -> bool:
        return stem(word.lower()) in self._stems

    def was_taught(self, word: str) -> bool:
        return _plain(word) in self._taught

    def touches(self, word: str) -> bool:
        """Whether a word stands for a name: as it is, in another form, misspelled, by what it means, shortened."""
        if self.was_taught(word):
            return True
        said = _plain(word)
        forms = {said, word.lower(), _root(said)}
        meant = {said, word.lower(), *(meaning for form in forms for meaning in meanings_of().get(form, ()))}
        if not meant.isdisjoint(self._stems) or any(_alike(said, name) for name in self._stems):
            return True
        if any(abbreviates(name, word) for word in meant if len(word) >= SHORTENED for name in self._stems):
            return True
        near = {phrase for one in (said, word.lower()) for phrase in synonyms(one) | kin(one)}
        return any(set(stems(phrase)) <= self._stems for phrase in near)

    def tells(self, text: str) -> bool:
        """Whether a piece of Chinese stands in a name or in a comment."""
        return any(pair in self._texts for pair in map("".join, pairwise(text)))


def _plain(word: str) -> str:
    return stem(word.lower().partition("'")[0])


def _alike(said: str, name: str) -> bool:
    if (said.startswith(name) and len(name) >= ROOT) or (name.startswith(said) and len(said) >= LIKE):
        return True  # cust for customer, delivered for deliver
    if len(said) >= SHORTENED and abbreviates(name, said):
        return True
    short = min(said, name, key=len)
    if len(short) > ROOT and _root(said) == _root(name):
        return True
    return len(short) >= LIKE and fuzz.ratio(said, name) >= NEAR


def _root(word: str) -> str:
    return next((word[: -len(end)] for end in ENDINGS if word.endswith(end) and len(word) - len(end) >= ROOT), word)


def _without_values(question: str, values: ValueIndex | None, known: _Known, today: date) -> str:
    """The question with blanks where it says cell values, numbers and times; a value that is also a name stays."""
    text = list(question)
    for slot in mask(question, mentioned(question, values), today).slots:
        if slot.kind != "value" or not known.names(slot.text):
            text[slot.start : slot.end] = " " * (slot.end - slot.start)
    return "".join(text)


def _asked_for(text: str) -> list[str]:
    """The words of the thing that is asked for: "average shoe size of ..." asks for a shoe size."""
    found = ASKED.match(text.strip())
    thing: list[str] = []
    for word in WORD.findall(found["rest"]) if found else []:
        if word.lower() in AFTER or not word[0].isalpha() or (thing and VERBAL.match(word.lower())):
            break
        thing.append(word)
    return [word for word in thing if not _is_general(word)]


def _had(said: Sequence[str]) -> Iterator[str]:
    """The noun behind each "have" and "with": what counts or compares it is left out."""
    for number, word in enumerate(said):
        if word.lower() in HAVING:
            behind = dropwhile(_only_counts, said[number + 1 :])
            noun = next(behind, "")
            if VERBAL.match(noun.lower()):
                noun = next(behind, "")  # a driving licence
            if noun and noun[0].isalpha() and not _is_general(noun):
                yield noun


def _only_counts(word: str) -> bool:
    return word.lower() in COUNTING or (_is_general(word) and word.lower() not in AFTER)


def _said_of(said: Sequence[str]) -> Iterator[str]:
    """What the question ends in saying of its things: "which customers are married?"."""
    last = [word for word in said if word[0].isalpha()][-2:]
    if len(last) == 2 and last[0].lower() in BEING:
        yield last[1]


def _is_general(word: str) -> bool:
    return len(word) <= 2 or not {word.lower(), stem(word.lower())}.isdisjoint(general_words())


def _chinese(text: str, known: _Known) -> Coverage:
    """Only of nouns that are known in both languages can be said that they are not there."""
    nouns = list(meanings(text))
    missing = [noun for noun in nouns if not any(map(known.touches, noun))]
    declines = bool(nouns) and len(missing) == len(nouns) and not known.tells(text)
    return Coverage(declines, tuple(_spelled(noun, text) for noun in missing) if declines else ())


def _spelled(noun: frozenset[str], text: str) -> str:
    """The Chinese word of the question that means this."""
    spellings = [word for word, english in chinese_nouns().items() if noun & set(english) and word in text]
    return max(spellings, key=len, default="")


@cache
def meanings_of() -> Mapping[str, tuple[str, ...]]:
    """What people say -> words by which names may say it."""
    pairs = (line.partition(":") for line in _lines("meant.txt"))
    return {said: tuple(meant.split()) for said, _, meant in pairs}


@cache
def general_words() -> frozenset[str]:
    """Words that are about nothing."""
    return frozenset(word for line in _lines("general.txt") for word in line.split())


def _lines(file: str) -> list[str]:
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
