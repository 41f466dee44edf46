"""Cross-encoders by sentence-transformers. Heavy: imported only through `reranking.JUDGES`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import CrossEncoder

from pilot.errors import ModelUnusable
from pilot.model.devices import pick_device
from pilot.model.folders import check
from pilot.model.reranking import Judge

BATCH = 16


class CrossJudge(Judge):
    def __init__(self, model: Any) -> None:
        self._model = model

    @classmethod
    def load(cls, folder: Path, device: str) -> "CrossJudge":
        check(folder)
        try:
            model = CrossEncoder(
                str(folder), device=str(pick_device(device)), local_files_only=True, trust_remote_code=False,
                num_labels=1, model_kwargs={"use_safetensors": True},
            )  # fmt: skip
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ModelUnusable(
                f"{folder.name} is no cross-encoder that can be loaded: {error}",
                remedy="Copy the folder again, whole; models/README.md says what belongs into it.",
            ) from error
        return cls(model)

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        pairs = [(question, text) for text in texts]
        found = self._model.predict(
            pairs, batch_size=BATCH, show_progress_bar=False, activation_fn=torch.nn.Sigmoid(), convert_to_numpy=True
        )
        return [float(score) for score in np.asarray(found, dtype=np.float32).reshape(-1)]
