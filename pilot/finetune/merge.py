"""An adapter and its base -> one model, as Guanaco's 33b-merged was made.

The base is read again in its own numbers: merging into 4-bit weights would round the sum to 4 bits once more (relative
error 0.27 on random weights). What is written is compared with base and adapter before it counts as made.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from pilot.errors import Conflict, ModelUnusable
from pilot.model.folders import base_of, check
from pilot.model.loading import load_tokenizer

PROBE = 16  # tokens that both models read
WORST = 0.02  # relative difference of their scores: rounding to 16 bits


def merge(adapter: Path, models_dir: Path, out: Path, *, base: Path | None = None) -> Path:
    """`base` where the adapter's own name for it does not lead to it. Raises Conflict, ModelUnusable."""
    if out.exists():
        raise Conflict(f"{out} exists already", remedy="Name another folder.")
    check(adapter)
    base = base or base_of(adapter, models_dir)
    if base is None:
        raise ModelUnusable(f"{adapter.name} is a whole model, not an adapter", remedy="It can be served as it is.")
    tokenizer = load_tokenizer(adapter, base)
    attached = attach(base, adapter)
    probe = torch.arange(1, PROBE + 1)[None] % attached.config.vocab_size
    wanted = _scores(attached, probe)
    merged = attached.merge_and_unload(safe_merge=True)  # raises when the sum is not finite
    difference = float((_scores(merged, probe) - wanted).norm() / wanted.norm())
    if not difference <= WORST:
        raise ModelUnusable(
            f"the merged model differs from base and adapter by {difference:.3f}",
            remedy="The adapter belongs to another base; name it with --base.",
        )
    unfinished = out.with_name(out.name + ".saving")
    shutil.rmtree(unfinished, ignore_errors=True)
    merged.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(out)
    return out


def attach(base: Path, adapter: Path) -> Any:
    """Raises ModelUnusable when the two do not fit."""
    disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype="auto", use_safetensors=True, local_files_only=True, trust_remote_code=False
    )
    try:
        return PeftModel.from_pretrained(model, adapter, local_files_only=True).eval()
    except (RuntimeError, ValueError) as error:
        raise ModelUnusable(
            f"the adapter {adapter.name} does not fit the base {base.name}", remedy="Name its own base with --base."
        ) from error


@torch.inference_mode()
def _scores(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    scores: torch.Tensor = model(input_ids=tokens.to(model.device)).logits.float()
    return scores
