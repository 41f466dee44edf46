"""What a follow-up about documents leans on: "And to Germany?" is looked for with the question before it."""

import re
from collections.abc import Sequence

from pilot.chat.question import leans
from pilot.knowledge.lexical import question_terms
from pilot.store import Turn

MOST = 2  # questions before
FEW = 1  # telling words: "Why?"
POINTING = re.compile(
    r"\b(it(?! takes?\b)|its|this|these|those|they|them|their|he|she|his|her)\b"
    r"|它|其(?![他它中余实])|[这那](?:个|些|种|样|里|是|要|会|有)|(?<!应)该(?![怎如])|[他她]们|呢|上述|前者|后者",
    re.IGNORECASE,
)


def before(question: str, history: Sequence[Turn]) -> str:
    """The questions that this one needs, oldest first; empty where it is understood alone."""
    needed: list[str] = []
    asked = question
    for turn in reversed(history):
        if len(needed) == MOST or not _leans(asked):
            break
        needed.insert(0, turn.question)
        asked = turn.question
    return " ".join(needed)


def _leans(question: str) -> bool:
    return leans(question) or POINTING.search(question) is not None or len(question_terms(question)) <= FEW
