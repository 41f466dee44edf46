"""A LLaMA of 33 billion parameters on one card, in NF4 with double quantisation, and a QLoRA step of 33B and 65B.

    python benchmarks/gpu.py [--json FILE]                 # a day with a card of 48 GiB or more
    python benchmarks/gpu.py --shape tiny --device cpu     # whether the script works

Random weights, made and quantised on the card layer by layer: nothing is downloaded, nothing lies on disk. Each figure
stands beside what `python -m pilot.model.plan` says; tokens per second beside `generate`, in the same run.
"""

import argparse
import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from pilot.model.backend import Job
from pilot.model.decoding import Candidate, Rules
from pilot.model.planner import GIB, RESERVED, Recipe, plan_serving, plan_training
from pilot.model.precisions import BY_NAME
from pilot.model.prefixes import Prefixes
from pilot.model.quantised import forbid_packing, four_bit_layers, memory_of
from pilot.model.shapes import NAMED, Shape
from pilot.model.slots import Slots, Visit
from pilot.protocol import ChatRequest, Message

NF4_DQ = BY_NAME["nf4+dq"]
TINY = Shape(256, 4, 4, 4, 512, 1024, longest=2048)
CONTEXT = 2048  # tokens that the memory is measured at
STREAMS = (1, 8, 32)
CHUNK = 256
SPREAD = 0.02  # standard deviation of the weights


@dataclass(frozen=True)
class Row:
    what: str
    measured: float
    unit: str
    beside: str  # what it is to be compared with


def make(shape: Shape, device: torch.device) -> Any:
    """The architecture first, without memory; then weights, one matrix at a time."""
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.hidden, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=max(CONTEXT, shape.longest), bos_token_id=1, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    for name, module in [*model.named_modules()]:
        if isinstance(module, nn.Linear) and name != "lm_head":
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, quantised(module, device))
    for name, parameter in [*model.named_parameters()]:
        if parameter.is_meta:
            parent, _, leaf = name.rpartition(".")
            setattr(model.get_submodule(parent), leaf, nn.Parameter(random(parameter.shape, device)))
    model.model.rotary_emb = type(model.model.rotary_emb)(config).to(device)  # its table is computed, not learned
    forbid_packing(model)
    return model.eval().requires_grad_(False)


def quantised(module: nn.Linear, device: torch.device) -> Any:
    layer = bnb.nn.Linear4bit(
        module.in_features, module.out_features, bias=False, compute_dtype=torch.bfloat16, compress_statistics=True,
        quant_type="nf4", device="meta",
    )  # fmt: skip
    weight = random(module.weight.shape, device)
    layer.weight = bnb.nn.Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4").to(device)
    layer.weight.module = layer
    return layer


def random(shape: torch.Size, device: torch.device) -> torch.Tensor:
    return torch.randn(shape, device=device, dtype=torch.bfloat16) * SPREAD


def serving(shape: Shape, device: torch.device, new: int) -> Iterator[Row]:
    with measured(device) as peak:
        model = make(shape, device)
        layers = four_bit_layers(model)
        bits = 8 * (memory_of(model) - others(shape)) / shape.linear_parameters
        yield Row("bits a parameter of the linear layers", bits, "", f"{NF4_DQ.bits:.3f} planned, {len(layers)} layers")
        yield Row("weights", memory_of(model) / GIB, "GiB", f"{shape.weights(NF4_DQ) / GIB:.2f} planned")
        read(model, device)
    planned = shape.weights(NF4_DQ) + CONTEXT * shape.cache_per_token(NF4_DQ)
    yield Row(f"at the most, with {CONTEXT:,} tokens", peak() / GIB, "GiB", f"{planned / GIB:.2f} planned, 20 allowed")
    alone = new / timed(lambda: generate(model, prompt(shape, 0), new), device)
    yield Row("tokens a second, generate, one stream", alone, "", "the baseline")
    for streams in STREAMS:
        pace = streams * new / timed(lambda: together(model, shape, streams, new), device)  # noqa: B023 - called at once
        yield Row(f"tokens a second, {streams} streams", pace, "", f"{pace / alone:.2f} x generate")


