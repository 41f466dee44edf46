"""What few bits do to a model, and the model in few bits: `python -m pilot.model.quantize guanaco-7b --text some.txt`.

Prints the error of int8, FP4, NF4 and NF4 with double quantisation on each of the model's own matrices (and draws it,
`--plot`), the perplexity of each precision on a text that you give, and saves the model in one of them (`--save`) as a
folder that the server loads as it is. A LoRA adapter is merged into its base first.
"""

import argparse
import contextlib
import math
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bitsandbytes.functional as bnb
import torch
from safetensors import safe_open
from torch import Tensor

from pilot import config
from pilot.errors import Conflict, InputInvalid, PilotError
from pilot.model.base import LoadOptions
from pilot.model.devices import pick_device
from pilot.model.errorplot import draw
from pilot.model.folders import base_of, find, shards
from pilot.model.loading import load_model, load_tokenizer
from pilot.model.precisions import BY_NAME, PRECISIONS
from pilot.model.quantised import forbid_packing, memory_of

MEASURED = ("int8", "fp4", "nf4", "nf4+dq")
WHOLE = ("embed", "wte", "wpe", "lm_head")  # parts of the names of matrices that are never quantised
WINDOW = 512  # tokens that are read at once for the perplexity
KEPT = ("*.json", "*.model", "*.txt", "*.jinja", "LICENSE*")  # of the tokenizer, and of whoever made the model


@dataclass(frozen=True)
class LayerError:
    """Relative root mean square of what each precision changes in one matrix."""

    name: str
    parameters: int
    errors: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    wanted = _parser().parse_args(arguments)
    try:
        settings = config.load()
        folder = find(wanted.model, settings.models_dir, family=settings.llm_family or "plain").folder
        if folder is None:
            raise InputInvalid(f"{wanted.model} has no weights", remedy="Name a folder under models/.")
        options = LoadOptions(models_dir=settings.models_dir, device=wanted.device or settings.model_device)
        with whole(folder, options) as source:
            _run(source, options, wanted)
    except (PilotError, OSError) as error:
        sys.stderr.write(f"error: {error} {getattr(error, 'remedy', '')}\n")
        return 2
    return 0


def _run(folder: Path, options: LoadOptions, wanted: argparse.Namespace) -> None:
    if not wanted.save or wanted.plot:
        rows = list(layer_errors(folder, pick_device(options.device)))
        _print(table(rows))
        if wanted.plot:
            wanted.plot.write_text(draw([(row.name, row.errors) for row in rows]), encoding="utf-8")
    if wanted.text:
        text = wanted.text.read_text(encoding="utf-8")
        for precision in ("bf16", *MEASURED):
            found, tokens = perplexity(folder, text, replace(options, precision=precision))
            _print([f"perplexity {precision:<8}{found:>10.3f}   on {tokens:,} tokens"])
    if wanted.save:
        saved, size = save(folder, options.models_dir / wanted.save, replace(options, precision=wanted.precision))
        _print([f"{saved} holds the model in {wanted.precision}: {size / 1e9:.2f} GB in memory"])


@contextlib.contextmanager
def whole(folder: Path, options: LoadOptions) -> Iterator[Path]:
    """The folder itself; of a LoRA adapter, a folder with the adapter merged into its base, for as long as needed."""
    base = base_of(folder, options.models_dir)
    if base is None:
        yield folder
        return
    with tempfile.TemporaryDirectory(dir=options.models_dir, prefix=".merged-") as place:
        merged = Path(place) / folder.name
        load_model(folder, replace(options, precision="bf16")).save_pretrained(merged)
        _copy_tokenizer(base, merged)
        _copy_tokenizer(folder, merged)
        yield merged


