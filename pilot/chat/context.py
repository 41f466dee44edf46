"""What the model sees of a database: the whole schema where it fits, else the tables that the question may be about.

The likeliest tables are told with all that is known of them, the others with their columns and keys alone: a table
that is missing cannot be used, one that is told briefly can.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pilot.chat.relevance import Similar, TableIndex, describe
from pilot.client import LlmClient
from pilot.datasource.values import MOST_HITS, ValueIndex
from pilot.errors import InputInvalid, ModelError
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import TextToSql, create_table, kind_of, render
from pilot.schema import Column, Schema, Table, ValueHit

logger = logging.getLogger(__name__)

BUDGET = 2_000  # tokens of schema, metrics and cell values
TOLD_WHOLE = 0.1  # of the budget, for the tables that are told with all that is known of them
SMALLEST = 16  # tokens: nothing shorter is a table
LIKELY = 30  # tables in which cell values are worth mentioning
SHOWN_HITS = 0.1  # of the budget, for cell values
EMBED_AGAIN = 60.0  # seconds after the embeddings could not be had
QUESTION_SECONDS = 1.0  # that the question's vector may take
TOKEN = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\sA-Za-z\d]")

Look = Callable[[str], Awaitable["View"]]


@dataclass(frozen=True)
class View:
    """`schema` is what the prompt tells, `tables` its tables with the likeliest first; `total` are in the database."""

    schema: Schema
    hits: tuple[ValueHit, ...]
    tables: tuple[str, ...]
    pinned: tuple[str, ...]
    total: int


def tokens(text: str) -> int:
    """An estimate on the safe side: models split names, numbers and signs about so."""
    return len(TOKEN.findall(text))


class Context:
    """A schema and its cell values, ready for questions."""

    def __init__(self, schema: Schema, values: ValueIndex | None) -> None:
        self.schema = schema
        self.values = values

    async def look(self, question: str) -> View:
        return await asyncio.to_thread(self.view, question)

    def view(
        self, question: str, *, budget: int = BUDGET, pinned: Sequence[str] = (), similar: Similar | None = None
    ) -> View:
        """What fits. Pinned tables are there, whatever else has to go."""
        found = self.values.every(question) if self.values else []
        if self.fits(budget):
            names = tuple(table.name for table in self.schema.tables)
            return View(self.schema, tuple(found[:MOST_HITS]), names, tuple(pinned), len(names))
        order = self._order(question, found, pinned, similar)
        likely = set(order[:LIKELY])
        hits = [hit for hit in found if hit.table in likely][:MOST_HITS]
        while hits and self._spent(hits) > self._spent(()) + SHOWN_HITS * budget:
            hits.pop()
        left = budget - self._spent(hits) - tokens(question)
        chosen = list(self._chosen(order, left, len(pinned)))
        shown = {table.name: table for table in chosen}
        tables = tuple(shown[table.name] for table in self.schema.tables if table.name in shown)
        told = replace(self.schema, tables=tables)
        kept = tuple(hit for hit in hits if hit.table in shown)
        return View(told, kept, tuple(shown), tuple(pinned), len(self.schema.tables))

    def fits(self, budget: int) -> bool:
        return sum(whole for whole, _ in self._costs.values()) + self._spent(()) <= budget

    @cached_property
    def index(self) -> TableIndex:
        return TableIndex(self.schema)

    def _order(
        self, question: str, hits: Sequence[ValueHit], pinned: Sequence[str], similar: Similar | None
    ) -> list[str]:
        """Pinned tables, the likeliest ones with those between them, the rest."""
        ranked = self.index.ranked(question, hits, similar)
        first = [*pinned, *(name for name in ranked if name not in pinned)]
        return list(dict.fromkeys([*first[:LIKELY], *self.index.ways(first), *first]))

    def _chosen(self, order: Sequence[str], left: int, pinned: int) -> Iterator[Table]:
        whole_left = round(left * TOLD_WHOLE)
        for place, name in enumerate(order):
            table = self.schema.table(name)
            assert table is not None
            whole, brief = self._costs[name]
            if whole <= min(whole_left, left):
                whole_left -= whole
                left -= whole
                yield table
            elif brief <= left or place < max(pinned, 1):
                left -= brief
                yield briefly(table)
            if left < SMALLEST:
                return

    @cached_property
    def _costs(self) -> dict[str, tuple[int, int]]:
        """Tokens of each table, told whole and briefly."""
        return {
            table.name: (tokens(create_table(table)), tokens(create_table(briefly(table))))
            for table in self.schema.tables
        }

    def _spent(self, hits: Sequence[ValueHit]) -> int:
        """Tokens of what stands beside the tables."""
        return tokens(render(TextToSql("", replace(self.schema, tables=()), tuple(hits)))[-1].content)


def briefly(table: Table) -> Table:
    """Columns and keys alone; where the columns are many, still all of them."""
    return replace(table, comment="", synonyms=(), columns=tuple(map(_bare, table.columns)))


def _bare(column: Column) -> Column:
    short = re.sub(r"\(.*", "", column.type, flags=re.DOTALL)
    same = kind_of(short) == kind_of(column.type)
    return replace(column, type=short if same else column.type, comment="", samples=(), synonyms=())


class Contexts:
    """One context per source, made again when its schema or its values change; with vectors of its tables where the
    model server has embeddings. They are made in the background, so that no question waits for them.
    """

    def __init__(self, client: LlmClient) -> None:
        self._client = client
        self._known: dict[str, Context] = {}
        self._vectors: dict[str, dict[str, NDArray[np.float32]]] = {}  # source -> description of a table -> vector
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed_at = float("-inf")

    def looker(
        self, source: str, schema: Schema, values: ValueIndex, *, budget: int, pinned: Sequence[str], texts: Texts
    ) -> Look:
        """Raises InputInvalid for a pinned table that is not there."""
        tables = [schema.table(name) for name in pinned]
        for name, table in zip(pinned, tables, strict=True):
            if table is None:
                raise InputInvalid(texts("schema.pin.unknown", name=name), remedy=texts("schema.pin.remedy"))
        kept = tuple(dict.fromkeys(table.name for table in tables if table))

        async def look(question: str) -> View:
            context = self._context(source, schema, values)
            fits = await asyncio.to_thread(context.fits, budget)
            similar = None if fits else await self._similar(source, context, question)
            return await asyncio.to_thread(context.view, question, budget=budget, pinned=kept, similar=similar)

        return look

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _context(self, source: str, schema: Schema, values: ValueIndex) -> Context:
        known = self._known.get(source)
        if known is None or known.schema is not schema or known.values is not values:
            known = self._known[source] = Context(schema, values)
        return known

    async def _similar(self, source: str, context: Context, question: str) -> Similar | None:
        """How near each table's words are to the question's; None while that is not known."""
        known = self._vectors.get(source, {})
        told = [describe(table) for table in context.schema.tables]
        if not all(text in known for text in told):
            self._learn(source, told)
            return None
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                (vector,) = await self._client.embed([question])
        except (ModelError, TimeoutError):
            return None
        similar: Similar = np.stack([known[text] for text in told]) @ vector
        return similar

    def _learn(self, source: str, told: Sequence[str]) -> None:
        task = self._tasks.get(source)
        if (task is None or task.done()) and time.monotonic() - self._failed_at > EMBED_AGAIN:
            self._tasks[source] = asyncio.create_task(self._embed(source, told))

    async def _embed(self, source: str, told: Sequence[str]) -> None:
        known = self._vectors.get(source, {})
        new = [text for text in dict.fromkeys(told) if text not in known]
        try:
            vectors = await self._client.embed(new)
        except ModelError as error:
            logger.info("tables are chosen by words alone: %s", error.message)
            self._failed_at = time.monotonic()
            return
        found = known | dict(zip(new, vectors, strict=True))
        self._vectors[source] = {text: found[text] for text in told}
