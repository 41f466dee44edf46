"""A question to a space of documents -> passages -> an answer that cites them, checked, or "they do not say"."""

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from pilot.chat.citations import check, doubtful, without_unknown
from pilot.chat.events import Citation, CitationsReady, Event, Finished, FoundPassage, Notice, PassagesFound, TextDelta
from pilot.chat.extractive import Quote, quotes, split
from pilot.chat.leaning import before
from pilot.chat.memory import exchanges, messages
from pilot.chat.question import plain_question
from pilot.chat.sentences import terms
from pilot.chat.whole import documents_meant, topic
from pilot.client import LlmClient
from pilot.errors import ModelError
from pilot.i18n import Texts
from pilot.knowledge.library import Library
from pilot.knowledge.records import Passage
from pilot.prompts.grounded import NOT_SAID, Numbered, render
from pilot.protocol import ChatRequest, Delta, Done
from pilot.store import Turn

logger = logging.getLogger(__name__)

TEMPERATURE = 0.2  # to quote, not to invent
READABLE = 0.5  # share of the question's letters that the embedder must be able to read
UNLIKE = 0.2  # cosine: unrelated sentences are about as near
MEMORY = 1_500  # characters of earlier turns: the passages need the room


class DocumentChat:
    """`can_chat` is what the served model's card says; without it the answer is made of quotes."""

    def __init__(
        self, client: LlmClient, library: Library, *, top: int, can_chat: bool, model: str, texts: Texts
    ) -> None:
        self._client = client
        self._library = library
        self._top = top
        self._can_chat = can_chat
        self._model = model
        self._texts = texts

    async def answer(
        self, space: str, question: str, history: Sequence[Turn] = (), *, also: Sequence[str] = ()
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer from a space and others. Closing it stops the model.

        Raises InputInvalid, NotFound, IndexMismatch or a ModelError.
        """
        asked = plain_question(question, self._texts)
        if len(several := documents_meant(asked, await self._library.documents(space), history)) > 1:
            said = self._texts("documents.which", count=len(several), name=several[0].name)
            yield CitationsReady(said, (), found=False)
            yield Finished()
            return
        leant_on = before(asked, history)
        looked_for = topic(asked)
        meant = f"{leant_on} {looked_for}".strip()
        found = await self._library.search(space, meant, self._top, also=also)
        passages = tuple(found_passage(number, passage) for number, passage in enumerate(found, 1))
        yield PassagesFound(passages, tuple(dict.fromkeys([space, *also])), meant if leant_on else "")
        if not passages or (self._can_chat and await self._nothing_alike(meant, passages)):
            yield self._not_said()
        elif self._can_chat:
            async with aclosing(self._written(asked, passages, history)) as events:
                async for event in events:
                    yield event
        else:
            yield await self._quoted(looked_for, leant_on, passages)
        yield Finished()

    async def _nothing_alike(self, question: str, passages: Sequence[FoundPassage]) -> bool:
        """Whether no passage has a word of the question, nor says anything near it: then no model is asked, which might
        answer from what it has read elsewhere.
        """
        sentences = split(passages)
        if any(terms(question) & sentence.words for sentence in sentences):
            return False
        alike = await self._alike(question, [sentence.text for sentence in sentences])
        return alike is not None and max(alike, default=0.0) < UNLIKE

    async def _written(
        self, question: str, passages: Sequence[FoundPassage], history: Sequence[Turn]
    ) -> AsyncGenerator[Event, None]:
        """The model's own words, then what they cite."""
        several = len({passage.space for passage in passages}) > 1
        numbered = [
            Numbered(passage.number, self._place(passage, spaces=several), passage.text) for passage in passages
        ]
        earlier = messages(exchanges(history, budget=MEMORY))
        request = ChatRequest(
            model=self._model, messages=render(question, numbered, earlier=earlier), temperature=TEMPERATURE
        )
        told: list[str] = []
        async with aclosing(self._client.stream(request)) as parts:
            async for part in parts:
                if isinstance(part, Delta):
                    told.append(part.text)
                    yield TextDelta(part.text)
                elif isinstance(part, Done) and part.reason == "length":
                    yield Notice("chat.notice.cut_off", {})
        answer = without_unknown("".join(told), passages)
        if not answer or NOT_SAID.lower() in answer.lower():
            yield self._not_said()
            return
        citations = check(answer, passages)
        if not citations:
            yield Notice("chat.notice.uncited", {})
        yield CitationsReady(answer, citations, found=True, doubtful=doubtful(answer, passages) if citations else ())

    async def _quoted(self, question: str, leant_on: str, passages: Sequence[FoundPassage]) -> CitationsReady:
        sentences = split(passages)
        alike = await self._alike(f"{leant_on} {question}".strip(), [sentence.text for sentence in sentences])
        found = quotes(question, sentences, alike, leant_on)
        if not found:
            return self._not_said()
        by_number = {passage.number: passage for passage in passages}
        lines = [self._texts("chat.answer.quote", quote=quote.text, number=quote.number) for quote in found]
        return CitationsReady("\n\n".join(lines), tuple(_cited(quote, by_number) for quote in found), found=True)

    async def _alike(self, question: str, sentences: Sequence[str]) -> list[float] | None:
        """How near each sentence is to the question in meaning; None where the embedder cannot tell, or is away."""
        try:
            if await self._library.readable(question) < READABLE:
                return None
            vectors = await self._client.embed([question, *sentences])
        except ModelError as error:
            logger.info("sentences are compared by their words alone: %s", error.code)
            return None
        return [float(likeness) for likeness in vectors[1:] @ vectors[0]]

    def _not_said(self) -> CitationsReady:
        return CitationsReady(self._texts("chat.answer.not_said"), (), found=False)

    def _place(self, passage: FoundPassage, *, spaces: bool) -> str:
        parts = [
            passage.space if spaces else "",
            passage.document,
            self._texts("chat.answer.page", page=passage.page) if passage.page else "",
            passage.section,
        ]
        return ", ".join(part for part in parts if part)


def found_passage(number: int, passage: Passage) -> FoundPassage:
    """A passage as the `number`th of an answer."""
    return FoundPassage(number, passage.document, passage.document_id, passage.page, passage.section, passage.text,
                        passage.score, passage.space, passage.start, passage.stop)  # fmt: skip


def _cited(quote: Quote, passages: dict[int, FoundPassage]) -> Citation:
    return Citation(quote.number, passages[quote.number], quote.text)
