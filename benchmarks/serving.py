"""How much the LLM server makes of a model, against the model alone in the same run.

    python benchmarks/serving.py [--rounds 3] [--only streams_8 ...] [--clients 1 4 16 64] [--json FILE]

A LLaMA shape of 58 million parameters with random weights (512 wide, 8 layers, 32,000 tokens, float32), made on the
spot. Every figure is a ratio whose baseline is measured beside it, the median of several rounds: `generate` and the
worker have the model as transformers loads it, ours is as the server loads it. On a CPU one thread computes and CPU
time is counted, so that others on the machine disturb little.

streams_N               tokens per second of N requests together / of `generate`, one after another; prompts of 40-160
                        tokens, 32 new ones
prefix_N                the same for prompts that share 1,024 tokens, read once before
ttft_cached_over_cold   first token on a prefix read before / on a new one
sse_over_bare           tokens per second of one stream through HTTP, its client included / of `generate`
grammar_overhead        time per token with a grammar / without - 1, eight streams; forced tokens are tokens, too
worker_throughput_16    16 clients with a shared prefix of 1,024 tokens over HTTP: tokens per second / of a worker of
                        FastChat's design (a semaphore, `generate` in a thread for each request), same weights
worker_ttft_p95_16      the same: 95th percentile of the time to the first token, by the clock / the worker's
nf4_dq_bits             bits per parameter of the linear layers in NF4 with double quantisation, counted

Then by the clock (--clients): tokens per second of ever more clients, milliseconds to the first token and between two
pieces of text (50th and 95th percentile); and 200 clients at once: who was answered, and how long /health took.
"""

import argparse
import asyncio
import json
import logging
import random
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import bitsandbytes as bnb
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # run as a script, this folder would come first

from benchmarks.clients import Heard, ask_together, listening, share, worker
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.app import create_app
from pilot.model.backend import Job
from pilot.model.base import LoadOptions
from pilot.model.batched import CHUNK
from pilot.model.embeddings import Embedder, Encoder
from pilot.model.engine import Engine
from pilot.model.families import by_name
from pilot.model.kv import shares, takes
from pilot.model.loading import load_model
from pilot.model.onednn import relay_weights
from pilot.model.prefixes import Prefixes
from pilot.model.slots import Slots, Visit
from pilot.protocol import ChatRequest, Message, StructuredOutputs

VOCABULARY = 32_000
NEW = 32  # tokens of each answer
SHARED = 1024  # tokens of the prefix
QUESTION = 30  # tokens behind it
STREAMED = 128  # tokens of the one stream
PREFIX_BYTES = 2_000_000_000
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
CROWD = 200
BASELINE = 4  # requests that stand for all when `generate` answers one after another
COLUMNS = ", ".join(f"t{table}.column_{column}" for table in range(20) for column in range(15)).split(", ")
GRAMMAR = f'start: "SELECT " COLUMN (", " COLUMN)* ";"\nCOLUMN: {" | ".join(json.dumps(name) for name in COLUMNS)}'


class Bench:
    """The model, and how the same work is done in several ways."""

    def __init__(self, folder: Path, device: str) -> None:
        make_model(folder / "bench")
        self.options = LoadOptions(
            models_dir=folder, device=device, prefix_bytes=PREFIX_BYTES, family=by_name("plain") or LoadOptions.family
        )
        self.folder = folder / "bench"
        self.adapter = CausalAdapter.load("bench", self.folder, self.options)
        self.model = load_model(self.folder, self.options)
        self.served = load_model(self.folder, self.options)  # as the adapter has it
        relay_weights(self.served)
        self.sharing = takes(self.served) and shares(self.served)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(self.folder)
        self.clock = time.process_time if self.model.device.type == "cpu" else time.perf_counter
        self.dice = random.Random(0)

    def timed(self, work: Callable[[], object]) -> float:
        started = self.clock()
        work()
        return self.clock() - started

    def job(self, text: str, *, new: int = NEW, grammar: str | None = None) -> Job:
        wanted = StructuredOutputs(grammar=grammar) if grammar else None
        request = ChatRequest(
            messages=[Message(role="user", content=text)], max_tokens=new, temperature=0, structured_outputs=wanted
        )
        return self.adapter.job(request, threading.Event())

    def words(self, count: int) -> str:
        """About so many tokens."""
        return " ".join(self.dice.choices(WORDS, k=count))

    def generate(self, prompts: list[list[int]], new: int = NEW) -> None:
        for prompt in prompts:
            ids = torch.tensor([prompt], device=self.model.device)
            self.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False)

    def slots(self, prefixes: Prefixes | None = None) -> Slots:
        return Slots(
            self.served, most=32, chunk=CHUNK, prefixes=prefixes or Prefixes(0), sharing=self.sharing
        )  # fmt: skip


