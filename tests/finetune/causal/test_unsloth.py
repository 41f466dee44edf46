"""Unsloth's side of the contract, played by a stand-in: what comes in, what must come out, and each way it can fail."""

import json
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from pilot.config import Settings
from pilot.errors import InputInvalid, TrainingRefused
from pilot.finetune.courtesy import Ended
from pilot.finetune.examples import Example
from pilot.finetune.run import Run
from pilot.finetune.sft import sft
from pilot.finetune.unsloth import versions
from pilot.model.folders import base_of
from tests.finetune.causal.test_methods import QUICK

RECIPE = replace(QUICK, method="lora", optimizer="adamw_torch", backend="unsloth", epochs=1)
STAND_IN = """#!{python}
import json, sys
from pathlib import Path
assert sys.argv[1] == "-I" and sys.argv[2].endswith("unsloth_run.py")
if sys.argv[3] == "--versions":
    print('{{"unsloth": "2026.10.9", "transformers": "5.17.0"}}')
    sys.exit()
folder = Path(sys.argv[3])
told = json.loads((folder / "settings.json").read_text())
lines = (folder / "learn.jsonl").read_text().splitlines()
for step in (1, 2):
    print('{{"wait": true}}', flush=True)
    if not sys.stdin.readline():
        sys.exit("nobody listens any more")
    print(json.dumps({{"step": step, "steps": 2, "epoch": step / 2, "loss": len(lines) / step}}), flush=True)
{ending}
"""
GOOD = """
from safetensors.torch import save_file
import torch
out = Path(told["out"])
out.mkdir()
(out / "adapter_config.json").write_text('{"base_model_name_or_path": "unsloth/another", "peft_type": "LORA"}')
save_file({"lora_A": torch.ones(2)}, out / "adapter_model.safetensors")
"""
BROKEN = 'raise RuntimeError("CUDA out of memory")'


def stand_in(folder: Path, ending: str) -> str:
    file = folder / "python"
    file.write_text(STAND_IN.format(python=sys.executable, ending=ending), encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return str(file)


def test_its_adapter_comes_back_into_the_run(base: Path, counting: list[Example], tmp_path: Path) -> None:
    steps: list[None] = []
    run = Run(tmp_path / "run")
    result = sft(base, counting, run.folder, RECIPE, unsloth=stand_in(tmp_path, GOOD),
                 before_step=lambda: steps.append(None), looked_at=counting[:2])  # fmt: skip
    assert len(steps) == 2
    assert load_file(result / "adapter_model.safetensors")["lora_A"].tolist() == [1, 1]
    assert base_of(result, base.parent) == base
    assert (result / "tokenizer.json").exists()
    assert [line["loss"] for line in run.figures()] == [8, 4]
    state = json.loads((run.folder / "state.json").read_text(encoding="utf-8"))
    assert state["state"] == "done"
    kept = (run.folder / "unsloth" / "kept.jsonl").read_text(encoding="utf-8").splitlines()
    line = json.loads(kept[0])
    assert len(kept) == 2
    assert len(line["input_ids"]) == len(line["labels"])
    answer = [label for label in line["labels"] if label >= 0]
    assert line["input_ids"][-len(answer) :] == answer


def test_it_is_given_none_of_the_settings(
    base: Path, counting: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LLM_API_KEY", "WEB_PASSWORD", "PROXY_API_KEY", "LOCAL_DB_PASSWORD"):
        monkeypatch.setenv(name, "secret")
    for name in ("HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "1")
    python = Path(stand_in(tmp_path, GOOD))
    noting = "import os; Path({!r}, Path(sys.argv[3]).name + '.json').write_text(json.dumps(dict(os.environ)))\n"
    said = python.read_text(encoding="utf-8")
    python.write_text(said.replace("assert", noting.format(str(tmp_path)) + "assert", 1), encoding="utf-8")
    sft(base, counting, tmp_path / "run", RECIPE, unsloth=str(python))
    for call in ("--versions.json", "unsloth.json"):
        given = json.loads((tmp_path / call).read_text(encoding="utf-8"))
        assert not {name.upper() for name in Settings.model_fields} & given.keys()
        assert given["HF_HUB_OFFLINE"] == given["CUDA_VISIBLE_DEVICES"] == "1"


@pytest.mark.parametrize(
    ("ending", "said"), [(BROKEN, "RuntimeError: CUDA out of memory"), ("", "no adapter_config.json")]
)
def test_what_fails_there_is_told_and_leaves_no_result(
    base: Path, counting: list[Example], tmp_path: Path, ending: str, said: str
) -> None:
    run = Run(tmp_path / "run")
    with pytest.raises(TrainingRefused, match=said) as failed:
        sft(base, counting, run.folder, RECIPE, unsloth=stand_in(tmp_path, ending))
    assert "log.txt" in failed.value.remedy
    assert not run.result.exists()
    assert json.loads((run.folder / "state.json").read_text(encoding="utf-8"))["state"] == "failed"
    assert sft(base, counting, run.folder, RECIPE, unsloth=stand_in(tmp_path, GOOD)) == run.result  # it goes on


def test_it_ends_when_its_time_is_over(base: Path, counting: list[Example], tmp_path: Path) -> None:
    def over() -> None:
        raise Ended

    with pytest.raises(Ended):
        sft(base, counting, tmp_path / "run", RECIPE, unsloth=stand_in(tmp_path, GOOD), before_step=over)
    assert Run(tmp_path / "run").figures() == []


def test_where_it_is_not_the_way_to_it_is_told(base: Path, counting: list[Example], tmp_path: Path) -> None:
    with pytest.raises(TrainingRefused, match="not set up") as refused:
        sft(base, counting, tmp_path / "run", RECIPE)
    assert "pip install unsloth" in refused.value.remedy
    for python in (str(tmp_path / "none"), sys.executable):  # of another environment: Pilot's own holds no Unsloth
        with pytest.raises(TrainingRefused, match="holds no Unsloth") as refused:
            versions(python)
        assert "UNSLOTH_PYTHON" in refused.value.remedy
    with pytest.raises(TrainingRefused, match="not full"):
        sft(base, counting, tmp_path / "full", replace(RECIPE, method="full"), unsloth=stand_in(tmp_path, GOOD))
    with pytest.raises(InputInvalid, match="one card"):
        sft(base, counting, tmp_path / "two", RECIPE, unsloth=stand_in(tmp_path, GOOD), fsdp=True)
