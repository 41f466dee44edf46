"""A question to a database -> its answer: what was approved before, else schema, candidates, vote, repair; then rows,
chart, explanation, receipt.

Nothing runs that the guard has not just passed, and what runs is what the guard wrote, never the model's own text.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date, datetime

from pilot.chat import times
from pilot.chat.approved import Memory
from pilot.chat.candidates import Candidates, Outcome
from pilot.chat.charts import suggest
from pilot.chat.constraint import Constraint
from pilot.chat.context import Context, Look, View
from pilot.chat.coverage import Coverage, cover, unused
from pilot.chat.declining import said_no
from pilot.chat.definitions import Definitions, place
from pilot.chat.doubt import unknown_values, unlike_keys
from pilot.chat.events import (
    ChartReady,
    Declined,
    DefinitionsFound,
    DidYouMean,
    Event,
    ExplanationReady,
    Finished,
    FollowUpRead,
    MadeBy,
    Notice,
    ReceiptReady,
    Repairing,
    RowsReady,
    SchemaChosen,
    SqlChecked,
    SummaryReady,
    Verified,
)
from pilot.chat.explain import explain
from pilot.chat.fit import fit
from pilot.chat.followups import Before, asks_share
from pilot.chat.followups import read as follow_up
from pilot.chat.memory import confidence_of, last_answered, shorten, statement, statements
from pilot.chat.question import leans, plain_question
from pilot.chat.readings import did_you_mean
from pilot.chat.receipt import Asked, asked_now, receipt
from pilot.chat.steps import Steps
from pilot.chat.summary import summarise
from pilot.chat.vote import Trial, counted_nothing, ranked
from pilot.client import LlmClient
from pilot.datasource.base import Datasource, Limits
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.refusals import sentence
from pilot.datasource.values import ValueIndex
from pilot.dates import Said, find
from pilot.errors import ModelError, PilotError, SqlError
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import Attempt, Example, TextToSql, declined
from pilot.schema import Schema
from pilot.store import Turn

EVERY_STEP = Steps()
MOST_REPAIRS = 2
LEFT_OUT = 0.35  # what is left of the confidence when a word of the question is not in the answer: always low
REPAIRED = 0.7  # what is left of the confidence after each repair, or with a doubt that remains
REPLY_SHOWN = 500  # characters of a reply without SQL that the model is shown again


@dataclass(frozen=True)
class _Chosen:
    """The statement that is shown, and how it came to be."""

    trial: Trial
    confidence: float
    candidates: int = 0
    repairs: int = 0
    made_by: MadeBy = "model"
    note: Verified | FollowUpRead | None = None  # what is said of it first
    other: DidYouMean | None = None
    missing: tuple[str, ...] = ()  # words of the question that it leaves out
    definitions: tuple[str, ...] = ()  # that the model was told

    def doubting(self, missing: tuple[str, ...]) -> "_Chosen":
        return replace(self, missing=missing, confidence=self.confidence * LEFT_OUT) if missing else self


class DatabaseChat:
    """Answers questions about one source. Cheap to make: one for each question will do.

    `memory` holds the approved answers; `learns` says that the model makes use of examples and of earlier turns;
    `unserved` is why no model answers, which matters only to a question that needs one; `look` finds what the model
    is shown; `constraint` keeps it to that; `definitions` are those of the documents that are attached to the source.
    """

    def __init__(
        self,
        client: LlmClient,
        source: str,
        datasource: Datasource,
        schema: Schema,
        values: ValueIndex | None,
        *,
        limits: Limits,
        candidates: int,
        model: str,
        texts: Texts,
        memory: Memory | None = None,
        learns: bool = True,
        unserved: ModelError | None = None,
        steps: Steps = EVERY_STEP,
        look: Look | None = None,
        constraint: Constraint | None = None,
        definitions: Definitions | None = None,
    ) -> None:
        self._candidates = Candidates(
            client,
            datasource,
            schema,
            limits=limits,
            count=candidates if steps.vote else 1,
            model=model,
            texts=texts,
            constraint=constraint,
        )
        self._definitions = definitions
        self._source = source
        self._datasource = datasource
        self._memory = memory if steps.memory else None
        self._steps = steps
        self._learns = learns
        self._unserved = unserved
        self._look = look or Context(schema, values).look
        self._schema = schema
        self._values = values if steps.values else None
        self._limits = limits
        self._model = model
        self._texts = texts

    async def answer(self, question: str, history: Sequence[Turn] = ()) -> AsyncGenerator[Event, None]:
        """The events of an answer. Closing it ends the model's stream and the running queries.

        Raises InputInvalid, a ModelError, SourceUnreachable, or when no statement ran, the best one's error.
        """
        asked = asked_now(plain_question(question, self._texts))
        if known := await self._known(asked, history):
            for event in self._told(known, asked):
                yield event
            return
        if self._unserved is not None:
            raise self._unserved
        if not self._learns and last_answered(history) and asks_share(asked.question):
            yield Declined(self._texts("ask.follow.no_share"))
            yield Finished()
            return
        view = await self._look(asked.question)
        yield SchemaChosen(view.tables, view.total, view.pinned)
        await self._candidates.allow(view)
        defined = await self._defined(asked)
        if defined.definitions:
            yield defined
        covered = await asyncio.to_thread(self._covered, asked, view, defined)
        if covered.declines:
            yield Declined(said_no(covered.missing, self._schema, self._texts), covered.missing)
            yield Finished()
            return
        said = find(asked.question, asked.at.date()) if self._steps.times else []
        if meant := times.notice(said, asked.at.date(), self._texts):
            yield meant
        told = self._as_told(defined)
        task = replace(await self._task(asked, view, said, history), definitions=told)
        async with aclosing(self._attempts(task)) as steps:
            async for step in steps:
                if not isinstance(step, _Chosen):
                    yield step
                    continue
                doubted = step.doubting(self._left_out(covered, step.trial))
                for event in self._told(replace(doubted, definitions=told), asked):
                    yield event

    async def task(self, question: str, *, today: date) -> TextToSql:
        """What a model is told of a question asked on that day: what it is fine-tuned on, too."""
        asked = Asked(plain_question(question, self._texts), datetime.combine(today, datetime.min.time()), 0.0)
        said = find(asked.question, today) if self._steps.times else []
        return await self._task(asked, await self._look(asked.question), said, ())

    async def _task(self, asked: Asked, view: View, said: Sequence[Said], history: Sequence[Turn]) -> TextToSql:
        return TextToSql(
            asked.question if self._learns else times.spelled_out(asked.question, said),
            view.schema,
            view.hits if self._steps.values else (),
            examples=await self._examples(asked),
            history=statements(history),
            today=asked.at.date().isoformat(),
            times=times.hints(said) if self._learns else (),
        )

    async def _defined(self, asked: Asked) -> DefinitionsFound:
        found = await self._definitions.find(asked.question) if self._definitions else ()
        return DefinitionsFound(found, used=bool(found) and self._learns)

    def _as_told(self, found: DefinitionsFound) -> tuple[str, ...]:
        """As the model reads them, and the receipt keeps them."""
        return tuple(f'"{each.quote}" ({place(each, self._texts)})' for each in found.definitions if found.used)

    async def _known(self, asked: Asked, history: Sequence[Turn]) -> _Chosen | None:
        """The answer that needs no model: one that was approved, or the one before, changed by a common follow-up."""
        if self._memory is not None and not (history and leans(asked.question)):
            found = await asyncio.to_thread(self._memory.recall, asked.question, asked.at.date())
            trial = await self._tried(found.statement) if found else None
            if found and trial:
                return _Chosen(trial, 1.0, made_by="approval", note=found.event)
        before = None if self._learns else last_answered(history)
        return await self._followed(asked, before) if before else None

    async def _followed(self, asked: Asked, before: Turn) -> _Chosen | None:
        known = Before(before.question, statement(before))
        found = await asyncio.to_thread(
            follow_up, asked.question, known, self._schema, self._values, asked.at.date(), self._texts
        )
        trial = await self._tried(found.sql) if found else None
        if not found or not trial:
            return None
        note = FollowUpRead(before.question, found.meaning)
        return _Chosen(trial, confidence_of(before), made_by="follow_up", note=note)

    async def _examples(self, asked: Asked) -> tuple[Example, ...]:
        """Approved answers to questions like this one."""
        if self._memory is None or not self._learns:
            return ()
        return await asyncio.to_thread(self._memory.examples, asked.question)

    async def _tried(self, sql: SafeSql | str) -> Trial | None:
        """None when the guard or the database refuses it: then the model is asked."""
        try:
            passed = sql if isinstance(sql, SafeSql) else check(sql, schema=self._schema, max_rows=self._limits.rows)
            return Trial(passed, await asyncio.to_thread(self._datasource.run, passed, self._limits), 1.0)
        except SqlError:
            return None

    async def _attempts(self, task: TextToSql) -> AsyncGenerator[Event | _Chosen, None]:
        """Ask, and ask again with what was wrong, at most MOST_REPAIRS times; then the choice, or the error."""
        seen: set[str] = set()
        best: _Chosen | None = None
        first: Outcome | None = None
        candidates = 0
        most = MOST_REPAIRS if self._steps.repair else 0
        for repairs in range(most + 1):
            outcome: Outcome | None = None
            async with aclosing(self._candidates.round(task)) as steps:
                async for step in steps:
                    if isinstance(step, Outcome):
                        outcome = step
                    else:
                        yield step
            assert outcome is not None  # a round ends with it or raises
            if first is None and outcome.reply:
                missing = tuple(word for word in [declined(outcome.reply)] if word)
                yield Declined(
                    said_no(missing, self._schema, self._texts), missing, shorten(outcome.reply, REPLY_SHOWN)
                )
                yield Finished()
                return
            first = first or outcome
            candidates += outcome.candidates
            chosen, wrong = await asyncio.to_thread(self._judged, outcome, task.question, candidates, repairs)
            best = chosen if chosen and not wrong else best or chosen
            fresh = {proposal.sql for proposal in outcome.proposals} - seen
            if wrong is None or not fresh or repairs == most:
                break
            seen |= fresh
            yield Repairing(repairs + 1, wrong.problem)
            task = replace(task, attempt=wrong)
        if best is None:
            raise self._failure(first)
        yield best

    def _judged(
        self, outcome: Outcome, question: str, candidates: int, repairs: int
    ) -> tuple[_Chosen | None, Attempt | None]:
        """The best of a round, and what is wrong with it, if anything is."""
        if not outcome.trials:
            refused = outcome.refusals[0]
            sql = refused.proposal.sql or shorten(refused.proposal.reply, REPLY_SHOWN)
            return None, Attempt(sql, refused.error.message)
        results = ranked([self._weighed(trial, question) for trial in outcome.trials])
        trial, share = results[0]
        wrong = trial.doubt if counted_nothing(trial.rows) else ""
        other = did_you_mean(results, self._schema, self._texts)
        chosen = _Chosen(trial, share * REPAIRED ** (repairs + bool(wrong)), candidates, repairs, other=other)
        return chosen, Attempt(trial.statement.shown, wrong) if wrong else None

    def _weighed(self, trial: Trial, question: str) -> Trial:
        tree = trial.statement.tree
        unknown = unknown_values(tree, self._schema, self._values) if self._values else ""
        return replace(trial, doubt=unknown or unlike_keys(tree, self._schema), fit=fit(question, tree, self._schema))

    def _covered(self, asked: Asked, view: View, defined: DefinitionsFound) -> Coverage:
        """Words that an approved question has used stand for something, and so do those of a definition that the model
        is told.
        """
        if not self._steps.decline:
            return Coverage(False, ())
        if not self._schema.tables:
            return Coverage(True, ())
        taught = [*(self._memory.questions if self._memory else ()),
                  *(each.quote for each in defined.definitions if defined.used)]  # fmt: skip
        schemas = [view.schema] if view.schema == self._schema else [view.schema, self._schema]
        for schema in schemas:  # of a large one not all is shown
            found = cover(asked.question, schema, self._values, asked.at.date(), taught=taught)
            if not found.declines:
                break
        return found

    def _left_out(self, covered: Coverage, trial: Trial) -> tuple[str, ...]:
        """Words of the question that are not in the answer."""
        unsaid = unused(covered.asked, trial.statement.tree, self._schema) if covered.asked else ()
        return tuple(dict.fromkeys((*covered.missing, *unsaid)))

    def _failure(self, outcome: Outcome | None) -> PilotError:
        assert outcome is not None
        error = outcome.refusals[0].error
        reason = sentence(error, self._texts)
        message = self._texts("chat.failed.sql", reason=reason) if isinstance(error, SqlError) else reason
        return type(error)(message, remedy=self._texts("chat.failed.remedy"), **error.details)

    def _told(self, chosen: _Chosen, asked: Asked) -> Iterator[Event]:
        passed, rows = chosen.trial.statement, chosen.trial.rows
        if chosen.note:
            yield chosen.note
        yield SqlChecked(passed.shown, passed.tables)
        yield RowsReady(rows)
        if chart := suggest(rows):
            yield ChartReady(chart)
        tree = passed.tree
        yield ExplanationReady(tuple(explain(tree, self._schema, self._texts, row_limit=self._limits.rows)))
        summary = summarise(rows, tree, self._texts, schema=self._schema)
        yield SummaryReady(summary, round(chosen.confidence, 2))
        if chosen.missing:
            words = self._texts("chat.list.comma").join(self._texts("chat.say.text", x=word) for word in chosen.missing)
            yield Notice("ask.notice.left_out", {"words": words})
        if chosen.other:
            yield chosen.other
        told = receipt(asked, passed, rows, source=self._source, limits=self._limits,
                       model=self._model if chosen.made_by == "model" else "", candidates=chosen.candidates,
                       repairs=chosen.repairs, made_by=chosen.made_by, definitions=chosen.definitions)  # fmt: skip
        yield ReceiptReady(told)
        yield Finished()
