"""What all question templates work with: a domain, phrases, chance."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from pilot.finetune.bundled.clauses import Clause, Clauses, Values, conditions, phrase
from pilot.finetune.bundled.domain import Domain, Path
from pilot.finetune.bundled.measures import Measure, Measures
from pilot.finetune.bundled.phrases import Phrases
from pilot.model.text_to_sql.query import Condition, Order, Query, Term, Value
from pilot.model.text_to_sql.view import STAR, default_joins

Draft = tuple[str, Query]

ALL = Term(STAR)
COUNTS = (*range(2, 11), 12, 15, 20, 25, 50, "two", "three", "four", "five", "ten")
SHORT_INCOME = ("revenue", "total revenue", "sales", "total sales", "turnover")  # said without "of orders"


@dataclass(frozen=True)
class Craft:
    domain: Domain
    clauses: Clauses
    phrases: Phrases
    rng: random.Random

    @classmethod
    def over(cls, domain: Domain, values: Values, phrases: Phrases, rng: random.Random) -> "Craft":
        return cls(domain, Clauses(domain, values, phrases, rng), phrases, rng)

    def say(self, key: str, *parts: object, **named: object) -> str:
        return self.phrases.say(self.rng, key, *parts, **named)

    def shown(self, text: str) -> str:
        """As a wish: "show me orders", or the bare words."""
        return f"{self.say('begin')} {text}"

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def query(
        self,
        tables: tuple[int, ...],
        select: tuple[Term, ...],
        clauses: Sequence[Clause] = (),
        *,
        distinct: bool = False,
        groups: tuple[Term, ...] = (),
        having: tuple[Condition, ...] = (),
        order: tuple[Order, ...] = (),
        limit: Value | None = None,
    ) -> Query:
        """Joined as the target language joins by itself."""
        joins = tuple(join for join in default_joins(self.domain.view, tables) if join)
        return Query(tables, select, joins, distinct, conditions(clauses), groups, having, order, limit)

    def measures(self, table: int, top: int | None = None) -> list[Measure]:
        """The number of rows comes first."""
        return list(Measures(self.domain, self.phrases).of(table, top))

    def measure(self, path: Path) -> Measure:
        """Mostly the number of rows or what comes next: money, units sold."""
        found = self.measures(path.tables[0], path.top)
        if self.chance(0.25):
            return found[0]
        return self.rng.choice(found[1:3] or found) if self.chance(0.6) else self.rng.choice(found)

    def when(self, table: int, share: float) -> list[Clause]:
        """A time in so many of the questions."""
        clause = self.clauses.timed(table) if self.chance(share) else None
        return [clause] if clause else []

    def narrowing(self, table: int) -> list[Clause]:
        if self.chance(0.55):
            return []
        return self.when(table, 1) if self.chance(0.6) else self.clauses.some(table, most=1)

    def over_rows(self, table: int, clauses: Sequence[Clause], name: str) -> str:
        """What a measure of this name is taken over, where it is not said already."""
        said = self.domain.nouns(table) in name or self.domain.noun(table) in name
        short = all(not clause.before and clause.condition.operator in ("STARTS", "EQ") for clause in clauses)
        if said or (name in SHORT_INCOME and short):
            return " and ".join(clause.text for clause in clauses)
        if not clauses and self.chance(0.3):
            return ""
        return f"{self.say('of')} {phrase(self.domain.nouns(table), clauses)}"

    def grouping(self, table: int) -> int | None:
        """A column by whose values one counts."""
        columns = self.domain.columns(table, "place", "kind")
        return self.rng.choice(columns) if columns else None

    def some_columns(self, table: int) -> list[int]:
        columns = [one for one in self.domain.view.columns_of[table] if self.domain.roles[one] not in ("key", "flag")]
        return self.rng.sample(columns, min(len(columns), self.rng.choice((1, 1, 2, 2, 3))))

    def naming(self, table: int) -> Term:
        """The column that names a row, else all of it."""
        display = self.domain.display(table)
        return Term(display) if display else ALL

    def standing_for(self, table: int, reference: int) -> Term:
        """The same within a join, where * would show both tables."""
        display = self.domain.display(table)
        return Term(display or self.domain.key(table) or reference)


def listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def text_of(clauses: Sequence[Clause]) -> str:
    return " ".join(clause.text for clause in clauses)
