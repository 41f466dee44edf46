"""What documents define that a question to a database names: "An active customer has ordered within 90 days."

No model takes part: a sentence defines what stands before its "is", "means" or "counts", and it is told when the
question names that.
"""

import asyncio
import logging
import re
from collections.abc import Sequence

from pilot.chat.documents import found_passage
from pilot.chat.events import Citation, FoundPassage
from pilot.chat.sentences import sentences, words
from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.knowledge.library import Library

logger = logging.getLogger(__name__)

MOST = 4  # definitions of one question
LONGEST = 400  # characters of one
PASSAGES = 8
SECONDS = 3.0  # a question to the database waits no longer for its documents
NAMED = 0.6  # share of the words of what is defined that the question must name
SUBJECT = 8  # words: a longer one is no name of a thing
DEFINES = re.compile(
    r"\b(?:is|are|means?|counts?|includes?|excludes?|equals?|refers? to|consists? of|stands? for|has|have|must|may)\b"
    r"|[:=]"
)
ALSO = re.compile(r"^(?:an?|the|by|our|we call|with)\b", re.IGNORECASE)
DEFINES_CHINESE = re.compile(r"是指|指的是|定义为|不包括|包括|不含|包含|等于|指|是|即|为|算|：|=")
CHINESE = re.compile(r"[\u3400-\u9fff]")


class Definitions:
    """Of the spaces that the owner of a database has attached to it."""

    def __init__(self, library: Library, spaces: Sequence[str]) -> None:
        self._library = library
        self._spaces = spaces

    async def find(self, question: str) -> tuple[Citation, ...]:
        """The sentences that define what the question names, the best passage's first. None while they cannot be had:
        a question to the database is answered without them.
        """
        if not self._spaces:
            return ()
        first, *others = self._spaces
        try:
            async with asyncio.timeout(SECONDS):
                passages = await self._library.search(first, question, PASSAGES, also=others)
        except (PilotError, TimeoutError) as error:
            logger.info("the attached documents are left out: %s", error)
            return ()
        return defined(question, [found_passage(number, passage) for number, passage in enumerate(passages, 1)])


def defined(question: str, passages: Sequence[FoundPassage]) -> tuple[Citation, ...]:
    """Each sentence once."""
    named = words(question)
    found: dict[str, Citation] = {}
    for passage in passages:
        for sentence in sentences(passage.text):
            if len(sentence) <= LONGEST and _defines(sentence, named):
                found.setdefault(sentence, Citation(len(found) + 1, passage, sentence))
    return tuple(found.values())[:MOST]


def place(citation: Citation, texts: Texts) -> str:
    """'handbook.pdf, page 3'."""
    page = citation.passage.page
    return ", ".join([citation.passage.document, *([texts("chat.answer.page", page=page)] if page else [])])


def _defines(sentence: str, named: frozenset[str]) -> bool:
    verb = (DEFINES_CHINESE if CHINESE.search(sentence) else DEFINES).search(sentence)
    if verb is None:
        return False
    subject = words(ALSO.sub("", sentence[: verb.start()].strip('-*•#"“”「」 \t')))
    return 0 < len(subject) <= SUBJECT and len(subject & named) / len(subject) >= NAMED
