"""What speaks for and against a query, in numbers: its probability, and how its parts answer the question's words.

`weigh` puts candidates in order by weights that were learnt on questions of the training databases. They are few and
stand in the package's config.json, each under the name of what it counts.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pilot.model.text_to_sql.features import SMALL_WORDS, Links, link
from pilot.model.text_to_sql.query import Query, Term
from pilot.model.text_to_sql.search import LENGTH_POWER, Beam
from pilot.model.text_to_sql.target import Pointer
from pilot.model.text_to_sql.tidy import terms_of
from pilot.model.text_to_sql.view import STAR, SchemaView
from pilot.model.text_to_sql.words import Hits, Word, listed, stem

AVERAGES = frozenset(listed("average mean avg"))
EACH = frozenset(listed("each per every"))
SORTED = frozenset(listed("sort sorted order ordered ascending descending alphabetical ranked list"))
DIFFERENT = frozenset(listed("different distinct unique"))
MANY = frozenset(listed("many number count total most least more less fewer fewest at once twice only exactly common"))
EXTREME = frozenset(listed("most least top best worst maximum minimum max min latest last first recent"))

NONE = "none"  # the weight of this: no candidate is right

LOW = frozenset(listed("lowest smallest least fewest minimum shortest cheapest ascending"))
HIGH = frozenset(listed("highest largest most maximum longest biggest greatest descending"))
YOUNG, OLD = frozenset(listed("youngest newest latest recent")), frozenset(listed("oldest earliest"))
RANKS = frozenset(listed("rank ranking position place grade"))
STARTS, ENDS = (
    frozenset(listed("from origin departure source sender")),
    frozenset(listed("to destination arrival target receiver recipient")),
)

CONTRADICTING = ("misplaced", "wrong end", "backwards")  # whatever else speaks for it

# What the weights of evidence may be, so that few questions do not teach that a value in the wrong place is good.
SPEAKS_FOR = frozenset(("logprob", "rank"))
SPEAKS_EITHER_WAY = frozenset(("tokens", "tables", "inner", "all columns", "shown"))  # the rest speaks against

Evidence = Mapping[str, float]
Item = tuple[str, int]  # "table" or "column", and its number
Place = tuple[int, int]  # the first word, and the one after the last


@dataclass(frozen=True)
class Asked:
    """A question over a schema, looked at once for all candidates."""

    view: SchemaView
    words: Sequence[Word]
    hits: Hits
    said: tuple[str, ...]  # the words in small letters
    stems: tuple[str, ...]
    links: Links
    phrases: Mapping[Place, frozenset[Item]]  # where whole names stand, and whose they are

    @classmethod
    def of(cls, words: Sequence[Word], view: SchemaView, hits: Hits) -> "Asked":
        said = tuple(word.text.lower() for word in words)
        stems = tuple(map(stem, said))
        return cls(view, words, hits, said, stems, link(words, view), _phrases(stems, view))

    def evidence(self, query: Query, beam: Beam) -> Evidence:
        queries = list(_all_queries(query))
        terms = [term for each in queries for term in terms_of(each)]
        columns = {column for term in terms for column in term.columns} - {STAR}
        columns |= {group.column for each in queries for group in each.groups}
        tables = {table for each in queries for table in each.tables}
        valued = set(_valued(beam))
        named = {word for number in columns for word in self._stems_of(self.view.columns[number].words)}
        named |= {word for table in tables for word in self._stems_of(self.view.table_words[table])}
        aggregates = {term.aggregate for term in terms}
        asked = set(self.stems) | set(self.said)
        shown = [term for term in query.select if term.column != STAR]
        ranked = any(each.order or each.limit is not None for each in queries) or aggregates & {"MAX", "MIN"}
        grouped = any(each.groups for each in queries)
        distinct = any(each.distinct for each in queries) or any(term.distinct for term in terms)
        counted = bool(aggregates & {"COUNT", "SUM"})
        extreme = bool(asked & EXTREME) or any(len(word) > 4 and word.endswith("est") for word in self.stems)
        return {
            "logprob": beam.logprob,
            "rank": beam.logprob / (len(beam.tokens) + 1) ** LENGTH_POWER,
            "tokens": float(len(beam.tokens)),
            "tables": float(len(tables)),
            "inner": float(len(queries) - 1),
            "all columns": float(any(term == Term(STAR) for term in query.select)),
            "unsaid shown": float(sum(not self.links.of_columns[term.column] for term in shown)),
            "shown": float(len(query.select)),
            "names left": float(self._left(named, valued)),
            "phrases left": float(self._unused(tables, columns, valued)),
            "unsaid condition": float(sum(self._unsaid(each.term) for every in queries for each in every.where)),
            "backwards": float(self._backwards(queries)),
            "wrong end": float(self._wrong_ends(beam)),
            "mixed": float(len({term.column for term in query.select if term.aggregate in ("MIN", "MAX")}) > 1),
            "values left": float(len({word for places in self.hits.values() for word in places} - valued)),
            "numbers left": float(sum(word.numeric and place not in valued for place, word in enumerate(self.words))),
            "average": float(bool(asked & AVERAGES) != ("AVG" in aggregates)),
            "counted": float(counted and not asked & MANY),
            "each": float(bool(asked & EACH) and not grouped),
            "unsorted": float(bool(asked & (SORTED - {"list"})) and not any(each.order for each in queries)),
            "indistinct": float(bool(asked & DIFFERENT) and not distinct),
            "distinct": float(distinct and not asked & DIFFERENT),
            "ranked": float(bool(ranked) and not extreme and not asked & SORTED),
        }

    def _left(self, named: set[str], valued: set[int]) -> int:
        """Words that name something of the schema which the query does not use."""
        return sum(
            bool(table or column) and place not in valued and word not in named and word not in SMALL_WORDS
            for place, (word, table, column) in enumerate(
                zip(self.stems, self.links.to_tables, self.links.to_columns, strict=True)
            )
        )

    def _unused(self, tables: set[int], columns: set[int], valued: set[int]) -> int:
        """Whole names in the question that the query does not use."""
        used = {("table", table) for table in tables} | {("column", column) for column in columns}
        return sum(not items & used and valued.isdisjoint(range(*place)) for place, items in self.phrases.items())

    def _unsaid(self, term: Term) -> bool:
        return term.column != STAR and not self.links.of_columns[term.column] and term.column not in self.hits

    def _backwards(self, queries: Sequence[Query]) -> int:
        """The lowest come first, and the youngest were born last; the highest rank is 1."""
        return sum(
            order.direction == self._other_way(order.term)
            for each in queries
            for order in each.order
            if not order.term.aggregate or order.term.column != STAR
        )

    def _other_way(self, term: Term) -> str | None:
        column, said = self.view.columns[term.column], set(self.said)
        if RANKS & set(column.words.split()):
            return None
        late, early = (YOUNG, OLD) if column.kind == "time" else (OLD, YOUNG)
        up, down = bool(said & (LOW | early)), bool(said & (HIGH | late))
        return None if up == down else "DESC" if up else "ASC"

    def _wrong_ends(self, beam: Beam) -> int:
        """'From Berlin' is no place of arrival."""
        wrong, column = 0, STAR
        for token in beam.tokens:
            if isinstance(token, Pointer) and token.kind == "column":
                column = token.number
            elif isinstance(token, Pointer) and token.kind == "start" and token.number:
                said, words = self.said[token.number - 1], set(self.view.columns[column].words.split())
                wrong += bool((said == "from" and words & ENDS) or (said == "to" and words & STARTS))
        return wrong

    @staticmethod
    def _stems_of(name: str) -> set[str]:
        return {stem(word) for word in name.split()}


def _phrases(stems: Sequence[str], view: SchemaView) -> dict[Place, frozenset[Item]]:
    """The longest only: 'catalog entry name' is no 'catalog'."""
    names: list[tuple[Item, str]] = [(("table", number), name) for number, name in enumerate(view.table_words)]
    names += [(("column", number), column.words) for number, column in enumerate(view.columns) if number != STAR]
    found: dict[Place, set[Item]] = {}
    for item, name in names:
        wanted = tuple(stem(word) for word in name.split())
        if not set(wanted) <= SMALL_WORDS:
            for start in range(len(stems) - len(wanted) + 1):
                if tuple(stems[start : start + len(wanted)]) == wanted:
                    found.setdefault((start, start + len(wanted)), set()).add(item)
    return {
        place: frozenset(items)
        for place, items in found.items()
        if not any(_within(place, other) for other in found if other != place)
    }


def _within(place: Place, other: Place) -> bool:
    return other[0] <= place[0] and place[1] <= other[1]


def weigh(evidence: Evidence, weights: Mapping[str, float]) -> float:
    """The logarithm of what the candidate weighs."""
    return sum(weights.get(name, 0.0) * value for name, value in evidence.items())


def shares(weights: Sequence[float]) -> list[float]:
    """Logarithms of weights as logarithms of probabilities."""
    most = max(weights)
    total = most + math.log(sum(math.exp(weight - most) for weight in weights))
    return [weight - total for weight in weights]


def _all_queries(query: Query) -> Iterator[Query]:
    yield query
    for condition in (*query.where, *query.having):
        if condition.query:
            yield from _all_queries(condition.query)
    if query.compound:
        yield from _all_queries(query.compound[1])


def _valued(beam: Beam) -> Iterator[int]:
    """Places of the words that the query copies."""
    for start, end in zip(beam.tokens, beam.tokens[1:], strict=False):
        if isinstance(start, Pointer) and start.kind == "start" and isinstance(end, Pointer):
            yield from range(start.number, end.number + 1)
