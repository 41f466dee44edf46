"""Everything that the product can do, wired once from the settings.

Everything here is asynchronous; what blocks crosses over by `to_thread`.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import httpx

from pilot.chat.approved import Memory
from pilot.chat.charts import suggest
from pilot.chat.constraint import Constraint
from pilot.chat.context import BUDGET, Contexts
from pilot.chat.database import EVERY_STEP, DatabaseChat
from pilot.chat.definitions import Definitions
from pilot.chat.digest import Digest
from pilot.chat.documents import DocumentChat
from pilot.chat.events import ChartSpec, Event, Receipt, RowsReady
from pilot.chat.explain import explain
from pilot.chat.memory import statement as ran
from pilot.chat.plain import PlainChat
from pilot.chat.receipt import asked_now, receipt
from pilot.chat.retelling import Retelling
from pilot.chat.steps import Steps
from pilot.chat.summary import summarise
from pilot.chat.whole import wanted
from pilot.client import LlmClient
from pilot.config import Settings
from pilot.datasource.base import Limits, Rows
from pilot.datasource.catalog import Catalog
from pilot.datasource.guard import check
from pilot.datasource.guard_write import check_write
from pilot.datasource.refusals import refuse, told
from pilot.datasource.running import cancellable, run
from pilot.datasource.shelf import Shelf
from pilot.datasource.writes import SHOWN_ROWS, Desk, Rehearsal, carry_out, rehearse
from pilot.errors import Conflict, ModelError, ModelUnreachable, NotFound, PilotError
from pilot.i18n import Language, Texts
from pilot.knowledge.embedders import ServedEmbedder, ServedReranker
from pilot.knowledge.library import Library
from pilot.prompts.text_to_sql import TextToSql
from pilot.protocol import Ability, LoadRequest, ModelCard, PrecisionName, ServingOverview, ServingState
from pilot.sample import shop
from pilot.services.approvals import Approvals
from pilot.services.night import NightShift
from pilot.services.own import Own
from pilot.services.sources import CERTIFICATES, Sources, configured, make_sample_shop
from pilot.services.turns import Turns
from pilot.store import Approved, Store, Turn

logger = logging.getLogger(__name__)

SAMPLE_SPACE = "Sample documents"
SAMPLE_DOCUMENTS = Path(shop.__file__).parent / "documents"
CARD_SECONDS = 15.0  # how long the served model's card is believed
MOST_CONTEXT = 8_000  # tokens of schema: more of it would distract the model and take its time
UNSAID: tuple[Ability, ...] = ("chat", "text_to_sql")  # what a server that does not tell is taken to be able to


@dataclass(frozen=True)
class SqlAnswer:
    """What a statement that someone wrote or edited came back with."""

    sql: str
    rows: Rows
    chart: ChartSpec | None
    explanation: tuple[str, ...]
    summary: str
    receipt: Receipt


@dataclass(frozen=True)
class SqlReading:
    """What a statement would do, without running it."""

    sql: str
    tables: tuple[str, ...]
    explanation: tuple[str, ...]


class Services:
    """Everything that the product can do, wired once: `open`, `start`, ..., `close`."""

    def __init__(self, settings: Settings, store: Store, client: LlmClient, sources: Sources, library: Library) -> None:
        self.settings = settings
        self.store = store
        self.client = client
        self.sources = sources
        self.library = library
        self._limits = Limits(seconds=settings.sql_timeout, rows=settings.sql_max_rows)
        self._turns = Turns(store)
        self.approvals = Approvals(store, sources, max_rows=settings.sql_max_rows)
        self._contexts = Contexts(client)
        self._constraint = Constraint()
        self._card: tuple[float, ModelCard | None] = (float("-inf"), None)
        self._looking: asyncio.Task[None] | None = None
        self._desk = Desk()
        self.own = Own(settings, store, client, sources)
        self.night = NightShift(self.own, sources)
        self._unserved: ModelError | None = None  # why the last look for a model found none

    @classmethod
    def open(cls, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None) -> "Services":
        """Cheap: no network, nothing heavy. Makes the data folder and brings the store up to date. An exam brings a
        `transport` of its own to another model.
        """
        store = Store(settings.data_dir)
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
        client = LlmClient(
            settings.model_url,
            embedding_server=settings.embedding_server,
            embedding_model=settings.embedding_model,
            api_key=key,
            transport=transport,
        )
        fixed, server = configured(settings)
        library = Library(
            settings.data_dir,
            ServedEmbedder(client),
            embedders=partial(ServedEmbedder, client),
            reranker=ServedReranker(client, settings.reranker_model) if settings.reranker_model else None,
            chunk_size=settings.knowledge_chunk_size,
            top_size=settings.knowledge_search_top_size,
            max_file_mb=settings.knowledge_max_file_mb,
            vector_store=settings.vector_store_type,
            allow_urls=settings.knowledge_allow_urls,
        )
        shelf = Shelf(settings.data_dir / "spreadsheets", max_mb=settings.knowledge_max_file_mb)
        catalog = Catalog(store, fixed=fixed, server=server, certificates=settings.data_dir / CERTIFICATES)
        return cls(settings, store, client, Sources(catalog, shelf), library)

    async def start(self) -> None:
        """Make the samples on the first start, and let documents be read in the background."""
        first = not (self.settings.data_dir / "knowledge").exists()
        await asyncio.to_thread(make_sample_shop, self.settings)
        self._looking = asyncio.create_task(self.sources.start())  # a dead server must not hold the page
        await self.library.start()
        if first:
            await self._add_sample_documents()
        self.own.begin()
        self.night.begin()

    async def close(self) -> None:
        await self.night.close()
        await self.own.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._contexts.close()
        await self.library.close()
        await self.client.close()
        await self.sources.close()
        await asyncio.to_thread(self.store.close)

    def embedders(self) -> list[str]:
        """Folders under models/ that sentence-transformers has saved."""
        return sorted(file.parent.name for file in self.settings.models_dir.glob("*/modules.json"))

    # Questions

    def ask_database(
        self,
        source: str,
        question: str,
        *,
        conversation: str = "",
        tables: Sequence[str] = (),
        language: Language = "en",
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer from a database, in which the model is shown these `tables` whatever it is asked.
        Closing the iterator stops the model and the query.
        """

        def answer(turns: list[Turn]) -> AsyncGenerator[Event, None]:
            return self.answer_database(source, question, turns, tables=tables, language=language)

        return self._turns.tell("database", source, question, conversation, answer, Texts(language))

    async def answer_database(
        self,
        source: str,
        question: str,
        turns: Sequence[Turn] = (),
        *,
        tables: Sequence[str] = (),
        language: Language = "en",
        steps: Steps = EVERY_STEP,
        approved: Sequence[Approved] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The same, not kept. A measurement leaves out `steps`, and brings the answers that count as `approved`.
        Raises NotFound, and what DatabaseChat.answer does.
        """
        card = await self.model()
        learns = card is None or "chat" in _abilities(card)
        chat = await self._database_chat(
            source, card, learns=learns, approved=approved, tables=tables, texts=Texts(language), steps=steps
        )
        async with aclosing(chat.answer(question, turns)) as events:
            async for event in events:
                if isinstance(event, RowsReady):
                    self.sources.answered(source)
                yield event

    async def task(
        self, source: str, question: str, *, today: date, approved: Sequence[Approved], learns: bool
    ) -> TextToSql:
        """What a model is told of this question, where these answers are approved; `learns`: one that reads examples.

        Raises NotFound, SourceUnreachable.
        """
        chat = await self._database_chat(source, None, learns=learns, approved=approved)
        return await chat.task(question, today=today)

    async def _database_chat(
        self,
        source: str,
        card: ModelCard | None,
        *,
        learns: bool,
        approved: Sequence[Approved] | None = None,
        tables: Sequence[str] = (),
        texts: Texts | None = None,
        steps: Steps = EVERY_STEP,
    ) -> DatabaseChat:
        opened = await self.sources.open(source)
        if approved is None:
            approved = await asyncio.to_thread(self.store.approved, source)
        texts = texts or Texts("en")
        looker = self._contexts.looker(
            opened.name, opened.schema, opened.values, budget=_budget(card), pinned=tables, texts=texts
        )
        attached = await self.attached(source) if self.library.started else []  # a measurement runs beside the page
        return DatabaseChat(
            self.client,
            opened.name,
            opened.datasource,
            opened.schema,
            opened.values,
            limits=self._limits,
            candidates=self.settings.sql_candidates,
            model=card.id if card else "",
            texts=texts,
            memory=Memory(approved, opened.schema, opened.values, max_rows=self._limits.rows),
            learns=learns,
            unserved=self._unserved,
            look=looker,
            constraint=self._constraint if card and "chat" in _abilities(card) else None,
            steps=steps,
            definitions=Definitions(self.library, attached) if attached else None,
        )

    async def attached(self, source: str) -> list[str]:
        """The spaces whose definitions the questions to this database use; one that was deleted is not among them."""
        if not (ids := await asyncio.to_thread(self.store.attached, source)):
            return []
        return [space.name for space in await self.library.spaces() if space.id in ids]

    async def attach(self, source: str, spaces: Sequence[str]) -> list[str]:
        """These spaces, and no others. Raises NotFound."""
        await self.sources.info(source)
        ids = [(await self.library.space(name)).id for name in spaces]
        await asyncio.to_thread(self.store.attach, source, ids)
        return await self.attached(source)

    def ask_documents(
        self,
        space: str,
        question: str,
        *,
        conversation: str = "",
        also: Sequence[str] = (),
        language: Language = "en",
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer from a space of documents, and from others beside it."""

        async def answer(turns: list[Turn]) -> AsyncGenerator[Event, None]:
            if record := wanted(question, await self.library.documents(space), turns):
                async with aclosing(self._digest(space, record.id, language)) as events:
                    async for event in events:
                        yield event
                return
            card = await self._served()
            chat = DocumentChat(
                self.client,
                self.library,
                top=await self.library.top_size(space),
                can_chat="chat" in _abilities(card),
                model=card.id,
                texts=Texts(language),
            )
            async with aclosing(chat.answer(space, question, turns, also=also)) as events:
                async for event in events:
                    yield event

        return self._turns.tell("documents", space, question, conversation, answer, Texts(language))

    async def sum_up(
        self, space: str, document: str, *, conversation: str = "", language: Language = "en"
    ) -> AsyncGenerator[Event, None]:
        """The events of a summary of one document. Raises NotFound."""
        record = await self.library.document(space, document)
        texts = Texts(language)

        def answer(_: list[Turn]) -> AsyncGenerator[Event, None]:
            return self._digest(space, document, language)

        question = texts("documents.sum_up.asked", name=record.name)
        async with aclosing(self._turns.tell("documents", space, question, conversation, answer, texts)) as events:
            async for event in events:
                yield event

    async def _digest(self, space: str, document: str, language: Language) -> AsyncGenerator[Event, None]:
        card = await self._served()
        digest = Digest(
            self.client, self.library, can_chat="chat" in _abilities(card), model=card.id, texts=Texts(language)
        )
        async with aclosing(digest.answer(space, document)) as events:
            async for event in events:
                yield event

    def chat(self, message: str, *, conversation: str = "", language: Language = "en") -> AsyncGenerator[Event, None]:
        """The events of a free conversation with the model."""

        async def answer(turns: list[Turn]) -> AsyncGenerator[Event, None]:
            card = await self._served()
            chat = PlainChat(self.client, can_chat="chat" in _abilities(card), model=card.id, texts=Texts(language))
            async with aclosing(chat.answer(message, turns)) as events:
                async for event in events:
                    yield event

        return self._turns.tell("chat", "", message, conversation, answer, Texts(language))

    async def run_sql(self, source: str, sql: str, *, question: str = "", language: Language = "en") -> SqlAnswer:
        """A statement that someone wrote or edited, through the same guard and limits.

        Raises SqlRejected, SqlFailed, SqlTimeout, NotFound, SourceUnreachable. Cancelling it cancels the query.
        """
        asked = asked_now(question)
        texts = Texts(language)
        try:
            opened = await self.sources.open(source)
            statement = check(sql, schema=opened.schema, max_rows=self._limits.rows)
            rows = await run(opened.datasource, statement, self._limits)
            self.sources.answered(source)
        except PilotError as error:
            raise told(error, texts) from None
        return SqlAnswer(
            statement.shown,
            rows,
            suggest(rows),
            tuple(explain(statement.tree, opened.schema, texts, row_limit=self._limits.rows)),
            summarise(rows, statement.tree, texts, schema=opened.schema),
            receipt(asked, statement, rows, source=source, limits=self._limits),
        )

    async def rehearse(self, source: str, sql: str, *, holder: str, language: Language = "en") -> tuple[str, Rehearsal]:
        """What a statement that changes data would do, and the token by which `holder` may confirm it. Nothing is kept.

        Raises SqlRejected, also where the settings do not allow writing, SqlFailed, SqlTimeout, NotFound.
        """
        try:
            if not self.settings.native_sql_can_run_write:
                raise refuse("write_off", name=sql.split(maxsplit=1)[0].upper()[:20] if sql.strip() else "SQL")
            opened = await self.sources.open(source)
            write = check_write(sql, schema=opened.schema, shown_rows=SHOWN_ROWS)
            with_limits = partial(rehearse, opened.datasource, write, opened.schema)
            rehearsal = await cancellable(with_limits, self._limits)
        except PilotError as error:
            raise told(error, Texts(language)) from None
        return self._desk.put(rehearsal, source=source, holder=holder), rehearsal

    async def confirm(self, source: str, token: str, sql: str, *, holder: str, language: Language = "en") -> int:
        """Carry out what was rehearsed; how many rows changed. `sql` is the statement as the rehearsal showed it.

        Raises Conflict, with nothing changed, when the token is not this one's or the data have moved.
        """
        try:
            rehearsal = self._desk.take(token, source=source, holder=holder, text=sql)
            opened = await self.sources.open(source)
            count = await asyncio.to_thread(carry_out, opened.datasource, rehearsal, self._limits)
        except PilotError as error:
            raise told(error, Texts(language)) from None
        logger.warning("%s: a confirmed %s changed %d rows", source, rehearsal.write.kind.upper(), count)
        return count

    async def run_again(self, message: str, *, language: Language = "en") -> SqlAnswer:
        """The statement of a stored answer, on what its database holds now. Raises NotFound too where it has none."""
        turn = await asyncio.to_thread(self.store.turn, message)
        sql = ran(turn)
        if not sql:
            raise NotFound(f"the message {message!r} has no SQL that ran")
        conversation = await asyncio.to_thread(self.store.conversation, turn.conversation_id)
        return await self.run_sql(conversation.target, sql, question=turn.question, language=language)

    async def read_sql(self, source: str, sql: str, *, language: Language = "en") -> SqlReading:
        """What a statement would do, if the guard lets it pass. Raises SqlRejected, NotFound, SourceUnreachable."""
        texts = Texts(language)
        try:
            schema = (await self.sources.open(source)).schema
            statement = check(sql, schema=schema, max_rows=self._limits.rows)
        except PilotError as error:
            raise told(error, texts) from None
        steps = explain(statement.tree, schema, texts, row_limit=self._limits.rows)
        return SqlReading(statement.shown, statement.tables, tuple(steps))

    async def retelling(self, source: str, *, language: Language) -> Retelling:
        """What tells answers from this database in another language. Raises NotFound, SourceUnreachable."""
        opened = await self.sources.open(source)
        return Retelling(opened.schema, opened.values, Texts(language), self._limits.rows)

    # The model

    async def model(self) -> ModelCard | None:
        """The served model; None while it cannot be reached."""
        try:
            card = await self._served()
        except ModelError as error:
            self._unserved = error
            return None
        self._unserved = None
        return card

    async def look_again(self) -> ModelCard | None:
        """The served model, asked for anew: it has just been exchanged."""
        self._card = (float("-inf"), None)
        return await self.model()

    async def serving(self) -> ServingOverview:
        """What is served, what is being loaded, what could be. Raises ModelUnable, ModelUnreachable."""
        return await self.client.serving()

    async def awaited(self) -> bool:
        """Whether a model server is there, but no model in it yet."""
        try:
            return not (await self.client.serving()).model
        except PilotError:
            return False

    async def load_model(self, model: str, *, precision: PrecisionName = "auto") -> ServingState:
        """Begin to serve another model. Raises what LlmClient.load_model does."""
        self._card = (float("-inf"), None)
        return await self.client.load_model(LoadRequest(model=model, precision=precision))

    async def unload_model(self) -> ServingState:
        """Let go of the model and its memory. Raises Conflict, ModelUnable."""
        self._card = (float("-inf"), None)
        return await self.client.unload_model()

    async def can(self, ability: Ability) -> bool:
        """Whether the served model has it. A server that does not tell (vLLM) is taken to have all."""
        card = await self.model()
        return card is not None and ability in _abilities(card)

    async def _served(self) -> ModelCard:
        """Asked again after CARD_SECONDS. Raises a ModelError while no server answers."""
        asked_at, card = self._card
        if card is None or time.monotonic() - asked_at > CARD_SECONDS:
            cards = await self.client.models()
            if not cards:
                raise ModelUnreachable(
                    "the model server serves no model", remedy="Set LLM_MODEL and start it again.", reason="none"
                )
            card = cards[0]
            self._card = (time.monotonic(), card)
        return card

    async def _add_sample_documents(self) -> None:
        try:
            await self.library.create_space(SAMPLE_SPACE)
        except Conflict:
            return
        for file in sorted(SAMPLE_DOCUMENTS.iterdir()):
            await self.library.add(SAMPLE_SPACE, file.name, await asyncio.to_thread(file.read_bytes))


def _abilities(card: ModelCard) -> Sequence[Ability]:
    return card.pilot.abilities if card.pilot else UNSAID


def _budget(card: ModelCard | None) -> int:
    """Tokens of schema that the served model is shown: half of what it reads, within reason."""
    context = card.pilot.context if card and card.pilot else 2 * BUDGET
    return max(MOST_CONTEXT // 8, min(MOST_CONTEXT, context // 2))
