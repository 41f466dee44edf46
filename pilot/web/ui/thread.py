"""What one visitor sees of a conversation: the answer on show and those before it. Lives in his session."""

from dataclasses import dataclass, field, replace

from pilot.chat.events import FoundPassage
from pilot.i18n import Language, Texts
from pilot.web.answer import Answer
from pilot.web.retelling import of_errors


@dataclass(frozen=True)
class Thread:
    """`conversation` is empty until its first answer is stored. `corrected` is a statement that he wrote himself and
    ran in place of the model's; `found` are the passages of a search that is on show in place of the answer; `language`
    is that of all its sentences, where it is known.
    """

    conversation: str = ""
    earlier: tuple[Answer, ...] = ()
    answer: Answer = field(default_factory=Answer)
    corrected: str = ""
    found: tuple[FoundPassage, ...] | None = None
    language: Language | None = None

    @property
    def answers(self) -> tuple[Answer, ...]:
        return (*self.earlier, self.answer) if self.answer.question else self.earlier

    @property
    def running(self) -> bool:
        return self.answer.running and bool(self.answer.question)

    def asking(self, question: str) -> "Thread":
        """A new question; the answer on show becomes an earlier one."""
        return Thread(self.conversation, self.answers, Answer(question), language=self.language)

    def again(self) -> "Thread":
        """The last question once more."""
        return replace(self, answer=Answer(self.answer.question), corrected="")

    def stopped(self) -> "Thread":
        """No answer comes any longer."""
        return replace(self, answer=replace(self.answer, stopped=True)) if self.running else self

    def told(self, t: Texts) -> "Thread":
        """Its errors in the language of `t`; the rest needs what it was asked of."""
        earlier = tuple(of_errors(each, t) for each in self.earlier)
        return replace(self, earlier=earlier, answer=of_errors(self.answer, t))

    def same(self, other: "Thread") -> bool:
        """The same answers, in whichever language."""
        return self.conversation == other.conversation and _asked(self) == _asked(other)

    def grown(self, answer: Answer) -> "Thread":
        """An answer of another conversation, since it is about another database, leaves this one behind."""
        elsewhere = bool(answer.conversation and self.conversation) and answer.conversation != self.conversation
        conversation = answer.conversation or self.conversation
        return replace(self, answer=answer, conversation=conversation, earlier=() if elsewhere else self.earlier)


def of_answers(conversation: str, answers: tuple[Answer, ...]) -> Thread:
    """A conversation that is opened again: its last answer is on show."""
    return Thread(conversation, answers[:-1], answers[-1]) if answers else Thread(conversation)


def _asked(thread: Thread) -> list[object]:
    return [(each.question, each.message, each.sql, each.rows, each.finished) for each in thread.answers]
