"""What tables and columns are called for one question: by name, by the owner's words, by a synonym that the question
says, or a short form written out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from pilot.abbreviations import abbreviates
from pilot.model.text_to_sql.features import SMALL_WORDS, Pieces
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import Word, listed, stem
from pilot.synonyms import kin, synonyms

LEAST_WRITTEN_OUT = 4  # letters of what a short form may stand for
LONGEST_PHRASE = 2  # words
FIGURES = frozenset(listed("number total amount count sum average"))  # what is asked of things, and is none

Stems = tuple[str, ...]


def called(view: SchemaView, words: Sequence[Word], pieces: Pieces) -> SchemaView:
    """The same schema, each thing under the one of its names that the question says, if it says one."""
    asked = [stem(word.text) for word in words]
    longer = _long_words(words, view)
    tables = [
        _called(name, synonyms, asked)
        for name, synonyms in zip(view.table_words, view.table_synonyms or [()] * len(view.tables), strict=True)
    ]
    columns = [replace(column, words=_called(column.words, column.synonyms, asked)) for column in view.columns]
    tables = [_written_out(name, asked, longer, pieces) for name in tables]
    names = [_written_out(column.words, asked, longer, pieces) for column in columns]
    spoken = _spoken(words, tables, names[1:])
    return replace(
        view,
        table_words=tuple(_said(name, spoken) for name in tables),
        columns=tuple(replace(column, words=_said(name, spoken)) for column, name in zip(columns, names, strict=True)),
    )


def _spoken(words: Sequence[Word], tables: Sequence[str], columns: Sequence[str]) -> dict[Stems, str]:
    """Parts of names -> what the question says instead, in words that no name has: a synonym; else, for a single table,
    what it is a kind of, or what is a kind of it. Not for columns: "revenue" is an amount, but not every amount.
    """
    things = {tuple(map(stem, name.split())) for name in tables}
    known = things | {tuple(map(stem, name.split())) for name in columns}
    there = {part for name in known for part in _parts(name)}
    asked = [word.text.lower() for word in words]
    said = set(_parts(tuple(map(stem, asked))))
    found: dict[Stems, str] = {}
    for phrase in _unknown(words, {one for name in known for one in name}):
        alike = _meant(phrase, synonyms) & there - said
        near = _meant(phrase, kin) & things - said
        found |= dict.fromkeys(alike or (near if len(near) == 1 else ()), phrase)
    return found


def _unknown(words: Sequence[Word], known: set[str]) -> Iterator[str]:
    """Words of the question, and pairs of them, that names do not have; pairs last, for they say more."""
    for size in range(1, LONGEST_PHRASE + 1):
        for start in range(len(words) - size + 1):
            texts = [word.text.lower() for word in words[start : start + size]]
            plain = all(text.isalpha() and stem(text) not in SMALL_WORDS | FIGURES for text in texts)
            if plain and not known.issuperset(map(stem, texts)):
                yield " ".join(texts)


def _meant(phrase: str, near: Callable[[str], Iterable[str]]) -> set[Stems]:
    *first, last = phrase.split()
    spellings = {phrase, " ".join((*first, stem(last)))}
    return {tuple(map(stem, other.split())) for spelling in spellings for other in near(spelling)}


def _parts(name: Stems) -> Iterator[Stems]:
    for size in range(1, LONGEST_PHRASE + 1):
        yield from (name[start : start + size] for start in range(len(name) - size + 1))


def _said(name: str, spoken: Mapping[Stems, str]) -> str:
    """The name with what the question says in its place."""
    words = name.split()
    for size in range(LONGEST_PHRASE, 0, -1):
        for start in range(len(words) - size + 1):
            part = tuple(map(stem, words[start : start + size]))
            if part in spoken:
                return " ".join((*words[:start], spoken[part], *words[start + size :]))
    return name


def _called(name: str, synonyms: Iterable[str], asked: Sequence[str]) -> str:
    return next((one.lower() for one in (name, *synonyms) if _says(asked, one)), name)


def _says(asked: Sequence[str], name: str) -> bool:
    wanted = [stem(word) for word in name.split()]
    return any(asked[start : start + len(wanted)] == wanted for start in range(len(asked)))


def _written_out(name: str, asked: Sequence[str], longer: Sequence[str], pieces: Pieces) -> str:
    return " ".join(_long(word, asked, longer, pieces) for word in name.split())


def _long(word: str, asked: Sequence[str], longer: Sequence[str], pieces: Pieces) -> str:
    """A word that is no English and that the question does not say: what it may be short for, the question's first."""
    if stem(word) in asked or not word.isalpha() or len(pieces.of(word)) == 1:
        return word
    return next((long for long in longer if abbreviates(word, long)), word)


def _long_words(words: Sequence[Word], view: SchemaView) -> list[str]:
    """What a short form may stand for: words of the question, then of the schema's other names."""
    asked = [stem(word.text) for word in words]
    named = [word for name in (*view.table_words, *(one.words for one in view.columns)) for word in name.split()]
    return [word for word in dict.fromkeys((*asked, *named)) if word.isalpha() and len(word) >= LEAST_WRITTEN_OUT]
