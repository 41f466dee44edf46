"""One fine-tuning run as a folder that tells everything about it, and what it truly is, also after a kill -9.

run.json      recipe, base, hash of the examples, versions of the libraries
log.jsonl     one line a step: loss, seconds; one an epoch: the loss on examples kept back
state.json    "running", "done" or "failed", how far, and why
checkpoints/  from which a killed run goes on; gone when it is done
result/       the adapter or the model: whole, or absent
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pilot.errors import Conflict, NotFound
from pilot.finetune.recipe import Objective, Recipe

LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate")
LAST_OF_CHECKPOINT = "trainer_state.json"  # transformers writes it last


@dataclass(frozen=True)
class Run:
    folder: Path

    @classmethod
    def begin(cls, folder: Path, *, objective: Objective, base: str, recipe: Recipe, examples: str) -> "Run":
        """A new run, or the same one again: raises Conflict when the folder holds another.

        `examples` is their digest.
        """
        run = cls(folder)
        wanted = {"objective": objective, "base": base, "recipe": asdict(recipe), "examples": examples}
        if (folder / "run.json").exists():
            before = run.told
            before["recipe"] = asdict(Recipe(**before["recipe"]))  # of an older version: without what came since
            if any(before[key] != value for key, value in wanted.items()):
                changed = next(key for key, value in wanted.items() if before[key] != value)
                raise Conflict(
                    f"{folder} holds a run with another {changed}", remedy="Name another folder, or delete this one."
                )
            return run
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "run.json", wanted | {"versions": dict(_versions()), "began": round(time.time())})
        return run

    @property
    def told(self) -> dict[str, Any]:
        """run.json. Raises NotFound."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NotFound(f"{self.folder} holds no run") from None
        return found

    @property
    def result(self) -> Path:
        return self.folder / "result"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def last_checkpoint(self) -> Path | None:
        """The newest that was written to its end; what a killed process left half-written is removed."""
        whole: list[Path] = []
        for place in self.checkpoints.glob("checkpoint-*"):
            if (place / LAST_OF_CHECKPOINT).exists():
                whole.append(place)
            else:
                shutil.rmtree(place)
        return max(whole, key=lambda place: int(place.name.rpartition("-")[2]), default=None)

    def log(self, **figures: Any) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(figures) + "\n")

    def figures(self) -> list[dict[str, Any]]:
        """Every line of the log; a last line that a kill cut off is left out."""
        file = self.folder / "log.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def say(self, state: str, **more: Any) -> None:
        _write(self.folder / "state.json", {"state": state, "pid": os.getpid(), **more})

    def finish(self, save: Callable[[Path], object]) -> Path:
        """Let `save` write the result beside its place, then put it there at once."""
        unfinished = self.folder / "result.saving"
        shutil.rmtree(unfinished, ignore_errors=True)
        save(unfinished)
        shutil.rmtree(self.result, ignore_errors=True)
        unfinished.rename(self.result)
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return self.result


def _versions() -> Iterator[tuple[str, str]]:
    """Of those that are installed: the bundled model needs torch alone."""
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            yield name, version(name)


def _write(file: Path, told: dict[str, Any]) -> None:
    unfinished = file.with_suffix(".saving")
    unfinished.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(file)
