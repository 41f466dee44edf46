"""Put a model that was found better in the place of the one that is served, without a restart, and go back."""

import asyncio
import contextlib
import errno
import shutil
import time
from dataclasses import replace
from pathlib import Path

from pilot.client import LlmClient
from pilot.datasource.refusals import fault
from pilot.errors import ModelError, ModelTimeout, NotFound, PilotError, StorageFull
from pilot.protocol import LoadRequest, ServingState
from pilot.store.runs import Release, Run, Runs
from pilot.store.tables import now

LOOK_SECONDS = 0.5
LOAD_SECONDS = 900.0  # a large model from a slow disk


async def release(runs: Runs, client: LlmClient, models_dir: Path, run: Run) -> Run:
    """The model of this run is served from now on.

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
        await serve(client, model)
    except ModelTimeout:
        raise
    except PilotError:
        await asyncio.to_thread(runs.keep_releases, before)
        await asyncio.to_thread(_move, models_dir / folder, result)
        raise
    return await asyncio.to_thread(runs.keep, replace(run, state="released", model=model, seconds_left=None))


async def roll_back(runs: Runs, client: LlmClient) -> None:
    """What was served before the last release is served again. Raises NotFound where there is none, a ModelError."""
    releases = await asyncio.to_thread(runs.releases)
    if not releases:
        raise fault(NotFound, "own_no_release")
    last = releases.pop()
    await serve(client, last.instead)
    await asyncio.to_thread(runs.keep_releases, releases)
    with contextlib.suppress(NotFound):  # deleted since
        run = await asyncio.to_thread(runs.run, last.run)
        await asyncio.to_thread(runs.keep, replace(run, state="rolled back"))


async def serve(client: LlmClient, model: str) -> None:
    """Until it is served. Raises a ModelError; ModelTimeout where it may still come to be."""
    state = await _look(client, model)
    if state is None or (state.state, state.wanted) != ("loading", model):  # it may have been asked to before
        with contextlib.suppress(ModelTimeout):  # a server may load and be too busy to say so
            await client.load_model(LoadRequest(model=model))
    until = time.monotonic() + LOAD_SECONDS
    while time.monotonic() < until:
        state = await _look(client, model)
        if state and state.state == "ready" and state.model == model:
            return
        if state and state.state == "failed" and state.wanted == model:
            raise fault(ModelError, "own_not_loaded", model=model, why=state.message)
        await asyncio.sleep(LOOK_SECONDS)
    raise fault(ModelTimeout, "own_not_known", model=model, why=f"{LOAD_SECONDS:.0f} s")


async def _look(client: LlmClient, model: str) -> ServingState | None:
    """None while the server is too busy to say. Raises ModelTimeout where it is not there."""
    try:
        return await client.serving()
    except ModelTimeout:
        return None
    except PilotError as error:
        raise fault(ModelTimeout, "own_not_known", model=model, why=error.message) from error


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
