"""The loop on the bundled model, for real and small: collected, trained, examined, released without a restart, gone
back from; killed and gone on with; by night.
"""

import asyncio
import errno
import json
import shutil
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from pilot.client import LlmClient
from pilot.config import BUNDLED_MODEL, Settings
from pilot.errors import (
    Conflict,
    InputInvalid,
    ModelTimeout,
    ModelUnable,
    ModelUnusable,
    NotFound,
    StorageFull,
    TrainingRefused,
)
from pilot.finetune.bundled import kind, own
from pilot.finetune.bundled.own import OWN
from pilot.finetune.courtesy import Courtesy, Ended
from pilot.finetune.kinds import kind_of
from pilot.finetune.loop import loop
from pilot.model.adapters.scripted import Reply
from pilot.model.engine import Engine
from pilot.protocol import ChatRequest, LoadRequest, Message, ServingOverview, ServingState
from pilot.services import Services
from pilot.store.runs import Material, Night, Plan, Run, Runs, State, Wish
from tests.finetune.concert import SOURCE, models, product
from tests.model.live import Live, scripted, serving

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SMALL = replace(OWN, batch=4, epochs=1)  # a few steps


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def live(folder: Path) -> Iterator[Live]:
    """A model server on this machine that can change its model."""
    engine = Engine(lambda: pytest.fail("it is loaded by its name"), name=BUNDLED_MODEL)
    with serving(engine, models_dir=models(folder)) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def settings(folder: Path, live: Live) -> Settings:
    return await product(folder, live.url)


@pytest_asyncio.fixture(loop_scope="module")
async def services(settings: Settings) -> AsyncIterator[Services]:
    found = Services.open(settings)
    yield found
    await found.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trained(settings: Settings) -> Run:
    """A run that came to its end, on a few steps."""
    runs = Runs(settings.data_dir)
    run = runs.new(Wish((SOURCE,)), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "OWN", SMALL)
        patch.setattr(own, "GUARDED", 16)
        patch.setattr("pilot.finetune.loop.LEAST_GAIN", -100.0)  # whatever so few steps have taught
        patch.setattr("pilot.finetune.loop.MOST_RISE", 100.0)
        return await loop(settings, run.id)


async def test_a_run_trains_and_examines_and_leaves_everything_in_its_folder(trained: Run, services: Services) -> None:
    assert (trained.state, trained.message) == ("better", "")
    assert (trained.learn, trained.exam) == (8, 6)
    material = await services.own.material([SOURCE])  # what the page has said before
    assert (material.learn, material.exam, material.pairs) == (8, 6, 0)
    points = await services.own.curves(trained.id)
    steps = [point.step for point in points if point.loss is not None]
    assert steps == list(range(1, len(steps) + 1))
    assert [point.step for point in points if point.exam_loss is not None][-1] == len(steps)
    exam = await services.own.exam(trained.id)
    assert len(exam.questions) == trained.exam
    assert (exam.before, exam.after) == (trained.before, trained.after)
    assert trained.perplexity_before is not None
    assert trained.perplexity_after != trained.perplexity_before
    place = services.own.store.place(trained.id)
    assert (await services.own.plot(trained.id)).read_text(encoding="utf-8").startswith("<svg")
    told = json.loads((place / "training" / "run.json").read_text(encoding="utf-8"))
    assert set(told) >= {"recipe", "examples", "versions", "base"}
    assert (await services.own.runs())[0] == trained


@pytest.mark.parametrize("state", ["no better", "running"])
async def test_one_that_was_not_found_better_does_not_go_live(trained: Run, services: Services, state: State) -> None:
    services.own.store.keep(replace(trained, state=state))
    with pytest.raises(TrainingRefused):
        await services.own.release(trained.id)
    assert (await services.serving()).model == BUNDLED_MODEL


