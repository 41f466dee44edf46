"""A Chinese question as the English that the model reads: word by word from a lexicon, then put in order by rules.

No translation: what it says is what stands in chinese.txt, the names that the schema's owner gives, and the cell values
that the question mentions, which stay as they are.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby

from pilot.model.text_to_sql.words import name_words, stem
from pilot.schema import Schema

CJK = re.compile(r"[\u3400-\u9fff]")
NUMERAL = re.compile(r"[一二两三四五六七八九]?[十百千][一二三四五六七八九十百]*|[一二两三四五六七八九]")
DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
TENS = {"十": 10, "百": 100, "千": 1000}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
UNITS = {
    "天": "days",
    "日": "days",
    "周": "weeks",
    "个星期": "weeks",
    "个月": "months",
    "年": "years",
    "个季度": "quarters",
}
MONTH = re.compile(r"(\d{4})年(\d{1,2})月(?:份)?")
YEAR = re.compile(r"(\d{4})年")
LATELY = re.compile(rf"(?:最近|过去|近)(\d+|[{''.join(DIGITS)}十百]+)(天|日|周|个星期|个月|年|个季度)")
RELATIONS = {"之前": "before", "以前": "before", "之后": "after", "以后": "after", "以来": "since", "起": "since"}
PLAIN = re.compile(r"[A-Za-z0-9_.@'%&/-]+")
QUOTED = re.compile(r"[“\"'「]([^”\"'」]+)[”\"'」]")
MARKS = "，。？！、；：,.?!;: 　"
MOST_STEPS = 60
FEW = 5  # of so many letters one may be unknown


class Unread(Exception):
    """Words of the question that are in no list."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(", ".join(words))
        self.words = tuple(words)


@dataclass(frozen=True)
class Piece:
    tag: str  # one letter, as chinese.txt explains
    text: str


@dataclass(frozen=True)
class Rule:
    tags: re.Pattern[str]
    becomes: str
    tag: str

    def of(self, texts: Sequence[str]) -> str:
        return re.sub(r"\d", lambda digit: texts[int(digit[0]) - 1], self.becomes)


@dataclass(frozen=True)
class Lexicon:
    words: Mapping[str, Piece]
    rules: Sequence[Rule]


