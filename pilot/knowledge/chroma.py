"""Vectors in Chroma, inside this process: its HTTP server is not used (CVE-2026-45829), its telemetry is off."""

from collections.abc import Sequence
from pathlib import Path

import chromadb
from chromadb.config import Settings

from pilot.knowledge.embedders import Vectors
from pilot.knowledge.vectors import VectorStore

NAME = "chunks"
HNSW = {"space": "cosine", "ef_search": 200}  # the default of 100 misses 0.1-0.5 % of exact matches
BATCH = 128  # vectors; Chroma holds Python's lock while it adds, so a large batch would stop the event loop


class ChromaVectors(VectorStore):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        # embedding_function=None: Chroma's default one downloads a model
        self._collection = self._client.get_or_create_collection(
            NAME, embedding_function=None, configuration={"hnsw": HNSW}
        )

    def put(self, document: str, keys: Sequence[str], vectors: Vectors) -> None:
        for start in range(0, len(keys), BATCH):
            part = list(keys[start : start + BATCH])
            self._collection.upsert(
                ids=part, embeddings=vectors[start : start + BATCH], metadatas=[{"document": document}] * len(part)
            )

    def remove(self, document: str, keys: Sequence[str] | None = None) -> None:
        if keys is None:
            self._collection.delete(where={"document": document})
        elif keys:
            self._collection.delete(ids=list(keys))

    def nearest(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        found = self._collection.query(query_embeddings=vector.reshape(1, -1), n_results=k, include=["distances"])
        distances = found["distances"] or [[]]
        return [(key, 1 - distance) for key, distance in zip(found["ids"][0], distances[0], strict=True)]

    def count(self) -> int:
        return self._collection.count()

    def close(self) -> None:
        self._client.close()
