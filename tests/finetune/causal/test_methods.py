"""Every method trains for real, on a LLaMA small enough for a CPU."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from pilot.errors import Conflict, InputInvalid
from pilot.finetune.examples import Example
from pilot.finetune.preference import dpo, orpo
from pilot.finetune.recipe import Recipe
from pilot.finetune.run import Run
from pilot.finetune.sft import sft

QUICK = Recipe(rate=3e-3, epochs=5, batch=4, accumulate=1, warm_up=0, clip=1.0, dropout=0.0, device="cpu")
FULL = replace(QUICK, method="full", optimizer="adamw_torch")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "recipe",
    [
        FULL,
        replace(QUICK, method="lora", optimizer="adamw_torch"),
        replace(QUICK, optimizer="paged_adamw_8bit"),
        replace(QUICK, optimizer="paged_adamw_32bit", checkpointing=False),
        replace(FULL, method="galore", rank=4, optimizer="galore_adamw"),
        replace(FULL, method="galore", rank=4, optimizer="galore_adafactor"),
        replace(FULL, method="galore", rank=4, optimizer="galore_adamw_layerwise"),
    ],
    ids=lambda recipe: f"{recipe.method} {recipe.optimizer}",
)
def test_each_method_of_sft_lowers_its_loss(
    base: Path, counting: list[Example], tmp_path: Path, recipe: Recipe
) -> None:
    result = sft(base, counting, tmp_path, recipe)
    losses = _losses(tmp_path)
    assert losses[-1] < losses[0] - 0.2
    assert (result / "adapter_config.json").exists() == recipe.adapter
    assert not list(tmp_path.rglob("*.bin"))  # no pickle is left


@pytest.mark.parametrize("method", ["lora", "qlora"])
@pytest.mark.parametrize("objective", [dpo, orpo], ids=lambda train: train.__name__)
def test_each_preference_lowers_its_loss(
    base: Path, counting: list[Example], tmp_path: Path, objective: object, method: str
) -> None:
    assert callable(objective)
    objective(base, counting, tmp_path, replace(QUICK, method=method))  # type: ignore[arg-type]
    losses = _losses(tmp_path)
    assert losses[-1] < losses[0] - 0.05


def test_a_finished_run_is_not_trained_again_and_another_one_is_refused(
    base: Path, counting: list[Example], tmp_path: Path
) -> None:
    recipe = replace(QUICK, epochs=1)
    first = sft(base, counting, tmp_path, recipe)
    logged = len(Run(tmp_path).figures())
    assert sft(base, counting, tmp_path, recipe) == first
    assert len(Run(tmp_path).figures()) == logged
    with pytest.raises(Conflict, match="another recipe"):
        sft(base, counting, tmp_path, replace(recipe, rank=8))
    with pytest.raises(Conflict, match="another examples"):
        sft(base, counting[:6], tmp_path, recipe)


def test_it_stops_when_the_loss_on_what_was_kept_back_rises_no_more(
    base: Path, counting: list[Example], tmp_path: Path
) -> None:
    recipe = replace(FULL, rate=0.5, epochs=12, patience=1, keep_back=0.25)  # far too fast: it can only get worse
    sft(base, counting, tmp_path, recipe)
    kept = [line for line in Run(tmp_path).figures() if "eval_loss" in line]
    assert 2 <= len(kept) < 12


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (replace(QUICK, method="galore"), "do not fit"),
        (replace(FULL, optimizer="galore_adamw"), "do not fit"),
        (replace(FULL, method="galore", optimizer="galore_adamw_layerwise", accumulate=2), "layer-wise"),
        (replace(FULL, length=8), "none of 8 examples fits"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    base: Path, counting: list[Example], tmp_path: Path, recipe: Recipe, message: str
) -> None:
    with pytest.raises(InputInvalid, match=message):
        sft(base, counting, tmp_path, recipe)
    assert not Run(tmp_path).result.exists()


def test_too_few_examples_and_pairs_without_a_wrong_answer_are_refused(
    base: Path, counting: list[Example], tmp_path: Path
) -> None:
    with pytest.raises(InputInvalid, match="too few"):
        sft(base, counting[:3], tmp_path / "few", QUICK)
    with pytest.raises(InputInvalid, match="0 of the answers to learn from correct a wrong one"):
        dpo(base, [replace(example, rejected="") for example in counting], tmp_path / "pairs", QUICK)


def test_the_run_folder_tells_everything(base: Path, counting: list[Example], tmp_path: Path) -> None:
    result = sft(base, counting, tmp_path, replace(QUICK, epochs=1))
    told = Run(tmp_path).told
    assert told["base"] == "tiny"
    assert told["recipe"]["method"] == "qlora"
    assert len(told["examples"]) == 64
    assert told["versions"].keys() >= {"torch", "bitsandbytes", "peft", "trl"}
    assert json.loads((tmp_path / "state.json").read_text())["state"] == "done"
    assert not Run(tmp_path).checkpoints.exists()
    assert any(weights.abs().sum() > 0 for name, weights in load_file(result / "adapter_model.safetensors").items()
               if "lora_B" in name)  # fmt: skip


def _losses(folder: Path) -> list[float]:
    return [line["loss"] for line in Run(folder).figures() if "loss" in line]
