"""What fits on a card, as a table: `python -m pilot.model.plan llama-33b --gpu 24GiB`.

MODEL is a folder under models/ (or a path), or a named shape: llama-7b, -13b, -33b, -65b, -70b, mistral-7b ...
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pilot import config
from pilot.errors import InputInvalid, ModelUnknown, PilotError
from pilot.model.folders import base_of, read_json
from pilot.model.planner import (
    GIB,
    Method,
    Optimizer,
    Recipe,
    ServingPlan,
    TrainingPlan,
    nearest_serving,
    nearest_training,
    plan_serving,
    plan_training,
)
from pilot.model.precisions import BY_NAME, PRECISIONS
from pilot.model.shapes import NAMED, Shape, shape_of

UNITS = {"": 1, "B": 1, "MB": 10**6, "GB": 10**9, "MIB": 1 << 20, "GIB": GIB, "G": GIB, "M": 1 << 20}
METHODS: dict[Method, Optimizer] = {"full": "adamw_torch", "lora": "adamw_torch", "qlora": "paged_adamw_8bit"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        shape, card = find(options.model, config.load().models_dir), size(options.gpu)
    except PilotError as error:
        sys.stderr.write(f"error: {error.message}. {error.remedy}\n")
        return 2
    wanted = plan_serving(shape, BY_NAME[options.precision], card, context=options.context)
    recipes = [
        Recipe(method, options.rank, options.batch, options.tokens, optimizer, checkpointing=not options.no_checkpoints)
        for method, optimizer in METHODS.items()
    ]
    lines = [*_head(shape, card), *_serving(shape, card, wanted), *_training(shape, card, recipes)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def find(model: str, models_dir: Path) -> Shape:
    """A folder is read by its config.json, a LoRA adapter by its base's. Raises ModelUnknown, ModelUnusable."""
    folder = next((place for place in (models_dir / model, Path(model)) if place.is_dir()), None)
    if folder is not None:
        return shape_of(read_json((base_of(folder, models_dir) or folder) / "config.json"))
    if model in NAMED:
        return NAMED[model]
    raise ModelUnknown(f"no model {model!r} in {models_dir}", remedy=f"Name a folder there, or {', '.join(NAMED)}.")


def size(text: str) -> float:
    """'24GiB' -> bytes; a bare G means GiB, as cards are sold. Raises InputInvalid."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    if match is None or match[2].upper() not in UNITS:
        raise InputInvalid(f"{text!r} is no amount of memory", remedy="Write 24GiB or 16GB.")
    return float(match[1]) * UNITS[match[2].upper()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilot.model.plan", description="What fits on a card.")
    parser.add_argument("model", help=f"a folder under models/, or one of {', '.join(NAMED)}")
    parser.add_argument("--gpu", default="24GiB", help="the card's memory: 24GiB, 16GB ...")
    parser.add_argument("--precision", default="bf16", choices=list(BY_NAME), help="wanted for serving (default bf16)")
    parser.add_argument("--context", type=_positive, default=2048, help="tokens of one stream")
    parser.add_argument("--rank", type=_positive, default=64, help="of the LoRA adapter")
    parser.add_argument("--tokens", type=_positive, default=512, help="of one training sequence")
    parser.add_argument("--batch", type=_positive, default=1, help="sequences of one training step")
    parser.add_argument("--no-checkpoints", action="store_true", help="fine-tune without gradient checkpointing")
    return parser


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _head(shape: Shape, card: float) -> list[str]:
    linear = shape.linear_parameters / shape.parameters
    return [
        f"{shape.parameters / 1e9:.2f} billion parameters, {linear:.0%} of them in linear layers, which are quantised",
        f"a card of {card / GIB:.1f} GiB",
    ]


def _serving(shape: Shape, card: float, wanted: ServingPlan) -> list[str]:
    title = f"streams of {wanted.context:,}"
    lines = ["", f"{'serving':<10}{'bits':>8}{'weights':>13}{'cache a token':>16}{'longest context':>18}{title:>20}"]
    for precision in PRECISIONS:
        plan = plan_serving(shape, precision, card, context=wanted.context)
        cells = f"{precision.name:<10}{precision.bits:>8.3f}{plan.weights / GIB:>9.1f} GiB{_cache(plan):>16}"
        lines.append(cells + (f"{plan.longest:>18,}{plan.streams:>20,}" if plan.longest else f"{'does not fit':>18}"))
    if wanted.fits:
        return lines
    nearest = nearest_serving(shape, card, wanted)
    found = f"{nearest.precision.name} with a context of {nearest.context:,}" if nearest else "none; take a smaller one"
    return [*lines, f"{wanted.precision.name} does not fit; the nearest that does: {found}"]


def _cache(plan: ServingPlan) -> str:
    return f"{plan.cache_per_token / 1e6:.3f} MB"


def _training(shape: Shape, card: float, recipes: Sequence[Recipe]) -> list[str]:
    heads = ("weights", "LoRA", "gradients", "optimizer", "activations", "in all")
    lines = ["", f"{'fine-tuning':<12}" + "".join(f"{head:>13}" for head in heads)]
    plans = [plan_training(shape, recipe) for recipe in recipes]
    for plan in plans:
        sizes = (plan.weights, plan.adapter, plan.gradients, plan.optimizer, plan.activations, plan.total)
        lines.append(f"{plan.recipe.method:<12}" + "".join(f"{value / GIB:>9.1f} GiB" for value in sizes))
    return [*lines, "", *(_verdict(shape, card, plan) for plan in plans)]


def _verdict(shape: Shape, card: float, plan: TrainingPlan) -> str:
    if plan.fits(card):
        paged = f"; {plan.paged / GIB:.1f} GiB of it may be paged out" if plan.paged else ""
        return f"{plan.recipe}: fits{paged}"
    nearest = nearest_training(shape, card, plan.recipe)
    return f"{plan.recipe}: does not fit; the nearest that does: {nearest.recipe if nearest else 'none'}"


if __name__ == "__main__":
    sys.exit(main())
