"""How people say the names of a schema: `total_amount` is "total amount", "Total Amounts" and, to a Chinese, 总金额."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pilot.schema import Column, Schema, Table

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
WORD = re.compile(r"[a-z]+|\d+")
CHINESE = re.compile(r"[\u3400-\u9fff]+")
LONGEST = 6  # characters of a Chinese noun


@dataclass(frozen=True)
class Named:
    """A table, or one of its columns."""

    table: Table
    column: Column | None = None


def stems(text: str) -> tuple[str, ...]:
    """The words of a name or of a phrase, without plural endings; of Chinese the English words that names use."""
    plain = [stem(word) for word in WORD.findall(CAMEL.sub(" ", text).lower())]
    return (*plain, *(noun for run in CHINESE.findall(text) for nouns in _translated(run) for noun in nouns[:1]))


def meanings(text: str) -> Iterator[frozenset[str]]:
    """The same, each word with all that it may stand for: 客户 is a customer or a client."""
    yield from (frozenset({stem(word)}) for word in WORD.findall(CAMEL.sub(" ", text).lower()))
    yield from (frozenset(nouns) for run in CHINESE.findall(text) for nouns in _translated(run))


def stem(word: str) -> str:
    """Without the plural: 'cities' meets 'city'. Both sides go through it."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def find(text: str, schema: Schema, tables: Sequence[str]) -> Named | None:
    """The column or the table that a text names. Columns of `tables` come before others, whole names before parts."""
    wanted = list(meanings(text))
    if not wanted:
        return None
    here = [table for name in tables if (table := schema.table(name))]
    others = [table for table in schema.tables if table not in here]
    columns_here = [Named(table, column) for table in here for column in table.columns]
    columns_there = [Named(table, column) for table in others for column in table.columns]
    named = [Named(table) for table in (*here, *others)]
    for among, fits in ((columns_here, _whole), (named, _whole), (columns_here, _part), (columns_there, _whole)):
        found = [each for each in among if fits(wanted, each.column or each.table)]
        if found and (fits is _whole or len(found) == 1):
            return found[0]
    return None


def _whole(wanted: Sequence[frozenset[str]], named: Table | Column) -> bool:
    return any(
        len(words) == len(wanted) and all(word in meant for word, meant in zip(words, wanted, strict=True))
        for words in map(stems, (named.name, named.comment, *named.synonyms))
    )


def _part(wanted: Sequence[frozenset[str]], named: Table | Column) -> bool:
    """Every word that is said is one of the name's."""
    return any(all(meant & set(stems(name)) for meant in wanted) for name in (named.name, *named.synonyms))


def label(table: Table) -> Column | None:
    """What a row of this table is called by."""
    names = [column for column in table.columns if {"name", "title", "label"} & set(stems(column.name))]
    texts = [column for column in names if column.kind == "text"]
    return texts[0] if texts else None


@cache
def chinese_nouns() -> Mapping[str, tuple[str, ...]]:
    """Chinese -> English words that names of columns and tables use."""
    found: dict[str, list[str]] = {}
    for line in Path(__file__).with_name("nouns_zh.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            english, _, words = line.partition(":")
            for word in words.split():
                found.setdefault(word, []).append(english)
    return {word: tuple(english) for word, english in found.items()}


def _translated(run: str) -> Iterator[tuple[str, ...]]:
    """The nouns in a run of Chinese, longest first; what is none is left out."""
    nouns, at = chinese_nouns(), 0
    while at < len(run):
        size = next((size for size in range(LONGEST, 0, -1) if run[at : at + size] in nouns), 0)
        if size:
            yield nouns[run[at : at + size]]
        at += size or 1
