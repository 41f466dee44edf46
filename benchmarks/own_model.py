"""Owning a model: what the loop from approved answers to a released model gains, and whether training is exact.

    python benchmarks/own_model.py --data DIR [--package DIR] [--database NAME] [--as-is] [--only loop|training]
                                   [--json FILE]

`--data` is a folder of public questions as in pilot/finetune/bundled/DATA.md. The model that comes with Pilot was
trained on the database, too, so its tables and columns get the short names of a business, under which it never saw
them; `--as-is` leaves them, for a `--package` that was trained without. Its questions are approved as an
owner would; Pilot keeps families of them back for the exam, learns the others, examines before and after through the
product, releases, serves and goes back.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
os.environ.setdefault("OMP_NUM_THREADS", "1")
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it advises a package that downloads code

import psutil
import torch
from transformers import LlamaForCausalLM

from pilot import config
from pilot.config import BUNDLED_MODEL, Settings
from pilot.errors import ModelError
from pilot.finetune.bundled.variants import Renaming
from pilot.finetune.examples import Example, write
from pilot.finetune.run import Run as Training
from pilot.finetune.sft import sft
from pilot.model.planner import RESERVED, Recipe, plan_training
from pilot.model.shapes import shape_of
from pilot.protocol import Message
from pilot.services import Services
from pilot.store.runs import Run, Wish
from tests.finetune.causal.gradients import after_a_look, cosine, dequantised, gradients, learner
from tests.finetune.causal.sharded import RECIPE as SHARDED
from tests.model import tiny
from tests.model.test_planner import MIDDLE, taken

QUESTIONS = ("spider_train.jsonl", "spider_train_syn.jsonl")
READY_SECONDS = 300
PLANNED = Recipe("qlora", 16, 2, 256, "paged_adamw_8bit")


def main() -> int:
    parser = argparse.ArgumentParser(description="What owning a model gains, and whether training is exact.")
    parser.add_argument("--data", type=Path, help="folder of public questions with their databases")
    parser.add_argument("--package", type=Path, default=ROOT / "models" / BUNDLED_MODEL,
                        help="folder of a bundled model")  # fmt: skip
    parser.add_argument("--database", default="activity_1")
    parser.add_argument("--as-is", action="store_true", help="under its own names")
    parser.add_argument("--only", choices=["loop", "training"])
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    if options.only != "training" and not options.data:
        parser.error("the loop needs --data; without it there is --only training")
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="pilot-own-") as folder:
        if options.only != "loop":
            figures |= training(Path(folder))
        if options.only != "training":
            asked = questions(Path(folder), options.data, options.database, renamed=not options.as_is)
            figures |= asyncio.run(loop(Path(folder), options.package, asked))
    for name, value in figures.items():
        print(f"{name:<36}{value:>12.5g}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def training(folder: Path) -> dict[str, float]:
    """Tiny models with random weights: gradients, sharding, memory."""
    base = tiny.save(folder / "tiny")
    right = gradients(dequantised(base))
    figures = {
        "qlora_gradient_cosine": cosine(gradients(learner(base)), right),
        "qlora_gradient_cosine_after_eval": cosine(gradients(after_a_look(learner(base))), right),
        "fsdp_loss_difference": sharded(base, folder),
    }
    torch.manual_seed(0)
    LlamaForCausalLM(MIDDLE).to(torch.bfloat16).save_pretrained(folder / "middle")
    shape = shape_of(json.loads((folder / "middle" / "config.json").read_text(encoding="utf-8")))
    measured = sum(taken(folder / "middle", PLANNED).values())
    planned = plan_training(shape, PLANNED).total - RESERVED
    return figures | {"planner_error": abs(planned - measured) / measured}


def sharded(base: Path, folder: Path) -> float:
    """The largest difference of a step's loss between two processes that share the weights and one alone."""
    learnt = [
        Example((Message(role="user", content=f"How many {what} are there?"),), "SELECT count(*) FROM " + what)  # noqa: S608
        for what in ("customers", "orders", "products", "employees") * 2
    ]
    write(folder / "examples.jsonl", learnt)
    command = [sys.executable, "-m", "tests.finetune.causal.sharded"]
    command += [str(base), str(folder / "examples.jsonl"), str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    sft(base, learnt, folder / "one", replace(SHARDED, batch=2 * SHARDED.batch))
    losses = [[line["loss"] for line in Training(folder / name).figures()] for name in ("one", "sharded")]
    return max(abs(one - two) for one, two in zip(*losses, strict=True))


@dataclass(frozen=True)
class Asked:
    database: Path
    right: Mapping[str, str]  # question -> SQL


def questions(folder: Path, data: Path, database: str, *, renamed: bool) -> Asked:
    file = next(file for file in (data / "databases").rglob(f"{database}.sqlite"))
    lines = [json.loads(line) for name in QUESTIONS for line in (data / name).read_text(encoding="utf-8").splitlines()]
    right = {line["question"]: line["sql"] for line in lines if line["db_id"] == database}
    if not renamed:
        return Asked(file, right)
    names, copy = Renaming.of(file, camel=False), folder / file.name
    shutil.copyfile(file, copy)
    names.apply(copy)
    return Asked(copy, {question: names.sql(sql) for question, sql in right.items()})


async def loop(folder: Path, package: Path, asked: Asked) -> dict[str, float]:
    models = folder / "models"
    models.mkdir()
    (models / BUNDLED_MODEL).symlink_to(package.resolve())
    settings = config.load(folder / "none", data_dir=folder / "data", models_dir=models, model_port=free_port())
    with llm_server(settings):
        async with product(settings) as services:
            await approve(services, asked)
            run, processor = await watched(services, Wish((asked.database.stem,)))
            exam = await services.own.exam(run.id)
            print(f"{len(asked.right)} answers approved, {run.learn} learnt, {len(exam.questions)} asked in the exam")
            print(f"now right: {len(exam.learnt)}, now wrong: {len(exam.unlearnt)}; {run.state} {run.message}")
            assert run.before is not None and run.after is not None  # noqa: PT018
            figures = {
                "loop_questions_learnt": run.learn,
                "loop_questions_examined": len(exam.questions),
                "loop_accuracy_before": run.before,
                "loop_accuracy_after": run.after,
                "loop_gain_points": run.after - run.before,
                "loop_minutes": run.seconds / 60,
                "loop_processor_minutes": processor / 60,
                "loop_perplexity_before": run.perplexity_before or 0.0,
                "loop_perplexity_after": run.perplexity_after or 0.0,
            }
            started = time.monotonic()
            released = await services.own.release(run.id)
            figures["loop_release_seconds"] = time.monotonic() - started
            print(f"served: {(await services.serving()).model}")
            assert (await services.serving()).model == released.model
            print(f"gone back to: {(await services.own.roll_back()).served}")
    return figures


async def watched(services: Services, wish: Wish) -> tuple[Run, float]:
    """The run at its end, and the seconds of processor time that its process took."""
    started = await services.own.start(wish)
    run, told, processor = started, "", 0.0
    async for run in services.own.progress(started.id):
        with contextlib.suppress(psutil.Error):
            if process := services.own.store.process(run.id):
                processor = sum(process.cpu_times()[:2])
        if told != run.phase:
            told = run.phase
            print(f"{run.seconds:5.0f} s  {run.phase}", file=sys.stderr, flush=True)
    if run.state not in ("better", "no better"):
        raise SystemExit(f"the run {run.state}: {run.message}. {run.remedy}")
    return run, processor


async def approve(services: Services, asked: Asked) -> None:
    await services.sources.add(asked.database.stem, f"sqlite:///{asked.database}")
    for number, (question, sql) in enumerate(asked.right.items()):
        services.store.approve(str(number), asked.database.stem, question, sql, fingerprint="", asked_on=date.today())


@asynccontextmanager
async def product(settings: Settings) -> AsyncIterator[Services]:
    services = Services.open(settings)
    until = time.monotonic() + READY_SECONDS
    try:
        while True:
            try:
                if (await services.serving()).state == "ready":
                    break
            except ModelError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(0.5)
        yield services
    finally:
        await services.close()


@contextmanager
def llm_server(settings: Settings) -> Iterator[None]:
    command = [sys.executable, str(ROOT / "pilot" / "server" / "llmserver.py"), "--quiet"]
    child = subprocess.Popen(command, cwd=ROOT, env=settings.environment())
    try:
        yield
    finally:
        child.terminate()
        child.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
