"""What a visitor sees of a conversation while something slow or broken is on its way: the handlers of the tabs."""

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import pytest_asyncio

from pilot import config
from pilot.datasource.refusals import fault, keyed, retold
from pilot.errors import SourceUnreachable
from pilot.i18n import Texts
from pilot.web.answer import Answer
from pilot.web.panels import failed
from pilot.web.ui.chat import ChatTab
from pilot.web.ui.database import DatabaseTab
from pilot.web.ui.documents import DocumentsTab
from pilot.web.ui.exports import Exports
from pilot.web.ui.labels import Labels
from pilot.web.ui.schema import SchemaTab
from pilot.web.ui.thread import Thread
from pilot.web.ui.visit import Speaker

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENGLISH: Any = SimpleNamespace(headers={"accept-language": "en"}, cookies={}, session_hash="e")
CHINESE: Any = SimpleNamespace(headers={"accept-language": "zh-CN"}, cookies={}, session_hash="z")
RUNNING = Thread("c", answer=Answer("how many"))
ENDED = Thread("c", answer=Answer("how many", finished=True, message="m"), language="en")
EN, ZH = Texts("en"), Texts("zh")
TABS = ("database", "documents", "chat")
DOWN = fault(SourceUnreachable, "unreachable", problem="refused")
FAILURE, IN_CHINESE = failed(DOWN), retold(*keyed(DOWN), ZH)[0]


class Down:
    """A database that does not answer."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def retelling(self, source: str, *, language: str) -> Any:
        self.asked.set()
        raise SourceUnreachable(f"{source} ({language})")


@pytest.fixture
def services(tmp_path: Path) -> Any:
    settings = config.load(env_file=tmp_path / "none.env", data_dir=tmp_path)
    return SimpleNamespace(
        settings=settings, store=None, sources=SimpleNamespace(names=names), retelling=Down().retelling
    )


async def names() -> list[str]:
    return ["Branch", "Shop"]


@pytest_asyncio.fixture(loop_scope="module")
async def tabs(services: Any, tmp_path: Path) -> dict[str, Any]:
    labels, speak = Labels("en"), Speaker("en")
    with gr.Blocks():
        made: dict[str, Any] = {
            "database": DatabaseTab(services, labels, speak, Exports(tmp_path)),
            "documents": DocumentsTab(services, labels, speak),
            "chat": ChatTab(services, labels, speak),
            "schema": SchemaTab(services, labels, speak, Exports(tmp_path)),
        }
        for tab in made.values():
            tab.wire()
    return made


@pytest.mark.parametrize("name", TABS)
async def test_where_the_work_broke_stop_makes_the_page_free_again(name: str, tabs: dict[str, Any]) -> None:
    tab = tabs[name]
    shown = dict(zip(tab.view, await tab._stop(RUNNING, ENGLISH), strict=True))
    assert not shown[tab.thread].running
    assert shown[tab.stop]["visible"] is False
    assert shown[tab.send if name == "chat" else tab.ask]["visible"] is True


@pytest.mark.parametrize("name", TABS)
async def test_what_runs_is_stopped_and_draws_itself(name: str, tabs: dict[str, Any]) -> None:
    tab = tabs[name]
    with tab.stops.watched(ENGLISH) as stop:
        assert await tab._stop(RUNNING, ENGLISH) == [gr.skip() for _ in tab.view]
        assert stop.is_set()


async def test_what_is_told_again_late_does_not_bring_back_a_conversation_that_was_left(tabs: dict[str, Any]) -> None:
    tab = tabs["database"]
    told = await tab._tell(ENDED, "Shop", CHINESE)
    assert told.language == "zh"
    assert tab.thread not in tab.retold  # a change of the language writes none
    left = [gr.skip() for _ in tab.worded]
    assert await tab.reword(Thread(), told, "", CHINESE) == left
    assert await tab.reword(ENDED.asking("and where"), told, "", CHINESE) == left
    corrected = replace(ENDED, corrected="SELECT 1")
    shown = dict(zip(tab.worded, await tab.reword(corrected, told, "", CHINESE), strict=True))
    assert shown[tab.thread] == replace(corrected, language="zh")


async def test_a_stored_conversation_is_shown_before_its_database_answers(
    tabs: dict[str, Any], services: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = tabs["database"]
    down = Down()
    services.retelling = down.retelling

    async def stored(*_: object) -> tuple[Thread, str]:
        return replace(ENDED, language=None), "Shop"

    monkeypatch.setattr("pilot.web.ui.database.open_thread", stored)
    source, *shown = await tab._open("c", CHINESE)
    assert (source, shown[0].answers) == ("Shop", ENDED.answers)
    assert not down.asked.is_set()
    assert (await tab._tell(shown[0], "Shop", CHINESE)).language == "zh"
    assert down.asked.is_set()


@pytest.mark.parametrize("name", ["documents", "chat"])
async def test_errors_of_earlier_answers_follow_the_language(name: str, tabs: dict[str, Any]) -> None:
    tab = tabs[name]
    thread = Thread("c", (Answer("one", failure=FAILURE),), Answer("two", failure=FAILURE))
    for shown in (tab.reword(thread, ZH), await tab.show(thread, ZH)):
        page = " ".join(each for each in shown if isinstance(each, str))
        assert page.count(IN_CHINESE) == 2
        assert FAILURE.message not in page


async def test_what_is_described_follows_what_is_asked_until_it_was_touched(tabs: dict[str, Any]) -> None:
    tab = tabs["schema"]
    assert (await tab.follow("Shop", False))["value"] == "Shop"
    kept = await tab.follow("Shop", True)
    assert "value" not in kept
    assert kept["choices"] == ["Branch", "Shop"]