@cache
def lexicon() -> Lexicon:
    words: dict[str, Piece] = {}
    rules: list[Rule] = []
    text = files("pilot.model.text_to_sql").joinpath("chinese.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("= "):
            tags, becomes, tag = (part.strip() for part in line[2:].rsplit(":", 2))
            rules.append(Rule(re.compile(tags), becomes, tag))
        elif line and not line.startswith("%"):
            said, _, spellings = line.partition(":")
            tag, _, english = said.partition(" ")
            words |= {spelling: Piece(tag, english.strip()) for spelling in spellings.split()}
    return Lexicon(words, rules)


def is_chinese(text: str) -> bool:
    return bool(CJK.search(text))


def english(question: str, schema: Schema, values: Iterable[str]) -> str:
    """Raises Unread for a word that is in no list; a lone letter is left out. `values` stay as they are spelled."""
    known = dict(lexicon().words) | _names(schema)
    pieces = list(_pieces(question, known, [value for value in values if is_chinese(value)]))
    unread = ["".join(piece.text for piece in run) for unknown, run in groupby(pieces, _is_unknown) if unknown]
    if any(len(word) > 1 for word in unread) or len(unread) * FEW > len(CJK.findall(question)):
        raise Unread(unread)
    things = {stem(name_words(table.name).split()[-1]) for table in schema.tables}
    return _ordered(list(_counted([piece for piece in pieces if piece.tag not in "G?"], things)))


def _is_unknown(piece: Piece) -> bool:
    return piece.tag == "?"


def english_name(name: str) -> str:
    """A Chinese name of a table or column, as far as the lists know it."""
    pieces = _pieces(name, lexicon().words, ())
    return " ".join(piece.text for piece in pieces if piece.text and piece.tag not in "GD")


def _names(schema: Schema) -> dict[str, Piece]:
    """What the owner calls tables and columns in Chinese, and Chinese names themselves."""
    found: dict[str, Piece] = {}
    for table in schema.tables:
        for name, synonyms in ((table.name, table.synonyms), *((one.name, one.synonyms) for one in table.columns)):
            said = english_name(name) if is_chinese(name) else name_words(name)
            found |= {word: Piece("N", said) for word in (name, *synonyms) if is_chinese(word)}
    return found


def _pieces(text: str, known: Mapping[str, Piece], values: Sequence[str]) -> Iterator[Piece]:
    """From left to right, the longest word that is known; of what is not known, one letter after another."""
    longest = max(map(len, (*known, *values, "")))
    place = 0
    while place < len(text):
        piece, length = _piece(text, place, known, values, longest)
        if piece:
            yield piece
        place += length


def _piece(
    text: str, place: int, known: Mapping[str, Piece], values: Sequence[str], longest: int
) -> tuple[Piece | None, int]:
    value = max((one for one in values if text.startswith(one, place)), key=len, default="")
    if value:
        return Piece("V", value), len(value)
    if quoted := QUOTED.match(text, place):
        return Piece("V", quoted[1]), len(quoted[0])
    if time := _time(text, place):
        return time
    if plain := PLAIN.match(text, place):
        return Piece("#" if plain[0][0].isdecimal() else "V", plain[0]), len(plain[0])
    for length in range(min(longest, len(text) - place), 0, -1):
        if text[place : place + length] in known:
            return known[text[place : place + length]], length
    if numeral := NUMERAL.match(text, place):
        return Piece("#", str(_value(numeral[0]))), len(numeral[0])
    return (None if text[place] in MARKS else Piece("?", text[place])), 1


def _value(numeral: str) -> int:
    """Below ten thousand: 三十 is 30, 十二 is 12, 两百五十 is 250."""
    total, digit = 0, 0
    for letter in numeral:
        if letter in TENS:
            total, digit = total + (digit or 1) * TENS[letter], 0
        else:
            digit = DIGITS[letter]
    return total + digit


def _time(text: str, place: int) -> tuple[Piece, int] | None:
    """ "2024年3月", "2024年以来", "最近30天"."""
    if lately := LATELY.match(text, place):
        count = lately[1] if lately[1].isdecimal() else _value(lately[1])
        return Piece("T", f"in the last {count} {UNITS[lately[2]]}"), len(lately[0])
    if found := MONTH.match(text, place):
        said = f"{MONTHS[(int(found[2]) - 1) % 12]} {found[1]}"
    elif found := YEAR.match(text, place):
        said = found[1]
    else:
        return None
    after = next((word for word in RELATIONS if text.startswith(word, found.end())), "")
    return Piece("T", f"{RELATIONS.get(after, 'in')} {said}"), len(found[0]) + len(after)


def _counted(pieces: Sequence[Piece], things: Collection[str]) -> Iterator[Piece]:
    """What tables hold comes in numbers: "how many customers", but "each customer", "customer name", "the best one"."""
    tags = {piece.tag for piece in pieces}
    single = bool(tags & set("SHL")) and not tags & set("#QW")
    for before, piece, after in zip((None, *pieces), pieces, (*pieces[1:], None), strict=False):
        alone = not (before and (before.tag == "E" or before.text == "which")) and not (after and after.tag == "N")
        thing = piece.tag == "N" and stem(piece.text) in things and not piece.text.endswith("s")
        yield Piece("N", _plural(piece.text)) if thing and alone and not single else piece


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("x", "ch", "sh")) else "s")


def _ordered(pieces: Sequence[Piece]) -> str:
    """Reduced by the rules as far as they go; what is left stands as it came."""
    left = list(pieces)
    for _ in range(MOST_STEPS):
        tags = "".join(piece.tag for piece in left)
        found = next(((rule, match) for rule in lexicon().rules if (match := rule.tags.search(tags))), None)
        if found is None:
            break
        rule, match = found
        said = rule.of([piece.text for piece in left[match.start() : match.end()]])
        left[match.start() : match.end()] = [Piece(rule.tag, said)]
    return " ".join(piece.text for piece in left if piece.tag != "D")
