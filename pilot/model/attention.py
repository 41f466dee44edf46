"""Attention to stretches of keys and values that several rows share: fetched from memory once for all of them.

Softmax over all tokens is the mean of the softmaxes over their parts, weighed by the sums below their fractions, so
each part can be computed where it lies (Milakov and Gimelshein, 2018; for shared beginnings Juravsky et al.,
"Hydragen", 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "stretches"  # among transformers' implementations of attention
BEYOND = ("position_bias", "softcap", "s_aux", "sliding_window")  # what makes attention more than a softmax of products

Block = list[tuple[Tensor, Tensor]]  # keys and values [heads, tokens, width] of each layer, for a stretch of tokens


@dataclass(frozen=True, eq=False)
class Stretch:
    """What a model has made of consecutive tokens: read by many, changed by none. Two are the same if they are one."""

    layers: Block

    @property
    def length(self) -> int:
        """Tokens."""
        return self.layers[0][0].shape[1]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)

    def head(self, length: int) -> "Stretch":
        """Its first tokens, without a copy."""
        return Stretch([(keys[:, :length], values[:, :length]) for keys, values in self.layers])


Read = tuple[Stretch, slice | Tensor]  # and the numbers of the rows that begin with it


def learn(model: Any) -> bool:
    """Let the model attend to stretches; whether it can: on a CPU, if it leaves attention to transformers.

    On a GPU the many small steps cost more than they save in most batches, so rows have copies there.
    """
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    if model.device.type == "cpu":
        model.set_attn_implementation(NAME)
    return bool(model.config._attn_implementation == NAME)


def forget(model: Any) -> None:
    if model.config._attn_implementation == NAME:
        model.set_attn_implementation("sdpa")


def attend(
    module: torch.nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *,
    scaling: float | None = None, stretches: Sequence[Read] = (), **kwargs: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """As transformers calls it: `query` [rows, heads, new, width]; `key` and `value` [rows, heads, tokens, width] of
    what each row has of its own, and the mask for these. All new tokens see all of a stretch.

    Raises ValueError for a model that asks for more than the parts can give.
    """
    if not stretches:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    if more := [name for name in BEYOND if kwargs.get(name) is not None]:
        raise ValueError(f"attention with {', '.join(more)} is not computed in stretches")
    layer: int = module.layer_idx  # type: ignore[assignment]
    out, weight = part(query, key, value, scaling, attention_mask)
    for stretch, rows in stretches:
        keys, values = stretch.layers[layer]
        asking = query[rows]
        # to the stretch it is all the same whose questions these are
        said, its = part(asking.transpose(0, 1).flatten(1, 2)[None], keys[None], values[None], scaling)
        said, its = (one.view(one.shape[1], *asking.shape[::2], -1).transpose(0, 1) for one in (said, its))
        out[rows], weight[rows] = _mean(out[rows], weight[rows], said, its)
    return out.transpose(1, 2).contiguous(), None


def part(query: Tensor, key: Tensor, value: Tensor, scaling: float | None, mask: Tensor | None = None
         ) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Attention to these tokens alone, and the logarithm of the sum below its fraction [rows, heads, new, 1].

    Several heads of `query` may share one of `key`; they are asked as if they were more tokens.
    """
    heads, new = key.shape[1], query.shape[2]
    groups = query.shape[1] // heads
    bias = None
    if mask is not None:
        bias = query.new_zeros(mask.shape).masked_fill_(~mask, float("-inf")).repeat(1, 1, groups, 1)
    asking = query.reshape(len(query), heads, groups * new, -1)
    out, weight = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        asking, key, value, attn_mask=bias, scale=scaling
    )
    return out.reshape(*query.shape[:3], -1), weight.reshape(*query.shape[:3], 1)


def _mean(out: Tensor, weight: Tensor, other: Tensor, its: Tensor) -> tuple[Tensor, Tensor]:
    share = torch.sigmoid(its - weight).to(out.dtype)
    return out + (other - out) * share, torch.logaddexp(weight, its)
