"""Which tokens a request's cuts leave."""

from typing import Any

import pytest
import torch

from pilot.model.sampling import HEAD, Sampler
from tests.model.asking import ask


def drawn(probabilities: list[float], **cuts: Any) -> set[int]:
    """Every token that comes up in many draws."""
    logits = torch.tensor(probabilities).log()
    return {Sampler(ask(temperature=1, seed=seed, **cuts), 0).pick(logits, ()) for seed in range(200)}


@pytest.mark.parametrize(
    ("cuts", "left"),
    [
        ({}, {0, 1, 2, 3}),
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.4}, {0}),
        ({"top_p": 0.41}, {0, 1}),
        ({"top_p": 0.71}, {0, 1, 2}),
        ({"min_p": 0.5}, {0, 1}),
        ({"min_p": 0.4}, {0, 1, 2}),
        ({"top_k": 3, "top_p": 0.5}, {0, 1}),
    ],
    ids=str,
)
def test_cuts_leave_the_most_likely(cuts: dict[str, Any], left: set[int]) -> None:
    assert drawn([0.401, 0.3, 0.2, 0.099], **cuts) == left


def test_tokens_come_as_often_as_they_are_likely() -> None:
    sampler, logits = Sampler(ask(temperature=1, seed=1), 0), torch.tensor([0.5, 0.0, 0.3, 0.2]).log()
    picked = [sampler.pick(logits, ()) for _ in range(4000)]
    assert [picked.count(token) / 4000 for token in range(4)] == pytest.approx([0.5, 0, 0.3, 0.2], abs=0.03)


def test_top_p_of_a_flat_distribution_reaches_beyond_the_head() -> None:
    sampler = Sampler(ask(temperature=1, seed=1, top_p=0.9), 0)
    flat = torch.zeros(4 * HEAD)
    picked = {sampler.pick(flat, ()) for _ in range(8 * HEAD)}
    assert 2 * HEAD < len(picked) <= 4 * HEAD * 0.9 + 1
