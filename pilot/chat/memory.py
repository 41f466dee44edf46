"""What the model is reminded of from earlier turns: as much as fits, the newest first to be kept."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pilot.chat.question import leans
from pilot.prompts.text_to_sql import Example
from pilot.protocol import Message
from pilot.store import Turn

SQL_TURNS = 4
CHARACTERS = 6_000  # about 2,000 tokens: half of the smallest context
ANSWER_CHARACTERS = 2_000


@dataclass(frozen=True)
class Exchange:
    """One earlier turn: what was asked and what was answered."""

    question: str
    answer: str


def statements(turns: Sequence[Turn]) -> tuple[Example, ...]:
    """The last questions to a database with the statements that answered them, oldest first."""
    found = [Example(turn.question, sql) for turn in turns if (sql := statement(turn))]
    return tuple(found[-SQL_TURNS:])


def statement(turn: Turn) -> str:
    """The statement that answered a question; empty where none ran."""
    return _last(turn, "sql_checked", "sql")


def last_answered(turns: Sequence[Turn]) -> Turn | None:
    """The newest turn that a statement answered."""
    return next((turn for turn in reversed(turns) if statement(turn)), None)


def confidence_of(turn: Turn) -> float:
    """As its reader was told."""
    return float(_last(turn, "summary_ready", "confidence") or 0)


def document_cited(turn: Turn) -> str:
    """The id of the document that most of an answer's citations open; empty where there is no such one."""
    answered = next((each for each in _events(turn) if each.get("event") == "citations_ready"), {})
    cited = Counter(citation["passage"]["document_id"] for citation in answered.get("citations", ()))
    document, count = max(cited.items(), key=lambda each: each[1], default=("", 0))
    return document if 2 * count > cited.total() else ""


def stands_alone(turn: Turn) -> bool:
    """Whether the question is understood without those before it."""
    read = any(each.get("event") == "follow_up_read" for each in _events(turn))
    return not read and not (turn.position and leans(turn.question))


def approval_of(turn: Turn) -> str:
    """The id of the approved answer that this one was made from; empty where it was not."""
    return _last(turn, "verified", "approval")


def exchanges(turns: Sequence[Turn], *, budget: int = CHARACTERS) -> list[Exchange]:
    """The last turns that were answered in words, oldest first, within the budget of characters."""
    kept: list[Exchange] = []
    for turn in reversed(turns):
        answer = _last(turn, "citations_ready", "answer") or str(turn.answer.get("text", ""))
        if not answer.strip():
            continue
        exchange = Exchange(turn.question, shorten(answer, ANSWER_CHARACTERS))
        budget -= len(exchange.question) + len(exchange.answer)
        if budget < 0:
            break
        kept.append(exchange)
    return kept[::-1]


def messages(earlier: Sequence[Exchange]) -> list[Message]:
    """Exchanges as a model reads them."""
    told: list[Message] = []
    for exchange in earlier:
        told += [Message(role="user", content=exchange.question), Message(role="assistant", content=exchange.answer)]
    return told


def shorten(text: str, most: int) -> str:
    """The beginning of a text, with a sign that there is more."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _last(turn: Turn, event: str, field: str) -> str:
    """A field of the last event of this name, as the store keeps a turn: {"events": [{"event", ...}], "text"}."""
    return next((str(each[field]) for each in _events(turn) if each.get("event") == event and each.get(field)), "")


def _events(turn: Turn) -> Iterator[dict[str, Any]]:
    events = turn.answer.get("events")
    yield from (each for each in reversed(events if isinstance(events, list) else []) if isinstance(each, dict))
