"""A causal model as one that is owned: an adapter is trained, guarded, examined, released on its base, and left."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from pilot.config import Settings
from pilot.errors import InputInvalid, TrainingRefused
from pilot.finetune.examine import compared, examine
from pilot.finetune.examples import Example
from pilot.finetune.kinds import kind_of
from pilot.finetune.masking import Question
from pilot.finetune.run import Run as Training
from pilot.model.engine import Engine
from pilot.services import Services
from pilot.store.runs import Objective, Runs, Wish
from tests.finetune.concert import SOURCE, product
from tests.model.live import Live, serving

pytestmark = pytest.mark.slow
WISH = Wish((SOURCE,), method="lora", epochs=1)


@pytest.fixture
def models(base: Path, tmp_path: Path) -> Path:
    place = tmp_path / "models"
    place.mkdir()
    shutil.copytree(base, place / "tiny")
    return place


@pytest.fixture
def live(models: Path) -> Iterator[Live]:
    with serving(Engine(lambda: pytest.fail("it is loaded by its name"), name="tiny"), models_dir=models) as found:
        yield found


async def test_an_adapter_is_trained_guarded_examined_released_and_gone_back_from(
    models: Path, live: Live, counting: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.finetune.causal.MOST_READ", 1024)
    settings = (await product(tmp_path, live.url)).model_copy(
        update={"models_dir": models, "sql_candidates": 1, "max_position_embeddings": 700}
    )
    runs = Runs(settings.data_dir)
    run = runs.new(WISH, base="tiny", instead="tiny")
    kind = kind_of(models, "tiny")
    steps: list[None] = []
    plan = kind.plan(WISH, len(counting))
    assert plan.fits
    assert dict(plan.parts)["weights"] > 0
    place = runs.place(run.id) / "training"
    result = kind.train(WISH, counting, place, before_step=lambda: steps.append(None), looked_at=counting[:2])
    assert steps
    assert any("eval_loss" in line for line in Training(place).figures())
    before, after = kind.perplexities(result)
    assert before != after
    assert kind.served_name(run.id) == f"tiny:tiny-{run.id}"
    await _examined(settings, models, result, kind.folder_name(run.id), kind.served_name(run.id), tmp_path)
    runs.keep(replace(run, state="better"))
    services = Services.open(settings)
    released = await services.own.release(run.id)
    assert released.model == f"tiny:tiny-{run.id}"
    assert (await services.serving()).model == released.model
    assert (await services.own.roll_back()).served == "tiny"
    await services.close()


async def _examined(settings: Settings, models: Path, result: Path, folder: str, served: str, tmp_path: Path) -> None:
    """By the way of the product, beside the one that is served, and nowhere among the models yet."""
    place = tmp_path / "examined"
    place.mkdir()
    (place / "tiny").symlink_to(models / "tiny")
    (place / folder).symlink_to(result)
    asked = [Question("1", SOURCE, "How many singers are there?", "SELECT COUNT(*) FROM singer", date.today(), "count")]
    judged = await examine(settings, served, place, asked, [])
    exam = compared(asked, judged, judged)
    assert len(exam.questions) == 1
    assert not (models / folder).exists()


@pytest.mark.parametrize("objective", ["dpo", "orpo"])
def test_right_is_told_from_wrong_by_an_adapter(
    models: Path, counting: list[Example], tmp_path: Path, objective: Objective
) -> None:
    kind, wish = kind_of(models, "tiny"), replace(WISH, objective=objective)
    assert kind.plan(wish, 8).needs_bytes > kind.plan(WISH, 8).needs_bytes  # two answers at once
    steps: list[None] = []
    one_sided = [replace(counting[0], rejected="")]
    result = kind.train(
        wish, counting + one_sided, tmp_path / "run", before_step=lambda: steps.append(None), looked_at=counting[:2]
    )
    assert (result / "adapter_config.json").exists()
    assert steps
    assert any("eval_loss" in line for line in Training(tmp_path / "run").figures())
    assert Training(tmp_path / "run").told["objective"] == objective


def test_galore_learns_as_a_whole(models: Path, counting: list[Example], tmp_path: Path) -> None:
    kind, wish = kind_of(models, "tiny"), replace(WISH, method="galore")
    assert kind.plan(wish, 8).method == "galore"
    result = kind.train(wish, counting, tmp_path / "run", before_step=lambda: None)
    assert (result / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (replace(WISH, method="full", objective="dpo"), "not by full"),
        (replace(WISH, backend="unsloth"), "Unsloth is not set up"),
        (replace(WISH, method="full", backend="unsloth"), "not full"),
        (replace(WISH, objective="dpo", backend="unsloth"), "not dpo"),
    ],
)
def test_what_does_not_go_together_is_refused_before_it_begins(models: Path, wish: Wish, said: str) -> None:
    with pytest.raises(TrainingRefused, match=said) as refused:
        kind_of(models, "tiny").plan(wish, 8)
    assert refused.value.remedy


def test_stopping_early_takes_one_pair_more(models: Path, counting: list[Example], tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="takes 5"):
        kind_of(models, "tiny").train(
            replace(WISH, objective="dpo", patience=1), counting[:4], tmp_path, before_step=lambda: None
        )


def test_too_few_pairs_are_counted(models: Path, counting: list[Example], tmp_path: Path) -> None:
    pairs = [*counting[:3], *(replace(example, rejected="") for example in counting[3:])]
    with pytest.raises(InputInvalid, match="3 of the answers to learn from"):
        kind_of(models, "tiny").train(replace(WISH, objective="dpo"), pairs, tmp_path, before_step=lambda: None)


def test_a_plan_says_when_nothing_fits(models: Path) -> None:
    plan = kind_of(models, "tiny").plan(replace(WISH, method="full", memory_gib=0.01), 8)
    assert not plan.fits
    assert "this machine has 0.0 GiB" in plan.said
