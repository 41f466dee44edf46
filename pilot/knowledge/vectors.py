"""The contract of a vector store, and which ones there are. It is a copy only: it can be made anew at any time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from pilot.knowledge.embedders import Vectors
from pilot.registry import Registry


class VectorStore(ABC):
    """The vectors of one index, of unit length, by chunk. Blocking; one thread at a time writes, any may read."""

    def __init__(self, folder: Path) -> None:
        """Open or create. Raises anything when the folder is damaged: the library then fills another one."""
        self.folder = folder

    @abstractmethod
    def put(self, document: str, keys: Sequence[str], vectors: Vectors) -> None:
        """Add or replace."""

    @abstractmethod
    def remove(self, document: str, keys: Sequence[str] | None = None) -> None:
        """Forget these vectors of the document, or all of them; nothing to forget is no error."""

    @abstractmethod
    def nearest(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """At most `k` keys with their cosine similarity, nearest first."""

    @abstractmethod
    def count(self) -> int:
        """How many vectors there are."""

    def close(self) -> None:  # noqa: B027 - a store in memory has nothing to release
        """Release files; nothing is called afterwards."""


def vector_stores() -> Registry[VectorStore]:
    return Registry("vector store", {"Chroma": "pilot.knowledge.chroma:ChromaVectors"}, group="pilot.vectors")
