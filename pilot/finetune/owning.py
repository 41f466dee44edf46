"""The commands of `python -m pilot.finetune` that close the loop: examples, loop, run, plan."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import get_args

import psutil

from pilot import config
from pilot.config import Settings
from pilot.errors import Conflict, InputInvalid, PilotError, TrainingRefused
from pilot.finetune.collect import Collected, collect, examples, of_documents
from pilot.finetune.examples import write
from pilot.finetune.kinds import kind_of
from pilot.finetune.loop import loop
from pilot.finetune.masking import Question
from pilot.services import Services
from pilot.store.runs import Backend, Method, Objective, Run, Runs, Wish

LOWEST = 19  # priority: people who ask come first


def add_arguments(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    making = commands.add_parser("examples", help="approved answers -> examples to learn from, and an exam")
    _add_material(making)
    making.add_argument(
        "--space", action="append", default=[], help="of documents: answers called right, to learn from"
    )
    making.add_argument("--base", help="the model they are for (default: LLM_MODEL)")
    making.add_argument("--learn", type=Path, required=True, help="JSONL to write, for sft, dpo and orpo")
    making.add_argument("--exam", type=Path, required=True, help="JSONL to write, for pilot.evaluation text2sql")
    looping = commands.add_parser("loop", help="collect, train, examine and, if better, release")
    _add_material(looping)
    looping.add_argument("--base", default="", help="model to start from (default: what is served)")
    looping.add_argument("--method", choices=get_args(Method), default="auto")
    looping.add_argument("--epochs", type=float, default=0, help="0: the recipe's own")
    _add_kind(looping)
    looping.add_argument("--release", action="store_true", help="let it go live by itself when it is better")
    running = commands.add_parser("run", help="work on a run that the page has made, or go on with it")
    running.add_argument("--id", required=True)
    running.add_argument("--until", type=datetime.fromisoformat, help="local time at which it stops, to go on later")
    planning = commands.add_parser("plan", help="what a run would need, as JSON")
    planning.add_argument("--base", required=True)
    planning.add_argument("--method", choices=get_args(Method), default="auto")
    _add_kind(planning)
    planning.add_argument("--epochs", type=float, default=0)
    planning.add_argument("--count", type=int, required=True, help="examples to learn from")
    planning.add_argument("--memory-gib", type=float, default=0)


def run(given: argparse.Namespace) -> None:
    settings = config.load()
    if given.command in ("loop", "run"):
        psutil.Process().nice(LOWEST)
    match given.command:
        case "examples":
            asyncio.run(_examples(settings, given))
        case "loop":
            done = asyncio.run(_loop(settings, given))
            if done.state == "failed":
                raise TrainingRefused(done.message, remedy=done.remedy)
            _say(_told(done))
        case "run":
            asyncio.run(loop(settings, given.id, until=given.until))
        case "plan":
            _plan(settings, given)


def _add_kind(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objective", choices=get_args(Objective), default="sft", help="dpo, orpo: of corrected ones")
    parser.add_argument("--backend", choices=get_args(Backend), default="pilot", help="unsloth: see UNSLOTH_PYTHON")
    parser.add_argument("--patience", type=int, default=0, help="stop after so many rounds without gain; 0: never")


def _add_material(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", action="append", required=True, help="a database by name; may be given again")
    line = '{"id", "db_id", "question", "sql"}, db_id a database by name'
    parser.add_argument("--questions", type=Path, action="append", default=[], help=f"also these: JSONL {line}")
    parser.add_argument("--mask", action="append", default=[], help="personal column, as table.column")
    parser.add_argument("--share", type=float, default=0.33, help="of the questions' families, for the exam")


async def _examples(settings: Settings, given: argparse.Namespace) -> None:
    if given.space and given.mask:
        raise InputInvalid(
            "answers about documents cannot be masked", remedy="Leave out --space, or what --mask names."
        )
    kind = kind_of(settings.models_dir, given.base or settings.llm_model)
    services = Services.open(settings)
    try:
        found = await collect(
            services, given.source, files=given.questions, exam_share=given.share, mask=given.mask
        )  # fmt: skip
        made = await examples(services, found.learn, found.learn, learns=kind.learns, mask=given.mask)
        made += await of_documents(services, given.space)
    finally:
        await services.close()
    write(given.learn, made)
    lines = [json.dumps(_line(question), ensure_ascii=False) for question in found.exam]
    given.exam.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    _say_left_out(found)
    _say(f"{len(made)} examples to learn from, {len(found.exam)} questions for the exam; no family on both sides")


async def _loop(settings: Settings, given: argparse.Namespace) -> Run:
    runs = Runs(settings.data_dir)
    if moving := next((run for run in runs.all() if run.moves), None):
        raise Conflict(f"run {moving.id} is not over", remedy="Wait for its end, or stop it on the Model page.")
    services = Services.open(settings)
    try:
        served = (await services.serving()).model
    finally:
        await services.close()
    wish = Wish(
        sources=tuple(given.source), base=given.base, method=given.method, epochs=given.epochs,
        exam_share=given.share, mask=tuple(given.mask), files=tuple(str(file.resolve()) for file in given.questions),
        release=given.release, objective=given.objective, backend=given.backend, patience=given.patience,
    )  # fmt: skip
    made = runs.new(wish, base=given.base or runs.base_of(served), instead=served)
    return await loop(settings, made.id)


def _plan(settings: Settings, given: argparse.Namespace) -> None:
    """One line of JSON, an error's, too: the page reads it."""
    try:
        wish = Wish(
            (), given.base, given.method, given.epochs, memory_gib=given.memory_gib, objective=given.objective,
            backend=given.backend, patience=given.patience,
        )  # fmt: skip
        kind = kind_of(settings.models_dir, given.base, unsloth=settings.unsloth_python)
        _say(json.dumps(asdict(kind.plan(wish, given.count))))
    except PilotError as error:
        _say(json.dumps(error.to_json() | {"details": error.details}, default=str))


def _line(question: Question) -> dict[str, str]:
    return {"id": question.id, "db_id": question.source, "question": question.question, "sql": question.sql}


def _say_left_out(found: Collected) -> None:
    for question, reason in found.left_out:
        sys.stderr.write(f"left out: {question} ({reason})\n")


def _told(run: Run) -> str:
    lines = [f"run {run.id}: {run.state}"]
    if run.after is not None:
        lines.append(f"exam of {run.exam} questions: {run.before:.1f} % right before, {run.after:.1f} % after")
    if run.perplexity_after is not None:
        lines.append(
            f"perplexity of other material: {run.perplexity_before:.3f} before, {run.perplexity_after:.3f} after"
        )
    if run.message:
        lines.append(f"{run.message}. {run.remedy}")
    if run.model:
        lines.append(f"served: {run.model}")
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