async def test_a_full_disk_leaves_no_half_model(
    trained: Run, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, place: Path) -> None:
        place.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    def elsewhere(_: Path, __: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    services.own.store.keep(replace(trained, state="better"))
    models_dir = services.settings.models_dir
    monkeypatch.setattr(shutil, "copytree", full)
    monkeypatch.setattr(Path, "rename", elsewhere)
    before = sorted(models_dir.iterdir())
    with pytest.raises(StorageFull):
        await services.own.release(trained.id)
    assert sorted(models_dir.iterdir()) == before
    assert (services.own.store.place(trained.id) / "training" / "result").exists()
    assert (await services.serving()).model == BUNDLED_MODEL


async def test_one_that_cannot_be_served_is_no_model_yet(
    trained: Run, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: LlmClient, model: str) -> None:
        raise ModelUnusable(f"{model} cannot be loaded")

    services.own.store.keep(replace(trained, state="better"))
    before = sorted(services.settings.models_dir.iterdir())
    monkeypatch.setattr("pilot.services.releases.serve", broken)
    with pytest.raises(ModelUnusable):
        await services.own.release(trained.id)
    assert sorted(services.settings.models_dir.iterdir()) == before
    assert (services.own.store.place(trained.id) / "training" / "result" / "model.safetensors").exists()
    assert services.own.store.releases() == []


async def test_one_whose_state_is_not_known_keeps_its_folder_and_can_be_put_into_service_again(
    trained: Run, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving_state, load = services.client.serving, services.client.load_model
    began: list[str] = []

    async def loaded(wish: LoadRequest) -> ServingState:
        began.append(wish.model)
        return await load(wish)

    async def looked() -> ServingOverview:
        if began:
            raise ModelUnable("it does not answer while it loads")
        return await serving_state()

    services.own.store.keep(replace(trained, state="better"))
    model = f"{BUNDLED_MODEL}-{trained.id}"
    with monkeypatch.context() as patch:
        patch.setattr(services.client, "load_model", loaded)
        patch.setattr(services.client, "serving", looked)
        with pytest.raises(ModelTimeout, match="not known yet") as unknown:
            await services.own.release(trained.id)
    assert "again" in unknown.value.remedy
    assert (services.settings.models_dir / model / "model.safetensors").exists()
    assert [each.model for each in services.own.store.releases()] == [model]
    with pytest.raises(Conflict):
        await services.own.delete(trained.id)  # it may be served
    released = await services.own.release(trained.id)
    assert (released.state, (await services.serving()).model) == ("released", model)
    assert [(each.model, each.instead) for each in services.own.store.releases()] == [(model, BUNDLED_MODEL)]
    await services.own.roll_back()
    (services.settings.models_dir / model).rename(services.own.store.place(trained.id) / "training" / "result")


async def test_one_that_the_server_loads_without_answering_is_waited_for(
    trained: Run, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, looked = services.client.load_model, services.client.serving
    silent = [True, False]

    async def unanswered(wish: LoadRequest) -> ServingState:
        await load(wish)
        raise ModelTimeout("it said nothing")

    async def busy() -> ServingOverview:
        if silent.pop(0) if len(silent) > 1 else silent[0]:
            raise ModelTimeout("it said nothing")
        return await looked()

    services.own.store.keep(replace(trained, state="better"))
    with monkeypatch.context() as patch:
        patch.setattr(services.client, "load_model", unanswered)
        released = await services.own.release(trained.id)
        assert (released.state, (await services.serving()).model) == ("released", released.model)
        patch.setattr(services.client, "serving", busy)
        await services.own.roll_back()
    assert (await services.serving()).model == BUNDLED_MODEL
    (services.settings.models_dir / released.model).rename(services.own.store.place(trained.id) / "training" / "result")


async def test_a_better_one_is_served_without_a_restart_and_can_be_gone_back_from(
    trained: Run, services: Services
) -> None:
    services.own.store.keep(replace(trained, state="better"))
    released = await services.own.release(trained.id)
    assert (released.state, released.model) == ("released", f"{BUNDLED_MODEL}-{trained.id}")
    assert not (services.own.store.place(trained.id) / "training" / "result").exists()  # moved, not copied
    overview = await services.own.overview()
    assert (overview.served, overview.can_roll_back, overview.possible) == (released.model, True, True)
    answer = [part async for part in services.client.stream(_asked())]
    assert answer
    assert services.own.store.served_instead_of(BUNDLED_MODEL) == released.model  # also after a restart
    assert services.own.store.base_of(released.model) == BUNDLED_MODEL  # where the next run starts
    with pytest.raises(Conflict):
        await services.own.delete(trained.id)
    back = await services.own.roll_back()
    assert (back.served, back.can_roll_back) == (BUNDLED_MODEL, False)
    assert (await services.own.run(trained.id)).state == "rolled back"
    with pytest.raises(NotFound):
        await services.own.roll_back()


@pytest.mark.parametrize(("surplus", "state"), [(1, "better"), (0, "released")])
async def test_unasked_a_surely_better_one_goes_live_and_what_was_done_is_not_done_again(
    trained: Run, settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch, surplus: int, state: State
) -> None:
    monkeypatch.setattr("pilot.finetune.loop.LEAST_GAIN", -100.0)  # whatever so few steps have taught
    monkeypatch.setattr("pilot.finetune.loop.SURE", services.own.store.exam(trained.id).gain + surplus)
    monkeypatch.setattr(kind, "OWN", SMALL)
    monkeypatch.setattr("pilot.finetune.loop.examine", lambda *_, **__: pytest.fail("it has been examined"))
    services.own.store.keep(replace(trained, state="stopped", wish=replace(trained.wish, release=True)))
    points = await services.own.curves(trained.id)
    released = await loop(settings, trained.id)
    assert (released.state, (await services.serving()).model) == (state, released.model or BUNDLED_MODEL)
    assert await services.own.curves(trained.id) == points
    if state == "released":
        await services.own.roll_back()


async def test_what_was_no_better_weighs_nothing_any_more_and_tells_its_exam(
    trained: Run, settings: Settings, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pilot.finetune.loop.LEAST_GAIN", 1000.0)
    monkeypatch.setattr(kind, "OWN", SMALL)
    services.own.store.keep(replace(trained, state="stopped"))
    weights = services.settings.models_dir / f"{BUNDLED_MODEL}-{trained.id}"
    assert weights.exists()
    weights.rename(services.own.store.place(trained.id) / "training" / "result")
    ended = await loop(settings, trained.id)
    assert ended.state == "no better"
    assert list(services.own.store.place(trained.id).rglob("*.safetensors")) == []
    assert len((await services.own.exam(trained.id)).questions) == trained.exam
    assert await services.own.curves(trained.id)


async def test_a_removed_database_takes_its_examples_with_it(trained: Run, services: Services) -> None:
    again = SOURCE + " again"
    await services.sources.add(again, f"sqlite:///{services.settings.data_dir.parent / 'concert.sqlite'}")
    runs = services.own.store
    run = runs.new(Wish((SOURCE, again)), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    place = runs.place(run.id)
    for name in ("learn.jsonl", "exam.jsonl", "learn.questions.json", "exam.questions.json"):
        shutil.copyfile(runs.place(trained.id) / name, place / name)
    held = runs.exam(trained.id)
    theirs = tuple(replace(question, source=again) for question in held.questions)
    runs.keep_exam(run.id, replace(held, questions=held.questions + theirs))
    runs.keep(replace(run, state="stopped", before=held.before, after=held.after))
    await services.sources.remove(again)
    assert sorted(file.name for file in place.iterdir()) == ["exam.json", "run.json"]
    assert runs.exam(run.id) == held
    assert (await services.own.run(run.id)).forgot == (again,)
    with pytest.raises(Conflict, match="was removed"):
        await services.own.go_on(run.id)
    assert (runs.place(trained.id) / "learn.jsonl").exists()  # it has learnt from others
    await services.own.delete(run.id)


async def test_a_database_whose_removal_was_broken_off_is_forgotten_at_the_next_start(
    trained: Run, services: Services
) -> None:
    again = SOURCE + " once more"
    await services.sources.add(again, f"sqlite:///{services.settings.data_dir.parent / 'concert.sqlite'}")
    runs = services.own.store
    run = runs.new(Wish((again,)), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    shutil.copyfile(runs.place(trained.id) / "learn.jsonl", runs.place(run.id) / "learn.jsonl")
    runs.keep(replace(run, state="stopped"))
    async with services.own._changing:  # as a release does while its model loads
        removing = asyncio.create_task(services.sources.remove(again))
        await _until(lambda: again in runs.removed())
        removing.cancel()
        await asyncio.gather(removing, return_exceptions=True)
    assert again not in await services.sources.names()
    assert (runs.place(run.id) / "learn.jsonl").exists()
    next_start = Services.open(services.settings)
    next_start.own.begin()
    await _until(lambda: not runs.removed())
    await next_start.close()
    assert runs.run(run.id).forgot == (again,)
    assert not (runs.place(run.id) / "learn.jsonl").exists()
    assert runs.run(trained.id).forgot == ()
    await services.own.delete(run.id)


@pytest.mark.parametrize(("patience", "pairs", "refused"), [(0, 4, False), (2, 4, True), (2, 5, False), (0, 3, True)])
async def test_who_stops_early_needs_one_pair_more(
    services: Services, monkeypatch: pytest.MonkeyPatch, patience: int, pairs: int, refused: bool
) -> None:
    async def material(*_: object, **__: object) -> Material:
        return Material((), 10, 5, 5, enough=True, pairs=pairs)

    monkeypatch.setattr(services.own, "material", material)
    fits = Plan("", "lora", 0, 0, 0, 0, 0, fits=True, minutes=0, said="")
    monkeypatch.setattr(services.own.processes, "plan", lambda *_: fits)
    wish = Wish((SOURCE,), objective="dpo", patience=patience)
    if refused:
        with pytest.raises(InputInvalid, match=f"takes {5 if patience else 4}"):
            await services.own.plan(wish)
    else:
        assert (await services.own.plan(wish)).fits


async def test_a_run_whose_time_is_over_stops_to_go_on_another_time(settings: Settings) -> None:
    runs = Runs(settings.data_dir)
    run = runs.new(Wish((SOURCE,)), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    ended = await loop(settings, run.id, until=datetime.now())
    assert (ended.state, ended.phase, ended.message) == ("stopped", "training", "")
    runs.delete(run.id)


async def test_a_run_is_a_process_that_can_be_killed_and_goes_on(services: Services) -> None:
    started = await services.own.start(Wish((SOURCE,), epochs=1))
    assert started.moves
    with pytest.raises(Conflict):
        await services.own.start(Wish((SOURCE,)))
    process = services.own.store.process(started.id)
    assert process is not None
    process.send_signal(signal.SIGKILL)
    stopped = await services.own.stop(started.id)
    assert stopped.state == "stopped"
    assert (await services.own.go_on(started.id)).moves
    assert (await services.own.stop(started.id)).state == "stopped"
    await services.own.delete(started.id)
    with pytest.raises(NotFound):
        await services.own.run(started.id)


async def test_what_cannot_be_is_refused_before_anything_is_started(services: Services) -> None:
    with pytest.raises(InputInvalid):
        await services.own.start(Wish(()))
    with pytest.raises(NotFound):
        await services.own.start(Wish(("nowhere",)))
    elsewhere = Services.open(services.settings.model_copy(update={"model_server": "http://models.example:8000"}))
    with pytest.raises(TrainingRefused, match="on this machine"):
        await elsewhere.own.start(Wish((SOURCE,)))
    await elsewhere.close()
    with pytest.raises(ModelUnusable, match="scripted cannot be fine-tuned"):
        kind_of(services.settings.models_dir, "scripted")


async def test_the_plan_stands_in_front_and_refuses_what_cannot_fit(settings: Settings) -> None:
    runs = Runs(settings.data_dir)
    run = runs.new(Wish((SOURCE,), memory_gib=0.1), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    failed = await loop(settings, run.id)
    assert failed.state == "failed"
    assert "GiB of 0.1 GiB" in failed.message
    assert failed.remedy
    runs.delete(run.id)


async def test_the_night_shift_starts_within_its_hours_once_and_says_why_not(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Wish, datetime | None]] = []

    async def start(wish: Wish, *, night: bool = False, until: datetime | None = None) -> Run:
        assert night
        started.append((wish, until))
        return (await services.own.runs())[0]

    monkeypatch.setattr(services.own, "start", start)
    for run in await services.own.runs():
        await services.own.delete(run.id)
    runs = services.own.store
    runs.new(Wish(("another",)), base=BUNDLED_MODEL, instead=BUNDLED_MODEL)
    at = datetime(2026, 5, 4, 23, 30)
    for wrong in ("25:00", "01:00+02:00", "T01"):
        with pytest.raises(InputInvalid):
            await services.night.set(Night(on=True, begins=wrong, sources=(SOURCE,)))
    await services.night.set(Night(on=True, begins="23:00", ends="05:00", sources=(SOURCE,), fewest=500))
    await services.night.look(at)
    assert (await services.night.settings()).said == "own_few_new"
    night = Night(on=True, begins="23:00", ends="05:00", sources=(SOURCE,), fewest=1, mask=("singer.name",))
    await services.night.set(night)
    await services.night.look(at + timedelta(hours=2))  # the same night
    await services.night.look(at + timedelta(hours=12))  # by day
    assert started == []
    await services.night.look(at + timedelta(days=1, hours=2))
    ((wish, until),) = started
    assert wish.release
    assert wish.mask == ("singer.name",)
    assert until == datetime(2026, 5, 6, 5, 0)


async def test_training_waits_while_people_ask_and_ends_with_the_night() -> None:
    slow = Reply(when="", text="a b c d", delay=0.1)
    heard: list[bool] = []
    with serving(scripted(slow)) as live:
        courtesy = Courtesy(live.url, told=heard.append, look_seconds=0.02, quiet_seconds=0.1)
        assert not courtesy.busy()
        asking = threading.Thread(target=lambda: asyncio.run(_ask(live.url)))
        asking.start()
        await _until(courtesy.busy)
        await asyncio.to_thread(courtesy)
        assert heard == [True, False]
        asking.join()
    courtesy.close()
    with pytest.raises(Ended):
        Courtesy("http://127.0.0.1:1", until=datetime.now())()


def _asked() -> ChatRequest:
    schema = "CREATE TABLE singer (id INTEGER, name TEXT);"
    return ChatRequest(model="", messages=[Message(role="user", content=f"{schema}\n\nQuestion: How many singers?")])


async def _ask(url: str) -> None:
    client = LlmClient(url)
    assert [part async for part in client.stream(_asked())]
    await client.close()


async def _until(true: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(true):
        await asyncio.sleep(0.01)
