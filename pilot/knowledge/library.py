"""The library: spaces of documents that can be added, searched and deleted. The rest of Pilot talks to this alone.

Everything blocking crosses to a thread (`crossing`); one background task (`ingestion`) reads, embeds and stores.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from pilot.errors import InputInvalid, PilotError
from pilot.knowledge import sitemap, transfer, urls
from pilot.knowledge.crossing import apart
from pilot.knowledge.document import Leaf, Page
from pilot.knowledge.embedders import Embedder, Embedders, Reranker, only
from pilot.knowledge.finding import Finder
from pilot.knowledge.holdings import Holdings, open_holdings
from pilot.knowledge.ingestion import Ingestion
from pilot.knowledge.names import file_name, question_text, space_name
from pilot.knowledge.originals import Original
from pilot.knowledge.pictures import Marks, Picture, Pictures, Span, shows
from pilot.knowledge.readers.problems import unreadable
from pilot.knowledge.records import DocumentRecord, Passage, Space, SpaceSettings
from pilot.knowledge.urls import Fetched

UNMARKED = Marks()
FOLLOWS = SpaceSettings()  # the product's settings


class Library:
    """`start` before anything else, `close` at the end. One process per folder: a second one gets Conflict.

    `embedder` is that of every space without a setting of its own; `embedders` gives others by name.
    """

    def __init__(
        self,
        data_dir: Path,
        embedder: Embedder,
        *,
        embedders: Embedders | None = None,
        reranker: Reranker | None = None,
        chunk_size: int = 800,
        top_size: int = 5,
        max_file_mb: int = 50,
        vector_store: str = "Chroma",
        allow_urls: bool = False,
    ) -> None:
        self._folder = data_dir / "knowledge"
        self._embedder = embedder
        self._embedders = embedders or only(embedder)
        self._reranker = reranker
        self._chunk_size = chunk_size
        self._top_size = top_size
        self._max_bytes = max_file_mb * 1_000_000
        self._vector_store = vector_store
        self._allow_urls = allow_urls
        self._pictures = Pictures()
        self._holdings: Holdings
        self._work: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the folder, take up what a crash left unfinished, begin to work. Raises Conflict."""
        self._holdings = await apart(
            partial(open_holdings, self._folder, vector_store=self._vector_store, embedder=self._embedder.name,
                    chunk_size=self._chunk_size)
        )  # fmt: skip
        self._finder = Finder(self._holdings, self._embedders, self._reranker)
        self._ingestion = Ingestion(self._holdings, self._embedders, self._fetch)
        self._work = asyncio.create_task(self._ingestion.run(), name="knowledge ingestion")

    @property
    def started(self) -> bool:
        """Whether this process has the folder: no two can."""
        return self._work is not None

    async def close(self) -> None:
        """Stop after the step at hand; the document in work starts over at the next start."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            self._work = None
            await apart(self._holdings.close)

    # Spaces

    async def spaces(self) -> list[Space]:
        return await apart(self._holdings.catalog.spaces)

    async def space(self, name: str) -> Space:
        """Raises NotFound."""
        return await apart(self._holdings.catalog.space, name)

    async def create_space(self, name: str, settings: SpaceSettings = FOLLOWS) -> Space:
        """Raises InputInvalid for an empty or endless name, Conflict for one in use, ModelUnknown."""
        await self._check(settings)
        return await apart(self._holdings.catalog.add_space, space_name(name), settings)

    async def configure(self, name: str, settings: SpaceSettings) -> Space:
        """Other settings for a space; where they need another index it is made in the background, and the one there is
        serves until then. Raises NotFound, InputInvalid, ModelUnknown.
        """
        await self._check(settings)
        space = await apart(self._holdings.catalog.set_settings, name, settings)
        self._ingestion.wake()
        return space

    async def reindex(self, name: str) -> None:
        """Make the index of a space anew, in the background. Raises NotFound."""
        space = await self.space(name)
        async with self._ingestion.changing:
            if space.embedder:
                await apart(self._holdings.indexes.renew, space)
        self._ingestion.wake()

    async def delete_space(self, name: str) -> None:
        """With all of its documents. Raises NotFound."""
        await self._remove(await self.space(name), None)

    async def top_size(self, name: str) -> int:
        """How many passages an answer from this space uses. Raises NotFound."""
        return (await self.space(name)).settings.top_size or self._top_size

    # Documents

    async def documents(self, space: str) -> list[DocumentRecord]:
        return [self._ingestion.live(record) for record in await apart(self._holdings.catalog.documents, space)]

    async def document(self, space: str, document: str) -> DocumentRecord:
        return self._ingestion.live(await apart(self._holdings.catalog.document, space, document))

    async def add(self, space: str, name: str, data: bytes) -> DocumentRecord:
        """Returns at once, the document queued. The same content twice is the same document; another content under the
        same name is its newer version, which takes its place when it is indexed.

        Raises NotFound, InputInvalid, DocumentUnreadable (too large) or StorageFull.
        """
        return await self._add(space, file_name(name), file_name(name), data)

    async def add_url(self, space: str, url: str) -> DocumentRecord:
        """Fetch a document from the public web and add it. Only when the owner allows it: it leaves the machine.

        Raises DocumentUnreadable (off, refused, out of reach, too large) and what `add` raises.
        """
        await self.space(space)
        fetched = await self._fetch(url.strip())
        return await self._add(space, file_name(fetched.name), url.strip(), fetched.data)

    async def add_site(self, space: str, url: str) -> list[DocumentRecord]:
        """The pages of a site map, queued: each is fetched when its turn comes. Raises what `add_url` raises."""
        await self.space(space)
        found = await sitemap.pages(url.strip(), self._fetch)
        links = [(file_name(PurePosixPath(urls.parsed(page).path).name) or page, page) for page in found]
        records = await apart(self._holdings.catalog.enqueue_links, space, links)
        self._ingestion.wake()
        return records

    async def delete(self, space: str, document: str) -> None:
        """The document, its original, its chunks and vectors. Raises NotFound."""
        await apart(self._holdings.catalog.document, space, document)
        await self._remove(await self.space(space), document)

    async def retry(self, space: str, document: str) -> DocumentRecord:
        """Read and index a document again. Raises NotFound."""
        await apart(self._holdings.catalog.document, space, document)
        await apart(self._holdings.catalog.requeue, document)
        self._ingestion.wake()
        return await self.document(space, document)

    async def retry_failed(self, space: str) -> list[DocumentRecord]:
        """Read every document again that failed. Raises NotFound."""
        failed = [record for record in await self.documents(space) if record.state == "failed"]
        return [await self.retry(space, record.id) for record in failed]

    async def tidy(self) -> None:
        """Overwrite now what was deleted; it happens by itself a few seconds after a deletion."""
        await self._ingestion.tidy()

    # Finding and reading

    async def search(
        self, space: str, question: str, k: int | None = None, *, also: Sequence[str] = ()
    ) -> list[Passage]:
        """The `k` best passages (else as many as the space's answers use) of this space and others, best first.

        Raises InputInvalid, NotFound, IndexMismatch. While the embedder does not answer: by words alone.
        """
        question = question_text(question)
        spaces = [await self.space(name) for name in dict.fromkeys([space, *also])]
        return await self._finder.search(spaces, question, k or spaces[0].settings.top_size or self._top_size)

    async def readable(self, text: str) -> float:
        """Share of the letters of `text` that the embedder can read. Raises a ModelError when it does not answer."""
        return await self._finder.readable(text, self._embedder.name)

    async def original(self, space: str, document: str) -> bytes:
        """The file as it was added. Raises NotFound."""
        token = await apart(self._holdings.catalog.original, space, document)
        return await apart(self._holdings.originals.file(token).read_bytes) if token else b""

    async def pages(self, space: str, document: str) -> tuple[Page, ...]:
        """The text of a document as it was read. Raises NotFound."""
        await apart(self._holdings.catalog.document, space, document)
        return await apart(self._holdings.chunks.pages, document)

    async def leaf(
        self, space: str, document: str, page: int | None, *, around: Span = (0, 0), most: int | None = None
    ) -> Leaf | None:
        """One page (the first where there is none of this number), of a long one `most` characters before and after
        `around`; None of a document that has not been read. Raises NotFound.
        """
        await apart(self._holdings.catalog.document, space, document)
        return await apart(self._holdings.chunks.leaf, document, page, around, most)

    async def page(self, space: str, document: str, page: int | None) -> str:
        """The text of one page; the offsets of its passages hold in it. Raises NotFound."""
        leaf = await self.leaf(space, document, page)
        return leaf.page.text if leaf and leaf.page.number == page else ""

    async def picture(self, space: str, document: str, page: int | None, marks: Marks = UNMARKED) -> Picture | None:
        """How a page looks, with what is marked; None where only its text can be shown: of anything but PDF and
        pictures, by themselves or in an archive or a mail.

        Raises NotFound, DocumentUnreadable.
        """
        record, leaf = await self.document(space, document), await self.leaf(space, document, page)
        here = leaf.page if leaf and leaf.page.number == page else Page("", page)
        original = await apart(self._holdings.catalog.original, space, document)
        file = self._holdings.originals.file(original)
        if not await apart(shows, file, here):
            return None
        kept = await apart(self._holdings.scans.words, document, here)
        picture = await self._pictures.draw(file, record.name, here, marks, kept)
        if picture.words not in ("", kept):
            await apart(self._holdings.scans.keep, document, original, here, picture.words)
        return picture

    # One file

    @asynccontextmanager
    async def export(self, name: str) -> AsyncIterator[Path]:
        """The space as one file, which lasts as long as the block. Raises NotFound."""
        space = await self.space(name)
        documents = [
            (record, await apart(self._holdings.catalog.original, name, record.id))
            for record in await apart(self._holdings.catalog.documents, name)
        ]
        file = self._folder / f"export-{secrets.token_hex(8)}"
        try:
            await apart(transfer.pack, file, space, documents, self._holdings.originals)
            yield file
        finally:
            await apart(partial(file.unlink, missing_ok=True))

    async def import_space(self, file: IO[bytes], name: str = "") -> Space:
        """A space from an exported file, under its own name or another; its documents are queued.

        Raises InputInvalid for another file, Conflict when there is a space of that name.
        """
        parcel = await apart(partial(transfer.look, file, most_bytes=self._max_bytes))
        space = await apart(self._holdings.catalog.add_space, space_name(name or parcel.name), parcel.settings)
        try:
            documents = transfer.unpack(file, parcel)
            while (each := await apart(next, documents, None)) is not None:
                await self._add(space.name, file_name(each[0]), each[1], each[2])
        except PilotError:
            with contextlib.suppress(PilotError):
                await self.delete_space(space.name)
            raise
        return await self.space(space.name)

    # What these have in common

    async def _check(self, settings: SpaceSettings) -> None:
        if settings.chunk_size is not None and not 100 <= settings.chunk_size <= 8000:
            raise InputInvalid("a chunk has 100 to 8,000 characters", remedy="Choose another size.")
        if settings.top_size is not None and not 1 <= settings.top_size <= 50:
            raise InputInvalid("an answer uses 1 to 50 passages", remedy="Choose another number.")
        if settings.embedder is not None:
            await self._embedders(settings.embedder).embed(["here?"])

    async def _add(self, space: str, name: str, source: str, data: bytes) -> DocumentRecord:
        if len(data) > self._max_bytes:
            raise unreadable("too_large", limit=self._max_bytes // 1_000_000)
        record = await apart(self._keep, space, name, source, data)
        self._ingestion.wake()
        return record

    def _keep(self, space: str, name: str, source: str, data: bytes) -> DocumentRecord:
        """The original first, then its row: a crash between the two leaves a file that the next start removes."""
        original: Original = self._holdings.originals.keep(data)
        try:
            record, dropped = self._holdings.catalog.enqueue(space, name, source, original)
        except BaseException:
            self._holdings.originals.drop([original.token])
            raise
        self._holdings.originals.drop(dropped)
        return record

    async def _fetch(self, url: str) -> Fetched:
        if not self._allow_urls:
            raise unreadable("url_off")
        return await urls.fetch(url, most_bytes=self._max_bytes)

    async def _remove(self, space: Space, document: str | None) -> None:
        """The library's file first, with a note for the vector store; a crash between the two is made good at start."""
        async with self._ingestion.changing:
            indexes = [index for index in await apart(self._holdings.indexes.all) if index.space == space.number]
            originals = await apart(self._holdings.chunks.remove, space, document)
            self._holdings.words.forget()
            for index in indexes:
                if document is None:
                    await apart(self._holdings.dense.forget, index)
                elif document in await apart(self._holdings.chunks.leftovers, index):
                    store = await apart(self._holdings.dense.store, index)
                    await apart(store.remove, document)
                    await apart(self._holdings.chunks.settle, index, document)
            await apart(self._holdings.originals.drop, originals)
            self._pictures.forget(originals)
        self._ingestion.tidy_soon()
