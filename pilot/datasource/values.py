"""Find the cell values that a question mentions: "customers in munich" means city = 'München'.

An index of the distinct values of text columns, compared without case and accents. Word sequences are looked up as
they are, then by other names of the place, then without plural endings and two-letter umlauts, then with a slip of
the pen, then a name by one of its words, if no other value has it; Chinese, which has no blanks, by its pieces. No
look-up walks through all values: a hundred thousand of them cost a question a few milliseconds.
"""

import logging
import re
import time
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from rapidfuzz import fuzz, process

from pilot.datasource.base import Datasource, Limits
from pilot.datasource.functions import words
from pilot.datasource.guard import check
from pilot.datasource.reflect import select
from pilot.errors import SqlError
from pilot.schema import Column, Schema, Table, ValueHit

logger = logging.getLogger(__name__)

COLUMN_VALUES = 5_000  # of one column; one with more is free text, or names that a LIKE finds better
ALL_VALUES = 200_000
ALL_SECONDS = 30.0  # for all columns together
VALUE_CHARS = 60
VALUE_WORDS = 8
CHINESE_CHARS = 16
SHORT = 3  # a value of so few letters (US, in) counts only when the question spells it exactly, or red for Red
NEAR_LETTERS = 5
NEAR_SCORE = 87  # of 100: one wrong letter in eight
NEAR_WORDS = 3  # of a value with a slip in it
PIECE = 3  # letters at the start or the end of a word of which a slip spoils only one
MOST_HITS = 12
LIMITS = Limits(seconds=5, rows=COLUMN_VALUES, cell_chars=VALUE_CHARS + 1, total_bytes=5_000_000)

