"""`python -m pilot.finetune examples|loop|sft|dpo|orpo|split|merge`; see docs/fine-tuning.md."""

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_args

from pilot import config
from pilot.errors import ModelUnknown, PilotError
from pilot.finetune import owning
from pilot.finetune.examples import read, refuse_overlap, split, write
from pilot.finetune.recipe import Method, Recipe
from pilot.model.folders import known
from pilot.store.runs import Backend

logger = logging.getLogger(__name__)

WHERE = {"sft": "sft", "dpo": "preference", "orpo": "preference"}  # loaded late: torch, transformers, trl


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    given = _parser().parse_args(arguments)
    config.stay_offline()  # before transformers, peft and trl are loaded
    try:
        match given.command:
            case "split":
                _split(given)
            case "merge":
                _merge(given)
            case "examples" | "loop" | "run" | "plan":
                owning.run(given)
            case _:
                _train(given)
    except PilotError as error:
        sys.stderr.write(f"error: {error.message}. {error.remedy}\n")
        return 2
    return 0


def _train(given: argparse.Namespace) -> None:
    recipe = Recipe(**{field.name: getattr(given, field.name) for field in fields(Recipe)})
    settings = config.load()
    base = _base(given.base, settings.models_dir)
    examples = read(given.examples)
    if given.exam:
        refuse_overlap(examples, read(given.exam))
    room = importlib.import_module("pilot.finetune.room")
    sharded = given.command == "sft" and given.fsdp
    print(room.make_room(base, recipe, sharded=sharded, objective=given.command))
    more = {"fsdp": sharded, "unsloth": settings.unsloth_python} if given.command == "sft" else {}
    train = getattr(importlib.import_module(f"pilot.finetune.{WHERE[given.command]}"), given.command)
    print(f"done: {train(base, examples, given.run, recipe, **more)}")


def _split(given: argparse.Namespace) -> None:
    learnt, exam = split(read(given.examples), given.share, given.seed)
    write(given.learn, learnt)
    write(given.exam, exam)
    print(f"{len(learnt)} examples to learn from, {len(exam)} for the exam; no family on both sides")


def _merge(given: argparse.Namespace) -> None:
    models_dir = config.load().models_dir
    merge = importlib.import_module("pilot.finetune.merge").merge
    base = _base(given.base, models_dir) if given.base else None
    print(f"done: {merge(given.adapter, models_dir, given.out, base=base)}")


def _base(name: str, models_dir: Path) -> Path:
    """A folder under models/, or a path."""
    for place in (models_dir / name, Path(name)):
        if place.is_dir():
            return place
    raise ModelUnknown(f"no model {name!r} in {models_dir}", remedy=f"Name one of {', '.join(known(models_dir))}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilot.finetune", description="Own your model.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("sft", "learn right answers"), ("dpo", "prefer right answers to wrong ones"),
                       ("orpo", "learn right answers and prefer them, without a reference")):  # fmt: skip
        training = commands.add_parser(name, help=what)
        training.add_argument("--base", required=True, help="a folder under models/, or a path")
        training.add_argument("--examples", type=Path, required=True, help="JSONL, see pilot/finetune/examples.py")
        training.add_argument("--exam", type=Path, help="JSONL of the exam: refused when it shares a question")
        training.add_argument("--run", type=Path, required=True, help="folder of this run; the same again goes on")
        if name == "sft":
            training.add_argument("--fsdp", action="store_true", help="shard over the processes of torchrun")
        _add_recipe(training)
    splitting = commands.add_parser("split", help="keep back an exam; no family on both sides")
    for name in ("examples", "learn", "exam"):
        splitting.add_argument(f"--{name}", type=Path, required=True)
    splitting.add_argument("--share", type=float, default=0.2)
    splitting.add_argument("--seed", type=int, default=1)
    merging = commands.add_parser("merge", help="adapter and base -> one model")
    merging.add_argument("--adapter", type=Path, required=True)
    merging.add_argument("--base", help="where the adapter's own name for it leads elsewhere")
    merging.add_argument("--out", type=Path, required=True)
    owning.add_arguments(commands)
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    for field in fields(Recipe):
        option = f"--{field.name.replace('_', '-')}"
        if isinstance(field.default, bool):
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=field.default)
        else:
            choices = {"method": get_args(Method), "backend": get_args(Backend)}.get(field.name)
            parser.add_argument(option, type=type(field.default), default=field.default, choices=choices)


if __name__ == "__main__":
    sys.exit(main())
