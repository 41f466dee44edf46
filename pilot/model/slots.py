"""Many answers in one batch: each step reads one token of every running answer, whoever came when.

A turn is: drop who has left - admit who fits - read a chunk of a prompt - one step of all rows. Prompts are read apart
(`Rows` of one sequence each) and join the batch when they are whole, so a long one does not hold up the others for
longer than one chunk. `Slots.turn` is called by one thread, or by a test; only `aside` may use another.
"""

import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pilot.model.attention import Stretch
from pilot.model.backend import Job, memory_ran_out
from pilot.model.decoding import Candidate, together
from pilot.model.grammar import Mask
from pilot.model.kv import Rows, Span, depth
from pilot.model.prefixes import BLOCK, Prefixes
from pilot.protocol import StreamPart

logger = logging.getLogger(__name__)

IDLE_CHUNKS = 4  # read in one turn when nobody waits for a next token: the sooner many rows run, the cheaper each
AHEAD = 256  # tokens of an answer that room is made for at once, if it may become so long

Put = Callable[[Sequence[StreamPart] | Exception | None], None]
Aside = Callable[[Callable[[], None]], "Future[None]"]


@dataclass(eq=False)
class Visit:
    """A job from its arrival to its end: then `put` gets None, or the error that ended it."""

    job: Job
    put: Put
    owner: str = ""  # model and adapter, for the store of prefixes
    open: int = field(init=False)  # candidates that go on
    beginning: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.open = len(self.job.candidates)
        self.beginning = self.job.beginning

    def say(self, candidate: Candidate, parts: Sequence[StreamPart]) -> None:
        if parts:
            self.put(parts)
        if candidate.finished:
            self.open -= 1
            if not self.open:
                self.put(None)


@dataclass(eq=False)
class Reading:
    """A prompt that is being read."""

    visit: Visit
    rows: Rows
    begun: bool = False
    alone: bool = False  # in company it failed

    @property
    def left(self) -> list[int]:
        return self.visit.beginning[self.rows.lengths[0] :]


@dataclass(frozen=True, eq=False)
class Seat:
    """A candidate in the batch."""

    visit: Visit
    candidate: Candidate


