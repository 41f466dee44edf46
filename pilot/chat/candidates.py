"""Ask the model for statements, check each, run those that may run: one round of an answer from a database."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from pilot.chat.constraint import Constraint
from pilot.chat.context import View
from pilot.chat.events import Event, SqlDelta, SqlProposed, SqlRefused
from pilot.chat.extract import statement as extract
from pilot.chat.vote import Trial, weights
from pilot.client import Candidate, LlmClient
from pilot.datasource.base import Datasource, Limits, Rows
from pilot.datasource.guard import SafeSql, check
from pilot.datasource.refusals import keyed, sentence
from pilot.datasource.running import run
from pilot.errors import ModelFailed, PilotError, SqlError, SqlTimeout
from pilot.i18n import Texts
from pilot.prompts.text_to_sql import TextToSql, render
from pilot.protocol import ChatRequest, Delta, Done, StructuredOutputs
from pilot.schema import Schema

TRIAL_SECONDS = 5.0  # for each of several candidates; one alone may take as long as the settings allow
AT_ONCE = 4  # candidates that run at the same time
NEW_TOKENS = 800
TEMPERATURE = 0.6  # candidates of a sampling model must differ, yet stay sober


@dataclass(frozen=True)
class Proposal:
    """A statement that the model proposes, as it stands in candidate `number`; "" where that held none."""

    sql: str
    number: int
    share: float  # of all candidates: what the same statement in several of them counts together
    reply: str


@dataclass(frozen=True)
class Refusal:
    """A proposal that the guard or the database said no to."""

    proposal: Proposal
    error: PilotError


@dataclass(frozen=True)
class Outcome:
    """What came of one round; everything is best first."""

    proposals: tuple[Proposal, ...]
    trials: tuple[Trial, ...]
    refusals: tuple[Refusal, ...]
    candidates: int

    @property
    def reply(self) -> str:
        """What the model says instead of SQL, when it gives none at all; empty when it does, or says nothing."""
        return "" if any(each.sql for each in self.proposals) else self.proposals[0].reply.strip()


def distinct(candidates: Sequence[Candidate]) -> list[Proposal]:
    """Each statement once, best first."""
    proposals: dict[str, Proposal] = {}
    shares = weights([each.text for each in candidates], [each.logprob for each in candidates])
    for number, (candidate, share) in enumerate(zip(candidates, shares, strict=True)):
        sql = extract(candidate.text)
        key = " ".join(sql.split())
        known = proposals.get(key, Proposal(sql, number, 0.0, candidate.text))
        proposals[key] = replace(known, share=known.share + share)
    return list(proposals.values())


class Candidates:
    """Rounds against one source and one model."""

    def __init__(
        self,
        client: LlmClient,
        datasource: Datasource,
        schema: Schema,
        *,
        limits: Limits,
        count: int,
        model: str,
        texts: Texts,
        constraint: Constraint | None = None,
    ) -> None:
        self._client = client
        self._datasource = datasource
        self._schema = schema
        self._limits = limits
        self._count = count
        self._model = model
        self._texts = texts
        self._constraint = constraint
        self._grammar: StructuredOutputs | None = None

    async def allow(self, view: View) -> None:
        """From now on the model may name only what it is shown."""
        if self._constraint is not None:
            self._grammar = await asyncio.to_thread(self._constraint.of, view)

    async def round(self, task: TextToSql) -> AsyncGenerator[Event | Outcome, None]:
        """The events of one round, its Outcome last. Raises a ModelError, SourceUnreachable or SourceRefused."""
        candidates: list[Candidate] = []
        async with aclosing(self._ask(task)) as parts:
            async for part in parts:
                if isinstance(part, SqlDelta):
                    yield part
                else:
                    candidates.append(part)
        proposals = distinct(candidates)
        refusals: list[Refusal] = []
        passed: list[tuple[Proposal, SafeSql]] = []
        for proposal, verdict in zip(proposals, await asyncio.to_thread(self._check, proposals), strict=True):
            if proposal.sql:
                yield SqlProposed(proposal.sql, proposal.number)
            if isinstance(verdict, SafeSql):
                passed.append((proposal, verdict))
                continue
            refusals.append(Refusal(proposal, verdict))
            if proposal.sql:
                yield _refused(proposal.sql, verdict, self._texts)
        trials: list[Trial] = []
        for (proposal, statement), result in zip(passed, await self._run(passed), strict=True):
            if isinstance(result, Rows):
                trials.append(Trial(statement, result, proposal.share))
            else:
                refusals.append(Refusal(proposal, result))
                yield _refused(statement.shown, result, self._texts)
        refusals.sort(key=lambda refusal: refusal.proposal.number)
        yield Outcome(tuple(proposals), tuple(trials), tuple(refusals), len(candidates))

    async def _ask(self, task: TextToSql) -> AsyncGenerator[SqlDelta | Candidate, None]:
        """The first candidate's text as it streams in, then every candidate whole."""
        request = ChatRequest(
            model=self._model,
            messages=render(task),
            n=self._count,
            max_tokens=NEW_TOKENS,
            temperature=TEMPERATURE,
            logprobs=True,
            structured_outputs=self._grammar,
        )
        stream = self._constraint.stream(self._client, request) if self._constraint else self._client.stream(request)
        told: dict[int, list[Delta]] = {}
        ended: dict[int, Done] = {}
        try:
            async with aclosing(stream) as parts:
                async for part in parts:
                    if isinstance(part, Delta):
                        told.setdefault(part.index, []).append(part)
                        if part.index == 0:
                            yield SqlDelta(part.text)
                    elif isinstance(part, Done):
                        ended[part.index] = part
        except ModelFailed:
            if 0 not in ended:
                raise  # else it is a server that knows no `n`, or broke off after the best: one whole answer is there
        for index in sorted(ended):
            deltas = told.get(index, [])
            known = [delta.logprob for delta in deltas if delta.logprob is not None]
            text = "".join(delta.text for delta in deltas)
            yield Candidate(text, ended[index].reason, sum(known) if known else None)

    def _check(self, proposals: Sequence[Proposal]) -> list[SafeSql | PilotError]:
        return [self._verdict(proposal) for proposal in proposals]

    def _verdict(self, proposal: Proposal) -> SafeSql | PilotError:
        if not proposal.sql:
            return ModelFailed(self._texts("chat.failed.no_sql"))
        try:
            return check(proposal.sql, schema=self._schema, max_rows=self._limits.rows)
        except SqlError as error:
            return error

    async def _run(self, passed: Sequence[tuple[Proposal, SafeSql]]) -> list[Rows | SqlError]:
        """All with a short limit; if none comes to an end within it, the best once more with the whole."""
        if len(passed) == 1:
            return [await self._result(passed[0][1], self._limits)]
        short = replace(self._limits, seconds=min(self._limits.seconds, TRIAL_SECONDS))
        gate = asyncio.Semaphore(AT_ONCE)

        async def gated(statement: SafeSql) -> Rows | SqlError:
            async with gate:
                return await self._result(statement, short)

        results = await asyncio.gather(*(gated(statement) for _, statement in passed))
        slow = [index for index, result in enumerate(results) if isinstance(result, SqlTimeout)]
        if slow and not any(isinstance(result, Rows) for result in results) and short.seconds < self._limits.seconds:
            results[slow[0]] = await self._result(passed[slow[0]][1], self._limits)
        return results

    async def _result(self, statement: SafeSql, limits: Limits) -> Rows | SqlError:
        """Raises SourceUnreachable and whatever else another statement would meet, too."""
        try:
            return await run(self._datasource, statement, limits)
        except SqlError as error:
            return error


def _refused(sql: str, error: PilotError, texts: Texts) -> SqlRefused:
    key, values = keyed(error)
    return SqlRefused(sql, sentence(error, texts), key, values)
