"""Question and passages -> how well each answers, by a cross-encoder. Light: what reads them is loaded late."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pilot.errors import ModelUnknown
from pilot.model.gate import Gate
from pilot.model.workers import Workers
from pilot.registry import Registry

CLOSE_SECONDS = 2.0


class Judge(ABC):
    """One loaded cross-encoder; called from one thread."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: str) -> "Judge":
        """Raises ModelUnusable when the folder holds no cross-encoder."""

    @abstractmethod
    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """0 to 1 for each text."""


JUDGES: Registry[Judge] = Registry("reranker", {"cross_encoder": "pilot.model.judge:CrossJudge"}, group="pilot.judges")


class Reranker:
    """Loads its model at the first request; without a name there is none."""

    def __init__(self, name: str = "", load: Callable[[], Judge] | None = None, *, queue_length: int = 32) -> None:
        self.name = name
        self._load = load
        self._judge: Judge | None = None
        self._loading = asyncio.Lock()
        self._gate = Gate(1, queue_length)
        self._workers = Workers(1, "reranking")

    async def scores(self, question: str, texts: Sequence[str], *, model: str = "") -> list[float]:
        """Raises ModelUnknown, ModelUnusable, and ModelBusy when the queue is full."""
        if self._load is None or not self.name or model not in ("", self.name):
            raise ModelUnknown(
                f"no reranker {model or '(unnamed)'!r} is served here",
                remedy="Set RERANKER_MODEL to a folder under models/, and start the LLM server again.", name=model,
            )  # fmt: skip
        async with self._loading:
            if self._judge is None:
                self._judge = await asyncio.wrap_future(self._workers.submit(self._load))
        async with self._gate.place():
            return await asyncio.wrap_future(self._workers.submit(partial(self._judge.scores, question, list(texts))))

    def close(self) -> bool:
        return self._workers.close(CLOSE_SECONDS)