def streams(bench: Bench, count: int) -> float:
    jobs = [bench.job(bench.words(bench.dice.randint(40, 160))) for _ in range(count)]
    together = bench.timed(lambda: run(bench.slots(), jobs))
    return bench.timed(lambda: bench.generate([job.prompt for job in jobs])) / together


def prefix(bench: Bench, count: int) -> float:
    head, prefixes = bench.words(SHARED), Prefixes(PREFIX_BYTES)
    first, *jobs = [bench.job(f"{head} {bench.words(QUESTION)}") for _ in range(count + 1)]
    run(bench.slots(prefixes), [first])
    together = bench.timed(lambda: run(bench.slots(prefixes), jobs))
    some = [job.prompt for job in jobs[:BASELINE]]
    return bench.timed(lambda: bench.generate(some)) * count / len(some) / together


def ttft_cached_over_cold(bench: Bench) -> float:
    head, prefixes = bench.words(SHARED), Prefixes(PREFIX_BYTES)
    cold, cached = [bench.job(f"{head} {bench.words(QUESTION)}", new=1) for _ in range(2)]
    before = bench.timed(lambda: run(bench.slots(prefixes), [cold]))
    return bench.timed(lambda: run(bench.slots(prefixes), [cached])) / before


def sse_over_bare(bench: Bench) -> float:
    text = bench.words(60)
    prompt = bench.job(text).prompt
    with serving(bench.adapter) as url:
        read(url, text, 2)  # connections, buffers
        through_http = bench.timed(lambda: read(url, text, STREAMED))
    return bench.timed(lambda: bench.generate([prompt], STREAMED)) / through_http


def grammar_overhead(bench: Bench) -> float:
    texts = [bench.words(40) for _ in range(8)]
    bench.job("", grammar=GRAMMAR)  # the tokenizer's own preparation, once per model

    def per_token(grammar: str | None) -> float:
        jobs = [bench.job(text, grammar=grammar) for text in texts]
        seconds = bench.timed(lambda: run(bench.slots(), jobs))
        return seconds / sum(candidate.count for job in jobs for candidate in job.candidates)

    return per_token(GRAMMAR) / per_token(None) - 1


def nf4_dq_bits(bench: Bench) -> float:
    options = LoadOptions(models_dir=bench.folder.parent, device=str(bench.model.device), precision="nf4+dq")
    layers = [m for m in load_model(bench.folder, options).modules() if isinstance(m, bnb.nn.Linear4bit)]
    states = [layer.weight.quant_state for layer in layers]
    held = sum(layer.weight.nbytes for layer in layers)
    held += sum(state.absmax.nbytes + state.state2.absmax.nbytes for state in states)
    parameters: int = sum(layer.in_features * layer.out_features for layer in layers)
    return 8 * float(held) / parameters


def against_worker(bench: Bench) -> tuple[float, float]:
    """Throughput and time to the first token of both, as ratios."""
    head = bench.words(SHARED)
    first, *texts = [f"{head} {bench.words(QUESTION)}" for _ in range(17)]
    with serving(bench.adapter) as url:
        ask_together(url, [wish(first)])
        ours, our_time = timed_clients(bench, url, [wish(text) for text in texts])
    with listening(worker(bench.model, bench.tokenizer)) as url:
        bodies = [{"prompt": text, "max_new_tokens": NEW} for text in texts]
        theirs, their_time = timed_clients(bench, f"{url}/worker_generate_stream", bodies)
    first_tokens = [share([one.first for one in heard], 0.95) for heard in (ours, theirs)]
    return their_time / our_time, first_tokens[0] / first_tokens[1]


def timed_clients(bench: Bench, url: str, bodies: list[dict[str, Any]]) -> tuple[list[Heard], float]:
    started = bench.clock()
    heard = ask_together(url, bodies)
    return heard, bench.clock() - started


def load(bench: Bench, counts: list[int]) -> None:
    """Prints a line for each number of clients."""
    print("clients  tokens/s  ratio   first p50   p95   between p50   p95 (ms)")
    alone = 0.0
    with serving(bench.adapter, concurrency=max(counts)) as url:
        for count in counts:
            bodies = [wish(bench.words(bench.dice.randint(40, 160))) for _ in range(count)]
            started = time.perf_counter()
            heard = ask_together(url, bodies)
            pace = count * NEW / (time.perf_counter() - started)
            alone = alone or pace / count
            firsts, gaps = [one.first for one in heard], [gap for one in heard for gap in one.gaps]
            first50, first95, gap50, gap95 = (
                1000 * share(values, part) for values in (firsts, gaps) for part in (0.5, 0.95)
            )
            print(f"{count:7}{pace:10.1f}{pace / alone:7.2f}{first50:12.0f}{first95:6.0f}{gap50:14.0f}{gap95:6.0f}")


