"""One run from approved answers to a better model: collect, train, examine, decide, release. Reads top to bottom.

Each phase leaves its files in the run's folder, so that the same run goes
on where it stopped; run.json says at any time how far it is.
"""

import asyncio
import contextlib
import errno
import json
import logging
import shutil
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pilot.config import Settings
from pilot.datasource.refusals import fault, keyed
from pilot.errors import PilotError, StorageFull, TrainingRefused
from pilot.finetune.collect import collect, examples
from pilot.finetune.courtesy import Courtesy, Ended
from pilot.finetune.examine import compared, examine, lasting
from pilot.finetune.examples import read, write
from pilot.finetune.kinds import Kind, kind_of
from pilot.finetune.masking import Question
from pilot.finetune.plot import plot
from pilot.finetune.run import Run as Training
from pilot.model.folders import known
from pilot.model.planner import GIB
from pilot.services import Services
from pilot.services.releases import release
from pilot.store.runs import Run, Runs

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
LEAST_GAIN = 0.1  # points in the exam
SURE = 2  # questions more: one could be chance, so its release is the owner's to decide
MOST_RISE = 0.10  # of the perplexity: what it could before must not be lost
QUESTIONS = TypeAdapter(list[Question])


async def loop(settings: Settings, id_: str, *, until: datetime | None = None) -> Run:
    """Work on this run until it is done, refused, or the time is over. What goes wrong is told by its state."""
    work = Work(settings, id_, until)
    work.runs.claim(id_)
    try:
        return await work.do()
    except Ended:
        return work.say(state="stopped", seconds_left=None)
    except PilotError as error:
        logger.error("%s: %s", id_, error.message)
        return work.failed(error)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            work.failed(fault(TrainingRefused, "own_defect"))
            raise
        return work.failed(fault(StorageFull, "own_run_disk_full", folder=str(work.place)))
    except Exception:
        work.failed(fault(TrainingRefused, "own_defect"))
        raise
    finally:
        work.courtesy.close()


