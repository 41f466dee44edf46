"""Free talk in the browser, with a model that can and one that cannot."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.doors import Doors

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _say(page: Page, message: str) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.fill("#chat-message textarea", message)
    page.click("#chat-send")


def test_an_answer_comes_and_is_given_again(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _say(page, "Hello")
        expect(page.locator(".theirs strong")).to_have_text("friend")
        page.click("#chat-again")
        expect(page.locator(".theirs strong")).to_have_text("friend")
        expect(page.locator(".mine")).to_have_count(1)


def test_stop_ends_the_answer_and_the_model(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _say(page, "Count slowly")
        expect(page.locator(".theirs")).to_contain_text("five one two")
        page.click("#chat-stop")
        expect(page.locator(".theirs .stopped")).to_be_visible()
        said = page.locator(".theirs").inner_text()
        page.wait_for_timeout(700)
        assert page.locator(".theirs").inner_text() == said
        expect(page.locator("#chat-send")).to_be_visible()
        metrics = page.request.get(f"{scripted.model}/metrics").text()
        running = re.search(r"^pilot_\w*running\S* (\S+)$", metrics, re.MULTILINE)
        assert running is None or float(running.group(1)) == 0


def test_hostile_answers_do_nothing(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _say(page, "Say something hostile")
        expect(page.locator(".theirs")).to_contain_text("<img src=x onerror=alert(1)>")
        assert page.locator(".theirs img").count() == 0


def test_an_answer_that_breaks_keeps_its_text_and_shows_the_error(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        _say(page, "Break")
        expect(page.locator(".theirs .failure")).to_be_visible()
        expect(page.locator(".theirs")).to_contain_text("half an answer")


def test_a_model_that_cannot_chat_says_what_it_can_do(visit: Visit, bundled: Doors) -> None:
    with visit(bundled) as page:
        page.get_by_role("tab", name="Chat").click()
        expect(page.get_by_text("This model cannot chat")).to_be_visible()
        expect(page.locator("#chat-message")).to_be_hidden()
        expect(page.get_by_text("MODEL_SERVER=").first).to_be_visible()
