"""Owning a model: what there is to learn from, runs, their curves and exams, releases, the night shift."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import TypeAdapter

from pilot.errors import InputInvalid
from pilot.protocol import event as sse
from pilot.store.runs import Exam, Material, Night, Overview, Plan, Point, Run, Wish
from pilot.web.api.parts import PREFIX, PROBLEMS, ServicesDep
from pilot.web.api.streams import HEADERS

router = APIRouter(prefix=f"{PREFIX}/own", tags=["own model"], responses=PROBLEMS)
RUN = TypeAdapter(Run)


@router.get("")
async def overview(services: ServicesDep) -> Overview:
    """What is served, what was released last, which run is under way."""
    return await services.own.overview()


@router.get("/material")
async def material(services: ServicesDep, source: Annotated[list[str], Query()]) -> Material:
    """How many answers of these databases were approved, and whether that is enough to learn from."""
    return await services.own.material(source)


@router.post("/plan")
async def plan(wish: Wish, services: ServicesDep) -> Plan:
    """What a run would need, and whether it fits."""
    return await services.own.plan(_without_files(wish))


@router.get("/runs")
async def list_runs(services: ServicesDep) -> list[Run]:
    """Newest first."""
    return await services.own.runs()


@router.post("/runs", status_code=202)
async def start(wish: Wish, services: ServicesDep) -> Run:
    """Collect, train, examine; one run at a time."""
    return await services.own.start(_without_files(wish))


@router.get("/runs/{run}")
async def get_run(run: str, services: ServicesDep) -> Run:
    return await services.own.run(run)


@router.get("/runs/{run}/events")
async def events(run: str, services: ServicesDep) -> StreamingResponse:
    """Server-sent events: the run, whenever it has come further, until it moves no more."""
    await services.own.run(run)
    return StreamingResponse(_lines(services.own.progress(run)), media_type="text/event-stream", headers=HEADERS)


@router.get("/runs/{run}/curves")
async def curves(run: str, services: ServicesDep) -> list[Point]:
    """The loss of each step."""
    return await services.own.curves(run)


@router.get("/runs/{run}/plot", response_class=FileResponse)
async def plot(run: str, services: ServicesDep) -> FileResponse:
    """The same as a drawing (SVG)."""
    return FileResponse(await services.own.plot(run), media_type="image/svg+xml")


@router.get("/runs/{run}/exam")
async def exam(run: str, services: ServicesDep) -> Exam:
    """Each question with what was said before and after."""
    return await services.own.exam(run)


@router.post("/runs/{run}/stop")
async def stop(run: str, services: ServicesDep) -> Run:
    return await services.own.stop(run)


@router.post("/runs/{run}/go_on", status_code=202)
async def go_on(run: str, services: ServicesDep) -> Run:
    """From its last checkpoint."""
    return await services.own.go_on(run)


@router.post("/runs/{run}/release")
async def release(run: str, services: ServicesDep) -> Run:
    """Goes live without a restart, if the exam has found it better."""
    return await services.own.release(run)


@router.delete("/runs/{run}", status_code=204)
async def delete(run: str, services: ServicesDep) -> None:
    await services.own.delete(run)


@router.post("/roll_back")
async def roll_back(services: ServicesDep) -> Overview:
    """To what was served before the last release."""
    return await services.own.roll_back()


@router.get("/night")
async def night(services: ServicesDep) -> Night:
    return await services.night.settings()


@router.put("/night")
async def set_night(wanted: Night, services: ServicesDep) -> Night:
    """What the nights before have found stays."""
    return await services.night.set(wanted)


def _without_files(wish: Wish) -> Wish:
    """A name from outside opens no file of this machine."""
    if wish.files:
        raise InputInvalid(
            "this door takes no files", remedy="Add them on the page, or by the command's own --questions."
        )
    return wish


async def _lines(runs: AsyncGenerator[Run, None]) -> AsyncIterator[bytes]:
    async with aclosing(runs) as stream:
        async for run in stream:
            yield sse(RUN.dump_python(run, mode="json") | {"progress": run.progress})
