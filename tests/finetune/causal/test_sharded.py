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


@pytest.fixture(scope="module")
def two(base: Path, counting: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes have left, first without sharding, then with it."""
    folder = tmp_path_factory.mktemp("two")
    write(folder / "examples.jsonl", counting)
    command = [sys.executable, "-m", "tests.finetune.causal.sharded"]
    command += [str(base), str(folder / "examples.jsonl"), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LONGEST)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return folder


def test_two_processes_equal_one(base: Path, counting: list[Example], two: Path, tmp_path: Path) -> None:
    sft(base, counting, tmp_path, replace(RECIPE, batch=2 * RECIPE.batch))
    alone, shared = Run(tmp_path).figures(), Run(two / "sharded").figures()
    assert [line["loss"] for line in shared] == pytest.approx([line["loss"] for line in alone], abs=1e-3)
    assert shared[-1]["loss"] < shared[0]["loss"] - 0.5
    assert (two / "sharded" / "result" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("rank", [0, 1])
def test_it_does_not_run_when_nothing_is_sharded(two: Path, rank: int) -> None:
    said = (two / "plain" / f"refused-{rank}").read_text(encoding="utf-8")
    assert said == "sharding is not active: accelerate chose MULTI_CPU"
    assert not Run(two / "plain").result.exists()


def test_an_optimizer_that_knows_no_shares_is_refused(base: Path, counting: list[Example], tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="sharded weights"):
        sft(base, counting, tmp_path, replace(RECIPE, optimizer="paged_adamw_8bit"), fsdp=True)
