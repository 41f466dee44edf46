"""The thread that owns the model: requests come from any thread, and all are stepped together by slots."""

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from pilot.errors import ModelFailed
from pilot.model.backend import Backend, Job
from pilot.model.base import Gauge
from pilot.model.prefixes import Prefixes
from pilot.model.slots import Slots, Visit
from pilot.model.workers import Workers
from pilot.protocol import Done, StreamPart

logger = logging.getLogger(__name__)

CHUNK = 256  # tokens; on a CPU 64 would halve the pause of the others, and nearly double the newcomer's wait
CLOSE_SECONDS = 2.0
ALIVE_SECONDS = 1.0  # of silence, after which a listener looks whether the thread still runs

Said = Sequence[StreamPart] | Exception | None


class Batched(Backend):
    parallel = True

    def __init__(self, model: Any, *, owner: str, rows: int, prefix_bytes: int, sharing: bool) -> None:
        super().__init__(model)
        self._owner = owner
        self._prefixes = Prefixes(prefix_bytes)
        self._masks = Workers(1, "masks")  # of grammars, made while the model computes
        self._slots = Slots(
            model, most=rows, chunk=CHUNK, prefixes=self._prefixes, sharing=sharing, aside=self._masks.submit
        )
        self._inbox: queue.SimpleQueue[Visit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="slots", daemon=True)
        self._thread.start()

    def run(self, job: Job) -> Iterator[StreamPart]:
        outbox: queue.SimpleQueue[Said] = queue.SimpleQueue()
        self._inbox.put(Visit(job, outbox.put, owner=self._owner))
        try:
            while (said := self._heard(outbox)) is not None:
                if isinstance(said, Exception):
                    raise said
                # after a stop, what the model said while nobody listened is not said any more
                yield from (part for part in said if isinstance(part, Done) or not job.stop.is_set())
        finally:
            job.stop.set()

    def _heard(self, outbox: queue.SimpleQueue[Said]) -> Said:
        """What comes next; an error where nobody is left to say it."""
        while True:
            try:
                return outbox.get(timeout=ALIVE_SECONDS)
            except queue.Empty:
                if not self._thread.is_alive():
                    raise ModelFailed("the model is closed", remedy="Start the LLM server again.") from None

    def gauges(self) -> Sequence[Gauge]:
        slots, prefixes = self._slots, self._prefixes
        device: tuple[Gauge, ...] = ()
        if self._model.device.type == "cuda":
            device = (("pilot_device_bytes", "Memory taken on the GPU.", torch.cuda.memory_allocated),)
        return (
            *device,
            ("pilot_rows", "Candidates that are generated together now.", lambda: slots.rows),
            ("pilot_prompts_unread", "Requests whose prompt is not read to its end.", lambda: slots.waiting),
            ("pilot_prefix_hits", "Prompts whose beginning had been read before.", lambda: prefixes.hits),
            ("pilot_prefix_misses", "Prompts that were new from their beginning.", lambda: prefixes.misses),
            ("pilot_prefix_tokens", "Tokens of prompts that need not be read again.", lambda: prefixes.reused),
            ("pilot_prefix_bytes", "Memory of the beginnings kept.", lambda: prefixes.used),
            ("pilot_cache_bytes", "Memory of the keys and values of what runs.", lambda: slots.held),
        )

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join(CLOSE_SECONDS)
        self._masks.close(0)

    def _work(self) -> None:
        while self._take_in():
            try:
                self._slots.turn()
            except Exception:  # a fault of ours: nobody may wait for ever
                logger.exception("the scheduler broke off")
                self._slots.fail(ModelFailed("the model broke off", remedy="Ask again."))

    def _take_in(self) -> bool:
        """New arrivals; waits for one when there is nothing else to do. False at the end."""
        while not (self._slots.busy and self._inbox.empty()):
            visit = self._inbox.get()
            if visit is None:
                self._slots.fail(ModelFailed("the model is being closed", remedy="Ask again later."))
                return False
            self._slots.add(visit)
        return True
