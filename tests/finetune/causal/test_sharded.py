"""FSDP-QLoRA: two processes that hold half of the weights each learn what one learns alone."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pilot.errors import InputInvalid
from pilot.finetune.examples import Example, write
from pilot.finetune.run import Run
from pilot.finetune.sft import sft
from tests.finetune.causal.sharded import RECIPE

LONGEST = 400  # seconds for two processes on a busy machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * LONGEST)]


def test_two_processes_equal_one(base: Path, counting: list[Example], tmp_path: Path) -> None:
    ended = _two("sharded", base, counting, tmp_path / "two")
    assert ended.returncode == 0, ended.stderr[-2000:]
    sft(base, counting, tmp_path / "one", replace(RECIPE, batch=2 * RECIPE.batch))
    one, two = Run(tmp_path / "one").figures(), Run(tmp_path / "two").figures()
    assert [line["loss"] for line in two] == pytest.approx([line["loss"] for line in one], abs=1e-3)
    assert two[-1]["loss"] < two[0]["loss"] - 0.5
    assert (tmp_path / "two" / "result" / "adapter_model.safetensors").exists()


def test_it_does_not_run_when_nothing_is_sharded(base: Path, counting: list[Example], tmp_path: Path) -> None:
    ended = _two("plain", base, counting, tmp_path / "two")
    assert ended.returncode != 0
    assert "TrainingRefused: sharding is not active: accelerate chose MULTI_CPU" in ended.stderr
    assert not Run(tmp_path / "two").result.exists()


def test_an_optimizer_that_knows_no_shares_is_refused(base: Path, counting: list[Example], tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="sharded weights"):
        sft(base, counting, tmp_path, replace(RECIPE, optimizer="paged_adamw_8bit"), fsdp=True)


def _two(kind: str, base: Path, examples: list[Example], folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder.with_suffix(".jsonl")
    write(file, examples)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command += ["-m", "tests.finetune.causal.sharded", kind, str(base), str(file), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
