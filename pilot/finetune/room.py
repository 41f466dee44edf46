"""Does a run fit into this machine's memory? Said before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch

from pilot.errors import TrainingRefused
from pilot.finetune.recipe import Objective, Recipe
from pilot.model.devices import free_memory, pick_device
from pilot.model.folders import read_json
from pilot.model.planner import GIB, Optimizer, TrainingPlan, nearest_training, plan_training
from pilot.model.planner import Recipe as Planned
from pilot.model.shapes import shape_of

KNOWN: dict[str, Optimizer] = {name: name for name in get_args(Optimizer)}


@dataclass(frozen=True)
class Room:
    """`nearest` is the recipe that fits, where this one does not; "" where none does."""

    needs: float
    fits: bool
    said: str
    nearest: str
    parts: tuple[tuple[str, float], ...]


def plan_of(base: Path, recipe: Recipe, free: float, objective: Objective = "sft") -> Room:
    """What a training step needs of so many bytes."""
    shape = shape_of(read_json(base / "config.json"))
    plan = plan_training(shape, _planned(recipe, objective))
    if plan.fits(free):
        return Room(plan.total, True, f"{_told(plan)} of {free / GIB:.1f} GiB", "", _parts(plan))
    nearest = nearest_training(shape, free, plan.recipe)
    said = f"{_told(plan)}; this machine has {free / GIB:.1f} GiB"
    return Room(plan.total, False, said, str(nearest.recipe) if nearest else "", _parts(plan))


def make_room(base: Path, recipe: Recipe, *, sharded: bool = False, objective: Objective = "sft") -> str:
    """The plan in a sentence. Raises TrainingRefused naming the nearest recipe that fits.

    Sharded, the weights lie on all cards together; else on the first.
    """
    device = pick_device(recipe.device)
    free = free_memory(torch.device("cuda:0") if device.type == "cuda" and not sharded else device)
    room = plan_of(base, recipe, free, objective)
    if not room.fits:
        raise TrainingRefused(
            room.said, remedy=f"What fits: {room.nearest}." if room.nearest else "Take a smaller base."
        )
    return room.said


def _planned(recipe: Recipe, objective: Objective) -> Planned:
    """In the planner's words; GaLore keeps all weights and gradients of a full fine-tuning, and counts as one. A
    preference is two answers at once.
    """
    return Planned(
        "full" if recipe.method == "galore" else recipe.method,
        recipe.rank,
        recipe.batch if objective == "sft" else 2 * recipe.batch,
        recipe.length,
        KNOWN.get(recipe.optimizer, "adamw_torch"),
        recipe.checkpointing,
    )


def _told(plan: TrainingPlan) -> str:
    sizes = ", ".join(f"{name} {size / GIB:.2f}" for name, size in _parts(plan)[:-1])
    return f"a training step needs about {plan.total / GIB:.1f} GiB ({sizes})"


def _parts(plan: TrainingPlan) -> tuple[tuple[str, float], ...]:
    """The last is what the libraries take."""
    parts = {"weights": plan.weights, "adapter": plan.adapter, "gradients": plan.gradients,
             "optimizer": plan.optimizer, "activations": plan.activations}  # fmt: skip
    return (*parts.items(), ("other", plan.total - sum(parts.values())))
