"""A schema with what its columns mean: what questions are made over."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pilot.finetune.bundled.english import plural, singular
from pilot.finetune.bundled.lexicon import INCOMES, Role, is_event, role_of
from pilot.model.text_to_sql.view import SchemaView


@dataclass(frozen=True)
class Path:
    """From a table up its foreign keys: `tables` begins with the child, `keys[i]` leads from tables[i] to the next."""

    tables: tuple[int, ...]
    keys: tuple[int, ...] = ()

    @property
    def top(self) -> int:
        return self.tables[-1]


@dataclass(frozen=True)
class Domain:
    view: SchemaView
    roles: tuple[Role, ...] = field(init=False)

    def __post_init__(self) -> None:
        words = self.view.table_words
        roles = [role_of(column, words[column.table]) if column.table >= 0 else "text" for column in self.view.columns]
        for ours, _ in self.view.foreign:
            roles[ours] = "key"
        object.__setattr__(self, "roles", tuple(roles))

    def noun(self, table: int) -> str:
        return singular(self.view.table_words[table])

    def nouns(self, table: int) -> str:
        return plural(self.noun(table))

    def words(self, column: int, rng: random.Random) -> str:
        """A column's name as said of its table's rows: a customer's 'customer name' is mostly a name."""
        words = self.view.columns[column].words
        noun = self.noun(self.view.columns[column].table)
        return words.removeprefix(f"{noun} ") if rng.random() < 0.7 else words

    def columns(self, table: int, *roles: Role) -> list[int]:
        return [column for column in self.view.columns_of[table] if self.roles[column] in roles]

    def display(self, table: int) -> int | None:
        """The column by which people call its rows."""
        return next(iter(self.columns(table, "name")), None)

    def key(self, table: int) -> int | None:
        return next((column for column in self.view.columns_of[table] if self.view.columns[column].key), None)

    def is_event(self, table: int) -> bool:
        return is_event(self.view.table_words[table])

    def paths(self, table: int, longest: int = 3) -> Iterator[Path]:
        """All ways up, the shortest first, never through a table twice."""
        ring = [Path((table,))]
        for _ in range(longest):
            ring = [further for path in ring for further in self._further(path)]
            yield from ring

    @cached_property
    def children(self) -> list[Path]:
        """Every single step up."""
        return [path for table in range(len(self.view.tables)) for path in self.paths(table, 1)]

    def income(self) -> int | None:
        """The table whose money is "the revenue", where that is clear."""
        for noun in INCOMES:
            for table, words in enumerate(self.view.table_words):
                if singular(words).split()[-1] == noun and self.columns(table, "money"):
                    return table
        return None

    def lines(self) -> int | None:
        """The table of what was sold: units of a product at a price."""
        for table in range(len(self.view.tables)):
            if self.columns(table, "quantity") and self.columns(table, "price") and any(self.paths(table, 1)):
                return table
        return None

    def sells(self, lines: int, parent: int) -> bool:
        """Is `parent` what is sold, not who buys: not reached from the table of orders?"""
        income = self.income()
        if lines != self.lines():
            return False
        return income is None or (parent != income and all(path.top != parent for path in self.paths(income)))

    def goods_of(self, path: Path) -> int | None:
        """What was bought by the one at the top of a path that starts at what was sold."""
        if path.tables[0] != self.lines() or self.sells(path.tables[0], path.top):
            return None
        tops = (step.top for step in self.paths(path.tables[0], 1))
        return next((top for top in tops if top not in path.tables and self.display(top)), None)

    def _further(self, path: Path) -> Iterator[Path]:
        for ours, theirs in self.view.foreign:
            parent = self.view.columns[theirs].table
            if self.view.columns[ours].table == path.top and parent not in path.tables:
                yield Path((*path.tables, parent), (*path.keys, ours))


def sole(columns: Sequence[int]) -> int | None:
    """The only one, where there is just one: then it need not be named."""
    return columns[0] if len(columns) == 1 else None