CHINESE = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"\w+")
UNACCENTED = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "\u0131": "i", "þ": "th", "ð": "d"})
PLAIN_WORDS = words("""
    a all an and are as at average by count date each first for from had has have how in is last least less list many
    max min more most much name names no none not number of on one or order orders other per six sum ten than that the
    their there these this those to top total two type was were what when where which who with year years yes
""")
# Words of three letters that in small letters are hardly ever a value (May, Can, Sue), and those that are one only
# where something is said to be so: "which orders are new?".
SMALL_WORDS = words("""
    ago all and any are but can did far few for had has her him his how its may nor not now off one our out own per she
    six ten the too two via was way who why yes yet you
    add ask ate beg buy cry cut die dig eat end fed fit fix fly get got hit lay led let lie lit met nod owe pay put
    ran rid run sat saw say see set sew sit sue sum tie try use vow win won
    day job lot man max men min top
""")
STATED_WORDS = words("bad big hot low new old sad wet")
STATED = re.compile(r"\b(?:is|are|was|were|be|been|not)\s+(\w+)", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where a value stands, as the database spells it."""

    table: str
    column: str
    value: str


Spoken = tuple[str, tuple[int, int]]  # a word as `folded` sees it, and where it stands in the question
Meant = Callable[[str, str], Sequence[Place]]


@dataclass(frozen=True)
class ValueIndex:
    """`places` maps a value as `folded` sees it to where it stands; the others lead to its keys."""

    places: Mapping[str, tuple[Place, ...]]
    loose: Mapping[str, tuple[str, ...]]  # as `loosened` sees it
    pieces: Mapping[str, tuple[str, ...]]  # by how it begins ("mun-") and ends ("-hen")
    parts: Mapping[str, str]  # by a word that no other has
    names: frozenset[str]  # words that name tables and columns, which a question says for other reasons

    @classmethod
    def build(
        cls, source: Datasource, schema: Schema, *, silent: Callable[[str, str], bool] = lambda _table, _column: False
    ) -> "ValueIndex":
        """Read the distinct values of every text column of a table but the `silent` ones, through the guard like
        everything else.

        Raises SourceUnreachable; a column that cannot be read in time is left out.
        """
        found: list[Place] = []
        until = time.monotonic() + ALL_SECONDS
        for table, column in _text_columns(schema):
            if silent(table.name, column.name):
                continue
            if time.monotonic() > until:
                logger.info("the value index took %d seconds, up to %s.%s", ALL_SECONDS, table.name, column.name)
                break
            found += [Place(table.name, column.name, value) for value in _distinct(source, schema, table, column)]
            if len(found) >= ALL_VALUES:
                logger.info("the value index is full: %d values, up to %s.%s", len(found), table.name, column.name)
                break
        return cls.of(found, names=(name for table in schema.tables for name in _names(table)))

    @classmethod
    def of(cls, found: Iterable[Place], *, names: Iterable[str] = ()) -> "ValueIndex":
        places: defaultdict[str, dict[Place, None]] = defaultdict(dict)
        for place in found:
            key = folded(place.value)
            if key and len(key.split()) <= VALUE_WORDS:
                places[key][place] = None
        loose: defaultdict[str, list[str]] = defaultdict(list)
        pieces: defaultdict[str, list[str]] = defaultdict(list)
        for key in places:
            loose[loosened(key)].append(key)
            if len(key) >= NEAR_LETTERS - 1:
                for piece in _pieces(key):
                    pieces[piece].append(key)
        holding = Counter(word for key in places for word in set(key.split()))
        parts = {word: key for key in places if " " in key for word in key.split() if holding[word] == 1}
        said = frozenset(loosened(word) for name in names for word in re.split(r"[\W_]+", name.lower()))
        return cls(
            {key: tuple(there) for key, there in places.items()},
            {key: tuple(keys) for key, keys in loose.items()},
            {key: tuple(keys) for key, keys in pieces.items()},
            parts,
            said,
        )

    def hits(self, question: str) -> list[ValueHit]:
        """The values that the question mentions, longest wording first; at most MOST_HITS."""
        return self.every(question)[:MOST_HITS]

    def every(self, question: str) -> list[ValueHit]:
        """The same without a limit: a large database may hold a value in many places."""
        spoken = [(folded(found[0]), found.span()) for found in WORD.finditer(question)]
        taken: set[int] = set()  # positions of words that belong to a hit already
        hits: list[ValueHit] = []
        stated = frozenset(found[1] for found in STATED.finditer(question))
        for meant in (partial(self._exact, stated=stated), self._elsewhere, self._loosely):
            hits += self._sequences(question, spoken, taken, VALUE_WORDS, meant)
        hits += self._substrings(question)
        hits += self._sequences(question, spoken, taken, NEAR_WORDS, self._nearly)
        taken.add(0)  # a sentence begins with a capital, name or not
        hits += self._sequences(question, spoken, taken, 1, self._partly)
        return list(dict.fromkeys(hits))

    def _sequences(
        self, question: str, spoken: Sequence[Spoken], taken: set[int], longest: int, meant: Meant
    ) -> Iterator[ValueHit]:
        for length in range(min(longest, len(spoken)), 0, -1):
            for start in range(len(spoken) - length + 1):
                span = range(start, start + length)
                key = " ".join(spoken[index][0] for index in span)
                text = question[spoken[start][1][0] : spoken[start + length - 1][1][1]]
                if taken.isdisjoint(span) and key not in PLAIN_WORDS and (places := meant(key, text)):
                    taken.update(span)
                    yield from (ValueHit(place.table, place.column, place.value, text) for place in places)

    def _exact(self, key: str, text: str, stated: Collection[str] = ()) -> list[Place]:
        places = self.places.get(key, ())
        if len(key) > SHORT or CHINESE.search(key):
            return list(places)
        word = len(key) == SHORT and text.islower() and loosened(key) not in self.names and key not in SMALL_WORDS
        told = word and (key not in STATED_WORDS or text in stated)
        return [place for place in places if place.value == text or (told and place.value.istitle())]

    def _elsewhere(self, key: str, _: str) -> list[Place]:
        """By another name of the same place."""
        return [place for other in exonyms().get(key, ()) for place in self.places.get(other, ())]

    def _loosely(self, key: str, _: str) -> list[Place]:
        """laptops for Laptop, muenchen for München."""
        wanted = loosened(key)
        if len(wanted) <= SHORT or wanted in self.names:
            return []
        return [place for other in self.loose.get(wanted, ()) for place in self.places[other]]

    def _nearly(self, key: str, _: str) -> list[Place]:
        said = key.split()
        if len(key) < NEAR_LETTERS or CHINESE.search(key) or loosened(key) in self.names:
            return []
        if len(said) > 1 and not PLAIN_WORDS.isdisjoint((said[0], said[-1])):
            return []
        candidates = {other for piece in _pieces(key) for other in self.pieces.get(piece, ())}
        near = process.extract(key, candidates, scorer=fuzz.ratio, score_cutoff=NEAR_SCORE, limit=2)
        return [place for other, _, _ in near for place in self.places[other]]

    def _partly(self, key: str, text: str) -> Sequence[Place]:
        """Gatwick for London Gatwick: who says only a part of a name writes it like a name."""
        if len(key) <= SHORT or not text.istitle() or loosened(key) in self.names or key not in self.parts:
            return []
        return self.places[self.parts[key]]

    def _substrings(self, question: str) -> Iterator[ValueHit]:
        """Of Chinese, which writes no blanks: the longest pieces that are values, none within another."""
        taken: set[int] = set()
        places = [found.start() for found in CHINESE.finditer(question)]
        for length in range(min(CHINESE_CHARS, len(question)), 1, -1):
            for start in places:
                span = range(start, start + length)
                text = question[start : start + length]
                if len(text) == length and taken.isdisjoint(span) and (key := folded(text)):
                    found = self._exact(key, text) or self._elsewhere(key, text)
                    taken.update(span if found else ())
                    yield from (ValueHit(place.table, place.column, place.value, text) for place in found)


@cache
def exonyms() -> Mapping[str, tuple[str, ...]]:
    """A place's name -> its other names, all as `folded` sees them."""
    found: dict[str, tuple[str, ...]] = {}
    text = Path(__file__).with_name("exonyms.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            names = [folded(name) for name in line.split(",")]
            found |= {name: tuple(other for other in names if other != name) for name in names}
    return found


def folded(text: str) -> str:
    """Words only, without case and accents: 'São  Paulo!' and 'sao paulo' are one."""
    if text.isascii():
        return " ".join(WORD.findall(text.casefold()))
    plain = unicodedata.normalize("NFKD", text.casefold().translate(UNACCENTED))
    return " ".join(WORD.findall("".join(part for part in plain if not unicodedata.combining(part))))


def loosened(key: str) -> str:
    """A folded text without plural endings and with one spelling of umlauts: muenchen and munchen, laptops, boxes."""
    return " ".join(re.sub(r"(?<=[aou])e|(?<=s)s", "", _singular(word)) for word in key.split())


def _singular(word: str) -> str:
    if len(word) <= SHORT or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word.removesuffix("s")


def _pieces(key: str) -> tuple[str, str]:
    size = PIECE if len(key) > NEAR_LETTERS else PIECE - 1
    return f"{key[:size]}-", f"-{key[-size:]}"


def _names(table: Table) -> Iterator[str]:
    yield from (table.name, *table.synonyms)
    for column in table.columns:
        yield from (column.name, *column.synonyms)


def _text_columns(schema: Schema) -> Iterator[tuple[Table, Column]]:
    for table in schema.tables:
        if not table.view:  # its values stand in its tables, too, and computing it may take long
            yield from ((table, column) for column in table.columns if column.kind == "text")


def _distinct(source: Datasource, schema: Schema, table: Table, column: Column) -> list[str]:
    sql = select(table.name, [column.name], schema.dialect, distinct=True)
    try:
        rows = source.run(check(sql, schema=schema, max_rows=COLUMN_VALUES), LIMITS)
    except SqlError as error:
        logger.info("no values of %s.%s: %s", table.name, column.name, error.code)
        return []
    if len(rows.rows) >= COLUMN_VALUES:
        return []
    return [row[0] for row in rows.rows if isinstance(row[0], str) and 1 < len(row[0]) <= VALUE_CHARS]
