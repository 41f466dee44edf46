"""What fits on a card: memory of weights, KV cache and fine-tuning, from a model's shape alone. Pure arithmetic.

`tests/model/test_planner.py` holds each figure to what a real load and a real training step take.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from pilot.model.precisions import BY_NAME, PRECISIONS, Precision
from pilot.model.shapes import Shape

GIB = 1 << 30
RESERVED = 0.8 * GIB  # CUDA's context, the allocator's fragments
SCRATCH_TOKENS = 512  # prompt tokens whose activations are alive at once while a prompt is read
LEAST_CONTEXT = 512  # tokens; less is of no use

Method = Literal["full", "lora", "qlora"]
Optimizer = Literal["adamw_torch", "adamw_8bit", "paged_adamw_32bit", "paged_adamw_8bit"]


@dataclass(frozen=True)
class ServingPlan:
    """One precision on one card; sizes are bytes, contexts are tokens of one stream."""

    precision: Precision
    weights: float
    cache_per_token: int
    room: float  # left for the cache; below 0 the weights alone do not fit
    context: int  # that was asked for
    longest: int  # most that one stream alone may have

    @property
    def streams(self) -> int:
        """How many have room for `context` tokens each."""
        return max(0, int(self.room / (self.cache_per_token * self.context)))

    @property
    def fits(self) -> bool:
        return self.streams > 0


def plan_serving(
    shape: Shape, precision: Precision, card: float, *, context: int = 2048, reserved: float = RESERVED
) -> ServingPlan:
    """`card` in bytes. Memory that the cache's buffers hold in advance as they grow is not counted."""
    weights, per_token = shape.weights(precision), shape.cache_per_token(precision)
    scratch = SCRATCH_TOKENS * (2 * shape.intermediate + 4 * shape.hidden) * precision.width + shape.vocabulary * 4
    room = card - reserved - weights - scratch
    longest = max(0, int(room / per_token))
    return ServingPlan(precision, weights, per_token, room, context, min(longest, shape.longest or longest))


