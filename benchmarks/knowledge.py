"""How well and how fast documents are read, found and quoted.

    python benchmarks/knowledge.py DATA [--json FILE] [--questions N] [--chunks N] [--kills N] [--only PART ...]

DATA holds xquad_en/ and xquad_zh/, each with corpus.jsonl, queries.jsonl (with "answers") and qrels.tsv. Everything
goes through the product's own parts, the embedder included. Ratios are of processor time, children counted, so that
other work on the machine does not tilt them; the latency is given both by the clock (search_p95_ms_100k) and in
processor time (search_p95_cpu_ms_100k).
"""

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from pilot.chat.events import FoundPassage
from pilot.chat.extractive import quotes, split
from pilot.chat.sentences import sentences
from pilot.evaluation import retrieval
from pilot.knowledge.chunking import Chunk
from pilot.knowledge.document import Document, Page
from pilot.knowledge.embedders import Embedder, Vectors
from pilot.knowledge.holdings import open_holdings
from pilot.knowledge.index import Change
from pilot.knowledge.library import Library
from pilot.knowledge.originals import Original
from pilot.knowledge.records import Passage
from pilot.model.embeddings import find_encoder
from pilot.model.encoder import SentenceEncoder

ROOT = Path(__file__).resolve().parent.parent
MODEL = "all-MiniLM-L6-v2"
SPACE = retrieval.SPACE
TOP = 5  # passages of one answer
READABLE = 0.5  # share of a question's letters from which vectors are asked, as in the product
PER_DOCUMENT = 5_000  # chunks, in the large library
ROUNDS = 2  # of each timing; the quickest counts
PARTS = ("found", "fast", "latency", "kills")


class MiniLm(Embedder):
    """The bundled model in this process, computing as the LLM server would."""

    name = MODEL

    def __init__(self, precision: str = "auto") -> None:
        self._encoder = SentenceEncoder.load(find_encoder(MODEL, ROOT / "models"), "cpu", precision)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(self.encode, texts)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self._encoder.encode(texts)


def spent() -> float:
    """Seconds of processor time, of this process and of the readers that it started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures flat to this file")
    parser.add_argument("--questions", type=int, default=0, help="of each language; 0: all")
    parser.add_argument("--chunks", type=int, default=100_000, help="of the large library")
    parser.add_argument("--kills", type=int, default=50, help="of an ingestion at random moments")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to measure")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    for name, value in measure(options):
        print(f"{name:<26} {value:8.3f}", flush=True)
        figures[name] = round(value, 4)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    if "found" in options.only:
        yield from found(options)
    if "fast" in options.only:
        yield from fast_path(options.data / "xquad_en")
    if "latency" in options.only:
        yield from asyncio.run(latency(options.data, options.chunks))
    if "kills" in options.only:
        yield "kills_half_there", float(half_there(options.kills))


def found(options: argparse.Namespace) -> Iterator[tuple[str, float]]:
    embedder = MiniLm()
    held: list[float] = []
    for language in ("en", "zh"):
        told = asyncio.run(answers(options.data / f"xquad_{language}", embedder, options.questions))
        yield f"ndcg_xquad_{language}", told["ndcg"]
        yield f"answer_in_first_{language}", told["first"]
        yield f"quoted_holds_{language}", told["quoted"]
        held.append(told["quoted"])
        if language == "en":
            yield "ingest_over_encode", told["ingest_over_encode"]
    yield "quoted_holds", min(held)


async def answers(folder: Path, embedder: MiniLm, most: int) -> dict[str, float]:
    """Ranking, quotes and the speed of ingestion, all through the library."""
    corpus = retrieval.read_lines(folder / "corpus.jsonl")
    asked = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = asked[:: max(1, len(asked) // most)] if most else asked
    with tempfile.TemporaryDirectory() as data_dir:
        library = Library(Path(data_dir), embedder)
        await library.start()
        await library.create_space(SPACE)
        await library.readable("warm")
        began = spent()
        files = await retrieval._add(library, corpus)
        ingesting = spent() - began
        encoding = raw_encode([line["text"] for line in corpus])
        ranked: dict[str, list[str]] = {}
        first = quoted = 0
        for query in asked:
            passages = await library.search(SPACE, query["text"], retrieval.PASSAGES)
            places = dict.fromkeys(files[p.document_id][(p.page or 1) - 1] for p in passages)
            ranked[query["id"]] = list(places)[: retrieval.DEPTH]
            passage, quote = await _quoted(library, embedder, query["text"], passages[:TOP])
            first += any(answer in passage for answer in query["answers"])
            quoted += any(answer in quote for answer in query["answers"])
        await library.close()
    qrels = {query: grades for query, grades in retrieval.read_qrels(folder / "qrels.tsv").items() if query in ranked}
    return {
        "ndcg": retrieval.measure(ranked, qrels).ndcg_at_10,
        "first": first / len(asked),
        "quoted": quoted / len(asked),
        "ingest_over_encode": encoding / ingesting,
    }


async def _quoted(library: Library, embedder: MiniLm, question: str, found: list[Passage]) -> tuple[str, str]:
    """The first cited passage and its quoted sentence, as the bundled set-up answers; empty when it does not answer."""
    passages = [
        FoundPassage(n, p.document, p.document_id, p.page, p.section, p.text, p.score) for n, p in enumerate(found, 1)
    ]
    told = split(passages)
    alike = None
    if told and await library.readable(question) >= READABLE:
        vectors = embedder.encode([question, *(sentence.text for sentence in told)])
        alike = [float(likeness) for likeness in vectors[1:] @ vectors[0]]
    best = quotes(question, told, alike)
    return (passages[best[0].number - 1].text, best[0].text) if best else ("", "")


def raw_encode(texts: Sequence[str]) -> float:
    """Processor seconds of sentence-transformers' own `encode`, as it comes."""
    model = SentenceTransformer(str(find_encoder(MODEL, ROOT / "models")), device="cpu", local_files_only=True)
    model.encode(texts[:8], show_progress_bar=False)
    began = spent()
    model.encode(list(texts), show_progress_bar=False)
    return spent() - began


