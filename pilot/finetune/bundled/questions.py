"""Generated questions with their queries: a template that chance picks, over a table or a path that chance picks."""

import random
from dataclasses import dataclass

from pilot.finetune.bundled.alone import ALONE
from pilot.finetune.bundled.clauses import Values
from pilot.finetune.bundled.craft import Craft, Draft
from pilot.finetune.bundled.domain import Domain, Path
from pilot.finetune.bundled.english import spaced
from pilot.finetune.bundled.phrases import Phrases
from pilot.finetune.bundled.precise import PRECISE
from pilot.finetune.bundled.related import RELATED

ASKING = ("how", "what", "which", "who", "what's", "in", "where")
OF_RELATED = 0.55  # of the questions, where a schema has foreign keys
OF_SELLING = 0.5  # of those, about orders and what they hold: what businesses ask most


@dataclass(frozen=True)
class Asker:
    craft: Craft

    @classmethod
    def over(cls, domain: Domain, values: Values, phrases: Phrases, rng: random.Random) -> "Asker":
        return cls(Craft.over(domain, values, phrases, rng))

    def ask(self) -> Draft | None:
        """None when the template that chance picked does not fit what it picked of the schema."""
        rng = self.craft.rng
        if self.craft.domain.children and self.craft.chance(OF_RELATED):
            (related,) = rng.choices(list(RELATED), list(RELATED.values()))
            draft = related(self.craft, self._path())
        else:
            templates = {**ALONE, **PRECISE}
            (alone,) = rng.choices(list(templates), list(templates.values()))
            draft = alone(self.craft, self._table())
        return (self._written(draft[0]), draft[1]) if draft else None

    def _path(self) -> Path:
        domain, rng = self.craft.domain, self.craft.rng
        starts = [path.tables[0] for path in domain.children]
        selling = [table for table in starts if table in (domain.income(), domain.lines())]
        if selling and self.craft.chance(OF_SELLING):
            starts = selling
        return rng.choice([path for start in dict.fromkeys(starts) for path in domain.paths(start)])

    def _table(self) -> int:
        income = self.craft.domain.income()
        if income is not None and self.craft.chance(0.2):
            return income
        return self.craft.rng.randrange(len(self.craft.domain.view.tables))

    def _written(self, text: str) -> str:
        """As people type: mostly with a capital, often without the mark."""
        text = spaced(text)
        mark = "?" if text.lower().split()[0] in ASKING else self.craft.rng.choice((".", ""))
        if self.craft.chance(0.65):
            text = text[:1].upper() + text[1:]
        return text + (mark if self.craft.chance(0.6) else "")
