"""Embedding models by sentence-transformers. Heavy: imported only through `embeddings.ENCODERS`."""

import copy
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers.utils.logging import disable_progress_bar

from pilot.errors import ModelUnusable
from pilot.model.devices import computes_bfloat16, pick_device
from pilot.model.embeddings import Encoder
from pilot.model.folders import check

logger = logging.getLogger(__name__)

BATCH = 16  # one forward; sentence-transformers sorts by length first
PROBE = ["The invoice is paid within thirty days of its receipt."]
FEW = 4  # texts that are not worth a loss: a question is read in float32
SAME = 0.999  # cosine: below, a model does not bear bfloat16


class SentenceEncoder(Encoder):
    """`quick`, where there is one, is the same model in bfloat16: it reads what is many."""

    def __init__(self, model: Any, quick: Any = None) -> None:
        self._model = model
        self._quick = quick

    @classmethod
    def load(cls, folder: Path, device: str, precision: str = "auto") -> "SentenceEncoder":
        exact = cls(_load(folder, device))
        if precision == "fp32" or (precision == "auto" and not computes_bfloat16(exact.device)):
            return exact
        quick = copy.deepcopy(exact._model)
        quicken(quick[0])
        if float(exact.encode(PROBE)[0] @ cls(quick).encode(PROBE)[0]) < SAME:
            logger.warning("%s does not bear bfloat16; it computes in float32", folder.name)
            return exact
        return cls(exact._model, quick)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        model = self._model if self._quick is None or len(texts) <= FEW else self._quick
        found = model.encode(
            list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
        return np.asarray(found, dtype=np.float32)

    @property
    def device(self) -> torch.device:
        device: torch.device = self._model.device
        return device


def quicken(module: torch.nn.Module) -> None:
    """What reads the tokens: its matrices in bfloat16, all sums between layers in float32. What makes the five nearest
    passages differ is rounding the sums (docs/experiments.md).
    """
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.to(torch.bfloat16)
            layer.register_forward_pre_hook(_in_bfloat16)


def _in_bfloat16(_: torch.nn.Module, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (arguments[0].to(torch.bfloat16), *arguments[1:])


def _load(folder: Path, device: str) -> Any:
    check(folder)
    disable_progress_bar()
    try:
        return SentenceTransformer(
            str(folder),
            device=str(pick_device(device)),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnusable(
            f"{folder.name} is no embedding model that can be loaded: {error}",
            remedy="Copy the folder again, whole; models/README.md says what belongs into it.",
        ) from error
