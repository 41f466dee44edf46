"""What tables and columns are called for one question: by name, by the owner's words, or a short form written out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pilot.abbreviations import abbreviates
from pilot.model.text_to_sql.features import Pieces
from pilot.model.text_to_sql.view import SchemaView
from pilot.model.text_to_sql.words import Word, stem

LEAST_WRITTEN_OUT = 4  # letters of what a short form may stand for


def called(view: SchemaView, words: Sequence[Word], pieces: Pieces) -> SchemaView:
    """The same schema, each thing under the one of its names that the question says, if it says one."""
    asked = [stem(word.text) for word in words]
    longer = _long_words(words, view)
    tables = [
        _called(name, synonyms, asked)
        for name, synonyms in zip(view.table_words, view.table_synonyms or [()] * len(view.tables), strict=True)
    ]
    columns = [replace(column, words=_called(column.words, column.synonyms, asked)) for column in view.columns]
    return replace(
        view,
        table_words=tuple(_written_out(name, asked, longer, pieces) for name in tables),
        columns=tuple(replace(column, words=_written_out(column.words, asked, longer, pieces)) for column in columns),
    )


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
