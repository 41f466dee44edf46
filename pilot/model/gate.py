"""So many at once, so many waiting, and no more. Nobody's many requests stand before another's few."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pilot.errors import ModelBusy

LONGEST_WAIT = 60  # seconds that Retry-After names at most
TOO_MANY = 429  # HTTP status: not the server is full, but this user's share of it


@dataclass(frozen=True, eq=False)
class Waiter:
    user: str
    number: int
    turn: asyncio.Future[None]


class Gate:
    """`async with gate.place():` holds a place for as long as the block runs, however it ends.

    Everyone who comes draws a number: one more than that of who was called last or, if it is higher, than this user's
    own last. Next is the lowest number, among equals who came first (start-time fair queueing, Goyal et al. 1996).
    Each request that names no user is somebody else's.
    """

    def __init__(self, places: int, queue_length: int, *, patience: float | None = None) -> None:
        self.places = places
        self.active = 0
        self._queue: list[Waiter] = []  # in order of arrival
        self._queue_length = queue_length
        self._patience = patience  # seconds; None: for ever
        self._called = 0  # the number
        self._drawn: dict[str, int] = {}  # the last number of each user
        self._pace = 1.0  # seconds that a place is held, on average of late

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @contextlib.asynccontextmanager
    async def place(self, user: str = "") -> AsyncIterator[None]:
        """Raises ModelBusy at once when the queue is full, or half full of this user's requests; and after `patience`
        in it.
        """
        if self._queue or self.active >= self.places:
            await self._wait(user)
        else:
            self._enter(self._draw(user))
        started = time.monotonic()
        try:
            yield
        finally:
            self._pace += (time.monotonic() - started - self._pace) / 8
            self._leave()

    async def _wait(self, user: str) -> None:
        if len(self._queue) >= self._queue_length:
            raise self._busy()
        if user and sum(waiter.user == user for waiter in self._queue) >= max(1, self._queue_length // 2):
            raise self._too_many()
        waiter = Waiter(user, self._draw(user), asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(self._patience):
                await waiter.turn
        except BaseException as error:
            self._withdraw(waiter)
            if isinstance(error, TimeoutError):
                raise self._busy() from error
            raise

    def _withdraw(self, waiter: Waiter) -> None:
        if waiter in self._queue:
            self._queue.remove(waiter)
        else:  # its turn came just now
            self._leave()

    def _draw(self, user: str) -> int:
        number = max(self._called, self._drawn.get(user, 0)) + 1
        if user:
            self._drawn[user] = number
        return number

    def _enter(self, number: int) -> None:
        self.active += 1
        self._called = max(self._called, number)
        self._drawn = {user: drawn for user, drawn in self._drawn.items() if drawn > self._called}

    def _leave(self) -> None:
        self.active -= 1
        there = [waiter for waiter in self._queue if not waiter.turn.done()]  # the others are just leaving
        if there and self.active < self.places:
            waiter = min(there, key=lambda one: one.number)
            self._queue.remove(waiter)
            self._enter(waiter.number)
            waiter.turn.set_result(None)

    def _busy(self) -> ModelBusy:
        return ModelBusy(
            f"the model is busy: {self.active} requests run and {self.waiting} wait",
            remedy="Ask again in a moment; LIMIT_MODEL_CONCURRENCY and MODEL_QUEUE_LENGTH set the limits.",
            retry_after=self._retry_after(),
        )

    def _too_many(self) -> ModelBusy:
        return ModelBusy(
            f"half of the queue's {self._queue_length} places are taken by requests of this user",
            remedy="Wait for their answers, or raise MODEL_QUEUE_LENGTH.",
            retry_after=self._retry_after(),
            status=TOO_MANY,
        )

    def _retry_after(self) -> int:
        return min(LONGEST_WAIT, max(1, math.ceil(self._pace * (self.waiting + 1) / self.places)))
