"""Linear layers in the layout that a CPU multiplies in (oneDNN's): made once, at loading, instead of at every product.

A step of 16 rows takes half to three quarters of the time by it, one row up to a sixth more. Small weights stay as they
are: they stand in the processor's cache, where one row alone would take half as long again. A head that shares its
weight with the embeddings gets a copy of its own.
"""

from typing import Any

import torch
from torch import Tensor, nn

LEAST = 2_000_000  # numbers of a weight
ROWS = 64  # that the layout is chosen for; it serves 1 to 256 well


class Relaid(nn.Linear):
    """Its weight stands where the plain one stood, so nothing is held twice. It cannot be trained."""

    def __init__(self, plain: nn.Linear) -> None:
        super().__init__(plain.in_features, plain.out_features, bias=False, device="meta")
        relaid = torch.ops.mkldnn._reorder_linear_weight(plain.weight.detach(), ROWS)
        self.weight = nn.Parameter(relaid, requires_grad=False)
        self.bias = plain.bias

    def forward(self, input: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")
        return product


def relay_weights(model: Any) -> None:
    """In place; does nothing to small layers, to those of another kind, precision or device, nor where torch came
    without oneDNN.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    for parent in [*model.modules()]:
        for name, layer in [*parent.named_children()]:
            if type(layer) is nn.Linear and _gains(layer.weight):
                setattr(parent, name, Relaid(layer))


def _gains(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= LEAST
