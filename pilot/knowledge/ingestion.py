"""The background task: reads, embeds and stores what is queued, makes new indexes, and tidies up after deletions."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pilot.errors import (
    DocumentUnreadable,
    IndexMismatch,
    ModelBusy,
    ModelUnknown,
    ModelUnreachable,
    NotFound,
    PilotError,
    StorageFull,
)
from pilot.knowledge import chunking, reading
from pilot.knowledge.crossing import apart
from pilot.knowledge.document import Document
from pilot.knowledge.embedders import Embedder, Embedders, Vectors
from pilot.knowledge.finding import check_dimension
from pilot.knowledge.holdings import Holdings
from pilot.knowledge.names import file_name
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.records import DocumentRecord, Index, Space
from pilot.knowledge.urls import Fetched

logger = logging.getLogger(__name__)

EMBED_BATCH = 32  # chunks; small enough that progress moves
WINDOW = 512  # chunks sorted by length together: pages are done in their order, more or less
READ_SHARE = 0.1  # of the progress bar
RETRY_SECONDS = 3.0  # until the embedding model is asked again when it did not answer
QUIET_SECONDS = 5.0  # after the last deletion, before its bytes are overwritten
DROPPED_AT_ONCE = 500  # chunks of an index that nobody needs
LATER = (ModelUnreachable, ModelBusy, ModelUnknown)  # ask again: the server starts, or loads another model


Fetcher = Callable[[str], Awaitable[Fetched]]


@dataclass(frozen=True)
class Progress:
    share: float = 0.0
    pages_done: int = 0
    pages: int = 0
    seconds_left: float | None = None


class Ingestion:
    """`run` is the task. `changing` is held while the library's file and the vector store change together."""

    def __init__(self, holdings: Holdings, embedders: Embedders, fetcher: Fetcher) -> None:
        self.changing = asyncio.Lock()
        self._holdings = holdings
        self._embedders = embedders
        self._fetcher = fetcher
        self._progress: dict[str, Progress] = {}
        self._ahead: asyncio.Task[tuple[str, Document] | None] | None = None  # what is read while another is embedded
        self._wake = asyncio.Event()
        self._held: dict[str, float] = {}  # documents and spaces that wait for a model -> when to try again
        self._tidy_at = float("inf")

    def wake(self) -> None:
        """There may be something to do."""
        self._held.clear()
        self._wake.set()

    def tidy_soon(self) -> None:
        """Something was deleted."""
        self._tidy_at = time.monotonic() + QUIET_SECONDS
        self._wake.set()

    def live(self, record: DocumentRecord) -> DocumentRecord:
        """The record with what is known of the work at hand."""
        done = self._progress.get(record.id)
        if done is None:
            return record
        return replace(record, progress=done.share, pages_done=done.pages_done, pages=done.pages or record.pages,
                       seconds_left=done.seconds_left)  # fmt: skip

    async def run(self) -> None:
        try:
            await self._warm()
            await self._look_around()
            while True:
                await self._step()
        finally:
            if self._ahead is not None:
                self._ahead.cancel()
                await asyncio.gather(self._ahead, return_exceptions=True)

    async def _step(self) -> None:
        try:
            if not await self._next():
                await self._rest()
        except Exception:  # the worker outlives a full disk
            logger.exception("ingestion broke off; it tries again in %.0f s", RETRY_SECONDS)
            await asyncio.sleep(RETRY_SECONDS)

    async def tidy(self) -> None:
        """Overwrite what was deleted: in the words, the vectors and the free pages of the files."""
        for index, removed in await apart(self._holdings.indexes.worn):
            if removed:
                await apart(self._holdings.dense.store, index)  # what a crash left is followed first
                await _stepwise(self._holdings.dense.renew(index, removed))
        await _stepwise(self._holdings.database.scrub())
        await self._look_around(QUIET_SECONDS)

    async def _look_around(self, seconds: float = 0.0) -> None:
        """Whether there is anything to tidy, in so many seconds: left by an earlier process, or while the rest was
        tidied, deleted or read by another process.
        """
        self._tidy_at = time.monotonic() + seconds if await apart(self._holdings.database.untidy) else float("inf")

    async def _warm(self) -> None:
        """Open the vector stores before somebody asks: it takes a second or two."""
        for space in await apart(self._holdings.catalog.spaces):
            if index := await apart(self._holdings.indexes.live, space):
                with contextlib.suppress(OSError):
                    await apart(self._holdings.dense.store, index)

    async def _next(self) -> bool:
        """One step of what there is to do; False when there is nothing."""
        self._wake.clear()
        now = time.monotonic()
        self._held = {key: until for key, until in self._held.items() if until > now}
        if queued := await apart(self._holdings.catalog.next_queued, self._held):
            await self._ingest(*queued)
            return True
        for name in await apart(self._holdings.indexes.stale):
            if name not in self._held:
                await self._advance(name)
                return True
        if self._tidy_at <= now:
            await self.tidy()
            return True
        return False

    async def _rest(self) -> None:
        until = min([*self._held.values(), self._tidy_at])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - time.monotonic()) if until < float("inf") else None):
                await self._wake.wait()

    def _hold(self, key: str) -> None:
        self._held[key] = time.monotonic() + RETRY_SECONDS

    # One document

    async def _ingest(self, record: DocumentRecord, original: str) -> None:
        """Bring one document to an end, ready or failed; or let it wait for the embedding model."""
        try:
            await self._read_and_index(record, original)
        except LATER as error:
            await apart(self._holdings.catalog.set_state, record.id, "queued", waiting(error))
            self._hold(record.id)
        except NotFound:
            logger.info("a document was deleted or replaced while it was indexed")
        except DocumentUnreadable as error:
            await self._fail(record, original, error)
        except PilotError as error:
            await self._fail(record, original, waiting(error))
        except Exception:  # the worker must outlive any one document
            logger.exception("a document cannot be indexed")
            await self._fail(record, original, unreadable("crashed"))
        finally:
            self._progress.pop(record.id, None)

    async def _fail(self, record: DocumentRecord, original: str, error: PilotError) -> None:
        self._holdings.originals.drop(await apart(self._holdings.catalog.fail, record.id, original, error))

    async def _read_and_index(self, record: DocumentRecord, original: str) -> None:
        space = await apart(self._holdings.catalog.space, record.space)
        self._progress[record.id] = Progress()
        await apart(self._holdings.catalog.set_state, record.id, "reading")
        if not original:
            original = await self._fetch(record)
        document = await self._read(record, original)
        await apart(self._holdings.catalog.set_state, record.id, "indexing")
        self._ahead = asyncio.create_task(self._read_ahead(), name="reading ahead")
        replaced = await apart(self._holdings.catalog.original, record.space, record.id)
        async with self.changing:
            index = await apart(self._holdings.indexes.first, space)
        await self._index(space.name, index, record.id, document, original=original)
        if replaced != original:
            await apart(self._holdings.originals.drop, [replaced])
            self.tidy_soon()

    async def _read(self, record: DocumentRecord, original: str) -> Document:
        """As it was read while the one before was embedded, or now."""
        ahead, self._ahead = self._ahead, None
        found = await ahead if ahead else None
        if found and found[0] == original:
            return found[1]
        return await reading.read(self._holdings.originals.file(original), record.name)

    async def _read_ahead(self) -> tuple[str, Document] | None:
        """The next one that can be read. One that cannot is told so at once: it need not wait for the embedding model,
        which may still be loading.
        """
        try:
            while queued := await apart(self._holdings.catalog.next_queued, self._held):
                record, original = queued
                if not original:
                    return None  # fetched when its turn comes
                try:
                    return original, await reading.read(self._holdings.originals.file(original), record.name)
                except DocumentUnreadable as error:
                    await self._fail(record, original, error)
        except Exception:  # it is read again when its turn comes
            logger.exception("a document cannot be read ahead")
        return None

    async def _fetch(self, record: DocumentRecord) -> str:
        """The original of a document that is known by its address alone."""
        fetched = await self._fetcher(record.source)
        kept = await apart(self._holdings.originals.keep, fetched.data)
        try:
            await apart(self._holdings.catalog.fetched, record.id, file_name(fetched.name), kept)
        except NotFound:
            self._holdings.originals.drop([kept.token])
            raise
        return kept.token

    async def _index(self, space: str, index: Index, document: str, read: Document, *, original: str = "") -> None:
        """With an original the document becomes ready; without, it is a copy in the index in the making."""
        chunks = await apart(lambda: chunking.chunk(read, size=index.chunk_size))
        change = await apart(self._holdings.chunks.compare, index, document, chunks)
        embedder = self._embedders(index.embedder)
        vectors = await self._embed(embedder, document, change.added, read)
        if len(vectors):
            check_dimension(space, index, vectors.shape[1])
        async with self.changing:
            await apart(self._holdings.catalog.document, space, document)  # NotFound: deleted meanwhile
            # the vector store first, under a note that it may differ; then all else and the note's end at once
            store = await apart(self._holdings.dense.store, index)
            first = await apart(self._holdings.chunks.next_key)
            await apart(self._holdings.chunks.leave, index, document)
            await apart(store.remove, document, [str(key) for key in change.removed])
            await apart(store.put, document, [str(first + n) for n in range(len(change.added))], vectors)
            await apart(
                lambda: self._holdings.chunks.store(
                    index, document, change, first, vectors, pages=read if original else None, original=original
                )
            )
            self._holdings.words.forget()

    async def _embed(
        self, embedder: Embedder, document: str, chunks: tuple[chunking.Chunk, ...], read: Document
    ) -> Vectors:
        """In batches of like length: a batch costs as much as its longest text times its size."""
        texts = [_with_section(chunk) for chunk in chunks]
        parts: list[Vectors] = []
        began = time.monotonic()
        done = 0
        for batch in _batches(texts):
            parts.append(await embedder.embed([texts[n] for n in batch]))
            done += len(batch)
            share = done / len(texts)
            if document in self._progress:
                self._progress[document] = Progress(
                    READ_SHARE + (1 - READ_SHARE) * share, round(share * len(read.pages)), len(read.pages),
                    (time.monotonic() - began) * (1 - share) / share,
                )  # fmt: skip
        if not parts:
            return np.empty((0, 0), np.float32)
        found = np.concatenate(parts)
        vectors = np.empty_like(found)
        vectors[[n for batch in _batches(texts) for n in batch]] = found
        return vectors

    # A new index

    async def _advance(self, name: str) -> None:
        """Take one step towards the index that the settings want; the live one serves until it is whole."""
        try:
            space = await apart(self._holdings.catalog.space, name)
            async with self.changing:
                successor = await apart(self._holdings.indexes.successor, space)
            if successor:
                await self._copy(space, successor)
            for index in await apart(self._holdings.indexes.others, await self._now(name), successor):
                await self._drop(index)
        except LATER as error:
            logger.info("the new index of %r waits: %s", name, error.message)
            self._hold(name)
        except NotFound:
            logger.info("a space or document was deleted while it was indexed anew")

    async def _now(self, name: str) -> Space:
        return await apart(self._holdings.catalog.space, name)

    async def _copy(self, space: Space, successor: Index) -> None:
        """The next document that is not in it yet; when all are, it becomes the one that is searched."""
        unmade = await apart(self._holdings.indexes.unmade, successor)
        if unmade is not None:
            pages = await apart(self._holdings.chunks.pages, unmade)
            await self._index(space.name, successor, unmade, Document(pages))
            return
        async with self.changing:
            if await apart(self._holdings.indexes.unmade, successor) is None:
                await apart(self._holdings.indexes.promote, successor)
                logger.info("%r is now searched with %s", space.name, successor.embedder)
                self._held.clear()

    async def _drop(self, index: Index) -> None:
        async with self.changing:
            await apart(self._holdings.dense.forget, index)
        while not await apart(lambda: self._holdings.chunks.drop(index, most=DROPPED_AT_ONCE)):
            await asyncio.sleep(0)
        self.tidy_soon()


def waiting(error: PilotError) -> DocumentUnreadable:
    """What keeps a document that can be read from being indexed, in a sentence that every language has."""
    match error:
        case ModelUnreachable() | ModelBusy():
            return unreadable("embedder_away")
        case ModelUnknown():
            return unreadable("embedder_unknown", embedder=error.details.get("name", ""))
        case IndexMismatch():
            return unreadable("index_mismatch")
        case StorageFull():
            return unreadable("disk_full")
    return unreadable("embedder_failed")


async def _stepwise(steps: Iterator[None]) -> None:
    """Each step in a thread; between two of them others have their turn."""
    while await apart(lambda: next(steps, steps)) is not steps:
        await asyncio.sleep(0)


def _batches(texts: list[str]) -> Iterator[list[int]]:
    """The places of the texts, a batch at a time, those of like length together."""
    for start in range(0, len(texts), WINDOW):
        order = sorted(range(start, min(start + WINDOW, len(texts))), key=lambda n: len(texts[n]))
        for at in range(0, len(order), EMBED_BATCH):
            yield order[at : at + EMBED_BATCH]


def _with_section(chunk: chunking.Chunk) -> str:
    return f"{chunk.section}\n{chunk.text}" if chunk.section else chunk.text
