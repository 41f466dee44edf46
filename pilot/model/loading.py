"""Read a local folder's weights: tokenizer, 4-bit quantisation, LoRA adapters.

Only safetensors, only architectures that transformers itself knows: no file of a model is ever run as code.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from pilot.errors import ModelUnusable
from pilot.model.base import LoadOptions
from pilot.model.devices import free_memory, pick_device, pick_dtype
from pilot.model.folders import base_of, read_json
from pilot.model.planner import RESERVED, choose
from pilot.model.precisions import AUTO, BY_NAME, Precision
from pilot.model.quantised import FLOATS, bnb_config, guard_packing, precision_of
from pilot.model.shapes import shape_of

logger = logging.getLogger(__name__)

LLAMA_TOKENS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
DTYPES = {name: dtype for dtype, name in FLOATS.items()}
NARROWER = {"cuda": ("int8", "nf4+dq"), "cpu": ("nf4+dq",)}  # on a CPU int8 is slower than bf16, NF4 twice as fast
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def load_tokenizer(folder: Path, base: Path | None) -> Any:
    """The folder's own tokenizer; a LoRA adapter without one takes its base's."""
    home = next((place for place in (folder, base) if place and _has_tokenizer(place)), None)
    if home is None:
        raise ModelUnusable(
            f"{folder.name} holds no tokenizer", remedy=f"Copy tokenizer.json or tokenizer.model into {folder}."
        )
    try:
        return AutoTokenizer.from_pretrained(
            home, local_files_only=True, trust_remote_code=False, **_missing_tokens(home)
        )
    except Exception as error:
        raise ModelUnusable(
            f"the tokenizer of {home.name} cannot be read: {_first_line(error)}", remedy="Copy its files again, whole."
        ) from error


def load_model(folder: Path, options: LoadOptions, *, kind: Any = AutoModelForCausalLM) -> Any:
    """A language model in eval mode on its device, of the `kind` that an auto class of transformers reads.

    A LoRA adapter's folder is its base with the adapter: merged into it where the weights are not quantised, beside
    it where they are, since that is what it was trained on and merging would quantise it, too.
    """
    base = base_of(folder, options.models_dir)
    model = _from_pretrained(base or folder, options, kind)
    if base is not None:
        model = PeftModel.from_pretrained(model, folder, local_files_only=True)
        if not BY_NAME[precision_of(model)].quantised:
            model = model.merge_and_unload()
    guard_packing(model)
    return model.eval()


def precision_for(folder: Path, options: LoadOptions, device: torch.device) -> Precision:
    """What the owner asked for, else what the family prefers, else the best that fits the memory that is free."""
    if options.precision != AUTO:
        return BY_NAME[options.precision]
    preferred = options.family.precision
    if options.quantise or (options.quantise is None and preferred != AUTO):
        return BY_NAME["nf4+dq" if options.quantise else preferred]
    settings = read_json(folder / "config.json")
    plain = FLOATS[pick_dtype(device, _stored_dtype(settings))]
    return BY_NAME[plain] if options.quantise is False else _fitting(folder.name, settings, plain, options, device)


def _fitting(name: str, settings: dict[str, Any], plain: str, options: LoadOptions, device: torch.device) -> Precision:
    try:
        shape = shape_of(settings)
    except ModelUnusable:  # of another kind: its memory cannot be counted
        return BY_NAME[plain]
    free, ladder = free_memory(device), [plain, "bf16", *NARROWER[device.type]]
    context = min(options.context, shape.longest or options.context)
    found, fits = choose(shape, free, ladder, context=context, reserved=RESERVED if device.type == "cuda" else 0)
    if not fits:
        logger.warning("%s is likely too large: %.1f GB are free, and %s takes %.1f GB without any cache",
                       name, free / 1e9, found.name, shape.weights(found) / 1e9)  # fmt: skip
    elif found.name != plain:
        logger.info("%s is loaded as %s: %s does not fit into %.1f GB", name, found.name, plain, free / 1e9)
    return found


def _from_pretrained(folder: Path, options: LoadOptions, kind: Any) -> Any:
    settings = read_json(folder / "config.json")
    device = pick_device(options.device)
    saved = "quantization_config" in settings  # saved in few bits: it says itself how it is read
    precision = BY_NAME["bf16"] if saved else precision_for(folder, options, device)
    computed = DTYPES.get(precision.name) or pick_dtype(device, torch.bfloat16)
    several = options.device == "auto" and torch.cuda.device_count() > 1
    disable_progress_bar()
    try:
        return kind.from_pretrained(
            folder,
            dtype=computed,
            device_map="auto" if several else {"": device},
            **(
                {"quantization_config": bits} if (bits := bnb_config(precision, computed)) else {}
            ),  # None is not absence
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    except torch.OutOfMemoryError as error:
        raise ModelUnusable(
            f"{folder.name} does not fit into the memory of {device}",
            remedy="Set MODEL_PRECISION=nf4+dq, or serve a smaller model; python -m pilot.model.plan tells what fits.",
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelUnusable(
            f"{folder.name} cannot be loaded: {_first_line(error)}", remedy="Copy the model folder again, whole."
        ) from error


def _missing_tokens(folder: Path) -> dict[str, str]:
    """Early LLaMA folders (2023, Guanaco's too) name their special tokens "", over which transformers 5 falls."""
    faults: dict[str, str] = {}
    for file in (folder / "tokenizer_config.json", folder / "special_tokens_map.json"):
        settings = read_json(file) if file.exists() else {}
        faults |= {key: token for key, token in LLAMA_TOKENS.items() if settings.get(key) == ""}
    return faults


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).exists() for name in TOKENIZER_FILES)


def _stored_dtype(settings: dict[str, Any]) -> torch.dtype:
    found = getattr(torch, str(settings.get("dtype") or settings.get("torch_dtype") or "float32"), None)
    return found if isinstance(found, torch.dtype) else torch.float32


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
