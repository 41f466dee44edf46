"""The page as a whole: languages, light and dark, widths, the login."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit
from tests.browser.doors import Doors, open_doors

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TABS = {"en": ("Ask the database", "Describe the data", "Ask my documents", "Chat", "Model & about"),
        "zh": ("问数据库", "描述数据", "问文档", "聊天", "模型与关于")}  # fmt: skip


def test_the_language_changes_at_once_and_stays(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        page.fill("#database-question textarea", "How many customers per country?")
        page.click("#database-ask")
        expect(page.get_by_text("Checked SQL")).to_be_visible()
        page.click("#language-zh")
        expect(page.locator("#database-ask")).to_have_text("提问")
        expect(page.get_by_text("已检查的 SQL")).to_be_visible()
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        assert [tab.inner_text() for tab in page.get_by_role("tab").all()] == list(TABS["zh"])
        page.reload()
        expect(page.locator("#database-ask")).to_have_text("提问")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_words_that_are_not_saved_yet_stay_when_the_language_changes(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        page.get_by_role("tab", name="Describe the data").click()
        cell = page.locator("#schema-columns [data-testid=cell-1-2]")
        expect(cell).to_be_visible()  # what is known of the table has come
        page.fill("#schema-description textarea", "What we sell")
        page.fill("#schema-synonyms input", "goods")
        page.check("#schema-hidden input")
        cell.dblclick()
        page.keyboard.type("as printed on the label")
        page.keyboard.press("Enter")
        page.click("#language-zh")
        expect(page.locator("#schema-columns th").first).to_contain_text("列")
        expect(page.locator("#schema-description textarea")).to_have_value("What we sell")
        expect(page.locator("#schema-synonyms input")).to_have_value("goods")
        expect(page.locator("#schema-hidden input")).to_be_checked()
        expect(cell).to_contain_text("as printed on the label")


def test_a_page_that_nobody_uses_draws_nothing(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        page.add_init_script(
            "window.drawn = 0; const draw = requestAnimationFrame; requestAnimationFrame = (f) => (drawn++, draw(f));"
        )
        page.reload()
        page.wait_for_selector("#status .status")
        quiet = "new Promise((done) => { const n = drawn; setTimeout(() => done(drawn - n < 20), 2000); })"
        page.wait_for_function(quiet, polling=100)  # once all has come; Gradio's own would be 120 for ever


def test_a_chinese_browser_is_met_in_chinese(visit: Visit, scripted: Doors) -> None:
    with visit(scripted, locale="zh-CN") as page:
        expect(page.locator("#database-ask")).to_have_text("提问")
        expect(page.locator("#status")).to_contain_text("模型就绪")


def test_light_and_dark_are_a_choice_that_stays(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("#shade")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        page.reload()
        page.wait_for_selector("#status .status")
        assert page.evaluate("document.body.classList.contains('dark')")


@pytest.mark.parametrize(
    ("width", "dark", "language"), [(1280, False, "en"), (1280, True, "zh"), (800, False, "zh"), (800, True, "en")]
)  # each pair of the three
def test_every_tab_fits_and_is_kept_as_a_picture(
    visit: Visit, bundled: Doors, artifacts: Path, *, language: str, dark: bool, width: int
) -> None:
    with visit(bundled, locale="zh-CN" if language == "zh" else "en-US", width=width, dark=dark) as page:
        page.fill("#database-question textarea", "How many customers are there in each country?")
        page.click("#database-ask")
        expect(page.locator(".figure .js-plotly-plot")).to_be_visible()
        for name, tab in zip(("database", "describe", "documents", "chat", "model"), TABS[language], strict=True):
            page.get_by_role("tab", name=tab, exact=True).click()
            _ask_documents(page, name)
            page.wait_for_timeout(600)  # transitions end
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            shade = "dark" if dark else "light"
            page.screenshot(path=artifacts / f"{name}-{language}-{shade}-{width}.png", full_page=True)


def _ask_documents(page: Page, tab: str) -> None:
    if tab == "documents":
        page.locator("#space input").click()
        page.get_by_role("option", name="Sample documents").click()
        page.fill("#documents-question textarea", "How long may goods be returned?")
        page.click("#documents-ask")
        expect(page.locator("#documents-answer .passage").first).to_be_visible(timeout=60_000)


def test_a_password_guards_the_page(browser: Browser, tmp_path: Path, artifacts: Path) -> None:
    with open_doors(tmp_path, LLM_MODEL="scripted", WEB_PASSWORD="a long password") as doors:
        context = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 860})
        page = context.new_page()
        page.goto(doors.page)
        expect(page.get_by_role("heading")).to_have_text("欢迎回来")
        page.screenshot(path=artifacts / "login-zh.png")
        page.click("#language-en")
        expect(page.get_by_role("heading")).to_have_text("Welcome back")
        page.fill("#password", "wrong")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("alert")).to_have_text("That is not the password.")
        page.fill("#password", "a long password")
        page.get_by_role("button", name="Enter").click()
        expect(page.locator("#database-ask")).to_have_text("Ask")
        page.click("#logout")
        expect(page.get_by_role("heading")).to_have_text("Welcome back")
        page.goto(f"{doors.page}/ui/")
        expect(page.get_by_role("heading")).to_have_text("Welcome back")
        context.close()