def training(shape: Shape, name: str, device: torch.device) -> Iterator[Row]:
    recipe = Recipe() if device.type == "cuda" else replace(Recipe(), rank=8, tokens=64)
    planned = plan_training(shape, recipe)
    with measured(device) as peak:
        model = make(shape, device)
        model.config.use_cache = False
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
        tuned = get_peft_model(model, LoraConfig(r=recipe.rank, lora_dropout=0.0, target_modules="all-linear")).train()
        optimizer = bnb.optim.PagedAdamW8bit([one for one in tuned.parameters() if one.requires_grad])
        ids = torch.full((recipe.batch, recipe.tokens), 5, device=device)
        seconds = timed(lambda: step(tuned, optimizer, ids), device, warm=True)
    counted = planned.total - planned.paged - RESERVED  # what torch allocates itself
    yield Row(f"QLoRA step of {name}", peak() / GIB, "GiB", f"{counted / GIB:.2f} planned: {recipe}")
    yield Row(f"QLoRA step of {name}", seconds, "s", f"{recipe.batch * recipe.tokens / seconds:,.0f} tokens a second")


@torch.inference_mode()
def read(model: Any, device: torch.device) -> None:
    """A prompt as long as the context, as the server reads it."""
    cache = DynamicCache()
    for _ in range(0, CONTEXT, CHUNK):
        ids = torch.full((1, CHUNK), 5, device=device)
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)


def step(model: Any, optimizer: Any, ids: torch.Tensor) -> None:
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def generate(model: Any, tokens: list[int], new: int) -> None:
    ids = torch.tensor([tokens], device=model.device)
    model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new, do_sample=False)


def together(model: Any, shape: Shape, streams: int, new: int) -> None:
    slots = Slots(model, most=max(STREAMS), chunk=CHUNK, prefixes=Prefixes(0))
    for number in range(streams):
        slots.add(Visit(job(prompt(shape, number), new), no_error))
    while slots.busy:
        slots.turn()


def no_error(said: object) -> None:
    if isinstance(said, Exception):
        raise said


def job(tokens: list[int], new: int) -> Job:
    request = ChatRequest(messages=[Message(role="user", content="-")], temperature=0)
    rules = Rules(new, frozenset(), ())
    return Job(tokens, [Candidate(0, request, tokens, rules, decode=lambda _: "")], threading.Event())


def prompt(shape: Shape, number: int, length: int = 128) -> list[int]:
    return [3 + (number * 7919 + position) % (shape.vocabulary - 3) for position in range(length)]


def others(shape: Shape) -> float:
    """Bytes of what is not quantised."""
    return shape.other_parameters * NF4_DQ.width


def timed(work: Callable[[], object], device: torch.device, *, warm: bool = False) -> float:
    if warm or device.type == "cuda":
        work()  # kernels are chosen, the optimizer's state is made
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


@contextmanager
def measured(device: torch.device) -> Iterator[Callable[[], float]]:
    """Bytes at the most inside; on a CPU, which does not count them, 0."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    found = [0.0]
    yield lambda: found[0]
    found[0] = float(torch.cuda.max_memory_allocated()) if device.type == "cuda" else 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description="LLaMA-33B and -65B on one card, random weights.")
    parser.add_argument("--shape", default="llama-33b", choices=[*NAMED, "tiny"])
    parser.add_argument("--train", nargs="*", default=["llama-33b", "llama-65b"], help="shapes of the QLoRA step")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--new", type=int, default=128, help="tokens of one answer")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    device, shapes = torch.device(options.device), NAMED | {"tiny": TINY}
    torch.manual_seed(0)
    rows: list[Row] = []
    names = ["tiny"] if options.shape == "tiny" else options.train
    parts = [
        serving(shapes[options.shape], device, options.new),
        *(training(shapes[name], name, device) for name in names),
    ]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{options.shape} on {name}, torch {torch.__version__}, bitsandbytes {bnb.__version__}")
    for part in parts:
        for row in part:
            print(f"{row.what:<44}{row.measured:>10.3f} {row.unit:<4} {row.beside}", flush=True)
            rows.append(row)
    if options.json:
        options.json.write_text(json.dumps([{"what": row.what, "unit": row.unit, "measured": row.measured,
                                             "beside": row.beside} for row in rows], indent=1))  # fmt: skip
    print(plan_serving(shapes[options.shape], NF4_DQ, 24 * GIB).longest, "tokens of context are planned on 24 GiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