def fast_path(folder: Path) -> Iterator[tuple[str, float]]:
    """The product's bfloat16: how much faster than sentence-transformers' own `encode` in float32, and how often the
    five nearest are the same.
    """
    texts = [line["text"] for line in retrieval.read_lines(folder / "corpus.jsonl")]
    questions = [line["text"] for line in retrieval.read_lines(folder / "queries.jsonl")]
    exact, fast = MiniLm("fp32"), MiniLm("bf16")
    slow: list[float] = []
    quick: list[float] = []
    for _ in range(ROUNDS):  # in turns: what else runs on the machine then costs both alike
        slow.append(raw_encode(texts))
        began = spent()
        fast.encode(texts)
        quick.append(spent() - began)
    yield "fast_encode_ratio", min(slow) / min(quick)
    nearest = []
    for embedder in (exact, fast):
        asked = np.concatenate([embedder.encode([question]) for question in questions])  # one by one, as people ask
        nearest.append(np.argsort(-(asked @ embedder.encode(texts).T), axis=1)[:, :TOP])
    same = [{*one} == {*other} for one, other in zip(*nearest, strict=True)]
    yield "fast_encode_same_top5", sum(same) / len(same)


async def latency(data: Path, chunks: int) -> list[tuple[str, float]]:
    """A library of so many chunks, half English and half Chinese: opened, then asked in both languages."""
    dice = random.Random(1)
    embedder = MiniLm()
    with tempfile.TemporaryDirectory() as data_dir:
        folder = Path(data_dir)
        fill(folder, data, chunks, embedder, dice)
        before = resident()
        library = Library(folder, embedder)
        began, cpu = time.perf_counter(), spent()
        await library.start()
        opened = time.perf_counter() - began
        await library.readable("warm")
        await library.search(SPACE, "Which door opens first?", TOP)
        ready, ready_cpu = time.perf_counter() - began, spent() - cpu
        figures: list[tuple[str, float]] = [("open_s_100k", opened), ("first_search_s_100k", ready),
                                            ("first_search_cpu_s_100k", ready_cpu)]  # fmt: skip
        walls: list[float] = []
        cpus: list[float] = []
        for language in ("en", "zh"):
            asked = dice.sample(retrieval.read_lines(data / f"xquad_{language}" / "queries.jsonl"), 150)
            for query in asked:
                began, cpu = time.perf_counter(), spent()
                await library.search(SPACE, query["text"], TOP)
                walls.append(1000 * (time.perf_counter() - began))
                cpus.append(1000 * (spent() - cpu))
            figures.append((f"search_p95_cpu_ms_100k_{language}", statistics.quantiles(cpus[-150:], n=20)[-1]))
        figures += [("search_p95_ms_100k", statistics.quantiles(walls, n=20)[-1]),
                    ("search_p95_cpu_ms_100k", statistics.quantiles(cpus, n=20)[-1]),
                    ("memory_mb_100k", (resident() - before) / 1e6)]  # fmt: skip
        await library.close()
    return figures


