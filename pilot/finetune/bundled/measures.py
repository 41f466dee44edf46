"""What is counted and added up: "revenue", "units sold", "number of orders", and who is best at it."""

from collections.abc import Iterator
from dataclasses import dataclass

from pilot.finetune.bundled.domain import Domain
from pilot.finetune.bundled.phrases import Phrases
from pilot.model.text_to_sql.query import Term
from pilot.model.text_to_sql.view import STAR
from pilot.model.text_to_sql.words import listed

COUNT = Term(STAR, "COUNT")
BUYERS = listed("customer client buyer member user guest donor sponsor supporter account company")
SELLERS = listed("employee staff worker rep salesperson manager agent store shop branch outlet")


@dataclass(frozen=True)
class Measure:
    """The alternatives in each field are said alike. A top goes with a subject: "which product sold best"."""

    term: Term
    names: tuple[str, ...]
    tops: tuple[str, ...]
    bottoms: tuple[str, ...]
    adjectives: tuple[str, ...] = ()  # of the winner: "best-selling"


@dataclass(frozen=True)
class Measures:
    domain: Domain
    phrases: Phrases

    def of(self, table: int, top: int | None = None) -> Iterator[Measure]:
        """What can be measured over this table's rows, for each of `top`'s or overall; their number comes first."""
        yield self._measure("rows", COUNT, table)
        for column in self.domain.columns(table, "money"):
            kind = self._kind_of_money(table, top)
            yield self._measure(kind, Term(column, "SUM"), table)
            yield self._measure("average money", Term(column, "AVG"), table)
        if table == self.domain.lines():
            yield from self._sold(table, top)
        for column in self.domain.columns(table, "number", "pay", "stock", "quantity", "price"):
            yield self._measure("average", Term(column, "AVG"), table)
            if self.domain.roles[column] not in ("price", "pay"):
                yield self._measure("sum", Term(column, "SUM"), table)

    def _kind_of_money(self, table: int, top: int | None) -> str:
        if table != self.domain.income():
            return "money"
        noun = self.domain.noun(top).split()[-1] if top is not None else ""
        return "buyer" if noun in BUYERS else "seller" if noun in SELLERS else "income"

    def _sold(self, table: int, top: int | None) -> Iterator[Measure]:
        quantity, price = self.domain.columns(table, "quantity")[0], self.domain.columns(table, "price")[0]
        units = self._measure("units", Term(quantity, "SUM"), table)
        if top is None or self.domain.sells(table, top):
            yield units
            yield self._measure("goods", Term(quantity, "SUM", arithmetic="MUL", other=price), table)
        else:
            yield Measure(units.term, units.names, self.phrases.all("bought tops"), ())

    def _measure(self, key: str, term: Term, table: int) -> Measure:
        words = self.domain.view.columns[term.column].words
        said = {"t": self.domain.nouns(table), "o": self.domain.noun(table), "m": words.removeprefix("total ")}
        kinds = ("names", "tops", "bottoms", "adjectives")
        return Measure(term, *(self.phrases.all(f"{key} {kind}", **said) for kind in kinds))
