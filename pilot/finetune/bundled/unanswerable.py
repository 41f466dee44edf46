"""Questions that a schema does not answer, and the words in them that it has nothing for."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

from pilot.model.text_to_sql.features import SMALL_WORDS
from pilot.model.text_to_sql.query import Query
from pilot.model.text_to_sql.target import Pointer, Token
from pilot.model.text_to_sql.tidy import terms_of
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.model.text_to_sql.words import Word, listed, stem

VAGUE = frozenset(listed("id name number code type date time year value detail description other total count"))


@dataclass(frozen=True)
class Refusal:
    """`words` is the place of the first word that is missing, where one is known."""

    words: tuple[int, int] | None = None

    def tokens(self) -> list[Token]:
        if self.words is None:
            return ["REFUSE"]
        start, end = self.words
        return ["REFUSE", Pointer("start", start), Pointer("end", end)]


def small_talk() -> list[str]:
    text = files("pilot.finetune.bundled").joinpath("smalltalk.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def elsewhere(query: Query, asked: SchemaView, words: Sequence[Word], other: SchemaView) -> Refusal | None:
    """This question of one schema, asked of another: None where that may answer it."""
    known = _stems(other, range(len(other.tables)), range(1, len(other.columns)))
    places = [
        place for name in _named(query, asked) for place in _places(name, words) if _stem(words, place) not in known
    ]
    return Refusal(_around(min(places), set(places))) if places else None


def bereft(
    query: Query, view: SchemaView, words: Sequence[Word], rng: random.Random
) -> tuple[SchemaView, Refusal] | None:
    """The schema without one thing that the question names and nothing else there is called like."""
    options = list(_losses(query, view, words))
    if not options:
        return None
    tables, columns, places = rng.choice(options)
    return _without(view, tables, columns), Refusal((places[0], places[-1]))


def _losses(query: Query, view: SchemaView, words: Sequence[Word]) -> Iterator[tuple[set[int], set[int], list[int]]]:
    keys = {side for join in view.foreign for side in join}
    for table in query.tables:
        lost = set(view.columns_of[table])
        if len(view.tables) > 1 and (places := _only_there({table}, lost, view.table_words[table], view, words)):
            yield {table}, lost, places
    for column in _columns(query):
        one = view.columns[column]
        if one.key or column in keys or len(view.columns_of[one.table]) < 3:
            continue
        if places := _only_there(set(), {column}, one.words, view, words):
            yield set(), {column}, places


def _only_there(tables: set[int], columns: set[int], name: str, view: SchemaView, words: Sequence[Word]) -> list[int]:
    """The places of the words that say this name, when no other name has any of them."""
    rest = _stems(
        view,
        [table for table in range(len(view.tables)) if table not in tables],
        [column for column in range(1, len(view.columns)) if column not in columns],
    )
    places = _places(name, words)
    whole = len(places) > 0 and places == list(range(places[0], places[-1] + 1))
    return places if whole and not any(_stem(words, place) in rest for place in places) else []


def _named(query: Query, view: SchemaView) -> Iterator[str]:
    yield from (view.table_words[table] for table in query.tables)
    yield from (view.columns[column].words for column in _columns(query))


def _columns(query: Query) -> list[int]:
    used = [column for term in terms_of(query) for column in term.columns]
    used += [column for group in query.groups for column in group.columns]
    return [column for column in dict.fromkeys(used) if column != STAR]


def _places(name: str, words: Sequence[Word]) -> list[int]:
    wanted = {stem(word) for word in name.split()} - SMALL_WORDS - VAGUE
    return [place for place in range(len(words)) if _stem(words, place) in wanted]


def _stem(words: Sequence[Word], place: int) -> str:
    return stem(words[place].text)


def _around(first: int, places: set[int]) -> tuple[int, int]:
    last = first
    while last + 1 in places:
        last += 1
    return first, last


def _stems(view: SchemaView, tables: Sequence[int], columns: Sequence[int]) -> set[str]:
    names = [view.table_words[table] for table in tables] + [view.columns[column].words for column in columns]
    return {stem(word) for name in names for word in name.split()}


def _without(view: SchemaView, tables: set[int], columns: set[int]) -> SchemaView:
    new_table = {old: new for new, old in enumerate(t for t in range(len(view.tables)) if t not in tables)}
    kept = [number for number in range(len(view.columns)) if number not in columns]
    new_column = {old: new for new, old in enumerate(kept)}
    moved = [view.columns[number] for number in kept]
    return SchemaView(
        tuple(view.tables[old] for old in new_table),
        tuple(view.table_words[old] for old in new_table),
        tuple(replace(one, table=new_table.get(one.table, one.table)) for one in moved),
        tuple((new_column[a], new_column[b]) for a, b in view.foreign if a in new_column and b in new_column),
    )