def crowd(bench: Bench) -> None:
    """Many more clients than places: prints who was answered, and how long /health took meanwhile."""
    bodies = [wish(bench.words(40)) for _ in range(CROWD)]
    with serving(bench.adapter) as url, ThreadPoolExecutor(CROWD) as clients:
        asking = [clients.submit(answered, url, body) for body in bodies]
        healths = []
        while not all(one.done() for one in asking):
            started = time.perf_counter()
            urllib.request.urlopen(url.replace("/v1/chat/completions", "/health"), timeout=600).close()
            healths.append(1000 * (time.perf_counter() - started))
            time.sleep(0.05)
        served = sum(one.result() for one in asking)
    late = share(healths, 0.95)
    print(f"{CROWD} clients: {served} answered, {CROWD - served} sent away (503); /health p95 {late:.0f} ms")


def answered(url: str, body: dict[str, Any]) -> bool:
    """False when told to come again; raises what is neither."""
    try:
        return len(ask_together(url, [body])) == 1
    except urllib.error.HTTPError as error:
        if error.code == 503 and int(error.headers["Retry-After"]) >= 1:
            return False
        raise


def wish(text: str, new: int = NEW) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": text}], "max_tokens": new, "temperature": 0, "stream": True,
    }  # fmt: skip


FIGURES: dict[str, Callable[[Bench], float | tuple[float, ...]]] = {
    "streams_8": partial(streams, count=8),
    "streams_16": partial(streams, count=16),
    "prefix_8": partial(prefix, count=8),
    "prefix_16": partial(prefix, count=16),
    "ttft_cached_over_cold": ttft_cached_over_cold,
    "sse_over_bare": sse_over_bare,
    "grammar_overhead": grammar_overhead,
    "worker_16": against_worker,
    "nf4_dq_bits": nf4_dq_bits,
}
SEVERAL = {"worker_16": ("worker_throughput_16", "worker_ttft_p95_16")}  # measured in one go
ONCE = ("nf4_dq_bits",)  # counted, not timed
SYLLABLES = ("ka", "lo", "mi", "ren", "sto", "vu", "pa", "gri", "den", "sha", "tol", "bex", "fir", "nu", "zom", "yel")
WORDS = tuple(a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES)


def run(slots: Slots, jobs: list[Job]) -> None:
    for job in jobs:
        slots.add(Visit(job, _no_error))
    while slots.busy:
        slots.turn()


def _no_error(said: object) -> None:
    if isinstance(said, Exception):
        raise said


@contextmanager
def serving(adapter: CausalAdapter, *, concurrency: int = 16) -> Iterator[str]:
    """The whole LLM server in a thread; the address of its chat."""
    engine = Engine(lambda: adapter, name="bench", concurrency=concurrency)
    app = create_app(engine, Embedder(_no_encoder, name="none"))
    asyncio.run(engine.load())
    with listening(app) as url:
        yield f"{url}/v1/chat/completions"


def _no_encoder() -> Encoder:
    raise NotImplementedError  # nothing here asks for embeddings


def read(url: str, text: str, new: int) -> None:
    request = urllib.request.Request(url, json.dumps(wish(text, new)).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        lines = [line for line in answer if line.startswith(b"data:")]
    if lines[-1].strip() != b"data: [DONE]":
        raise SystemExit(f"the stream broke off: {lines[-1]!r}")


def make_model(folder: Path) -> None:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(
        [" ".join(WORDS)], trainers.BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=letters, show_progress=False)
    )
    raw.add_tokens([f"word{number}" for number in range(VOCABULARY - raw.get_vocab_size())])
    PreTrainedTokenizerFast(tokenizer_object=raw).save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=512, intermediate_size=1408, num_hidden_layers=8, num_attention_heads=8,
        num_key_value_heads=8, max_position_embeddings=4096, bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ratios of the LLM server to the bare model.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=FIGURES, default=list(FIGURES))
    parser.add_argument("--clients", nargs="*", type=int, default=list(CLIENTS), help="none: not measured")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advises a package that downloads code
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), wanted.device)
        bench.generate([[1, 2, 3]], 4)  # what is prepared at the first use is nobody's time
        for name in wanted.only:
            rounds = [FIGURES[name](bench) for _ in range(1 if name in ONCE else wanted.rounds)]
            for number, figure in enumerate(SEVERAL.get(name, (name,))):
                values = [one[number] if isinstance(one, tuple) else one for one in rounds]
                found[figure] = round(statistics.median(values), 4)
                print(f"{figure:24}{found[figure]:8.3f}   {' '.join(f'{one:.3f}' for one in values)}", flush=True)
        if wanted.clients:
            load(bench, wanted.clients)
            crowd(bench)
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
