"""Many requests, one model: a bounded number run, a bounded number wait, the rest are told to come again.

The adapter blocks, so worker threads drive it and hand each part to the event loop. A causal model steps all of them
together behind its `stream` (docs/engine.md); here nothing knows of it.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable

import anyio

from pilot.errors import ModelBusy, ModelFailed, ModelTimeout, PilotError
from pilot.model.base import ModelAdapter
from pilot.model.gate import Gate
from pilot.model.metrics import Metrics
from pilot.model.workers import Workers
from pilot.prompts.text_to_sql import TextToSql, render
from pilot.protocol import ChatRequest, Done, StreamPart
from pilot.schema import Column, Schema, Table

logger = logging.getLogger(__name__)

LOADING_SECONDS = 5  # Retry-After while the model loads
PROBE_SECONDS = 30.0  # a model that gives no token within is not ready
FRESH_SECONDS = 45.0  # a token this young proves as much as a probe; an open page asks every 10 seconds
CLOSE_SECONDS = 2.0
UNLOAD_SECONDS = 10.0  # that running answers get to end when another model is wanted
IDLE_SECONDS = 0.05


class Engine:
    """`load`, then `stream`; `unload` and `load` again for another model. `name` is what clients call it."""

    def __init__(
        self,
        load: Callable[[], ModelAdapter],
        *,
        name: str,
        concurrency: int = 5,
        queue_length: int = 32,
        queue_seconds: float = 60.0,
        answer_seconds: float = 600.0,
        max_new_tokens: int = 1024,
        probe_seconds: float = PROBE_SECONDS,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.metrics = metrics or Metrics()
        self._load = load
        self._concurrency = concurrency
        self._queue_length = queue_length
        self._queue_seconds = queue_seconds
        self._answer_seconds = answer_seconds
        self._max_new_tokens = max_new_tokens
        self._probe_seconds = probe_seconds
        self._probing: asyncio.Task[None] | None = None
        self._adapter: ModelAdapter | None = None
        self._loading = True  # or about to
        self._gate = Gate(concurrency, queue_length, patience=queue_seconds)
        self._workers = Workers(1, "model")
        self._stops: set[threading.Event] = set()  # of what runs now
        self._last_part = float("-inf")  # time.monotonic()
        self.metrics.watch("pilot_requests_running", "Requests that generate now.", lambda: self._gate.active)
        self.metrics.watch("pilot_requests_waiting", "Requests in the queue.", lambda: self._gate.waiting)

    async def load(self, make: Callable[[], ModelAdapter] | None = None, *, name: str = "") -> None:
        """Blocks nothing but the caller; until it returns, `stream` raises ModelBusy. `make` another model than the
        one that the engine was made for.
        """
        started = time.monotonic()
        self._loading = True
        try:
            adapter = await asyncio.wrap_future(self._workers.submit(make or self._load))
        finally:
            self._loading = False
        places = self._concurrency if adapter.parallel else 1
        self._workers.close(0)
        self._workers = Workers(places, "model")
        self._gate = Gate(places, self._queue_length, patience=self._queue_seconds)
        for gauge in adapter.gauges():
            self.metrics.watch(*gauge)
        memory = adapter.card.memory_bytes
        self.metrics.watch("pilot_model_bytes", "Memory of the weights.", lambda: memory)
        self.name = name or self.name
        self._adapter = adapter
        logger.info("loaded %s in %.1f s", self.name, time.monotonic() - started)

    async def unload(self) -> None:
        """Let go of the model. What runs gets a moment to end; until the next `load`, `stream` raises ModelBusy."""
        adapter, self._adapter = self._adapter, None
        if adapter is None:
            return
        with anyio.move_on_after(UNLOAD_SECONDS):
            await self._idle()
        for stop in self._stops.copy():
            stop.set()
        await self._idle()
        for name, meaning, _ in adapter.gauges():
            self.metrics.watch(name, meaning, lambda: 0.0)  # the old ones would keep the model alive
        self.metrics.watch("pilot_model_bytes", "Memory of the weights.", lambda: 0.0)
        await asyncio.to_thread(adapter.close)
        logger.info("let go of %s", self.name)

    async def _idle(self) -> None:
        while self._gate.active:
            await asyncio.sleep(IDLE_SECONDS)

    @property
    def adapter(self) -> ModelAdapter:
        """Raises ModelBusy while the model loads, and while none is there."""
        if self._adapter is not None:
            return self._adapter
        if self._loading:
            raise ModelBusy("the model is still loading", remedy="Ask again shortly.", retry_after=LOADING_SECONDS)
        raise ModelBusy("no model is loaded", remedy="Load one on the page's model tab.", retry_after=LOADING_SECONDS)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        """Parts as the adapter yields them. Leaving the iterator stops generation and frees the place within one token.

        Raises ModelBusy, whatever the adapter raises, and ModelFailed for all that it should not have raised.
        """
        _ = self.adapter  # refused before it is counted, while there is none
        limited = request.model_copy(update={"max_tokens": request.limit or self._max_new_tokens})
        with self.metrics.request() as seen:
            async with self._gate.place(request.user), contextlib.aclosing(self._drive(limited)) as parts:
                self.metrics.entered(seen)
                async for part in parts:
                    self._last_part = self.metrics.part(seen, part)
                    yield part

    async def probe(self) -> None:
        """Raises a ModelError unless the model gives one token now, or gave one a moment ago."""
        if time.monotonic() - self._last_part < FRESH_SECONDS:
            return
        if self._probing is None or self._probing.done():  # one at a time: probes must not queue behind a stuck model
            self._probing = asyncio.create_task(self._give_one_token())
        done, _ = await asyncio.wait({self._probing}, timeout=self._probe_seconds)
        if not done:
            raise ModelFailed(f"the model gave no token within {self._probe_seconds:.0f} s", remedy="See its log.")
        self._probing.result()

    def close(self) -> bool:
        """Cancel what runs; whether every thread ended."""
        for stop in self._stops.copy():
            stop.set()
        ended = self._workers.close(CLOSE_SECONDS)
        if ended and self._adapter:
            self._adapter.close()
        return ended

    async def _give_one_token(self) -> None:
        async for _ in self.stream(_probe()):
            pass

    def _too_late(self) -> ModelTimeout:
        return ModelTimeout(
            f"the answer took longer than {self._answer_seconds:g} s",
            remedy="Ask for less at once (max_tokens), or raise MODEL_ANSWER_SECONDS.",
        )

    async def _drive(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        adapter = self.adapter  # asked for only now: it may have changed while the request waited
        stop = threading.Event()
        parts: asyncio.Queue[StreamPart | PilotError | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        tell = loop.call_soon_threadsafe

        def work() -> None:
            try:
                for part in adapter.stream(request, stop):
                    tell(parts.put_nowait, part)
            finally:
                tell(parts.put_nowait, None)

        self._stops.add(stop)
        deadline = loop.call_later(self._answer_seconds, parts.put_nowait, self._too_late())
        working = asyncio.wrap_future(self._workers.submit(work))
        open_candidates = set(range(request.n))
        try:
            while (part := await parts.get()) is not None:
                if isinstance(part, PilotError):
                    raise part
                if isinstance(part, Done):
                    open_candidates.discard(part.index)
                yield part
            await working
        except PilotError:
            raise
        except Exception as error:  # whatever a library raises in mid-stream ends this request, not the server
            logger.exception("the model broke off")
            raise ModelFailed("the model broke off", remedy="Ask again; the log of the LLM server says why.") from error
        finally:
            stop.set()
            deadline.cancel()
            with anyio.CancelScope(shield=True):  # the place stays taken until the thread is truly free
                await asyncio.wait([working])
            self._stops.discard(stop)
        if open_candidates:
            raise ModelFailed("the model ended its answer too early", remedy="Ask again.")


def _probe() -> ChatRequest:
    """One token, from a prompt that every model understands: the bundled one reads nothing but text-to-SQL."""
    schema = Schema("sqlite", (Table("items", (Column("id", "INTEGER", "number"),)),))
    return ChatRequest(messages=render(TextToSql("How many items are there?", schema)), max_tokens=1, temperature=0)