def fill(folder: Path, data: Path, chunks: int, embedder: MiniLm, dice: random.Random) -> None:
    """Chunks of real sentences. Their vectors are those of paragraphs, each shaken a little: encoding 100,000 texts
    would take an hour, and the shape of the cloud is what the search depends on.
    """
    held = open_holdings(folder / "knowledge", vector_store="Chroma", embedder=MODEL, chunk_size=800)
    index = held.indexes.first(held.catalog.add_space(SPACE))
    noise = np.random.default_rng(1)
    told: dict[str, list[str]] = {}
    for language in ("en", "zh"):
        corpus = retrieval.read_lines(data / f"xquad_{language}" / "corpus.jsonl")
        told[language] = [sentence for line in corpus for sentence in sentences(line["text"])]
    base = {language: embedder.encode(dice.sample(lines, 400)) for language, lines in told.items()}
    for document in range(-(-chunks // PER_DOCUMENT)):
        language = ("en", "zh")[document % 2]
        made = [Chunk(n, "".join(dice.sample(told[language], 4)), 1, "", 0, 0) for n in range(PER_DOCUMENT)]
        centres = base[language][noise.integers(0, len(base[language]), PER_DOCUMENT)]
        vectors = (centres + 0.03 * noise.normal(size=centres.shape)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        record, _ = held.catalog.enqueue(
            SPACE, f"{document}.txt", f"{document}.txt", Original(str(document), str(document), 1)
        )
        first = held.chunks.next_key()
        held.dense.store(index).put(record.id, [str(first + n) for n in range(PER_DOCUMENT)], vectors)
        held.chunks.store(index, record.id, Change((), tuple(made), ()), first, vectors,
                          pages=Document((Page("", 1),)), original=str(document))  # fmt: skip
    held.close()


def half_there(kills: int) -> int:
    """Documents that are ready without all of their chunks, once each, after kill -9 at random moments."""
    dice = random.Random(7)
    wrong = 0
    with tempfile.TemporaryDirectory() as data_dir:
        files = Path(data_dir) / "files"
        files.mkdir()
        for n in range(kills * 4):
            facts = "".join(f"Fact {m} of file {n} is that {m * n} is {m} times {n}. " for m in range(60))
            (files / f"{n:04}.txt").write_text(facts, encoding="utf-8")
        for _ in range(kills):
            command = [sys.executable, "-m", "tests.knowledge.ingest", data_dir, str(files)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
                assert process.stdout is not None
                process.stdout.readline()  # it has begun to work
                time.sleep(dice.uniform(0, 1.5))
                process.kill()
            wrong += _half_there(Path(data_dir) / "knowledge" / "library.sqlite")
    return wrong


def _half_there(file: Path) -> int:
    connection = sqlite3.connect(file)
    rows = connection.execute(
        "SELECT d.state, d.chunks, count(c.id), count(DISTINCT c.number), count(t.rowid) FROM documents d "
        "LEFT JOIN chunks c ON c.document = d.seq LEFT JOIN terms t ON t.rowid = c.id GROUP BY d.seq"
    ).fetchall()
    connection.close()
    return sum(
        len({stated, held, numbers, terms}) > 1 if state == "ready" else held > 0
        for state, stated, held, numbers, terms in rows
    )


if __name__ == "__main__":
    sys.exit(main())
