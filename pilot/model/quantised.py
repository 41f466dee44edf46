"""bitsandbytes' layers: how to ask for them, what a loaded model holds, and a trap of theirs that is kept shut."""

from collections.abc import Iterator
from typing import Any

import bitsandbytes as bnb
import torch
from torch import Tensor
from transformers import BitsAndBytesConfig

from pilot.model.precisions import Precision

FLOATS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


def bnb_config(precision: Precision, compute: torch.dtype) -> BitsAndBytesConfig | None:
    """None for numbers that are not quantised."""
    if not precision.quantised:
        return None
    if not precision.four_bit:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=precision.four_bit,
        bnb_4bit_use_double_quant=precision.double,
        bnb_4bit_compute_dtype=compute,
    )


def precision_of(model: Any) -> str:
    """The name that the model's card shows: what its linear layers really are."""
    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            return str(module.weight.quant_type) + ("+dq" if module.weight.compress_statistics else "")
        if isinstance(module, bnb.nn.Linear8bitLt):
            return "int8"
    return FLOATS.get(model.dtype, str(model.dtype).removeprefix("torch."))


def memory_of(model: Any) -> int:
    """Bytes of all weights and buffers, the scales of quantised ones with them; what is shared counts once."""
    held = {_place(tensor): tensor.nbytes for tensor in (*model.parameters(), *model.buffers(), *_scales(model))}
    return sum(held.values())


def _place(tensor: Tensor) -> int:
    """In memory; those in oneDNN's layout do not tell it, and are never shared."""
    return id(tensor) if tensor.is_mkldnn else tensor.data_ptr()


def guard_packing(model: Any) -> None:
    """For serving. bitsandbytes repacks 4-bit weights for CPUs with AVX512-BF16 at the first answer, and breaks on
    shapes that its packing does not take (in % 64, out % 32; found in 0.50.2): those layers stay as they are.
    """
    for layer in four_bit_layers(model):
        if layer.in_features % 64 or layer.out_features % 32:
            layer.support_avx512bf16_for_cpu = False


def forbid_packing(model: Any) -> None:
    """For all that trains, merges, measures or exports: a packed layer gives wrong gradients and merges into garbage
    (bitsandbytes 0.50.2). Call it before the first forward pass.
    """
    for layer in four_bit_layers(model):
        layer.support_avx512bf16_for_cpu = False


def four_bit_layers(model: Any) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]


def _scales(model: Any) -> Iterator[Tensor]:
    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit) and module.weight.quant_state is not None:
            yield from _of_state(module.weight.quant_state)
        elif isinstance(module, bnb.nn.Linear8bitLt):
            scales = (getattr(module.weight, "SCB", None), module.state.SCB)  # it moves at the first forward pass
            yield from (scale for scale in scales if scale is not None)


def _of_state(state: Any) -> Iterator[Tensor]:
    yield state.absmax
    if state.nested:
        yield state.state2.absmax
