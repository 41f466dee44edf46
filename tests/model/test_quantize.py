"""What few bits do to weights, measured; and a model saved in few bits, loaded again."""

import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import torch

from pilot.model import quantize
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.folders import find
from pilot.model.loading import load_model
from pilot.model.precisions import BY_NAME
from pilot.model.quantised import forbid_packing
from tests.model import tiny
from tests.model.asking import ask, text_of


@pytest.mark.parametrize(("precision", "error"), [("int8", 0.0087), ("nf4", 0.092), ("nf4+dq", 0.092), ("fp4", 0.122)])
def test_errors_on_normal_weights_are_the_known_ones(precision: str, error: float) -> None:
    weight = torch.randn(512, 4096, generator=torch.Generator().manual_seed(0))
    assert quantize.error_of(weight, precision) == pytest.approx(error, rel=0.05)


def test_nf4_is_better_than_fp4_and_double_quantisation_costs_next_to_nothing() -> None:
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(1))
    errors = {name: quantize.error_of(weight, name) for name in quantize.MEASURED}
    assert errors["int8"] < errors["nf4"] < errors["fp4"]
    assert errors["nf4+dq"] / errors["nf4"] < 1.01


def test_what_is_measured_is_what_the_loaded_model_holds(models_dir: Path) -> None:
    folder = models_dir / "tiny"
    rows = list(quantize.layer_errors(folder, torch.device("cpu")))
    assert len(rows) == 2 * 7
    plain = load_model(folder, LoadOptions(models_dir=models_dir, device="cpu", precision="fp32"))
    name = rows[0].name
    weight = plain.get_submodule(name).weight.detach()
    assert rows[0].errors["nf4"] == pytest.approx(quantize.error_of(weight, "nf4"), rel=1e-5)


@pytest.mark.parametrize("precision", ["nf4+dq", "int8"])
def test_saved_model_is_the_one_that_was_quantised(precision: str, models_dir: Path) -> None:
    name = f"tiny-{BY_NAME[precision].four_bit or precision}"
    options = LoadOptions(models_dir=models_dir, device="cpu", precision=precision)
    quantize.save(models_dir / "tiny", models_dir / name, options)
    found = find(name, models_dir)
    assert found.folder is not None
    adapter = CausalAdapter.load(name, found.folder, LoadOptions(models_dir=models_dir, device="cpu"))
    assert adapter.card.quantisation == precision
    assert text_of(adapter.stream(ask(max_tokens=10, seed=1), threading.Event()))
    adapter.close()
    ids = torch.tensor([[5, 9, 7, 11, 6, 3]])
    logits = []
    for folder in (models_dir / "tiny", found.folder):
        model = load_model(folder, options)
        forbid_packing(model)
        with torch.inference_mode():
            logits.append(model(ids).logits.float())
    assert torch.allclose(logits[0], logits[1], rtol=0.05, atol=0.05)


def test_the_command_prints_draws_and_saves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.save(tmp_path / "tiny")
    (tmp_path / "text.txt").write_text(tiny.TEXT * 3, encoding="utf-8")
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    flags = ["--device", "cpu", "--plot", str(tmp_path / "errors.svg"), "--text", str(tmp_path / "text.txt")]
    assert quantize.main(["tiny", *flags]) == 0
    printed = capsys.readouterr().out
    assert "mean of 14" in printed
    assert "perplexity nf4+dq" in printed
    drawn = ET.fromstring((tmp_path / "errors.svg").read_text(encoding="utf-8"))
    assert len(drawn.findall("{*}polyline")) == len(quantize.MEASURED)
    assert quantize.main(["tiny", "--device", "cpu", "--save", "tiny"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not list(tmp_path.glob(".quantised-*"))