class Work:
    """A run and the process that works on it."""

    def __init__(self, settings: Settings, id_: str, until: datetime | None) -> None:
        self.settings = settings
        self.runs = Runs(settings.data_dir)
        self.place = self.runs.place(id_)
        self.run = replace(self.runs.run(id_), state="running", message="", remedy="", key="", values={})
        self._speaking = threading.Lock()  # the training's thread speaks, too
        self._began = time.monotonic() - self.run.seconds
        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
        self.courtesy = Courtesy(settings.model_url, key=key, until=until, told=self._waits)

    @cached_property
    def kind(self) -> Kind:
        return kind_of(self.settings.models_dir, self.run.base, unsloth=self.settings.unsloth_python)

    async def do(self) -> Run:
        learn, exam = await self._collected()
        learnt = [one for one in learn if one.rejected or self.run.wish.objective == "sft"]
        self.say(phase="training", learn=len(learnt), exam=len(exam), step=0, steps=0)
        result = await self._trained()
        if self.run.perplexity_after is None:  # said last, once everything else of the exam was
            self.say(phase="examining", step=0, steps=2 * len(exam), loss=self.run.loss)
            await self._examined(result, learn, exam)
        self.say(phase="deciding", step=0, steps=0)
        found = self._decided()
        if found.state == "better" and found.wish.release and self.runs.exam(found.id).gain >= SURE:
            self.say(state="running", phase="releasing")
            found = await self._released()
        return found

    def say(self, **changed: Any) -> Run:
        with self._speaking:
            self.run = replace(self.run, **changed, seconds=round(time.monotonic() - self._began, 1))
            return self.runs.keep(self.run)

    def failed(self, error: PilotError) -> Run:
        key, values = keyed(error)
        return self.say(
            state="failed", message=error.message, remedy=error.remedy, key=key, values=values, seconds_left=None
        )

    async def _collected(self) -> tuple[list[Question], list[Question]]:
        """What a run has collected once stays what it learns and is examined in."""
        files = [self.place / "learn.questions.json", self.place / "exam.questions.json"]
        if not all(file.exists() for file in files):
            wish = self.run.wish
            services = Services.open(self.settings)
            try:
                found = await collect(
                    services, wish.sources, files=[Path(file) for file in wish.files],
                    exam_share=wish.exam_share, mask=wish.mask, leave_out=wish.leave_out,
                )  # fmt: skip
                made = [
                    await examples(services, those, found.learn, learns=self.kind.learns, mask=wish.mask)
                    for those in (found.learn, found.exam)
                ]
            finally:
                await services.close()
            logger.info("left out: %d approved answers", len(found.left_out))
            for question, reason in found.left_out:
                logger.debug("left out: %s (%s)", question, reason)
            for name, one in zip(("learn.jsonl", "exam.jsonl"), made, strict=True):
                write(self.place / name, one)
            for file, those in zip(files, (found.learn, lasting(found.exam)), strict=True):
                file.write_bytes(QUESTIONS.dump_json(list(those), indent=2))
        learn, exam = (QUESTIONS.validate_json(file.read_bytes()) for file in files)
        return learn, exam

    async def _trained(self) -> Path:
        if (live := self.settings.models_dir / self.kind.folder_name(self.run.id)).exists():
            return live  # moved there by a release that did not come to its end
        made, looked_at = (read(self.place / name) for name in ("learn.jsonl", "exam.jsonl"))
        plan = self.kind.plan(self.run.wish, len(made))
        logger.info(plan.said)
        if not plan.fits:
            sizes = {"needs": f"{plan.needs_bytes / GIB:.1f}", "free": f"{plan.free_bytes / GIB:.1f}"}
            reason = "own_no_room_but" if plan.nearest else "own_no_room"
            raise fault(TrainingRefused, reason, nearest=plan.nearest, **sizes)
        self.say(method=plan.method)
        folder = self.place / "training"
        async with self._telling(Training(folder)):
            train = partial(
                self.kind.train, self.run.wish, made, folder, before_step=self.courtesy, looked_at=looked_at
            )
            return await asyncio.to_thread(train)

    async def _examined(self, result: Path, learn: list[Question], exam: list[Question]) -> None:
        """With the candidate among the models, though nowhere else yet."""
        models = self.place / "models"
        models.mkdir(exist_ok=True)
        for name in known(self.settings.models_dir):
            place = self.settings.models_dir / name
            if place.is_dir() and not (models / name).exists():
                (models / name).symlink_to(place.resolve(), target_is_directory=True)
        candidate = self.kind.folder_name(self.run.id)
        with contextlib.suppress(FileExistsError):
            (models / candidate).symlink_to(result.resolve(), target_is_directory=True)
        judged = []
        for number, model in enumerate((self.run.instead, self.kind.served_name(self.run.id))):
            judged.append(
                await examine(
                    self.settings, model, models, exam, learn, before_each=partial(self._asking, number * len(exam))
                )
            )
        shutil.rmtree(models)
        held = compared(exam, *judged)
        self.runs.keep_exam(self.run.id, held)
        before, after = await asyncio.to_thread(self.kind.perplexities, result)
        self.say(before=held.before, after=held.after, perplexity_before=before, perplexity_after=after)

    def _asking(self, done: int, number: int) -> None:
        self.courtesy()
        self.say(step=done + number)

    def _decided(self) -> Run:
        """Better in the exam, and hardly worse at what it could before."""
        run = self.run
        assert run.before is not None
        assert run.after is not None
        if run.after < run.before + LEAST_GAIN:
            return self._refused(f"{run.after:.1f} % of the exam are right, {run.before:.1f} % were before",
                                 "Approve more answers, of more kinds, and train again.")  # fmt: skip
        assert run.perplexity_before is not None
        assert run.perplexity_after is not None
        if run.perplexity_after > run.perplexity_before * (1 + MOST_RISE):
            return self._refused(
                f"it has forgotten too much: its perplexity on other material rose from {run.perplexity_before:.2f} "
                f"to {run.perplexity_after:.2f}",
                "Train again with fewer epochs.",
            )
        return self.say(state="better", seconds_left=None)

    def _refused(self, message: str, remedy: str) -> Run:
        """What it weighs goes, as nobody can use it; what it was examined in stays."""
        shutil.rmtree(self.place / "training" / "result", ignore_errors=True)
        return self.say(state="no better", message=message, remedy=remedy, seconds_left=None)

    async def _released(self) -> Run:
        services = Services.open(self.settings)
        try:
            self.run = await release(self.runs, services.client, self.settings.models_dir, self.run)
        finally:
            await services.close()
        return self.run

    def _waits(self, waiting: bool) -> None:
        self.say(state="paused" if waiting else "running")

    @asynccontextmanager
    async def _telling(self, training: Training) -> AsyncIterator[None]:
        """Let run.json say how far the training is."""
        task = asyncio.create_task(self._tell(training))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._tell_once(training)
            plot(training.figures(), self.place / "curves.svg")

    async def _tell(self, training: Training) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._tell_once(training)

    def _tell_once(self, training: Training) -> None:
        try:
            told = json.loads((training.folder / "state.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        figures = training.figures()
        loss = next((line["loss"] for line in reversed(figures) if "loss" in line), None)
        self.say(
            step=told.get("step", self.run.steps), steps=told.get("steps", self.run.steps),
            seconds_left=told.get("seconds_left"), loss=loss,
        )  # fmt: skip
