"""Weights in the layout that a CPU multiplies in give what the plain ones give, and take no more memory."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.onednn import Relaid, relay_weights
from pilot.model.quantised import memory_of, precision_of

IDS = torch.tensor([[5, 6, 7, 8, 9]])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers of a test are worth it, too."""
    monkeypatch.setattr("pilot.model.onednn.LEAST", 1)


@pytest.mark.parametrize("rows", [1, 2, 16, 100])
@pytest.mark.parametrize("bias", [True, False])
def test_products_stay_the_same(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    plain = nn.Linear(24, 40, bias=bias)
    numbers = torch.randn(2, rows, 24)
    with torch.inference_mode():
        torch.testing.assert_close(Relaid(plain)(numbers), plain(numbers))


@pytest.mark.usefixtures("small")
def test_model_says_the_same_in_the_same_memory(models_dir: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(models_dir / "tiny", use_safetensors=True).eval()
    memory = memory_of(model)
    with torch.inference_mode():
        before = model(input_ids=IDS).logits
        relay_weights(model)
        torch.testing.assert_close(model(input_ids=IDS).logits, before, atol=1e-4, rtol=1e-4)
    assert memory_of(model) == memory
    assert precision_of(model) == "fp32"


@pytest.mark.usefixtures("small")
def test_other_precisions_and_kinds_of_layers_are_left_alone() -> None:
    class Own(nn.Linear):
        pass

    model = nn.ModuleList([nn.Linear(8, 8).to(torch.bfloat16), Own(8, 8), nn.Linear(8, 8)])
    relay_weights(model)
    assert [isinstance(layer, Relaid) for layer in model] == [False, False, True]


def test_small_weights_stay_as_they_are() -> None:
    model = nn.ModuleList([nn.Linear(1024, 1024), nn.Linear(1024, 2048)])
    relay_weights(model)
    assert [isinstance(layer, Relaid) for layer in model] == [False, True]


@pytest.mark.usefixtures("small")
def test_served_model_has_it(models_dir: Path) -> None:
    served = CausalAdapter.load("tiny", models_dir / "tiny", LoadOptions(models_dir=models_dir, device="cpu"))
    assert not [layer for layer in served._model.modules() if type(layer) is nn.Linear]
