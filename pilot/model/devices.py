"""Where a model computes, and in which numbers."""

import psutil
import torch

from pilot.errors import ConfigInvalid


def pick_device(wanted: str) -> torch.device:
    """Raises ConfigInvalid when the device does not exist here."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        why = next(iter(str(error).splitlines()), "unknown")
        raise ConfigInvalid(
            f"MODEL_DEVICE {wanted!r} cannot be used: {why}", remedy="Use auto, cpu or cuda:N."
        ) from error
    return device


def pick_dtype(device: torch.device, stored: torch.dtype) -> torch.dtype:
    """On a GPU 16 bits. On a CPU as stored, but bfloat16 for float16, which CPUs compute slowly."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if stored == torch.float16 else stored


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster there: elsewhere it is emulated."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def free_memory(device: torch.device) -> float:
    """Bytes. Of several cards, all together: a model without a card of its own choice is spread over them."""
    if device.type != "cuda":
        return float(psutil.virtual_memory().available)
    cards = [device.index] if device.index is not None else range(torch.cuda.device_count())
    return float(sum(torch.cuda.mem_get_info(card)[0] for card in cards))
