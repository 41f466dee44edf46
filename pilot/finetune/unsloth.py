"""Unsloth as a back end: LoRA and QLoRA by its kernels, in an environment of its own.

Unsloth wants older transformers and trl than Pilot's and rewrites them as it is imported, so it never comes into a
process of Pilot. Its own Python runs unsloth_run.py, which needs nothing but a folder of settings and token ids:
prompts are made here, by the code that serves. What it says becomes the run's log; before each step it waits for a
word, so that people who ask come first, and it ends when nobody is there to give it.
"""

import contextlib
import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pilot.config import environment_of_others
from pilot.datasource.refusals import fault
from pilot.errors import TrainingRefused
from pilot.finetune.recipe import Objective, Recipe
from pilot.finetune.run import Run
from pilot.finetune.tokens import UNLEARNT, Tokens
from pilot.finetune.training import SAVES
from pilot.model.devices import pick_device

SCRIPT = Path(__file__).with_name("unsloth_run.py")
ALONE = ("-I", str(SCRIPT))  # isolated: the folder it lies in holds a module of the name unsloth, too
ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")
LOOK_SECONDS = 120.0  # for its versions; a first start from a slow disk takes long


def versions(python: str) -> dict[str, str]:
    """Of its libraries. Raises TrainingRefused where Unsloth is not, with how to make its environment."""
    if not python:
        raise fault(TrainingRefused, "own_no_unsloth")
    try:
        done = subprocess.run(
            [python, *ALONE, "--versions"], env=environment_of_others(), capture_output=True, text=True, check=True,
            timeout=LOOK_SECONDS,
        )  # fmt: skip
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise fault(TrainingRefused, "own_unsloth_python", python=python, why=str(error)) from error
    if "unsloth" not in found:
        raise fault(TrainingRefused, "own_unsloth_python", python=python, why="no package unsloth")
    return found


def refuse_unable(recipe: Recipe, objective: Objective = "sft") -> None:
    if objective != "sft" or not recipe.adapter:
        chosen = recipe.method if objective == "sft" else objective
        raise fault(TrainingRefused, "own_unsloth_method", method=chosen)


def train(
    base: Path,
    learnt: Sequence[Tokens],
    kept: Sequence[Tokens],
    run: Run,
    recipe: Recipe,
    tokenizer: Any,
    *,
    python: str,
    before_step: Callable[[], None] | None = None,
) -> Path:
    """The adapter's folder. Raises TrainingRefused where there is no Unsloth, or it failed."""
    refuse_unable(recipe)
    folder = run.folder / "unsloth"
    folder.mkdir(exist_ok=True)
    (folder / "versions.json").write_text(json.dumps(versions(python)), encoding="utf-8")

    def save(place: Path) -> None:
        _prepare(folder, base, learnt, kept, run, recipe, place)
        _run(folder, run, python, before_step or (lambda: None))
        _refuse_half(place, folder)
        _name_base(place / "adapter_config.json", base)
        tokenizer.save_pretrained(place)

    try:
        result = run.finish(save)
    except BaseException as error:
        run.say("failed", reason=str(error) or type(error).__name__)
        raise
    run.say("done")
    return result


def _prepare(
    folder: Path, base: Path, learnt: Sequence[Tokens], kept: Sequence[Tokens], run: Run, recipe: Recipe, out: Path
) -> None:
    for name, those in (("learn", learnt), ("kept", kept)):
        lines = [json.dumps({"input_ids": one.prompt + one.answer,
                             "labels": [UNLEARNT] * len(one.prompt) + one.answer}) for one in those]  # fmt: skip
        (folder / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    last = run.last_checkpoint()
    steps = math.ceil(len(learnt) / (recipe.batch * recipe.accumulate)) * recipe.epochs
    told = asdict(recipe) | {
        "base": str(base.resolve()), "out": str(out.resolve()), "checkpoints": str(run.checkpoints.resolve()),
        "resume": str(last.resolve()) if last else None, "device": pick_device(recipe.device).type,
        "save_steps": max(1, round(steps / SAVES)),
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _run(folder: Path, run: Run, python: str, before_step: Callable[[], None]) -> None:
    """Until it ends; it does not outlive this."""
    began, first = time.monotonic(), None
    with (folder / "log.txt").open("wb") as log, _started([python, *ALONE, str(folder)], folder, log) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for line in child.stdout:
            told = json.loads(line)
            if "wait" in told:
                before_step()
                with contextlib.suppress(BrokenPipeError):  # it has just failed: its exit says so
                    child.stdin.write("go\n")
                    child.stdin.flush()
                continue
            seconds, steps = time.monotonic() - began, told.pop("steps")
            first = told["step"] - 1 if first is None else first
            run.log(seconds=round(seconds, 1), **told)
            left = seconds / max(1, told["step"] - first) * (steps - told["step"])
            run.say("running", step=told["step"], steps=steps, seconds_left=round(left))
        if child.wait() != 0:
            raise fault(TrainingRefused, "own_unsloth_failed", why=_why(folder), file=str(folder / "log.txt"))


@contextlib.contextmanager
def _started(command: list[str], folder: Path, log: Any) -> Iterator[subprocess.Popen[str]]:
    """In the run's folder: it compiles code into the current one."""
    try:
        child = subprocess.Popen(
            command, cwd=folder, env=environment_of_others(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, text=True,
        )  # fmt: skip
    except OSError as error:
        raise fault(TrainingRefused, "own_unsloth_python", python=command[0], why=str(error)) from error
    try:
        yield child
    finally:
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


def _refuse_half(place: Path, folder: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if not (place / name).exists():
            raise fault(TrainingRefused, "own_unsloth_failed", why=f"no {name}", file=str(folder / "log.txt"))


def _name_base(file: Path, base: Path) -> None:
    """Unsloth may name a copy of its own."""
    told = json.loads(file.read_text(encoding="utf-8")) | {"base_model_name_or_path": str(base)}
    file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _why(folder: Path) -> str:
    """The error that its Python has ended with, else the last that was said."""
    log = (folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = (line for line in reversed(lines) if ERROR.match(line))
    return next(errors, lines[-1] if lines else "it said nothing")
