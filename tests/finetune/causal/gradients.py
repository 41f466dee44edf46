"""What QLoRA's gradients are, and what they should be: those of the same weights written out in 32 bits."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import torch

from pilot.finetune.base import load_base
from pilot.finetune.recipe import Recipe

RECIPE = Recipe(dropout=0.0, checkpointing=False, device="cpu")
TOKENS = torch.arange(3, 67).reshape(2, 32)


def learner(base: Path, recipe: Recipe = RECIPE) -> Any:
    torch.manual_seed(0)
    model = load_base(base, recipe).train()
    _away_from_zero(model)
    return model


def dequantised(base: Path) -> Any:
    """The 4-bit weights written out in 32 bits, under the same adapter."""
    quantised, plain = learner(base), load_base(base, replace(RECIPE, method="lora"))
    linear = {name: module for name, module in quantised.named_modules() if isinstance(module, bnb.nn.Linear4bit)}
    for name, module in plain.named_modules():
        if name in linear:
            weight = linear[name].weight
            module.weight.data = bnb.functional.dequantize_4bit(weight.data, weight.quant_state).float()
    plain.load_state_dict(
        {name: tensor for name, tensor in quantised.state_dict().items() if "lora_" in name}, strict=False
    )
    return plain.train()


def after_a_look(model: Any) -> Any:
    """The same model after it has told its loss."""
    model.eval()
    with torch.inference_mode():
        model(input_ids=TOKENS)
    return model.train()


def gradients(model: Any) -> torch.Tensor:
    model(input_ids=TOKENS, labels=TOKENS).loss.backward()
    found = [
        parameter.grad.float().flatten() for _, parameter in sorted(model.named_parameters()) if parameter.requires_grad
    ]
    return torch.cat(found)


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def _away_from_zero(model: Any) -> None:
    """An adapter begins as zero, where half of its gradients vanish."""
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
