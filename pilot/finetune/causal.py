"""A causal language model as one that is owned: an adapter by QLoRA on a GPU, by LoRA on a CPU, or all of it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from pilot.datasource.refusals import fault
from pilot.errors import TrainingRefused
from pilot.finetune.examples import Example
from pilot.finetune.kinds import GUARD, Kind
from pilot.finetune.preference import train as preference
from pilot.finetune.recipe import Method, Recipe
from pilot.finetune.room import plan_of
from pilot.finetune.sft import sft
from pilot.finetune.unsloth import refuse_unable, versions
from pilot.model.devices import free_memory, pick_device
from pilot.model.folders import base_of
from pilot.model.loading import load_tokenizer
from pilot.model.planner import GIB
from pilot.store.runs import Plan, Wish

READ = 512  # tokens at once of the general text
MOST_READ = 16_384  # in all
RATES = {  # other than the recipe's: weights that all learn move together, and a preference asks for little
    "full": 2e-5, "galore": 1e-4, "dpo": 5e-5, "orpo": 5e-5,  # GaLore's projection scales its steps by a quarter
}  # fmt: skip


class Causal(Kind):
    learns = True

    def plan(self, wish: Wish, examples: int) -> Plan:
        recipe = self._recipe(wish)
        if wish.objective != "sft" and not recipe.adapter:
            raise fault(TrainingRefused, "own_pairs_method", method=recipe.method)
        if recipe.backend == "unsloth":
            refuse_unable(recipe, wish.objective)
            versions(self.unsloth)
        device = pick_device(recipe.device)
        free = free_memory(torch.device("cuda:0") if device.type == "cuda" else device)
        free = min(free, wish.memory_gib * GIB) if wish.memory_gib else free
        found = plan_of(self.folder, recipe, free, wish.objective)
        return Plan(self.base, recipe.method, examples, 0, 0, found.needs, free, found.fits, 0, found.said,
                    found.nearest, found.parts)  # fmt: skip

    def train(
        self,
        wish: Wish,
        examples: Sequence[Example],
        folder: Path,
        *,
        before_step: Callable[[], None],
        looked_at: Sequence[Example] = (),
    ) -> Path:
        recipe = self._recipe(wish)
        if wish.objective != "sft":
            return preference(
                wish.objective, self.folder, examples, folder, recipe, before_step=before_step, looked_at=looked_at
            )
        return sft(
            self.folder, examples, folder, recipe, before_step=before_step, looked_at=looked_at, unsloth=self.unsloth
        )

    def served_name(self, run: str) -> str:
        """An adapter is served on its base."""
        return f"{self.base}:{self.folder_name(run)}"

    def perplexities(self, result: Path) -> tuple[float, float]:
        text = GUARD.read_text(encoding="utf-8")
        tokens = load_tokenizer(self.folder, None)(text, return_tensors="pt").input_ids[0, :MOST_READ]
        if base_of(result, self.models_dir) is None:
            return perplexity(_load(self.folder), tokens), perplexity(_load(result), tokens)
        model = PeftModel.from_pretrained(_load(self.folder), result, local_files_only=True).eval()
        with model.disable_adapter():
            before = perplexity(model, tokens)
        return before, perplexity(model, tokens)

    def _recipe(self, wish: Wish) -> Recipe:
        gpu = pick_device("auto").type == "cuda"
        method: Method = wish.method if wish.method != "auto" else "qlora" if gpu else "lora"
        return Recipe(
            method=method,
            epochs=wish.epochs or Recipe.epochs,
            rate=RATES.get(method if wish.objective == "sft" else wish.objective, Recipe.rate),
            optimizer={"qlora": Recipe.optimizer, "galore": "galore_adamw"}.get(method, "adamw_torch"),
            patience=max(0, wish.patience),
            backend=wish.backend,
        )


def perplexity(model: Any, tokens: torch.Tensor) -> float:
    """Of one text."""
    windows = tokens[: len(tokens) // READ * READ].view(-1, READ) if len(tokens) >= READ else tokens[None]
    with torch.inference_mode():
        losses = [float(model(input_ids=one[None], labels=one[None]).loss) for one in windows.to(model.device)]
    return math.exp(sum(losses) / len(losses))


def _load(folder: Path) -> Any:
    """In the numbers that it is saved in."""
    disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    return model.to(pick_device("auto")).eval()
