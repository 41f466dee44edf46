"""Own your model: start the runs that make it, watch them, let the better one go live, go back."""

import asyncio
import json
import logging
import shutil
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pilot.client import LlmClient
from pilot.config import Settings
from pilot.datasource.refusals import fault
from pilot.errors import Conflict, InputInvalid, NotFound, PilotError, TrainingRefused
from pilot.services import releases
from pilot.services.material import of_source, refuse_pairs, together
from pilot.services.processes import Processes
from pilot.services.sources import Sources
from pilot.store import Store
from pilot.store.runs import Exam, Material, Overview, Plan, Point, Run, Runs, Wish

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5


class Own:
    def __init__(self, settings: Settings, store: Store, client: LlmClient, sources: Sources) -> None:
        self._settings = settings
        self._store = store
        self._client = client
        self._sources = sources
        self.store = Runs(settings.data_dir)
        self.processes = Processes(self.store, settings.environment())
        self._forgetting: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()  # two that ask at once must not both find that nothing runs
        self._planning = asyncio.Lock()  # each plan is a process
        sources.on_removed.append(self.forget)

    def begin(self) -> None:
        """Forget what is still to be forgotten."""
        self._forgetting = asyncio.create_task(self._catch_up())

    async def close(self) -> None:
        """Runs go on without the page."""
        if self._forgetting is not None:
            self._forgetting.cancel()
            await asyncio.gather(self._forgetting, return_exceptions=True)

    async def overview(self) -> Overview:
        running = await self.running()
        last = next(reversed(await asyncio.to_thread(self.store.releases)), None)
        why = ""
        try:
            served = (await self._client.serving()).model
        except PilotError as error:
            served, why = "", error.message
        if not self._settings.serves_model_here:
            why = "own_elsewhere"
        return Overview(served, last, bool(last), running.id if running else "", not why, why)

    async def material(self, sources: Sequence[str], *, exam_share: float = 0.33) -> Material:
        """What there is to learn from, counted, not yet run. Raises NotFound."""
        return together([await self._material(name, exam_share) for name in sources])

    def no_unsloth(self) -> PilotError | None:
        """Why that back end is not to be had."""
        return None if self._settings.unsloth_python else fault(TrainingRefused, "own_no_unsloth")

    async def plan(self, wish: Wish) -> Plan:
        """Whether it would fit, by a process that looks at the model and the memory. Raises what `start` does."""
        found = await self.material(wish.sources, exam_share=wish.exam_share)
        base, learn = await self._base(wish), found.learn
        if wish.objective != "sft":
            refuse_pairs(wish, found)
            learn = found.pairs
        async with self._planning:
            told = await asyncio.to_thread(self.processes.plan, replace(wish, base=base), learn)
        return replace(told, exam=found.exam, families=found.families)

    async def start(self, wish: Wish, *, night: bool = False, until: datetime | None = None) -> Run:
        """Raises Conflict while another runs, InputInvalid for too little to learn from, TrainingRefused where it
        cannot be, NotFound.
        """
        if not self._settings.serves_model_here:
            raise fault(TrainingRefused, "own_elsewhere")
        if not wish.sources:
            raise fault(InputInvalid, "own_no_source")
        found = await self.material(wish.sources, exam_share=wish.exam_share)
        if not found.enough and not wish.files:
            raise fault(InputInvalid, "own_few")
        if wish.objective != "sft":
            refuse_pairs(wish, found)
        base, served = await self._base(wish), (await self._client.serving()).model
        async with self._changing:
            await self._refuse_second()
            run = await asyncio.to_thread(self.store.new, wish, base=base, instead=served, night=night)
            await asyncio.to_thread(self.processes.launch, run.id, until)
        return await self.run(run.id)

    async def runs(self) -> list[Run]:
        """Newest first."""
        self.processes.reap()
        return await asyncio.to_thread(self.store.all)

    async def run(self, id_: str) -> Run:
        """Raises NotFound."""
        self.processes.reap()
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
        await asyncio.to_thread(self.processes.end, id_)
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
            await asyncio.to_thread(self.processes.launch, id_, until)
        return await self.run(id_)

    async def delete(self, id_: str) -> None:
        """With its model. Raises Conflict while it runs, or while one could go back to it; NotFound."""
        async with self._changing:
            run = await self.run(id_)
            released = await asyncio.to_thread(self.store.releases)
            if run.moves:
                raise fault(Conflict, "own_running", id=id_)
            if any(each.run == id_ or (run.model and run.model == each.instead) for each in released):
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
                        await asyncio.to_thread(self.processes.end, run.id)
                    await asyncio.to_thread(self.store.forget, run.id, source)
            self.store.keep_removed([each for each in self.store.removed() if each != source])

    async def release(self, id_: str) -> Run:
        """Raises TrainingRefused for one that is not better, a ModelError, NotFound."""
        async with self._changing:
            run = await self.run(id_)
            if run.state != "better":  # one that still trains may lie there whole, but nobody has examined it
                raise fault(TrainingRefused, "own_not_better", id=id_)
            return await releases.release(self.store, self._client, self._settings.models_dir, run)

    async def roll_back(self) -> Overview:
        """To what was served before the last release. Raises NotFound where there is none, a ModelError."""
        async with self._changing:
            await releases.roll_back(self.store, self._client)
        return await self.overview()

    async def _refuse_second(self) -> None:
        """Raises Conflict while one runs."""
        if running := await self.running():
            raise fault(Conflict, "own_running", id=running.id)

    async def running(self) -> Run | None:
        return next((run for run in await self.runs() if run.moves), None)

    async def _base(self, wish: Wish) -> str:
        return wish.base or self.store.base_of((await self._client.serving()).model)

    async def _material(self, name: str, exam_share: float) -> Material:
        dialect = (await self._sources.open(name)).schema.dialect
        approved = await asyncio.to_thread(self._store.approved, name)
        judged = await asyncio.to_thread(self._store.judged, "database")
        last = next((run for run in await self.runs() if name in run.wish.sources), None)
        return of_source(name, approved, judged, dialect=dialect, last=last, exam_share=exam_share)

    async def _catch_up(self) -> None:
        try:
            for source in set(self.store.removed()):
                await self.forget(source)
        except Exception:
            logger.exception("a database that was removed is not forgotten yet")


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
