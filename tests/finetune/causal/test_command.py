"""`python -m pilot.finetune`, as its owner types it."""

from pathlib import Path

import pytest

from pilot.errors import TrainingRefused
from pilot.finetune import room
from pilot.finetune.__main__ import main
from pilot.finetune.examples import Example, read, write
from pilot.finetune.recipe import Recipe
from pilot.finetune.room import make_room

pytestmark = pytest.mark.slow


def test_from_examples_to_a_merged_model(
    base: Path,
    counting: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(base.parent))
    files = {name: tmp_path / f"{name}.jsonl" for name in ("all", "learn", "exam")}
    write(files["all"], counting)
    assert main(["split", "--examples", str(files["all"]), "--learn", str(files["learn"]), "--exam", str(files["exam"]),
                 "--share", "0.25"]) == 0  # fmt: skip
    assert (len(read(files["learn"])), len(read(files["exam"]))) == (6, 2)
    training = ["--base", "tiny", "--run", str(tmp_path / "run"), "--exam", str(files["exam"]), "--epochs", "1"]
    assert main(["sft", *training, "--examples", str(files["learn"])]) == 0
    result = tmp_path / "run" / "result"
    assert main(["merge", "--adapter", str(result), "--base", "tiny", "--out", str(tmp_path / "mine")]) == 0
    assert (tmp_path / "mine" / "model.safetensors").exists()
    assert "a training step needs about" in capsys.readouterr().out


def test_an_exam_that_would_be_learnt_and_an_unknown_base_are_one_line(
    base: Path,
    counting: list[Example],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(base.parent))
    file = tmp_path / "all.jsonl"
    write(file, counting)
    asked = ["--examples", str(file), "--run", str(tmp_path / "run")]
    assert main(["sft", "--base", "tiny", "--exam", str(file), *asked]) == 2
    assert main(["dpo", "--base", "unknown", *asked]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 2
    assert "questions of the exam are among the examples" in said
    assert "no model 'unknown'" in said
    assert not (tmp_path / "run").exists()


def test_what_cannot_fit_is_refused_with_what_can(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "a training step needs about" in make_room(base, Recipe(device="cpu"))
    monkeypatch.setattr(room, "free_memory", lambda _: 0.8 * 2**30 + 4e6)  # the planner's own reserve, and a little
    with pytest.raises(TrainingRefused, match=r"this machine has 0\.8 GiB") as refused:
        make_room(base, Recipe(device="cpu", method="full", optimizer="adamw_torch", batch=8))
    assert refused.value.remedy.startswith("What fits: ")