class Slots:
    """`most` rows at once, and prompts `chunk` tokens at a time. `aside` does work while the model computes; `sharing`
    says whether the model `shares` (kv.py).
    """

    def __init__(
        self,
        model: Any,
        *,
        most: int,
        chunk: int,
        prefixes: Prefixes,
        sharing: bool = False,
        aside: Aside | None = None,
    ) -> None:
        self._model = model
        self._aside = aside or _at_once
        self._depth = depth(model)
        self._most = most
        self._chunk = chunk
        self._prefixes = prefixes
        self._waiting: deque[Visit] = deque()
        self._reading: list[Reading] = []  # in order of arrival
        self._seats: list[Seat] = []  # seat i is row i
        self._sharing = sharing
        self._rows = Rows(self._depth, sharing=sharing)
        self._turns = itertools.count()
        self.held = 0  # bytes of keys and values, after the last turn

    def add(self, visit: Visit) -> None:
        """Raises ValueError for more candidates than there are rows: it would wait for ever."""
        if visit.open > self._most:
            raise ValueError(f"{visit.open} candidates, {self._most} rows")
        self._waiting.append(visit)

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._reading or self._seats)

    @property
    def rows(self) -> int:
        """Rows that are taken."""
        return len(self._seats)

    @property
    def waiting(self) -> int:
        """Requests whose first token is not there yet."""
        return len(self._waiting) + len(self._reading)

    def turn(self) -> None:
        self._drop_cancelled()
        self._admit()
        self._read()
        self._step()
        if not self.busy:
            self._rows.release()
        self.held = self._rows.held + sum(reading.rows.held for reading in self._reading)

    def fail(self, error: Exception) -> None:
        """End everything by `error`."""
        for visit in {*self._waiting, *(r.visit for r in self._reading), *(seat.visit for seat in self._seats)}:
            visit.put(error)
        self._waiting.clear()
        self._reading.clear()
        self._seats.clear()
        self._rows.release()

    def _drop_cancelled(self) -> None:
        for visit in [visit for visit in self._waiting if visit.job.stop.is_set()]:
            self._waiting.remove(visit)
            _cancel(visit)
        for reading in [reading for reading in self._reading if reading.visit.job.stop.is_set()]:
            self._reading.remove(reading)
            _cancel(reading.visit)
        for seat in [seat for seat in self._seats if seat.visit.job.stop.is_set()]:
            self._leave(seat)
            seat.visit.say(seat.candidate, [seat.candidate.cancel()])

    def _admit(self) -> None:
        """In order of arrival: nobody is overtaken, so many candidates cannot wait for ever behind few."""
        taken = len(self._seats) + sum(reading.visit.open for reading in self._reading)
        while self._waiting and taken + self._waiting[0].open <= self._most:
            visit = self._waiting.popleft()
            taken += visit.open
            self._reading.append(Reading(visit, Rows.one(self._depth, sharing=self._sharing)))

    def _read(self) -> None:
        """At most one chunk of tokens, of one long prompt or several short ones; more while no answer runs."""
        budget = self._chunk if self._seats else IDLE_CHUNKS * self._chunk
        while self._reading and budget > 0:
            reading = self._next_to_read()
            if reading.visit.job.stop.is_set():
                return
            group = self._company(reading, min(budget, self._chunk))  # in wider passes attention eats what is gained
            try:
                read = self._read_beside(group) if len(group) > 1 else self._read_on(reading, budget)
            except Exception as error:  # noqa: BLE001 - whatever a model raises ends this answer alone
                self._fail_reading(group, error)
                continue
            if not read:
                return
            budget -= read

    def _read_on(self, reading: Reading, budget: int) -> int:
        """The next chunk of one prompt; how many tokens that was."""
        self._recall(reading)
        tokens = reading.left[: min(budget, self._chunk)]
        if len(tokens) < len(reading.left) and budget < self._chunk:
            return 0  # what the short ones left over of this chunk is not worth a pass of its own
        candidates = reading.visit.job.candidates
        logits = self._forward(partial(reading.rows.forward, self._model, [tokens]), len(tokens), candidates)
        if not reading.left:
            self._begin(reading, logits[0], reading.rows)
        return len(tokens)

    def _company(self, first: Reading, budget: int) -> list[Reading]:
        """`first`, and those that are read whole in the same pass: for one that is short, the weights are hardly worth
        fetching. What they have in common is known already, or nothing: the second of two that begin alike waits until
        the first one's beginning is known.
        """
        known = self._prefixes.known(first.visit.owner, first.visit.beginning)
        common, group, next_blocks = len(known) * BLOCK, list[Reading](), set[tuple[int, ...]]()
        for reading in (first, *(one for one in self._reading if one is not first)):
            visit = reading.visit
            own = visit.beginning[common:]
            block = tuple(own[:BLOCK])
            if reading.begun or reading.alone or visit.job.stop.is_set() or len(own) > budget or block in next_blocks:
                continue
            if reading is not first and self._prefixes.known(visit.owner, visit.beginning) != known:
                continue
            group.append(reading)
            next_blocks.add(block)
            budget -= len(own)
        return group if first in group else [first]

    def _read_beside(self, group: Sequence[Reading]) -> int:
        """Several prompts whole; how many tokens that was."""
        known = [self._prefixes.find(one.visit.owner, one.visit.beginning) for one in group]
        common = sum(stretch.length for stretch in known[0])  # the same for all
        prompts = [one.visit.beginning[common:] for one in group]
        tokens = sum(map(len, prompts))
        strip = Rows.one(self._depth, sharing=self._sharing)
        strip.begin(known[0], more=tokens)
        spans: list[Span] = []

        def run() -> Tensor:
            logits, found = strip.beside(self._model, prompts)
            spans.extend(found)
            return logits

        candidates = [candidate for one in group for candidate in one.visit.job.candidates]
        logits = self._forward(run, tokens, candidates)
        for reading, row, span in zip(group, logits, spans, strict=True):
            reading.visit.job.cached = min(common, len(reading.visit.job.prompt))
            try:
                self._begin(reading, row, strip, span)
            except Exception as error:  # noqa: BLE001 - the others were read well
                self._give_up(reading, error)
        return tokens

    def _fail_reading(self, group: Sequence[Reading], error: Exception) -> None:
        """Of several, nobody knows whose fault it was: each is read again, alone."""
        if len(group) == 1:
            self._give_up(group[0], error)
            return
        logger.warning("%d prompts could not be read together, each is read alone: %s", len(group), error)
        self._relieve(error)
        for reading in group:
            reading.alone = True

    def _give_up(self, reading: Reading, error: Exception) -> None:
        self._relieve(error)
        self._reading = [one for one in self._reading if one is not reading]
        self._end(reading.visit, error)

    def _next_to_read(self) -> Reading:
        """In turns the oldest, so that none starves, and the shortest, which need not wait for all the long ones."""
        if next(self._turns) % 2:
            return min(self._reading, key=lambda reading: len(reading.left))
        return self._reading[0]

    def _recall(self, reading: Reading) -> None:
        """Only now: a prompt read a moment ago may have begun alike."""
        if reading.begun:
            return
        reading.begun = True
        known = self._prefixes.find(reading.visit.owner, reading.visit.beginning)
        reading.rows.begin(known, more=len(reading.visit.beginning) - sum(stretch.length for stretch in known))
        reading.visit.job.cached = min(reading.rows.lengths[0], len(reading.visit.job.prompt))

    def _begin(self, reading: Reading, logits: Tensor, strip: Rows, span: Span | None = None) -> None:
        """The prompt is read: first tokens, then the batch."""
        visit = reading.visit
        for candidate in visit.job.candidates:
            visit.say(candidate, list(candidate.take(logits)))
        self._keep(visit, partial(strip.cut, span=span), strip.apart() + (span.common if span else 0))
        going = [candidate for candidate in visit.job.candidates if not candidate.finished]
        if going:
            self._expect(strip.apart())
            self._rows.join(strip, len(going), span)
        self._seats += [Seat(visit, candidate) for candidate in going]
        self._reading.remove(reading)

    def _keep(self, visit: Visit, cut: Callable[[int, int], Stretch], there: int) -> None:
        try:
            self._prefixes.keep(visit.owner, visit.beginning, cut, there=there)
        except Exception as error:  # noqa: BLE001 - out of memory, most likely: the answer goes on without
            logger.warning("a prompt was not kept: %s", error)
            self._relieve(error)

    def _expect(self, apart: int) -> None:
        """Those who are being read will join, too, and probably begin like this one, with `apart` tokens in stretches;
        whose answers are long will need more room than they have.
        """
        longest = [(seat.candidate, self._rows.apart(row)) for row, seat in enumerate(self._seats)]
        longest += [(reading.visit.job.candidates[0], apart) for reading in self._reading]
        tokens = max(min(one.limit, one.length + AHEAD) - there for one, there in longest)
        self._rows.expect(len(self._seats) + sum(reading.visit.open for reading in self._reading), tokens)

    def _step(self) -> None:
        if not self._seats:
            return
        candidates = [seat.candidate for seat in self._seats]
        try:
            logits = self._forward_rows(candidates)
        except Exception as error:  # noqa: BLE001 - one of them may be at fault, or all together were too much
            logger.warning("a step of %d rows failed, each goes alone: %s", len(self._seats), error)
            self._relieve(error)
            self._step_alone()
            return
        for seat, row in zip(tuple(self._seats), logits, strict=True):
            self._take(seat, row)

    def _step_alone(self) -> None:
        for seat in tuple(self._seats):
            if seat not in self._seats:  # left with another candidate of its request
                continue
            row = self._seats.index(seat)
            try:
                logits = self._forward_rows([seat.candidate], first=row)
            except Exception as error:  # noqa: BLE001 - this one was at fault
                self._relieve(error)
                self._end(seat.visit, error)
            else:
                self._take(seat, logits[0])

    def _forward_rows(self, candidates: Sequence[Candidate], *, first: int = 0) -> Tensor:
        tokens = together(candidates)
        return self._forward(partial(self._rows.forward, self._model, tokens, first=first), len(tokens[0]), candidates)

    def _forward(self, run: Callable[[], Tensor], new: int, candidates: Sequence[Candidate]) -> Tensor:
        """Logits of `run`, which reads `new` tokens; meanwhile the masks are made that they will need."""
        masks = [one.mask for one in candidates if one.mask and len(one.unread) <= new]
        ready = [self._aside(partial(_prepare, masks))] if masks else []
        try:
            logits = run()
        finally:
            wait(ready)
        for candidate in candidates:
            candidate.read(new)
        return logits

    def _relieve(self, error: Exception) -> None:
        """When memory ran out, what is only kept for later makes way for what comes next."""
        if memory_ran_out(error):
            self._prefixes.clear()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _take(self, seat: Seat, logits: Tensor) -> None:
        if seat not in self._seats or seat.candidate.unread:  # left with another of its request, or has more to read
            return
        try:
            seat.visit.say(seat.candidate, list(seat.candidate.take(logits)))
        except Exception as error:  # noqa: BLE001 - a grammar, most likely
            self._end(seat.visit, error)
        else:
            if seat.candidate.finished:
                self._leave(seat)

    def _end(self, visit: Visit, error: Exception) -> None:
        """One answer is over by an error; its other candidates go with it."""
        for seat in [seat for seat in self._seats if seat.visit is visit]:
            self._leave(seat)
        if visit.open:
            visit.open = 0
            visit.put(error)

    def _leave(self, seat: Seat) -> None:
        row = self._seats.index(seat)
        self._rows.leave(row)
        last = self._seats.pop()
        if last is not seat:
            self._seats[row] = last


def _at_once(work: Callable[[], None]) -> "Future[None]":
    done: Future[None] = Future()
    work()
    done.set_result(None)
    return done


def _prepare(masks: Sequence[Mask]) -> None:
    for mask in masks:
        with contextlib.suppress(Exception):  # it is raised again where the mask is used, and ends that answer alone
            mask.prepare()


def _cancel(visit: Visit) -> None:
    for candidate in visit.job.candidates:
        visit.say(candidate, [candidate.cancel()])
