"""What owning a model means for each kind of it: how it is planned, trained, guarded and named."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from pilot.datasource.refusals import fault
from pilot.errors import ModelUnusable
from pilot.finetune.examples import Example
from pilot.model.folders import find
from pilot.store.runs import Plan, Wish

GUARD = Path(__file__).parent / "guard.txt"  # general text: a model must not forget how to read it
WHERE = {  # by the adapter that serves it; loaded late: torch, transformers, trl
    "text_to_sql": ("pilot.finetune.bundled.kind", "Bundled"),
    "causal": ("pilot.finetune.causal", "Causal"),
}


class Kind(ABC):
    """`learns`: reads examples of approved answers in its prompt."""

    learns: bool

    def __init__(self, models_dir: Path, base: str, *, unsloth: str = "") -> None:
        self.models_dir = models_dir
        self.unsloth = unsloth  # the Python of its environment
        self.base = base
        self.folder = models_dir / base

    @abstractmethod
    def plan(self, wish: Wish, examples: int) -> Plan:
        """Whether it would fit, before anything is loaded; numbers of questions are not known here."""

    @abstractmethod
    def train(
        self,
        wish: Wish,
        examples: Sequence[Example],
        folder: Path,
        *,
        before_step: Callable[[], None],
        looked_at: Sequence[Example] = (),
    ) -> Path:
        """Train, or go on where the same run stopped; gives the folder of the adapter or model. The loss of what is
        `looked_at` is told now and then, and decides nothing.
        """

    @abstractmethod
    def perplexities(self, result: Path) -> tuple[float, float]:
        """Of other material than was learnt, before and after."""

    def folder_name(self, run: str) -> str:
        """Under models/, once it is released; it begins as the base's does, which tells its family."""
        return f"{self.base}-{run}"

    def served_name(self, run: str) -> str:
        return self.folder_name(run)


def kind_of(models_dir: Path, base: str, *, unsloth: str = "") -> Kind:
    """Raises ModelUnknown, ModelUnusable for what cannot be trained."""
    found = find(base, models_dir)
    where = WHERE.get(found.family.adapter)
    if found.folder is None or found.adapter or where is None or (found.folder / "adapter_config.json").exists():
        raise fault(ModelUnusable, "own_unteachable", name=base)
    module, name = where
    kind: Kind = getattr(importlib.import_module(module), name)(models_dir, base, unsloth=unsloth)
    return kind
