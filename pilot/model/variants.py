"""The served model and its LoRA adapters, each with a backend of its own, made when it is first asked for."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from pilot.errors import ModelUnknown
from pilot.model.backend import Backend
from pilot.model.base import Gauge, LoadOptions
from pilot.model.batched import Batched
from pilot.model.encoderdecoder import EncoderDecoder
from pilot.model.kv import shares, takes
from pilot.model.lora import Shelf, View
from pilot.model.serial import Serial

Make = Callable[
    [Any, str, int], Backend
]  # model, its name in the store of prefixes, how many share that store's memory


@dataclass(eq=False)
class Variant:
    version: str
    view: View | None
    backend: Backend
    running: int = 0


class Variants:
    """`served` is the model's name: a folder's, or `folder:chosen`. Without a shelf there is the model alone."""

    def __init__(self, model: Any, shelf: Shelf | None, served: str, make: Make, *, chosen: str = "") -> None:
        self._base = served.partition(":")[0]
        self._served = served
        self._chosen = chosen
        self._shelf = shelf
        self._make = make
        self._lock = threading.Lock()
        self._retired: list[Variant] = []  # an adapter that was trained again: its last answers still run
        view = shelf.view("") if shelf else None
        self._live = {"": Variant("", view, make(view or model, self._base, 1 + len(self._adapters())))}
        if chosen:
            self._ask(chosen)

    @property
    def parallel(self) -> bool:
        return self._live[""].backend.parallel

    def names(self) -> list[str]:
        """As requests ask for them, but for the served name itself."""
        names = [self._base, *(f"{self._base}:{adapter}" for adapter in self._adapters())]
        return [name for name in names if name != self._served]

    @contextmanager
    def use(self, model: str) -> Iterator[Backend]:
        """The backend of what a request names; "" is what is served. Raises ModelUnknown, ModelUnusable."""
        with self._lock:
            variant = self._ask(self._adapter(model))
            variant.running += 1
        try:
            yield variant.backend
        finally:
            with self._lock:
                variant.running -= 1
                self._clear()

    def gauges(self) -> Sequence[Gauge]:
        """Of all backends together, under the names of the first."""
        return [(name, meaning, partial(self._sum, name))
                for name, meaning, _ in self._live[""].backend.gauges()]  # fmt: skip

    def close(self) -> None:
        for variant in (*self._live.values(), *self._retired):
            variant.backend.close()

    def _adapters(self) -> list[str]:
        return self._shelf.names() if self._shelf else []

    def _adapter(self, model: str) -> str:
        if model in ("", self._served):
            return self._chosen
        base, _, adapter = model.partition(":")
        if base != self._base or (adapter and adapter not in self._adapters()):
            known = ", ".join([self._served, *self.names()])
            raise ModelUnknown(f"no model {model!r} is served here", remedy=f"Known: {known}.", known=known)
        return adapter

    def _ask(self, adapter: str) -> Variant:
        if not adapter or self._shelf is None:
            return self._live[""]
        version = self._shelf.version(adapter)
        found = self._live.get(adapter)
        if found is None or found.version != version:
            view = self._shelf.view(adapter)
            made = Variant(version, view, self._make(view, f"{self._base}:{version}", 1 + len(self._adapters())))
            if found is not None:
                self._retired.append(found)
                self._clear()
            self._live[adapter] = found = made
        return found

    def _clear(self) -> None:
        """Let go of what was replaced, once nobody listens to it."""
        for variant in [variant for variant in self._retired if not variant.running]:
            self._retired.remove(variant)
            variant.backend.close()
            if self._shelf is not None and variant.view is not None:
                self._shelf.drop(variant.view)

    def _sum(self, name: str) -> float:
        gauges = [gauge for variant in tuple(self._live.values()) for gauge in variant.backend.gauges()]
        return float(sum(read() for called, _, read in gauges if called == name))


def backends(model: Any, options: LoadOptions) -> Make:
    """How this model's answers are computed, tried once: for its adapters it is the same."""
    if model.config.is_encoder_decoder:
        return lambda view, _, __: EncoderDecoder(view)
    batched = takes(model)
    sharing = batched and shares(model)

    def make(view: Any, owner: str, adapters: int) -> Backend:
        if not batched:
            return Serial(view)
        prefix_bytes = options.prefix_bytes // adapters
        return Batched(view, owner=owner, rows=options.rows, prefix_bytes=prefix_bytes, sharing=sharing)

    return make
