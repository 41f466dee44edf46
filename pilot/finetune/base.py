"""The base model, made ready to learn: its precision and its adapter."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, BitsAndBytesConfig
from transformers.utils.logging import disable_progress_bar

from pilot.errors import ModelUnusable
from pilot.finetune.recipe import Recipe
from pilot.model.devices import pick_device
from pilot.model.folders import check, read_json
from pilot.model.quantised import forbid_packing


def load_base(folder: Path, recipe: Recipe, *, sharded: bool = False) -> Any:
    """With its LoRA adapter attached where the method has one. Raises ModelUnusable.

    Sharding wants one number type for all; else an adapter learns in 32 bits.
    """
    refuse_adapter(folder)
    check(folder)
    device = pick_device(recipe.device)
    if recipe.quantised and "quantization_config" in read_json(folder / "config.json"):
        raise ModelUnusable(
            f"{folder.name} is saved in few bits already",
            remedy="Name the unquantised base; qlora quantises it itself.",
        )
    numbers = _numbers(recipe, device)
    disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=numbers,
        device_map={"": device},
        quantization_config=nf4_for_training(numbers) if recipe.quantised else None,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
    )
    model.config.use_cache = False  # of keys and values: nothing is generated here
    forbid_packing(model)
    if not recipe.adapter:
        return model
    if recipe.checkpointing:
        model.enable_input_require_grads()  # else no gradient passes the first frozen block
    torch.manual_seed(recipe.seed)  # of the adapter's first numbers: the same in every process, and when run again
    return get_peft_model(model, lora(recipe), autocast_adapter_dtype=not sharded)


def lora(recipe: Recipe) -> LoraConfig:
    """On every linear layer but the head: what QLoRA found to be needed to match full fine-tuning."""
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def nf4_for_training(numbers: torch.dtype) -> BitsAndBytesConfig:
    """QLoRA's NF4 with double quantisation. Stored as what it computes in: sharding splits only one number type."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=numbers,
        bnb_4bit_quant_storage=numbers,
    )


def refuse_adapter(folder: Path) -> None:
    if (folder / "adapter_config.json").exists():
        raise ModelUnusable(
            f"{folder.name} is an adapter, not a base", remedy="Merge it first: python -m pilot.finetune merge"
        )


def _numbers(recipe: Recipe, device: torch.device) -> torch.dtype:
    """A GPU keeps a frozen base in 16 bits. Weights that learn themselves, and CPUs, most of which compute 16 bits
    slowly, have 32.
    """
    return torch.bfloat16 if recipe.adapter and device.type == "cuda" else torch.float32
