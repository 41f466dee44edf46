"""Which model is served: what could be, and the change from one to another without a restart."""

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pilot.errors import Conflict, ModelUnusable, PilotError
from pilot.model.base import ModelAdapter
from pilot.model.engine import Engine
from pilot.model.folders import Found, base_of, find, known, read_json, shards
from pilot.model.precisions import AUTO, BY_NAME
from pilot.model.shapes import shape_of
from pilot.protocol import Offer, ServingState

logger = logging.getLogger(__name__)

ALMOST = 0.97  # memory is an estimate: the end is said by the loader alone


@dataclass(frozen=True)
class Wish:
    found: Found
    precision: str = AUTO


class Serving:
    """One change at a time. `make` reads the weights, in a thread of the engine's. `otherwise` is served where the
    first cannot be loaded; `family` is that of the first and of what is attached to it.
    """

    def __init__(
        self,
        engine: Engine,
        make: Callable[[Wish], ModelAdapter],
        first: Wish,
        models_dir: Path,
        *,
        otherwise: Wish | None = None,
        family: str = "",
    ) -> None:
        self._engine = engine
        self._make = make
        self._models_dir = models_dir
        self._families = {(otherwise or first).found.name.partition(":")[0]: family}
        self._now: Wish | None = None
        self._wanted: Wish | None = first
        self._otherwise = otherwise
        self._error: PilotError | None = None
        self._before = 0.0  # bytes in use when loading began
        self._changing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the first model. Raises what its loading raises where there is nothing else to serve."""
        first, otherwise = self._wanted, self._otherwise
        if first is None:
            return
        try:
            await self._load(first)
            self._wanted = None
        except Exception as error:
            if otherwise is None:
                raise
            logger.exception("cannot serve %s", first.found.name)
            self._fail(first, error)
            await self._load(otherwise)

    def load(self, name: str, *, precision: str = AUTO) -> None:
        """Begin to serve another model. What is wrong with its folder is told before the present one is let go.

        Raises ModelUnknown, ModelUnusable, Conflict while another change is under way.
        """
        family = self._families.get(name.partition(":")[0], "")
        wish = Wish(find(name, self._models_dir, family=family), precision)
        self._begin(wish, self._switch(wish))

    def unload(self) -> None:
        """Let go of the model and its memory. Raises Conflict while another change is under way."""
        self._begin(None, self._drop())

    @property
    def busy(self) -> bool:
        """Whether a change is under way: going back to the model before, after a failure, is one, too."""
        return self._changing is not None and not self._changing.done()

    @property
    def state(self) -> ServingState:
        served = self._now.found.name if self._now else ""
        wanted = self._wanted.found.name if self._wanted else ""
        if self._error is not None:
            return ServingState(state="failed", model=served, wanted=wanted, message=self._error.message,
                                remedy=self._error.remedy)  # fmt: skip
        if self._wanted is not None:
            return ServingState(state="loading", model=served, wanted=wanted, progress=self._progress(self._wanted))
        return ServingState(state="ready" if served else "empty", model=served)

    def offers(self) -> list[Offer]:
        """Every folder under models/, and every family that needs none."""
        return [self._offer(name) for name in known(self._models_dir)]

    def _offer(self, name: str) -> Offer:
        try:
            found = find(name, self._models_dir)
        except PilotError as error:
            return Offer(name=name, message=error.message, remedy=error.remedy)
        if found.folder is None:
            return Offer(name=name, family=found.family.name)
        base = base_of(found.folder, self._models_dir)
        size = sum(file.stat().st_size for file in shards(found.folder))
        return Offer(name=name, family=found.family.name, base=base.name if base else "", file_bytes=size)

    def _begin(self, wish: Wish | None, change: Coroutine[Any, Any, None]) -> None:
        if self.busy or (self._wanted is not None and self._error is None):
            change.close()
            raise Conflict("another model is being loaded", remedy="Wait until it is there.")
        self._wanted, self._error = wish, None
        self._changing = asyncio.create_task(change)

    async def _switch(self, wish: Wish) -> None:
        before = self._now
        try:
            await self._drop()
            await self._load(wish)
            self._wanted = None
        except Exception as error:  # whatever a library raises while it loads: the server goes on
            logger.exception("cannot serve %s", wish.found.name)
            self._fail(wish, error)
            await self._back(before)

    def _fail(self, wish: Wish, error: Exception) -> None:
        self._error = error if isinstance(error, PilotError) else ModelUnusable(
            f"{wish.found.name} cannot be loaded: {error}", remedy="The log of the LLM server says more."
        )  # fmt: skip

    async def _back(self, before: Wish | None) -> None:
        """To what was served before the failure."""
        if before is None:
            return
        try:
            await self._load(before)
        except PilotError as error:
            logger.error("cannot go back to %s: %s", before.found.name, error.message)

    async def _load(self, wish: Wish) -> None:
        self._before = _memory()
        await self._engine.load(lambda: self._make(wish), name=wish.found.name)
        self._now = wish

    async def _drop(self) -> None:
        self._now = None
        await self._engine.unload()
        gc.collect()

    def _progress(self, wish: Wish) -> float:
        expected = _expected(wish)
        return max(0.0, min(ALMOST, (_memory() - self._before) / expected)) if expected else 0.0


def _expected(wish: Wish) -> float:
    """Bytes that the model will take, roughly."""
    folder = wish.found.folder
    if folder is None:
        return 0
    files = float(sum(file.stat().st_size for file in shards(folder)))
    name = wish.precision if wish.precision != AUTO else wish.found.family.precision
    if name == AUTO:
        return files
    try:
        return shape_of(read_json(folder / "config.json")).weights(BY_NAME[name])
    except ModelUnusable:
        return files


def _memory() -> float:
    """Bytes that this process holds, in the machine's memory and on its cards."""
    torch = sys.modules.get("torch")  # imported with the first model, not before: it takes seconds
    cards = 0
    with contextlib.suppress(AttributeError):  # half imported, in the thread that loads the model
        cards = torch.cuda.memory_allocated() if torch is not None and torch.cuda.is_available() else 0
    return float(psutil.Process().memory_info().rss + cards)
