"""A run killed at any moment goes on where its last whole checkpoint stands, and ends as if nothing had been."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pilot.finetune.examples import Example, read, write
from pilot.finetune.run import Run
from pilot.finetune.sft import sft
from tests.finetune.causal.test_methods import QUICK

RECIPE = replace(QUICK, method="lora", optimizer="adamw_torch", epochs=10)  # 20 steps, a checkpoint every other step
KILLED_AFTER = 7  # steps
pytestmark = pytest.mark.slow


def test_a_killed_run_goes_on(base: Path, counting: list[Example], tmp_path: Path) -> None:
    file, folder = tmp_path / "examples.jsonl", tmp_path / "run"
    write(file, counting)
    child = [sys.executable, "-m", "tests.finetune.causal.test_killed", *map(str, (base, file, folder))]
    assert subprocess.run(child, check=False).returncode == -signal.SIGKILL
    run = Run(folder)
    assert len(run.figures()) == KILLED_AFTER
    assert not run.result.exists()

    half = run.checkpoints / "checkpoint-99"  # as a kill in the middle of saving leaves one
    half.mkdir()
    sft(base, counting, folder, RECIPE)
    sft(base, counting, tmp_path / "whole", RECIPE)
    assert run.figures()[-1]["step"] == 20
    assert len(run.figures()) == KILLED_AFTER + 20 - KILLED_AFTER // 2 * 2  # it did not begin anew
    losses = {line["step"]: line["loss"] for line in run.figures()}
    assert losses == pytest.approx({line["step"]: line["loss"] for line in Run(tmp_path / "whole").figures()}, abs=1e-4)


def killed() -> Callable[[], None]:
    """What is called before each step, until it ends its own process."""
    steps = iter(range(KILLED_AFTER))
    return lambda: None if next(steps, None) is not None else os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sft(Path(sys.argv[1]), read(Path(sys.argv[2])), Path(sys.argv[3]), RECIPE, before_step=killed())
