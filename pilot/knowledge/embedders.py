"""Texts -> vectors, and passages -> a better order. The webserver loads no weights: it asks the LLM server."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pilot.client import LlmClient
from pilot.errors import ModelUnknown

Vectors = NDArray[np.float32]


class Embedder(ABC):
    """`name` is stored with every index: vectors of two embedders are never mixed."""

    name: str

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimension], each row of length 1.

        Raises ModelUnreachable, ModelBusy or ModelUnknown when asking again later may help, else another ModelError.
        """


Embedders = Callable[[str], Embedder]  # by name; one that is not there says so when it is asked


class ServedEmbedder(Embedder):
    """A model that the LLM server (or EMBEDDING_SERVER) offers at /v1/embeddings."""

    def __init__(self, client: LlmClient, name: str = "") -> None:
        self.name = name or client.embedding_model
        self._client = client

    async def embed(self, texts: Sequence[str]) -> Vectors:
        try:
            return await self._client.embed(texts, model=self.name)
        except ModelUnknown as error:
            raise ModelUnknown(error.message, remedy=error.remedy, name=self.name) from error


class _Missing(Embedder):
    def __init__(self, name: str) -> None:
        self.name = name

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise ModelUnknown(
            f"there is no embedding model {self.name!r}", remedy="Index the space again.", name=self.name
        )


def only(embedder: Embedder) -> Embedders:
    """Where there is one embedder alone."""
    return lambda name: embedder if name == embedder.name else _Missing(name)


class Reranker(ABC):
    """Reads question and passage together: slower than vectors, and better at telling which passage answers."""

    @abstractmethod
    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, 0 to 1. Raises a ModelError."""


class ServedReranker(Reranker):
    """A cross-encoder that the LLM server offers at /v1/rerank."""

    def __init__(self, client: LlmClient, name: str) -> None:
        self._client = client
        self._name = name

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        return await self._client.rerank(question, texts, model=self._name)
