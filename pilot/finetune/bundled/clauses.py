"""What narrows a set of rows, in words and as a condition: "from Berlin", "over 500", "placed last month"."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from pilot.finetune.bundled.domain import Domain, sole
from pilot.finetune.bundled.lexicon import deeds_of, degree_of
from pilot.finetune.bundled.moments import moment
from pilot.finetune.bundled.phrases import Phrases, lines_of
from pilot.model.text_to_sql.query import Condition, Operator, Term, Value
from pilot.model.text_to_sql.words import listed

CURRENCIES = ("{}", "{}", "{}", "{}", "${}", "{} dollars", "{} euros", "{} EUR")


@dataclass(frozen=True)
class Clause:
    """`before` the noun: "pending orders"."""

    text: str
    condition: Condition
    before: bool = False


@dataclass(frozen=True)
class Values:
    """Made-up cells by kind, from values.txt."""

    lists: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls) -> "Values":
        return cls({name: tuple(rest.split("|")) for name, rest in lines_of("values.txt")})

    def of(self, words: str, rng: random.Random) -> str:
        """A cell for a text column of this name."""
        for pattern, kind in CELLS:
            if pattern in words:
                return self.name(rng) if kind == "person" else rng.choice(self.lists[kind])
        return rng.choice(
            (self.name(rng), *(rng.choice(self.lists[kind]) for kind in ("thing", "status", "company", "code")))
        )

    def name(self, rng: random.Random) -> str:
        return f"{rng.choice(self.lists['first'])} {rng.choice(self.lists['last'])}"


# Part of a column's name -> list; the first that fits.
CELLS = (
    ("city", "city"), ("town", "city"), ("country", "country"), ("nation", "country"), ("region", "region"),
    ("state", "region"), ("continent", "region"), ("location", "city"), ("venue", "city"), ("status", "status"),
    ("stage", "status"), ("outcome", "status"), ("method", "method"), ("payment", "method"),
    ("category", "category"), ("genre", "genre"), ("gender", "gender"), ("level", "level"),
    ("priority", "level"), ("segment", "level"), ("plan", "level"), ("channel", "channel"),
    ("source", "channel"), ("position", "job"), ("role", "job"), ("job", "job"), ("subject", "subject"),
    ("major", "subject"), ("special", "subject"), ("cuisine", "subject"), ("color", "color"),
    ("brand", "company"), ("maker", "company"), ("make", "company"), ("manufacturer", "company"),
    ("company", "company"), ("species", "species"), ("kind", "kind"), ("carrier", "company"),
    ("publisher", "company"), ("airline", "company"), ("type", "kind"), ("team", "channel"),
    ("first name", "first"), ("last name", "last"), ("contact", "person"), ("manager", "person"),
    ("director", "person"), ("owner", "person"), ("author", "person"), ("title", "thing"), ("model", "code"),
    ("code", "code"),
)  # fmt: skip
PEOPLE = listed(
    "customer client buyer employee staff worker student teacher member patient doctor author user agent "
    "player guest donor artist writer technician holder person rep manager actor director instructor professor"
)
ANYTHING = ("thing", "status", "company", "code")
YEARS: tuple[tuple[str, Operator], ...] = (
    ("in", "EQ"), ("from", "EQ"), ("after", "GT"), ("before", "LT"), ("since", "GE"),
)  # fmt: skip


@dataclass(frozen=True)
class Clauses:
    domain: Domain
    values: Values
    phrases: Phrases
    rng: random.Random

    def some(self, table: int, most: int = 2) -> list[Clause]:
        """None, mostly one, rarely two, on different columns."""
        found: dict[int, Clause] = {}
        for _ in range(self.rng.choice((0, 1, 1, 1, most))):
            clause = self.one(table)
            if clause:
                found.setdefault(clause.condition.term.column, clause)
        clauses = list(found.values())
        return clauses[:1] if sum(clause.before for clause in clauses) > 1 else clauses

    def one(self, table: int) -> Clause | None:
        makers: dict[str, Callable[[int], Clause | None]] = {
            "name": self._named, "place": self._placed, "kind": self._of_kind, "text": self._with_text,
            "money": self._measured, "price": self._measured, "pay": self._measured, "number": self._measured,
            "quantity": self._measured, "stock": self._stocked, "year": self._year, "time": self._timed,
            "flag": self._flagged,
        }  # fmt: skip
        columns = [column for column in self.domain.view.columns_of[table] if self.domain.roles[column] in makers]
        if not columns:
            return None
        stock = self.domain.columns(table, "stock")
        column = self.rng.choice(stock if stock and self.rng.random() < 0.2 else columns)
        return makers[self.domain.roles[column]](column)

    def timed(self, table: int) -> Clause | None:
        """When something happened."""
        columns = self.domain.columns(table, "time")
        return self._timed(self.rng.choice(columns)) if columns else None

    def cell(self, column: int) -> str:
        """A value of this text column, bare."""
        view = self.domain.view
        words, noun = view.columns[column].words, self.domain.noun(view.columns[column].table)
        if self.domain.roles[column] != "name" or any(part in words for part in ("first", "last", "company")):
            return self.values.of(words, self.rng)
        person = any(word in PEOPLE for word in noun.split())
        return self.values.name(self.rng) if person else self.rng.choice(self.values.lists[_list_of_names(noun)])

    def _named(self, column: int) -> Clause:
        return self._pattern(column) if self.rng.random() < 0.25 else self._equal("named", column)

    def _placed(self, column: int) -> Clause:
        if self.rng.random() < 0.1:
            value = self.cell(column)
            return _clause(self._say("not placed", v=value), column, "NE", value)
        return self._equal("placed", column)

    def _of_kind(self, column: int) -> Clause:
        value, chance = self.cell(column), self.rng.random()
        if chance < 0.3:
            return replace(_clause(value, column, "EQ", value), before=True)
        if chance < 0.4:
            return _clause(self._say("not of kind", v=value, w=self._words(column)), column, "NE", value)
        return self._equal("of kind", column)

    def _with_text(self, column: int) -> Clause:
        words, chance = self._words(column), self.rng.random()
        if chance < 0.35:
            key, operator = ("empty", "ISNULL") if chance < 0.25 else ("filled", "NOTNULL")
            return _clause(self._say(key, w=words, a=_with_article(words)), column, cast(Operator, operator))
        return self._pattern(column) if chance < 0.6 else self._equal("text", column)

    def _equal(self, key: str, column: int) -> Clause:
        value = self.cell(column)
        return _clause(self._say(key, v=self._quoted(value), w=self._words(column)), column, "EQ", value)

    def _pattern(self, column: int) -> Clause:
        part = self.rng.choice(self.values.lists["word"])
        operator: Operator = self.rng.choice(("LIKE", "STARTS", "ENDS"))
        text = self._say(operator, w=self._words(column), v=self._quoted(part))
        return _clause(text, column, operator, part)

    def _measured(self, column: int) -> Clause | None:
        words = self._words(column)
        money = self.domain.roles[column] in ("money", "price", "pay")
        bare = sole(self.domain.columns(self.domain.view.columns[column].table, "money", "price")) == column
        if self.rng.random() < 0.12:
            return self._between(column, words, money=money, bare=bare)
        value, text = self._amount(money=money)
        operator: Operator = self.rng.choice(("GT", "GT", "LT", "LT", "GE", "LE", "EQ"))
        if operator == "EQ":
            return _clause(self._say("measured equal", w=words, v=text), column, operator, value)
        degree, said = degree_of(words), self._say(operator)
        if degree and operator in ("GT", "LT") and self.rng.random() < 0.5:
            said, bare = self.rng.choice((degree.more if operator == "GT" else degree.less).split("|")), True
        shape = f"{said} {text}" if bare else self._say("measured", w=words, o=said, v=text)
        return _clause(shape, column, operator, value)

    def _between(self, column: int, words: str, *, money: bool, bare: bool) -> Clause | None:
        (low, said_low), (high, said_high) = self._amount(money=money), self._amount(money=money)
        if not isinstance(low, int) or not isinstance(high, int) or low >= high:
            return None
        key = "between" if bare and self.rng.random() < 0.6 else "measured between"
        return _clause(self._say(key, a=said_low, b=said_high, w=words), column, "BETWEEN", low, high)

    def _amount(self, *, money: bool) -> tuple[Value, str]:
        """A number, and how it is written."""
        value = self.rng.choice(
            (
                self.rng.randint(1, 12),
                self.rng.randint(2, 100),
                self.rng.choice((50, 100, 200, 250, 500, 1000, 2000, 5000)),
                self.rng.choice((10000, 20000, 50000, 100000)),
                round(self.rng.uniform(0.5, 99), 2),
            )
        )
        text = f"{value:,}" if value >= 1000 and self.rng.random() < 0.4 else str(value)
        return value, self.rng.choice(CURRENCIES).format(text) if money else text

    def _stocked(self, column: int) -> Clause:
        chance = self.rng.random()
        if chance < 0.5:
            key, operator = ("sold out", "EQ") if chance < 0.35 else ("in stock", "GT")
            return _clause(self._say(key), column, cast(Operator, operator), 0)
        count = self.rng.randint(2, 200)
        return _clause(self._say("few left", count), column, "LT", count)

    def _year(self, column: int) -> Clause:
        year, (word, operator) = self.rng.randint(1950, 2026), self.rng.choice(YEARS)
        deed = self.rng.choice(("", *deeds_of(self.domain.view.columns[column].words)))
        return _clause(f"{deed} {word} {year}", column, operator, year)

    def _timed(self, column: int) -> Clause:
        when, one = moment(self.rng), self.domain.view.columns[column]
        deeds = deeds_of(one.words)
        bare = sole(self.domain.columns(one.table, "time")) == column or self.domain.is_event(one.table)
        if deeds and self.rng.random() < 0.7:
            who = self.rng.choice(("", "who ") if deeds[0].endswith("ed up") else ("", "", "that were ", "who were "))
            text = f"{who}{self.rng.choice(deeds)} {when.text}"
        elif bare and self.rng.random() < 0.7:
            text = when.text
        else:
            text = self._say("timed", w=one.words, t=when.text)
        return Clause(text, Condition(Term(column), when.operator, when.values))

    def _flagged(self, column: int) -> Clause:
        word = self.domain.view.columns[column].words.removeprefix("is ").removeprefix("has ")
        if self.rng.random() < 0.3:
            return _clause(self._say("not flagged", word), column, "EQ", 0)
        before = self.rng.random() < 0.5
        return replace(_clause(word if before else self._say("flagged", word), column, "EQ", 1), before=before)

    def _words(self, column: int) -> str:
        return self.domain.words(column, self.rng)

    def _say(self, key: str, *parts: object, **named: object) -> str:
        return self.phrases.say(self.rng, key, *parts, **named)

    def _quoted(self, value: str) -> str:
        mark = self.rng.choice(("", "", "", "", "'", '"'))
        return f"{mark}{value}{mark}"


def _clause(text: str, column: int, operator: Operator, *values: Value) -> Clause:
    return Clause(text, Condition(Term(column), operator, values))


def _list_of_names(noun: str) -> str:
    """Which values things of this kind are called by."""
    if noun in ("supplier", "vendor", "publisher", "airline"):
        return "company"
    kind = next((kind for part, kind in CELLS if part in noun), "thing")
    return kind if kind in ("city", "country", "category") else "thing"


def _with_article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def conditions(clauses: Sequence[Clause]) -> tuple[Condition, ...]:
    return tuple(_joined(clauses))


def _joined(clauses: Sequence[Clause]) -> Iterator[Condition]:
    for index, clause in enumerate(clauses):
        yield replace(clause.condition, connective="AND" if index else None)


def phrase(noun: str, clauses: Sequence[Clause]) -> str:
    """Noun and clauses: "pending orders placed last month and over 500"."""
    before = [clause.text for clause in clauses if clause.before]
    after = [clause.text for clause in clauses if not clause.before]
    return " ".join((*before, noun, " and ".join(after)))
