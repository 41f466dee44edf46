"""Own your model: start the runs that make it, watch them, let the better one go live, go back.

A run is a process of its own (`python -m pilot.finetune run`), so that neither page nor model server stands still or
holds what training needs; what it says stands in its folder (pilot/store/runs.py).
"""

import asyncio
import contextlib
import errno
import json
import logging
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as clock
from pathlib import Path

from pydantic import TypeAdapter

from pilot.chat.families import family
from pilot.client import LlmClient
from pilot.config import ROOT, Settings
from pilot.datasource.refusals import fault
from pilot.errors import (
    Conflict,
    InputInvalid,
    ModelError,
    ModelTimeout,
    NotFound,
    PilotError,
    StorageFull,
    TrainingRefused,
    all_errors,
)
from pilot.protocol import LoadRequest, ServingState
from pilot.services.sources import Sources
from pilot.store import Store
from pilot.store.runs import (
    Exam,
    Material,
    Night,
    Overview,
    Plan,
    Point,
    Release,
    Run,
    Runs,
    SourceMaterial,
    Wish,
    chance,
)
from pilot.store.tables import now

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
LOAD_SECONDS = 900.0  # a large model from a slow disk
STOP_SECONDS = 15.0
PLAN_SECONDS = 120.0  # importing the libraries takes most of it
NIGHT_SECONDS = 30.0  # between two looks at the clock
FEWEST, FEWEST_FAMILIES = 10, 4  # approved answers, and questions of different kinds among them
FEWEST_PAIRS = 4  # corrected answers to learn from
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")  # local
PYTHON = (sys.executable, "-m", "pilot.finetune")


async def release(runs: Runs, client: LlmClient, models_dir: Path, run: Run) -> Run:
    """Put the model of a run that was found better in the place of the one that is served, without a restart.

    Raises a ModelError where it cannot be served: then what was served is served on. ModelTimeout where that is not
    known yet: then it stays where the server looks for it.
    """
    result = runs.place(run.id) / "training" / "result"
    served = (await client.serving()).model
    folder = f"{run.base}-{run.id}"
    await asyncio.to_thread(_move, result, models_dir / folder)
    model = f"{run.base}:{folder}" if (models_dir / folder / "adapter_config.json").exists() else folder
    before, noted = await asyncio.to_thread(runs.releases), Release(model, run.id, served, now())
    if before and before[-1].run == run.id:  # how that went was not known
        noted = before.pop()
    await asyncio.to_thread(runs.keep_releases, [*before, noted])
    try:  # noted first: what is served always has a way back
        await _serve(client, model)
    except ModelTimeout:
        raise
    except PilotError:
        await asyncio.to_thread(runs.keep_releases, before)
        await asyncio.to_thread(_move, models_dir / folder, result)
        raise
    return await asyncio.to_thread(runs.keep, replace(run, state="released", model=model, seconds_left=None))


