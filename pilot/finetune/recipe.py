"""How a model is to be fine-tuned, as one value that is stored with the run."""

from dataclasses import dataclass
from typing import Literal

from pilot.store.runs import Backend, Objective

__all__ = ["GALORE", "Method", "Objective", "Recipe"]

Method = Literal["full", "lora", "qlora", "galore"]

GALORE = ("galore_adamw", "galore_adafactor", "galore_adamw_layerwise", "galore_adafactor_layerwise")


@dataclass(frozen=True)
class Recipe:
    """The defaults are those of the QLoRA paper where it gives any (Dettmers et al., 2023, table 9): adapters on all
    linear layers, a constant rate of 2e-4, dropout 0.05, gradients clipped at 0.3.
    """

    method: Method = "qlora"
    rank: int = 16
    alpha: int = 16
    dropout: float = 0.05
    rate: float = 2e-4
    schedule: str = "constant"
    epochs: float = 3.0
    batch: int = 1  # examples at once, for each process
    accumulate: int = 8  # batches for one step of the optimizer
    length: int = 1024  # tokens of prompt and answer; longer examples are left out
    optimizer: str = "paged_adamw_8bit"  # qlora also: paged_adamw_32bit; galore: see GALORE
    warm_up: float = 0.03  # of all steps
    clip: float = 0.3
    checkpointing: bool = True  # activations are computed again instead of kept
    patience: int = 0  # stop after so many epochs without a lower loss on the examples kept back; 0: never
    keep_back: float = 0.1  # of the examples, when patience is set
    beta: float = 0.1  # dpo, orpo: how much a preference weighs
    seed: int = 1
    device: str = "auto"
    backend: Backend = "pilot"  # unsloth: see pilot/finetune/unsloth.py

    @property
    def quantised(self) -> bool:
        return self.method == "qlora"

    @property
    def adapter(self) -> bool:
        """The result is a LoRA adapter, not a whole model."""
        return self.method in ("lora", "qlora")
