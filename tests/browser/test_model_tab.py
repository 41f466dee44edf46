"""The model in the browser: another one is served, let go, refused; and what it takes to teach it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from playwright.sync_api import Page, Route, expect

from pilot.config import ROOT
from pilot.services import SAMPLE_SOURCE
from pilot.store import Store
from pilot.store.runs import Exam, ExamQuestion, Runs, Wish
from tests.browser.conftest import PATIENCE, Visit
from tests.browser.doors import Doors
from tests.model import tiny

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BUNDLED = "pilot-text-to-sql"
RIGHT = ("SELECT COUNT(*) FROM customers", "SELECT name FROM products", "SELECT country FROM customers",
         "SELECT AVG(price) FROM products", "SELECT city, COUNT(*) FROM customers GROUP BY city",
         "SELECT name FROM employees ORDER BY name", "SELECT DISTINCT country FROM customers")  # fmt: skip


@pytest.fixture
def models(scripted: Doors) -> Iterator[None]:
    """Beside the scripted model: the bundled one, which takes a moment to load, and half of a large one."""
    folder = scripted.folder / "models"
    shutil.copytree(ROOT / "models" / BUNDLED, folder / BUNDLED)
    (folder / "guanaco-half").mkdir()
    (folder / "guanaco-half" / "config.json").write_text("{}", encoding="utf-8")
    yield
    shutil.rmtree(folder / BUNDLED)
    shutil.rmtree(folder / "guanaco-half")


def _open(page: Page) -> None:
    page.get_by_role("tab", name="Model & about").click()
    page.click("#model-look")


def _choose(page: Page, name: str) -> None:
    page.locator("#model-choice input").click()
    page.get_by_role("option", name=name).first.click()


@pytest.mark.usefixtures("models")
def test_another_model_is_served_with_its_progress_in_sight_and_let_go(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _open(page)
        expect(page.locator("#model-card .served")).to_have_text("scripted-page")
        _choose(page, BUNDLED)
        page.click("#model-load")
        expect(page.locator("#model-said progress")).to_be_visible()
        expect(page.locator("#model-card .served")).to_have_text(BUNDLED)
        expect(page.locator("#model-card .tiles")).to_contain_text("MB")
        expect(page.locator("#status")).to_contain_text(BUNDLED)
        page.click("#model-unload")
        expect(page.locator("#model-said")).to_contain_text("No model is loaded.")
        expect(page.locator("#model-card")).to_contain_text("No model is loaded.")
        _choose(page, "scripted-page")
        page.click("#model-load")
        expect(page.locator("#model-card .served")).to_have_text("scripted-page")


@pytest.mark.usefixtures("models")
def test_a_folder_that_is_not_whole_is_refused_with_the_files_name(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _open(page)
        _choose(page, "guanaco-half · not whole")
        page.click("#model-load")
        expect(page.locator("#model-said .failure")).to_contain_text("guanaco-half/model.safetensors is missing")
        expect(page.locator("#model-card .served")).to_have_text("scripted-page")


def test_too_few_answers_to_learn_from_are_said_with_what_to_do(visit: Visit, scripted: Doors) -> None:
    with visit(scripted, locale="zh-CN") as page:
        page.get_by_role("tab", name="模型与关于").click()
        expect(page.locator("#own-sources label").first).to_contain_text("Sample shop")
        expect(page.locator("#own-steps li.now")).to_have_text("例子")
        page.click("#own-to-method")
        expect(page.locator("#own-said .notice")).not_to_be_empty()
        expect(page.locator("#own-steps li.now")).to_have_text("例子")
        page.click("#language-en")
        expect(page.locator("#own-steps li.now")).to_have_text("Examples")
        expect(page.locator("#own-sources label").first).to_contain_text("approved")


def test_a_run_that_waits_for_a_decision_is_there_after_a_reload(visit: Visit, scripted: Doors) -> None:
    """Its folder is written as a training writes it; training itself takes minutes."""
    runs = Runs(scripted.folder / "data")
    run = runs.new(Wish(("Sample shop",)), base=BUNDLED, instead=BUNDLED)
    gained = ExamQuestion("Sample shop", "turnover?", "SELECT 1", "SELECT 2", "SELECT 1", False, True)
    lost = replace(gained, question="clients?", was_right=True, now_right=False)
    runs.keep_exam(run.id, Exam(40, 60, (gained, lost)))
    log = runs.place(run.id) / "training" / "log.jsonl"
    log.parent.mkdir()
    log.write_text("".join(f'{{"step": {n}, "seconds": {n}, "loss": {1 / (n + 1)}}}\n' for n in range(9)), "utf-8")
    runs.keep(replace(run, state="better", phase="deciding", before=40.0, after=60.0, seconds=90))
    with visit(scripted, locale="zh-CN") as page:
        for _ in range(2):
            page.get_by_role("tab", name="模型与关于").click()
            expect(page.locator("#own-told .state.better")).to_have_text("有进步，等待您的决定。")
            expect(page.locator("#own-exam .gain")).to_have_text("正确率提高 20 个百分点")
            expect(page.locator("#own-exam .learnt > details summary")).to_have_text("turnover?")
            expect(page.locator("#own-exam .unlearnt > details summary")).to_have_text("clients?")
            expect(page.locator("#own-curve polyline.learn")).to_be_attached()
            expect(page.locator("#own-release")).to_be_visible()
            page.reload()
        page.get_by_role("tab", name="模型与关于").click()
        page.click("#own-delete")
        expect(page.locator("#own-steps li.now")).to_have_text("例子")
    assert runs.all() == []


def test_on_a_phone_every_tab_is_in_sight(visit: Visit, scripted: Doors) -> None:
    with visit(scripted, width=390) as page:
        for tab in page.get_by_role("tab").all():
            expect(tab).to_be_in_viewport()
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


CORRECTED = re.compile(r"1[2-9] of them corrected by you")  # twelve here, and what other tests correct in the same shop


@pytest.fixture
def taught(scripted: Doors) -> Iterator[None]:
    """A causal model beside the scripted one, and answers to the sample shop that were approved and corrected."""
    folder = scripted.folder / "models" / "tiny"
    tiny.save(folder)
    store = Store(scripted.folder / "data")
    talk = store.create_conversation("database", SAMPLE_SOURCE, "corrected")
    made = []
    for number in range(24):
        wrong = {"events": [{"event": "sql_checked", "sql": f"SELECT {number}"}]}
        turn = store.add_turn(talk.id, f"Question {number}?", wrong)
        if number % 2:
            store.add_feedback(turn.id, "wrong", RIGHT[number % len(RIGHT)])
        store.approve(turn.id, SAMPLE_SOURCE, turn.question, RIGHT[number % len(RIGHT)], fingerprint="",
                      asked_on=date.today())  # fmt: skip
        made.append(turn.id)
    yield
    for id_ in made:
        store.disapprove(id_)
    store.delete_conversation(talk.id)
    store.close()
    shutil.rmtree(folder)


@pytest.mark.usefixtures("taught")
def test_how_a_causal_model_may_learn_and_why_not_otherwise(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        page.get_by_role("tab", name="Model & about").click()
        expect(page.locator("#own-sources label").first).to_contain_text(CORRECTED)
        page.click("#own-to-method")
        page.locator("#own-base input").click()
        page.get_by_role("option", name="tiny").first.click()
        expect(page.locator("#own-objective label")).to_have_count(3)
        expect(page.locator("#own-objective label").nth(1)).to_contain_text("pairs")
        expect(page.locator("#own-unable")).to_contain_text("pip install unsloth")
        page.locator("#own-choice input[value=galore]").check()
        page.locator("#own-objective input[value=dpo]").check()
        page.click("#own-to-plan")
        expect(page.locator("#own-said .failure")).to_contain_text("Choose LoRA or QLoRA.")
        page.click("#language-zh")
        expect(page.locator("#own-choice label").nth(4)).to_contain_text("训练全部权重")
        expect(page.locator("#own-choice input[value=galore]")).to_be_checked()
        expect(page.locator("#own-unable")).to_contain_text("本机没有配置 Unsloth")
        page.click("#language-en")
        expect(page.locator("#own-choice label").nth(4)).to_contain_text("all weights learn")
        page.locator("#own-choice input[value=lora]").check()
        page.click("#own-to-plan")
        expect(page.locator("#own-said .busy")).to_be_visible()
        # a process of its own looks: it loads torch first, and lets others go before
        expect(page.locator("#own-planned")).to_contain_text("DPO: right from wrong", timeout=2 * PATIENCE)
        expect(page.locator("#own-start")).to_be_visible()
        page.click("#language-zh")
        expect(page.locator("#own-planned")).to_contain_text("DPO：从您改正过的答案中学会辨别对错")


@pytest.mark.usefixtures("taught")
def test_what_is_chosen_before_a_late_answer_stays_chosen(visit: Visit, scripted: Doors) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        """What asks for the ways in which the model "tiny" can learn waits."""
        if not held and '"tiny"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    with visit(scripted) as page:
        page.get_by_role("tab", name="Model & about").click()
        expect(page.locator("#own-sources label").first).to_contain_text(CORRECTED)
        page.click("#own-to-method")
        page.route("**/queue/join*", hold)
        page.locator("#own-base input").click()
        page.get_by_role("option", name="tiny").first.click()
        page.locator("#own-choice input[value=galore]").check()
        page.locator("#own-objective input[value=dpo]").check()
        held[0].continue_()
        page.click("#language-zh")  # asked later, told later
        expect(page.locator("#own-choice label").nth(4)).to_contain_text("训练全部权重")
        expect(page.locator("#own-choice input[value=galore]")).to_be_checked()
        expect(page.locator("#own-objective input[value=dpo]")).to_be_checked()