def _move(result: Path, place: Path) -> None:
    """Whole or absent there, and not twice; of another disk it is copied first. Raises StorageFull."""
    if place.exists():
        return
    try:
        result.rename(place)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    unfinished = place.with_name(f".{place.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        shutil.copytree(result, unfinished)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if "No space left" in str(error):  # copytree collects the errors of its files as text
            raise fault(StorageFull, "own_disk_full") from error
        raise
    unfinished.rename(place)
    shutil.rmtree(result)


async def _serve(client: LlmClient, model: str) -> None:
    """Until it is served. Raises a ModelError; ModelTimeout where it may still come to be."""
    state = await _look(client, model)
    if (state.state, state.wanted) != ("loading", model):  # it may have been asked to before
        await client.load_model(LoadRequest(model=model))
    until = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < until:
        state = await _look(client, model)
        if state.state == "ready" and state.model == model:
            return
        if state.state == "failed":
            raise fault(ModelError, "own_not_loaded", model=model, why=state.message)
        await asyncio.sleep(LOOK_SECONDS)
    raise fault(ModelTimeout, "own_not_known", model=model, why=f"{LOAD_SECONDS:.0f} s")


async def _look(client: LlmClient, model: str) -> ServingState:
    try:
        return await client.serving()
    except PilotError as error:
        raise fault(ModelTimeout, "own_not_known", model=model, why=error.message) from error


class Own:
    """`start` and `close` are those of the night shift."""

    def __init__(self, settings: Settings, store: Store, client: LlmClient, sources: Sources) -> None:
        self._settings = settings
        self._store = store
        self._client = client
        self._sources = sources
        self.store = Runs(settings.data_dir)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()  # two that ask at once must not both find that nothing runs
        self._planning = asyncio.Lock()  # each plan is a process
        sources.on_removed.append(self.forget)

    def begin(self) -> None:
        """Forget what is still to be forgotten, then watch the clock."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Runs go on without the page."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def overview(self) -> Overview:
        releases = await asyncio.to_thread(self.store.releases)
        running = await self._running()
        why = ""
        try:
            served = (await self._client.serving()).model
        except PilotError as error:
            served, why = "", error.message
        if not self._settings.serves_model_here:
            why = "own_elsewhere"
        last = releases[-1] if releases else None
        return Overview(served, last, bool(last), running.id if running else "", not why, why)

    async def material(self, sources: Sequence[str], *, exam_share: float = 0.33) -> Material:
        """What there is to learn from, counted, not yet run. Raises NotFound."""
        counted = [await self._material(name, await self._last([name]), exam_share) for name in sources]
        found = tuple(each for each, _, _ in counted)
        families = sum(each.families for each in found)
        approved = sum(each.approved for each in found)
        learn, pairs = sum(count for _, count, _ in counted), sum(count for _, _, count in counted)
        enough = approved >= FEWEST and families >= FEWEST_FAMILIES
        why = "" if enough else "own_few"
        return Material(found, learn, approved - learn, families, enough, why, pairs)

    def too_few_pairs(self, material: Material | None) -> PilotError | None:
        """Why nothing can be learnt from right and wrong answers beside each other."""
        return _too_few_pairs(material.pairs if material else 0)

    def no_unsloth(self) -> PilotError | None:
        """Why that back end is not to be had."""
        return None if self._settings.unsloth_python else fault(TrainingRefused, "own_no_unsloth")

    async def plan(self, wish: Wish) -> Plan:
        """Whether it would fit, by a process that looks at the model and the memory. Raises what `start` does."""
        material = await self.material(wish.sources, exam_share=wish.exam_share)
        base, learn = await self._base(wish), material.learn
        if wish.objective != "sft":
            _refuse_pairs(wish, material)
            learn = material.pairs
        async with self._planning:
            told = await asyncio.to_thread(self._planned, replace(wish, base=base), learn)
        return replace(told, exam=material.exam, families=material.families)

    async def start(self, wish: Wish, *, night: bool = False, until: datetime | None = None) -> Run:
        """Raises Conflict while another runs, InputInvalid for too little to learn from, TrainingRefused where it
        cannot be, NotFound.
        """
        if not self._settings.serves_model_here:
            raise fault(TrainingRefused, "own_elsewhere")
        if not wish.sources:
            raise fault(InputInvalid, "own_no_source")
        material = await self.material(wish.sources, exam_share=wish.exam_share)
        if not material.enough and not wish.files:
            raise fault(InputInvalid, "own_few")
        if wish.objective != "sft":
            _refuse_pairs(wish, material)
        base, served = await self._base(wish), (await self._client.serving()).model
        async with self._changing:
            await self._refuse_second()
            run = await asyncio.to_thread(self.store.new, wish, base=base, instead=served, night=night)
            await asyncio.to_thread(self._launch, run.id, until)
        return await self.run(run.id)

    async def runs(self) -> list[Run]:
        """Newest first."""
        self._reap()
        return await asyncio.to_thread(self.store.all)

    async def run(self, id_: str) -> Run:
        """Raises NotFound."""
        self._reap()
        return await asyncio.to_thread(self.store.run, id_)

    async def progress(self, id_: str) -> AsyncGenerator[Run, None]:
        """Each change until it moves no more. Raises NotFound."""
        told: Run | None = None
        while told is None or told.moves:
            run = await self.run(id_)
            if run != told:
                yield run
            told = run
            if run.moves:
                await asyncio.sleep(LOOK_SECONDS)

    async def curves(self, id_: str) -> list[Point]:
        """What the training has logged so far. Raises NotFound."""
        place = await asyncio.to_thread(self.store.place, id_)
        return await asyncio.to_thread(_points, place / "training" / "log.jsonl")

    async def plot(self, id_: str) -> Path:
        """The curves as a picture. Raises NotFound while there is none."""
        file = await asyncio.to_thread(self.store.place, id_) / "curves.svg"
        if not file.exists():
            raise fault(NotFound, "own_no_plot", id=id_)
        return file

    async def exam(self, id_: str) -> Exam:
        """Raises NotFound before it was held."""
        return await asyncio.to_thread(self.store.exam, id_)

    async def stop(self, id_: str) -> Run:
        """It goes on from its last checkpoint by `go_on`. Raises NotFound."""
        await asyncio.to_thread(self._end, id_)
        return await self.run(id_)

    async def go_on(self, id_: str, *, until: datetime | None = None) -> Run:
        """Raises Conflict while one runs, or for one that has come to its end; NotFound."""
        async with self._changing:
            run = await self.run(id_)
            await self._refuse_second()
            if run.state not in ("stopped", "failed"):
                raise fault(Conflict, "own_ended", id=id_)
            if run.forgot:
                raise fault(Conflict, "own_forgot", id=id_, source=run.forgot[0])
            await asyncio.to_thread(self.store.keep, replace(run, state="running", message="", remedy=""))
            await asyncio.to_thread(self._launch, id_, until)
        return await self.run(id_)

    async def delete(self, id_: str) -> None:
        """With its model. Raises Conflict while it runs, or while one could go back to it; NotFound."""
        async with self._changing:
            run = await self.run(id_)
            releases = await asyncio.to_thread(self.store.releases)
            if run.moves:
                raise fault(Conflict, "own_running", id=id_)
            if any(each.run == id_ or (run.model and run.model == each.instead) for each in releases):
                raise fault(Conflict, "own_served", id=id_)
            await asyncio.to_thread(self.store.delete, id_)
            folder = Path(f"{run.base}-{run.id}").name  # of a base that may be no model: then the run has failed
            await asyncio.to_thread(shutil.rmtree, self._settings.models_dir / folder, ignore_errors=True)

    async def forget(self, source: str) -> None:
        """A database was removed: no run keeps its questions, or prompts that show its tables and values. What a model
        has learnt from them it still knows; the run tells so. Noted first: a release may hold this up for long.
        """
        self.store.keep_removed([*self.store.removed(), source])
        async with self._changing:
            for run in await self.runs():
                if source in run.wish.sources and source not in run.forgot:
                    if run.moves:
                        await asyncio.to_thread(self._end, run.id)
                    await asyncio.to_thread(self.store.forget, run.id, source)
            self.store.keep_removed([each for each in self.store.removed() if each != source])

    async def release(self, id_: str) -> Run:
        """Raises TrainingRefused for one that is not better, a ModelError, NotFound."""
        async with self._changing:
            run = await self.run(id_)
            if run.state != "better":  # one that still trains may lie there whole, but nobody has examined it
                raise fault(TrainingRefused, "own_not_better", id=id_)
            return await release(self.store, self._client, self._settings.models_dir, run)

    async def roll_back(self) -> Overview:
        """To what was served before the last release. Raises NotFound where there is none, a ModelError."""
        async with self._changing:
            releases = await asyncio.to_thread(self.store.releases)
            if not releases:
                raise fault(NotFound, "own_no_release")
            last = releases.pop()
            await _serve(self._client, last.instead)
            await asyncio.to_thread(self.store.keep_releases, releases)
        with contextlib.suppress(NotFound):
            run = await self.run(last.run)
            await asyncio.to_thread(self.store.keep, replace(run, state="rolled back"))
        return await self.overview()

    async def night(self) -> Night:
        return await asyncio.to_thread(self.store.night)

    async def set_night(self, night: Night) -> Night:
        """Raises InputInvalid for what is no time of day, NotFound for an unknown database."""
        for told in (night.begins, night.ends):
            if not TIME.fullmatch(told):
                raise fault(InputInvalid, "own_no_time", text=told)
        if night.on and not night.sources:
            raise fault(InputInvalid, "own_no_source")
        for name in night.sources:
            await self._sources.info(name)
        before = await self.night()
        kept = replace(night, last=before.last, said=before.said, looked=before.looked)
        return await asyncio.to_thread(self.store.keep_night, kept)

    async def _refuse_second(self) -> None:
        """Raises Conflict while one runs."""
        if running := await self._running():
            raise fault(Conflict, "own_running", id=running.id)

    async def _running(self) -> Run | None:
        return next((run for run in await self.runs() if run.moves), None)

    async def _base(self, wish: Wish) -> str:
        return wish.base or self.store.base_of((await self._client.serving()).model)

    async def _material(self, name: str, last: Run | None, exam_share: float) -> tuple[SourceMaterial, int, int]:
        """With how many of its answers are to be learnt, and how many of these correct a wrong one."""
        dialect = (await self._sources.open(name)).schema.dialect
        approved = await asyncio.to_thread(self._store.approved, name)
        judged = await asyncio.to_thread(self._store.judged, "database")
        wrong = {each.turn.id: each.sql for each in judged if each.target == name and each.turn.verdict == "wrong"}
        families = {each.id: family(each.sql, dialect) for each in approved}
        learn = [each for each in approved if chance(f"{name}: {families[each.id]}") >= exam_share]
        found = SourceMaterial(
            name, len(approved), len(wrong), len(set(families.values())),
            corrected=sum(bool(wrong.get(each.id)) for each in approved),
            new=sum(last is None or each.created_at > last.began for each in approved),
        )  # fmt: skip
        return found, len(learn), sum(bool(wrong.get(each.id)) for each in learn)

    async def _last(self, sources: Sequence[str]) -> Run | None:
        """The newest run that learnt from any of these."""
        return next((run for run in await self.runs() if set(run.wish.sources) & set(sources)), None)

    def _planned(self, wish: Wish, examples: int) -> Plan:
        """Raises what the process says, with its remedy."""
        command = [*PYTHON, "plan", "--base", wish.base, "--method", wish.method, "--epochs", str(wish.epochs),
                   "--count", str(examples), "--memory-gib", str(wish.memory_gib), "--objective", wish.objective,
                   "--backend", wish.backend, "--patience", str(wish.patience)]  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=self._settings.environment(), capture_output=True, text=True, check=False,
                timeout=PLAN_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise fault(TrainingRefused, "own_no_plan", why=f"{PLAN_SECONDS:.0f} s") from error
        lines = done.stdout.splitlines()
        told = json.loads(lines[-1]) if lines else {}
        if "error" in told:
            kind = all_errors().get(told["error"]["code"], PilotError)
            raise kind(told["error"]["message"], remedy=told["error"]["remedy"], **told.get("details", {}))
        if not told:
            raise fault(TrainingRefused, "own_no_plan", why=done.stderr[-300:])
        return TypeAdapter(Plan).validate_python(told)

    def _launch(self, id_: str, until: datetime | None) -> None:
        command = [*PYTHON, "run", "--id", id_, *(["--until", until.isoformat()] if until else [])]
        with (self.store.place(id_) / "log.txt").open("ab") as log:
            child = subprocess.Popen(
                command, cwd=ROOT, env=self._settings.environment(), stdout=log, stderr=log, start_new_session=True
            )
        self._children[id_] = child
        self.store.claim(id_, child.pid)

    def _end(self, id_: str) -> None:
        """Its process, kindly at first."""
        process = self.store.process(id_)
        if process is not None:
            process.terminate()
        until = time.monotonic() + STOP_SECONDS
        while (process := self.store.process(id_)) and time.monotonic() < until:
            time.sleep(0.1)
        if process is not None:
            process.kill()
        if child := self._children.pop(id_, None):
            child.wait()

    def _reap(self) -> None:
        """Children that have ended would stay as zombies."""
        for id_, child in list(self._children.items()):  # a thread may be launching another
            if child.poll() is not None:
                self._children.pop(id_, None)

    async def _watch(self) -> None:
        try:
            for source in set(self.store.removed()):
                await self.forget(source)
        except Exception:
            logger.exception("a database that was removed is not forgotten yet")
        while True:
            try:
                await self.look(datetime.now())
            except PilotError as error:
                logger.warning("the night shift: %s", error.message)
            except Exception:  # a full disk today must not end all nights to come
                logger.exception("the night shift")
            await asyncio.sleep(NIGHT_SECONDS)

    async def look(self, at: datetime) -> None:
        """What the night shift does at this moment: once a night it starts a run, or goes on with last night's."""
        night = await self.night()
        begins = _begun(night, at)
        if begins is None or night.looked == begins.isoformat() or await self._running():
            return
        ends = begins + _span(night)
        night = await asyncio.to_thread(self.store.keep_night, replace(night, looked=begins.isoformat(), said=""))
        runs = await self.runs()
        try:
            if runs and runs[0].night and runs[0].state == "stopped":
                run = await self.go_on(runs[0].id, until=ends)
            else:
                await self._refuse_few(night)
                wish = Wish(night.sources, mask=night.mask, release=True, memory_gib=night.memory_gib)
                run = await self.start(wish, night=True, until=ends)
            await asyncio.to_thread(self.store.keep_night, replace(night, last=run.id))
        except PilotError as error:
            said = str(error.details.get("reason", error.message))
            await asyncio.to_thread(self.store.keep_night, replace(night, said=said))

    async def _refuse_few(self, night: Night) -> None:
        """Raises InputInvalid where hardly anything was approved since the last run."""
        new = sum(each.new for each in (await self.material(night.sources)).sources)
        if new < night.fewest:
            raise fault(InputInvalid, "own_few_new")


def _refuse_pairs(wish: Wish, material: Material) -> None:
    """Raises TrainingRefused for what does not learn right from wrong, InputInvalid where hardly any was corrected."""
    if wish.method in ("full", "galore"):
        raise fault(TrainingRefused, "own_pairs_method", method=wish.method)
    if few := _too_few_pairs(material.pairs, FEWEST_PAIRS + bool(wish.patience)):  # one at least is kept back
        raise few


def _too_few_pairs(count: int, fewest: int = FEWEST_PAIRS) -> InputInvalid | None:
    return fault(InputInvalid, "own_few_pairs", count=count, fewest=fewest) if count < fewest else None


def _begun(night: Night, at: datetime) -> datetime | None:
    """When the night began that this moment is in; None by day."""
    if not night.on:
        return None
    today = datetime.combine(at.date(), clock.fromisoformat(night.begins))
    return next((begun for begun in (today, today - timedelta(days=1)) if begun <= at < begun + _span(night)), None)


def _span(night: Night) -> timedelta:
    """Over midnight, too."""
    begins, ends = (datetime.combine(datetime.min, clock.fromisoformat(each)) for each in (night.begins, night.ends))
    return ends - begins if ends > begins else ends - begins + timedelta(days=1)


def _points(file: Path) -> list[Point]:
    """Of a step that was done again after a kill, the last word counts; a line that is still being written does not."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    points: dict[int, Point] = {}
    for told in (json.loads(line) for line in lines if line.endswith("}")):
        before = points.get(told["step"], Point(told["step"], told["seconds"]))
        points[told["step"]] = replace(
            before, loss=told.get("loss", before.loss), exam_loss=told.get("eval_loss", before.exam_loss)
        )
    return [points[step] for step in sorted(points)]