def layer_errors(folder: Path, device: torch.device) -> Iterator[LayerError]:
    """Reads one matrix at a time: a model of any size is measured in the memory of its largest."""
    for shard in shards(folder):
        with safe_open(shard, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                if name.endswith(".weight") and not any(part in name for part in WHOLE):
                    weight = file.get_tensor(name)
                    if weight.ndim == 2 and weight.is_floating_point():
                        yield _measure(name.removesuffix(".weight"), weight.to(device, torch.float32))


def error_of(weight: Tensor, precision: str) -> float:
    """`weight` is float32 [out, in]."""
    return float((quantised_and_back(weight, precision) - weight).norm() / weight.norm())


def quantised_and_back(weight: Tensor, precision: str) -> Tensor:
    row = BY_NAME[precision]
    if row.four_bit:
        packed, state = bnb.quantize_4bit(weight, quant_type=row.four_bit, compress_statistics=row.double)
        return bnb.dequantize_4bit(packed, state)
    largest = weight.abs().amax(1, keepdim=True)  # LLM.int8: one scale for each row
    return (weight * (127 / largest)).round() * (largest / 127)


def perplexity(folder: Path, text: str, options: LoadOptions) -> tuple[float, int]:
    """And on how many tokens. Raises InputInvalid for a text of less than two."""
    tokens = load_tokenizer(folder, None)(text, return_tensors="pt")["input_ids"][0]
    if len(tokens) < 2:
        raise InputInvalid("the text is too short to measure on", remedy="Give some pages of it.")
    model = load_model(folder, options)
    forbid_packing(model)
    total, count = 0.0, 0
    for start in range(0, len(tokens) - 1, WINDOW):
        window = tokens[start : start + WINDOW + 1]
        loss, predicted = _loss(model, window), len(window) - 1
        total, count = total + loss * predicted, count + predicted
    return math.exp(total / count), count


def save(folder: Path, target: Path, options: LoadOptions) -> tuple[Path, int]:
    """Whole or not at all; and its bytes in memory. Raises Conflict when the target is there."""
    if target.exists():
        raise Conflict(f"{target} is there already", remedy="Give another name, or take it away first.")
    model = load_model(folder, options)
    forbid_packing(model)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".quantised-") as place:
        made = Path(place) / target.name
        model.save_pretrained(made)
        _copy_tokenizer(folder, made)
        made.rename(target)
    return target, memory_of(model)


def table(rows: Sequence[LayerError]) -> list[str]:
    """A line for each matrix, and one for all of them together."""
    width = max((len(row.name) for row in rows), default=0) + 2
    lines = [f"{'relative error of':<{width}}" + "".join(f"{name:>10}" for name in MEASURED)]
    lines += [f"{row.name:<{width}}" + "".join(f"{row.errors[name]:>10.4f}" for name in MEASURED) for row in rows]
    parameters = sum(row.parameters for row in rows) or 1
    means = [sum(row.errors[name] * row.parameters for row in rows) / parameters for name in MEASURED]
    return [*lines, f"{f'mean of {len(rows)}':<{width}}" + "".join(f"{mean:>10.4f}" for mean in means)]


def _measure(name: str, weight: Tensor) -> LayerError:
    return LayerError(name, weight.numel(), {precision: error_of(weight, precision) for precision in MEASURED})


@torch.inference_mode()
def _loss(model: Any, window: Tensor) -> float:
    """Mean over the tokens that are predicted, all but the first."""
    ids = window[None].to(model.device)
    logits = model(input_ids=ids).logits[0, :-1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))


def _copy_tokenizer(source: Path, target: Path) -> None:
    for pattern in KEPT:
        for file in source.glob(pattern):
            ours = file.name.startswith(("config.", "adapter_", "model.")) or file.name.endswith(".index.json")
            if not ours:
                shutil.copy2(file, target / file.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pilot.model.quantize", description="Few bits: error, and saving.")
    parser.add_argument("model", help="a folder under models/")
    parser.add_argument("--text", type=Path, help="file to measure the perplexity on")
    parser.add_argument("--plot", type=Path, help="file for a drawing of the errors (SVG)")
    parser.add_argument("--save", metavar="NAME", help="folder to make under models/")
    parser.add_argument("--precision", default="nf4+dq", choices=[row.name for row in PRECISIONS], help="of --save")
    parser.add_argument("--device", default="", help="cpu, cuda ...; else MODEL_DEVICE")
    return parser


def _print(lines: Sequence[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
