"""The traps of 4-bit training: each of these fails when its guard is taken away."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.finetune.causal.gradients import RECIPE, after_a_look, cosine, dequantised, gradients, learner

pytestmark = pytest.mark.slow


def test_gradients_through_four_bits_are_those_of_the_same_weights_in_full(base: Path) -> None:
    assert cosine(gradients(learner(base)), gradients(dequantised(base))) > 0.99


def test_they_still_are_after_a_look_at_the_loss(base: Path) -> None:
    assert cosine(gradients(after_a_look(learner(base))), gradients(dequantised(base))) > 0.99


def test_gradients_reach_the_first_layer_through_recomputed_activations(base: Path) -> None:
    model = learner(base, replace(RECIPE, checkpointing=True))
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    assert cosine(gradients(model), gradients(learner(base))) > 0.999


def test_only_the_adapter_learns_and_it_is_on_every_linear_layer_but_the_head(base: Path) -> None:
    model = learner(base)
    learns = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name for name in learns)
    assert len(learns) == 2 * 7 * 2  # A and B, of seven linear layers in each of two blocks
