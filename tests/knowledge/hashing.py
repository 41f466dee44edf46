"""An embedder without weights, for tests: words hashed into 256 dimensions. Same text, same vector, on any machine."""

import asyncio
import re
import zlib
from collections.abc import Sequence

import numpy as np

from pilot.knowledge.embedders import Embedder, Vectors

WORD = re.compile(r"[a-z]+|\d+")
DIMENSION = 256


class HashingEmbedder(Embedder):
    """Reads Latin letters and digits only, as the bundled embedder does."""

    def __init__(self, name: str = "hashing", dimension: int = DIMENSION) -> None:
        self.name = name
        self.dimension = dimension

    async def embed(self, texts: Sequence[str]) -> Vectors:
        await asyncio.sleep(0)  # as a request does, give way to others
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in WORD.findall(text.casefold()) or ["unknown"]:
                row[zlib.crc32(word.encode()) % self.dimension] += 1
        scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return scaled