def nearest_serving(shape: Shape, card: float, plan: ServingPlan) -> ServingPlan | None:
    """The plan itself if it fits; else with the fewest bits less, then with the least context less."""
    narrower = [row for row in PRECISIONS if row.bits <= plan.precision.bits and row.four_bit != "fp4"]
    contexts = [plan.context]
    while contexts[-1] // 2 >= LEAST_CONTEXT:
        contexts.append(contexts[-1] // 2)
    tried = (plan_serving(shape, row, card, context=context)
             for context in contexts for row in [plan.precision, *narrower])  # fmt: skip
    return next((one for one in tried if one.fits), None)


def choose(
    shape: Shape, memory: float, among: Iterable[str], *, context: int, reserved: float = RESERVED
) -> tuple[Precision, bool]:
    """The first of `among`, best first, that has room for one stream of `context` tokens. Where none has: the last,
    and False.
    """
    rows = [BY_NAME[name] for name in among]
    for row in rows:
        if plan_serving(shape, row, memory, context=context, reserved=reserved).fits:
            return row, True
    return rows[-1], False


@dataclass(frozen=True)
class Recipe:
    """How a model is to be fine-tuned. LoRA adapters go on all linear layers and are trained in 32 bits."""

    method: Method = "qlora"
    rank: int = 64
    batch: int = 1  # sequences at once
    tokens: int = 512  # of one sequence
    optimizer: Optimizer = "paged_adamw_8bit"
    checkpointing: bool = True

    def __str__(self) -> str:
        rank = "" if self.method == "full" else f" rank {self.rank},"
        kept = "" if self.checkpointing else ", no checkpointing"
        return f"{self.method},{rank} {self.optimizer}, {self.batch} x {self.tokens} tokens{kept}"


@dataclass(frozen=True)
class TrainingPlan:
    """Bytes of one training step."""

    recipe: Recipe
    weights: float  # of the model, trained or not
    adapter: float  # LoRA's own weights
    gradients: float
    optimizer: float
    activations: float

    @property
    def total(self) -> float:
        return self.weights + self.adapter + self.gradients + self.optimizer + self.activations + RESERVED

    @property
    def paged(self) -> float:
        """What may lie in the machine's memory while the card is full: the optimizer's state, when it is paged."""
        return self.optimizer if self.recipe.optimizer.startswith("paged") else 0.0

    def fits(self, card: float) -> bool:
        return self.total - self.paged <= card


def plan_training(shape: Shape, recipe: Recipe) -> TrainingPlan:
    """QLoRA: NF4 with double quantisation. LoRA and full fine-tuning: bfloat16 weights."""
    full = recipe.method == "full"
    base = BY_NAME["nf4+dq" if recipe.method == "qlora" else "bf16"]
    trained = shape.parameters if full else shape.adapter_parameters(recipe.rank)
    width = 2 if full else 4  # bytes of a trained parameter and of its gradient
    return TrainingPlan(
        recipe,
        weights=shape.weights(base),
        adapter=0 if full else trained * width,
        gradients=trained * width,
        optimizer=trained * _state(recipe.optimizer, width),
        activations=_activations(shape, recipe),
    )


def nearest_training(shape: Shape, card: float, recipe: Recipe) -> TrainingPlan | None:
    """The recipe itself if it fits; else the first of the smaller ones, those that change the result least first."""
    return next((plan for one in _smaller(recipe) if (plan := plan_training(shape, one)).fits(card)), None)


def _smaller(recipe: Recipe) -> Iterator[Recipe]:
    yield recipe
    yield (recipe := replace(recipe, checkpointing=True))
    yield (recipe := replace(recipe, optimizer="paged_adamw_8bit"))
    while recipe.batch > 1:  # gradient accumulation gives the same
        yield (recipe := replace(recipe, batch=recipe.batch // 2))
    for method in _below(recipe.method):
        yield (recipe := replace(recipe, method=method))
    while recipe.tokens > 128:
        yield (recipe := replace(recipe, tokens=recipe.tokens // 2))
    while recipe.rank > 8:
        yield (recipe := replace(recipe, rank=recipe.rank // 2))


def _below(method: Method) -> list[Method]:
    steps: dict[Method, Method] = dict(pairwise(("full", "lora", "qlora")))
    found: list[Method] = []
    while method in steps:
        found.append(method := steps[method])
    return found


def _state(optimizer: Optimizer, width: int) -> float:
    """Bytes for each trained parameter: two moments."""
    if optimizer == "adamw_torch":
        return 2 * width  # as wide as what it trains
    if optimizer == "paged_adamw_32bit":
        return 8
    return 2 * (1 + 4 / 256)  # one 32-bit scale for 256 of 8 bits


def _activations(shape: Shape, recipe: Recipe) -> float:
    """Bytes beside weights, gradients and optimizer at the worst moment of a step, LoRA without dropout.

    The counts are of tensors in a real step under bfloat16 autocast (transformers 5.23, peft 0.21), a token and layer:
    what a block saves for its backward pass, and what that pass holds beside it.
    """
    full = recipe.method == "full"
    tokens = recipe.batch * recipe.tokens
    inner, hidden = shape.intermediate, shape.hidden
    saved = 8 * inner + (24 * hidden if full else 28 * hidden + 14 * recipe.rank)
    passing = 2 * inner + 2 * hidden if full else 6 * inner + 10 * hidden
    logits = 12 * shape.vocabulary  # in 16 bits, in 32, and their gradient
    if recipe.checkpointing:  # each block keeps its input alone, and computes the rest anew
        rows = shape.layers * 2 * hidden + max(saved + passing, logits)
    else:
        rows = shape.layers * saved + max(passing, logits)
    cast = 0 if full else 2 * shape.adapter_parameters(recipe.rank)  # autocast's copies of LoRA's weights
    return tokens * rows + cast + _widest(shape, recipe)


def _widest(shape: Shape, recipe: Recipe) -> float:
    """One whole matrix in 16 bits: QLoRA's, while it is multiplied; a full gradient's, before it is added."""
    return 0 if recipe.method == "lora" else 2 * max(inputs * outputs for inputs, outputs in shape.linears())
