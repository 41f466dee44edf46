"""The bundled text-to-SQL model as one that is owned: it trains whole, on a CPU, within minutes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from pilot.datasource.refusals import fault
from pilot.errors import TrainingRefused
from pilot.finetune.bundled.own import OWN, SHARE, perplexities, tune
from pilot.finetune.examples import Example
from pilot.finetune.kinds import Kind
from pilot.finetune.recipe import Recipe
from pilot.model.devices import free_memory, pick_device
from pilot.model.embeddings import find_encoder
from pilot.model.planner import GIB
from pilot.model.text_to_sql.adapter import ENCODER
from pilot.store.runs import Plan, Wish

NEEDS = 3.3 * GIB  # at its batch of 32, measured: weights, gradients, moments, activations, the libraries
EXAMPLES_PER_SECOND = 15.0  # on one core, measured


class Bundled(Kind):
    learns = False

    def plan(self, wish: Wish, examples: int) -> Plan:
        for chosen, able in ((wish.method, ("auto", "full")), (wish.objective, ("sft",)), (wish.backend, ("pilot",))):
            if chosen not in able:
                raise fault(TrainingRefused, "own_whole", method=chosen)
        free = free_memory(torch.device("cpu"))
        free = min(free, wish.memory_gib * GIB) if wish.memory_gib else free
        recipe = _recipe(wish)
        seconds = examples * recipe.epochs / SHARE / EXAMPLES_PER_SECOND
        said = f"training needs about {NEEDS / GIB:.1f} GiB of {free / GIB:.1f} GiB, and {seconds / 60:.0f} minutes"
        return Plan(self.base, "full", examples, 0, 0, NEEDS, free, free >= NEEDS, seconds / 60, said)

    def train(
        self,
        wish: Wish,
        examples: Sequence[Example],
        folder: Path,
        *,
        before_step: Callable[[], None],
        looked_at: Sequence[Example] = (),
    ) -> Path:
        recipe = _recipe(wish)
        return tune(self.folder, self._encoder, examples, folder, recipe, before_step=before_step, looked_at=looked_at)

    def perplexities(self, result: Path) -> tuple[float, float]:
        before, after = perplexities([self.folder, result], self._encoder)
        return before, after

    @cached_property
    def _encoder(self) -> Path:
        return find_encoder(ENCODER, self.models_dir)


def _recipe(wish: Wish) -> Recipe:
    device = pick_device("cpu").type  # so small a model gains nothing from a card that others use
    return replace(OWN, epochs=wish.epochs or OWN.epochs, patience=max(0, wish.patience), device=device)
