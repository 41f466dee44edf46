"""A model of one's own, step by step: an answer that comes late takes nothing back that was chosen meanwhile."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import pytest_asyncio
from fastapi import FastAPI

from pilot.services import SAMPLE_SOURCE
from pilot.store.runs import Run, Wish
from pilot.web.ui.draft import Desk
from pilot.web.ui.labels import Labels
from pilot.web.ui.model import ModelTab
from pilot.web.ui.own import OwnPanel
from pilot.web.ui.visit import Speaker
from tests.model.live import Live, scripted, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENGLISH: Any = SimpleNamespace(headers={"accept-language": "en"}, cookies={}, session_hash="e")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Live]:
    models = folder / "models"
    for name in ("scripted-one", "scripted-two"):
        (models / name).mkdir(parents=True)
        (models / name / "replies.json").write_text('{"replies": []}')
    with serving(scripted(name="scripted-one"), models_dir=models) as live:
        yield live


@pytest_asyncio.fixture(loop_scope="module")
async def tab(app: FastAPI) -> ModelTab:
    with gr.Blocks() as page:
        tab = ModelTab(app.state.services, Labels("en"), Speaker("en"))
        tab.wire(page)
    return tab


@pytest.fixture
def own(tab: ModelTab) -> OwnPanel:
    return tab.own


@pytest.fixture
def run(own: OwnPanel) -> Run:
    store = own.services.own.store
    run = store.new(Wish((SAMPLE_SOURCE,)), base="base", instead="base")
    store.keep(replace(run, state="stopped"))
    return run


async def test_what_can_still_be_done_is_not_told_again(own: OwnPanel, tab: ModelTab) -> None:
    desk, t = Desk(), own.speak(ENGLISH)
    able = ("galore", "dpo", "pilot")
    for chosen, told in ((able, [False, True, False]), ((None, None, None), [True, True, True])):
        answers = await own.method._methods(desk, "scripted-two", ENGLISH, *chosen)
        assert ["value" in each for each in answers[:3]] == told  # there are no pairs for dpo
    served = (await own.services.serving()).model
    assert "value" not in (await tab.offer(served, t))[0]
    assert (await tab.offer("gone", t))[0]["value"] == served


async def test_a_look_at_a_run_says_nothing_once_something_else_is_looked_at(
    own: OwnPanel, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, gate, runs = Desk(), asyncio.Event(), own.services.own.runs

    async def slow() -> list[Run]:
        await gate.wait()
        return await runs()

    await own._open(desk, run.id, ENGLISH)
    monkeypatch.setattr(own.services.own, "runs", slow)
    looking = asyncio.ensure_future(own._tick(desk, ENGLISH))
    await asyncio.sleep(0)
    monkeypatch.undo()
    await own._to("data", desk, ENGLISH)
    gate.set()
    skipped = gr.skip()
    assert all(each == skipped for each in await looking)
    assert desk.draft.stage == "data"
    assert any(each != skipped for each in await own._tick(desk, ENGLISH))


async def test_databases_that_were_not_counted_yet_count_when_he_goes_on(own: OwnPanel) -> None:
    desk = Desk()
    await own._arrive(desk, ENGLISH)
    await own._to("data", desk, ENGLISH)
    await own._to_method(desk, [], 50, ["customers.email"], None, None, ENGLISH, None, None, None)
    assert (desk.draft.wish.sources, desk.draft.wish.exam_share) == ((), 0.5)
    assert desk.draft.wish.mask == ("customers.email",)


async def test_columns_that_were_unmasked_stay_so_when_the_share_changes(own: OwnPanel) -> None:
    desk = Desk()
    await own.examples.choose(desk, [SAMPLE_SOURCE], 33)
    columns = await own.examples._columns(desk)
    taken = own.examples._offer_mask(desk, columns, [])["value"]
    assert "customers.email" in taken
    await own.examples.choose(desk, [SAMPLE_SOURCE], 40)
    assert own.examples._offer_mask(desk, await own.examples._columns(desk), []) == gr.skip()
