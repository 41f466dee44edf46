"""All of a document: notes of each part, then a summary of the notes that cites the parts. Without a model that writes:
the sentence of each part that stands for it, word for word.
"""

import logging
import re
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from pilot.chat.citations import check, doubtful, without_unknown
from pilot.chat.events import (
    Citation,
    CitationsReady,
    Condensing,
    Event,
    Finished,
    FoundPassage,
    Notice,
    PassagesFound,
    TextDelta,
)
from pilot.chat.memory import shorten
from pilot.chat.sentences import sentences, terms
from pilot.client import LlmClient
from pilot.errors import NotFound
from pilot.i18n import Texts
from pilot.knowledge.chunking import chunk
from pilot.knowledge.crossing import apart
from pilot.knowledge.document import Document, Page
from pilot.knowledge.library import Library
from pilot.knowledge.records import DocumentRecord
from pilot.prompts import digest as prompts
from pilot.protocol import ChatRequest, Delta, Done, Message

logger = logging.getLogger(__name__)

PART = 6_000  # characters that are noted at once: half of the smallest context
MOST_PARTS = 60
NOTES = 6_000  # characters of notes that are summed up at once; more of them are shortened first
LONGEST_NOTE = 600
TEMPERATURE = 0.2
OUTLINED = (400, 1_600)  # characters that one sentence stands for: the fewest, the most
SENTENCES = 6  # of a document that is neither short nor long
MOST_SENTENCES = 12
SENTENCE = (30, 320)  # characters of one that can stand for others: no heading, no table
PLAIN = re.compile(r"^[^|#`]+$")


class Digest:
    """`can_chat` is what the served model's card says."""

    def __init__(self, client: LlmClient, library: Library, *, can_chat: bool, model: str, texts: Texts) -> None:
        self._client = client
        self._library = library
        self._can_chat = can_chat
        self._model = model
        self._texts = texts

    async def answer(self, space: str, document: str) -> AsyncGenerator[Event, None]:
        """The events of a summary. Closing it stops the model. Raises NotFound or a ModelError."""
        record = await self._library.document(space, document)
        pages = await self._library.pages(space, document)
        size = PART if self._can_chat else _outlined_at_once(pages)
        parts = await apart(lambda: _parts(record, pages, size))
        if not parts:
            raise NotFound(
                self._texts("documents.page.unread", name=record.name),
                remedy=self._texts("documents.page.unread.remedy"),
            )
        if self._can_chat:
            async with aclosing(self._written(record, parts)) as events:
                async for event in events:
                    yield event
        else:
            yield Notice("documents.outlined", {"model": self._model or "?"})
            yield PassagesFound(tuple(parts), (space,))
            yield await apart(lambda: self._outlined(parts))
        yield Finished()

    async def _written(self, record: DocumentRecord, every: Sequence[FoundPassage]) -> AsyncGenerator[Event, None]:
        parts = every[:MOST_PARTS]
        if len(every) > len(parts):
            yield Notice("documents.summed_part", {"parts": len(parts), "all": len(every)})
        yield PassagesFound(tuple(parts), (record.space,))
        notes: list[str] = []
        for part in parts:
            yield Condensing(len(notes), len(parts))
            said = await self._said(prompts.note(record.name, part.text))
            notes.append(f"[{part.number}] {shorten(said, LONGEST_NOTE)}")
        yield Condensing(len(parts), len(parts))
        while len(notes) > 1 and sum(map(len, notes)) > NOTES:
            notes = [shorten(await self._said(prompts.shorter(each)), NOTES // 4) for each in _together(notes)]
        told: list[str] = []
        asked = prompts.whole(record.name, notes, language=self._texts.language)
        async with aclosing(self._client.stream(self._request(asked))) as stream:
            async for piece in stream:
                if isinstance(piece, Delta):
                    told.append(piece.text)
                    yield TextDelta(piece.text)
                elif isinstance(piece, Done) and piece.reason == "length":
                    yield Notice("chat.notice.cut_off", {})
        answer = without_unknown("".join(told), parts)
        citations = check(answer, parts)
        if not citations:
            yield Notice("chat.notice.uncited", {})
        yield CitationsReady(answer, citations, found=True, doubtful=doubtful(answer, parts) if citations else ())

    async def _said(self, messages: list[Message]) -> str:
        async with aclosing(self._client.stream(self._request(messages))) as stream:
            told = [piece.text async for piece in stream if isinstance(piece, Delta)]
        return " ".join("".join(told).split())

    def _request(self, messages: list[Message]) -> ChatRequest:
        return ChatRequest(model=self._model, messages=messages, temperature=TEMPERATURE)

    def _outlined(self, parts: Sequence[FoundPassage]) -> CitationsReady:
        """One sentence for each part, in the order of the document; of a long one, of parts that lie evenly apart."""
        common = Counter(word for part in parts for word in terms(part.text))
        step = max(1, -(-len(parts) // MOST_SENTENCES))
        found: list[Citation] = []
        for part in parts[::step]:
            quote = _typical(part.text, common)
            if quote and quote not in {citation.quote for citation in found}:
                found.append(Citation(part.number, part, quote))
        lines = [self._texts("chat.answer.quote", quote=each.quote, number=each.number) for each in found]
        if not lines:
            return CitationsReady(self._texts("chat.answer.not_said"), (), found=False)
        return CitationsReady("\n\n".join(lines), tuple(found), found=True)


def _outlined_at_once(pages: Sequence[Page]) -> int:
    fewest, most = OUTLINED
    return max(fewest, min(most, sum(len(page.text) for page in pages) // SENTENCES))


def _parts(record: DocumentRecord, pages: Sequence[Page], size: int) -> list[FoundPassage]:
    return [
        FoundPassage(number, record.name, record.id, part.page, part.section, part.text, 1.0, record.space, part.start,
                     part.stop)
        for number, part in enumerate(chunk(Document(tuple(pages)), size=size), 1)
    ]  # fmt: skip


def _typical(text: str, common: Counter[str]) -> str:
    """The sentence whose words the document uses most; the earlier one of two: it leads to the other."""
    shortest, longest = SENTENCE
    whole = [each for each in sentences(text) if shortest // _width(each) <= len(each) <= longest and PLAIN.match(each)]
    scored = [(sum(common[word] for word in found) / (4 + len(found)), -place, each)
              for place, each in enumerate(whole) if (found := terms(each))]  # fmt: skip
    return max(scored, default=(0.0, 0, ""))[2]


def _width(text: str) -> int:
    """A Chinese character says about as much as three Latin letters."""
    return 1 if text.isascii() else 3


def _together(notes: Sequence[str]) -> list[list[str]]:
    """Neighbours, as many as are shortened at once; at least two, so that there are fewer each time."""
    groups: list[list[str]] = [[]]
    for note in notes:
        if len(groups[-1]) > 1 and sum(map(len, groups[-1])) + len(note) > NOTES:
            groups.append([])
        groups[-1].append(note)
    return groups
