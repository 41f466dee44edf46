"""The panel beside the documents: its handlers, over the real library."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import pytest_asyncio
from fastapi import FastAPI

from pilot import config
from pilot.i18n import Texts
from pilot.knowledge.records import SpaceSettings
from pilot.services import Services
from pilot.web.ui.labels import Labels
from pilot.web.ui.spaces import REST_SECONDS, SpacePanel
from pilot.web.ui.spacesetup import WATCH_SECONDS
from pilot.web.ui.visit import Speaker
from tests.model.live import Live

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENGLISH: Any = SimpleNamespace(headers={"accept-language": "en"}, cookies={}, session_hash="e")
CHINESE: Any = SimpleNamespace(headers={"accept-language": "zh-CN"}, cookies={}, session_hash="z")


@pytest.fixture(scope="module")
def settings(folder: Path, model: Live) -> config.Settings:
    return config.load(env_file=folder / "none.env", data_dir=folder / "data", model_server=model.url,
                       embedding_model="lengths", knowledge_allow_urls=True)  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module")
async def panel(app: FastAPI) -> SpacePanel:
    services: Services = app.state.services
    with gr.Blocks():
        panel = SpacePanel(services, Labels("en"), Speaker("en"))
        panel.wire()
    return panel


@pytest_asyncio.fixture(loop_scope="module")
async def space(panel: SpacePanel) -> AsyncIterator[str]:
    library = panel.services.library
    made = await library.create_space("Beside")
    yield made.name
    await library.delete_space(made.name)


async def moved(panel: SpacePanel, space: str, request: Any = ENGLISH) -> dict[Any, Any]:
    """What the panel shows once nothing moves any more."""
    async with asyncio.timeout(120):
        while (now := dict(zip(panel.moving, await panel._watch(space, None, request), strict=True)))[
            panel.watch
        ].value == WATCH_SECONDS:
            await asyncio.sleep(0.05)
    return now


async def test_what_failed_is_told_in_ones_language_and_read_again(panel: SpacePanel, space: str) -> None:
    await panel.services.library.add(space, "cut.pdf", b"%PDF-1.7 cut")
    shown = await moved(panel, space, CHINESE)
    assert "文件已损坏或不完整。" in shown[panel.list]
    assert (shown[panel.failed]["visible"], shown[panel.failed]["value"]) == (True, "重新读取失败的文档")
    said, *_, watch = await panel._retry_failed(space, ENGLISH)
    assert (said, watch.value) == ("", WATCH_SECONDS)
    assert "The file is damaged or cut off." in (await moved(panel, space))[panel.list]


async def test_settings_follow_the_product_until_they_differ(panel: SpacePanel, space: str) -> None:
    library, setup = panel.services.library, panel.setup
    await library.add(space, "rules.md", b"# Refunds\n\nFive working days.")
    await moved(panel, space)
    said, _, watch = await setup._save(space, 300, 5, "lengths", ENGLISH)
    assert "Saved." in said
    assert watch.value == WATCH_SECONDS
    assert (await library.space(space)).settings == SpaceSettings(chunk_size=300)
    assert "pieces of 300 characters" in (await moved(panel, space))[setup.index]
    _, chunk_size, top_size, embedder, way_out, _ = setup.fill(await library.space(space), Texts("en"))
    assert (chunk_size["value"], top_size["value"], embedder["value"]) == (300, 5, "lengths")
    assert ("800 (as everywhere)", 800) in chunk_size["choices"]
    assert 'href="/api/v1/spaces/Beside/export"' in way_out
    refused, *_ = await setup._save(space, 300, 5, "no-such-model", ENGLISH)
    assert "no-such-model" in refused


async def test_a_space_comes_in_from_a_file(panel: SpacePanel, space: str, tmp_path: Path) -> None:
    library, file = panel.services.library, tmp_path / "beside.zip"
    await library.add(space, "rules.md", b"Five working days.")
    for name, said in (("", "There is a space"), ("Copy", "")):
        async with library.export(space) as exported:
            file.write_bytes(exported.read_bytes())
        _, _, told = await panel._import(str(file), name, ENGLISH)
        assert said in told
        assert not file.exists()
    assert [record.name for record in await library.documents("Copy")] == ["rules.md"]
    await library.delete_space("Copy")


async def test_an_address_that_is_refused_stays_in_its_field_with_the_reason(panel: SpacePanel, space: str) -> None:
    for site in (False, True):
        steps = [step async for step in panel._fetch(space, "http://127.0.0.1/rules", site, CHINESE)]
        assert "正在获取" in steps[0][1]
        assert "127.0.0.1" in steps[-1][1]
        assert "公共互联网" in steps[-1][1]
        assert steps[-1][0] != ""


async def test_a_space_that_is_gone_is_told(panel: SpacePanel) -> None:
    shown = dict(zip(panel.shown, await panel._show("gone", [], ENGLISH), strict=True))
    assert "gone" in shown[panel.list]
    assert shown[panel.setup.fold]["visible"] is False
    assert shown[panel.watch].value == REST_SECONDS


async def test_other_spaces_may_be_asked_too_and_a_chosen_document_stays_chosen(panel: SpacePanel, space: str) -> None:
    library = panel.services.library
    await library.create_space("Other")
    record = await library.add(space, "kept.md", b"Kept.")
    shown = dict(zip(panel.shown, await panel._show(space, ["Other", "gone", space], ENGLISH), strict=True))
    assert (shown[panel.also]["value"], shown[panel.also]["visible"]) == (["Other"], True)
    assert space not in shown[panel.also]["choices"]
    assert "value" not in (await panel.show(space, Texts("zh")))[-1]
    watched = dict(zip(panel.moving, await panel._watch(space, record.id, ENGLISH), strict=True))
    assert watched[panel.document]["value"] == record.id
    await library.delete_space("Other")


async def test_a_space_gives_its_definitions_to_databases(panel: SpacePanel, space: str) -> None:
    services, setup = panel.services, panel.setup
    assert "Saved." in await setup._attach(space, ["Sample shop"], ENGLISH)
    assert await services.attached("Sample shop") == [space]
    shown = dict(zip(panel.shown, await panel._show(space, [], ENGLISH), strict=True))
    assert shown[setup.databases]["value"] == ["Sample shop"]
    await setup._attach(space, [], ENGLISH)
    assert await services.attached("Sample shop") == []
