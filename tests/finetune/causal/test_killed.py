"""A run killed at any moment goes on where its last whole checkpoint stands, and ends as if nothing had been."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pilot.finetune.examples import Example, read, write
from pilot.finetune.run import Run
from pilot.finetune.sft import sft
from tests.finetune.causal.test_methods import QUICK

RECIPE = replace(QUICK, method="lora", optimizer="adamw_torch", epochs=10)  # 20 steps, a checkpoint every other step
pytestmark = pytest.mark.slow


def test_a_killed_run_goes_on(base: Path, counting: list[Example], tmp_path: Path) -> None:
    file, folder = tmp_path / "examples.jsonl", tmp_path / "run"
    write(file, counting)
    process = subprocess.Popen([sys.executable, "-m", "tests.finetune.causal.test_killed", base, file, folder])
    run = Run(folder)
    while process.poll() is None and not run.checkpoints.joinpath("checkpoint-4").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(run.figures())
    assert 4 <= before < 20, "it was to be killed on its way"
    assert not run.result.exists()

    half = run.checkpoints / "checkpoint-99"  # as a kill in the middle of saving leaves one
    half.mkdir()
    sft(base, counting, folder, RECIPE)
    sft(base, counting, tmp_path / "whole", RECIPE)
    assert run.figures()[-1]["step"] == 20
    assert len(run.figures()) < before + 20  # it did not begin anew
    losses = {line["step"]: line["loss"] for line in run.figures()}
    assert losses == pytest.approx({line["step"]: line["loss"] for line in Run(tmp_path / "whole").figures()}, abs=1e-4)


if __name__ == "__main__":
    sft(Path(sys.argv[1]), read(Path(sys.argv[2])), Path(sys.argv[3]), RECIPE)
