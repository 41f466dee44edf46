"""Asking a database in the browser."""

import csv
import sqlite3
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HOSTILE, Visit
from tests.browser.doors import Doors

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def ask(page: Page, question: str) -> None:
    page.fill("#database-question textarea", question)
    page.click("#database-ask")


def test_a_question_shows_the_sentence_the_table_and_the_checked_sql(visit: Visit, bundled: Doors) -> None:
    with visit(bundled) as page:
        ask(page, "How many customers are there?")
        expect(page.locator(".summary")).to_contain_text("120")
        expect(page.locator("#database-rows td")).to_have_text("120")
        expect(page.locator("#database-how .statement.checked")).to_contain_text("COUNT(*)")
        expect(page.locator("#database-how .explanation li").first).to_be_visible()
        page.locator("summary", has_text="Receipt").click()
        expect(page.locator(".receipt dd").first).to_have_text("Sample shop")


def test_an_example_is_one_click_and_suits_a_chart(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        page.locator(".chip").first.click()
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        expect(page.locator(".figure .js-plotly-plot .bars .point")).to_have_count(5)


def test_sql_streams_in_as_a_draft_before_it_is_checked(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        ask(page, "How many customers are there in every country?")  # written slowly
        expect(page.locator(".statement.draft")).to_contain_text("SELECT")
        expect(page.locator("#database-stop")).to_be_visible()
        expect(page.locator(".statement.checked")).to_contain_text("GROUP BY")
        expect(page.locator("#database-stop")).to_be_hidden()


def test_edited_sql_is_explained_runs_through_the_same_guard_and_can_be_kept(
    visit: Visit, scripted: Doors, artifacts: Path
) -> None:
    with visit(scripted) as page:
        ask(page, "How many customers does each country have?")  # a question of its own: what is kept stays
        page.get_by_role("button", name="Edit SQL").click()
        editor = page.locator("#database-sql .cm-content")
        editor.fill("DELETE FROM customers")
        page.get_by_role("button", name="Run this SQL").click()
        expect(page.locator("#database-reading .failure")).to_contain_text("not allowed")
        expect(page.locator(".failure")).to_have_count(1)
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        expect(page.locator(".statement.checked")).to_be_visible()
        expect(editor).to_have_text("DELETE FROM customers")
        page.screenshot(path=artifacts / "refused.png")
        page.click("#language-zh")
        expect(page.locator("#database-reading .failure")).to_contain_text("只能执行读取数据的语句")
        page.click("#language-en")
        expect(page.locator("#database-reading .failure")).to_contain_text("not allowed")
        editor.fill("SELECT name FROM products ORDER BY id LIMIT 3")
        page.get_by_role("button", name="Explain").click()
        expect(page.locator("#database-reading li").first).to_have_text("Reads products.")
        page.get_by_role("button", name="Run this SQL").click()
        expect(page.locator("#database-rows tbody tr")).to_have_count(3)
        expect(page.locator(".failure")).to_have_count(0)
        page.get_by_role("button", name="✓ Right").click()
        expect(page.locator(".thanks:visible").last).to_contain_text("your SQL is kept")


def test_ones_own_statement_can_be_stopped_and_stays(visit: Visit, scripted: Doors) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT MAX(x) FROM n"
    with visit(scripted) as page:
        ask(page, "How many customers per country?")
        page.get_by_role("button", name="Edit SQL").click()
        editor = page.locator("#database-sql .cm-content")
        editor.fill(endless)
        page.get_by_role("button", name="Run this SQL").click()
        page.click("#database-stop")
        expect(page.locator("#database-ask")).to_be_visible()
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        expect(editor).to_have_text(endless)


def test_an_answer_is_sorted_drawn_otherwise_downloaded_and_run_again(
    visit: Visit, scripted: Doors, tmp_path: Path
) -> None:
    with visit(scripted) as page:
        ask(page, "How many customers per country?")
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        heading = page.locator("#database-rows th", has_text="customers")
        heading.focus()
        page.keyboard.press("Enter")
        expect(heading).to_have_attribute("aria-sort", "ascending")
        counts = [int(text) for text in page.locator("#database-rows td.num").all_inner_texts()]
        assert counts == sorted(counts)
        page.locator("#database-charts label", has_text="Shares").click()
        expect(page.locator(".figure .slice")).to_have_count(5)
        page.locator(".copy").click()
        expect(page.locator(".copy")).to_have_text("Copied")
        for suffix in ("csv", "xlsx", "json", "html"):
            with page.expect_download() as download:
                page.click(f"#database-{suffix}")
            assert download.value.suggested_filename == f"How-many-customers-per-country.{suffix}"
            download.value.save_as(tmp_path / f"file.{suffix}")
        ask(page, "How many customers live in each country?")
        expect(page.locator(".past")).to_have_count(1)
        page.locator(".past summary").first.click()
        page.locator(".again").click()
        expect(page.locator(".past")).to_have_count(2)
        expect(page.locator(".answer .asked")).to_have_text("How many customers per country?")
    with (tmp_path / "file.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["country", "customers"]
    assert len(rows) == 6
    assert b"cdn" not in (tmp_path / "file.html").read_bytes().split(b"<script", 1)[0]


def test_hostile_cells_columns_and_names_do_nothing(visit: Visit, scripted: Doors) -> None:
    file = scripted.folder / "hostile.sqlite"
    with sqlite3.connect(file) as made:
        made.execute('CREATE TABLE things (name TEXT, note TEXT, "<img src=x onerror=alert(3)>" TEXT)')
        made.execute("INSERT INTO things VALUES (?, NULL, ?)", (HOSTILE, HOSTILE))
    added = httpx.post(
        f"{scripted.page}/api/v1/sources", json={"name": "hostile", "url": f"sqlite:///{file}"}, timeout=30
    )
    assert added.status_code == 201
    with visit(scripted) as page:
        page.locator("#source input").click()
        page.get_by_role("option", name="hostile").click()
        page.get_by_text("Tables and columns").click()
        page.locator(".tables summary").first.click()
        expect(page.locator(".tables li")).to_have_count(3)
        ask(page, "Show the hostile things <img src=x onerror=alert(4)>")
        expect(page.locator("#database-rows td").first).to_contain_text("<img src=x onerror=alert(1)>")
        expect(page.locator("#database-rows .null")).to_have_text("NULL")
        assert page.locator(".gradio-container img[src='x']").count() == 0
    assert httpx.delete(f"{scripted.page}/api/v1/sources/hostile").status_code == 204


def test_a_conversation_is_opened_again_renamed_and_deleted(visit: Visit, scripted: Doors) -> None:
    question, title = "How many customers in this conversation?", "Counting customers"
    with visit(scripted) as page:
        ask(page, question)
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
    with visit(scripted) as page:
        page.locator(".history:visible label", has_text=question).click()
        expect(page.locator(".answer .asked")).to_have_text(question)
        expect(page.locator("#database-rows tbody tr")).to_have_count(5)
        page.get_by_role("button", name="Rename").click()
        page.get_by_label("New title, then Enter").fill(title)
        page.keyboard.press("Enter")
        expect(page.locator(".history:visible label", has_text=title)).to_have_count(1)
        page.locator(".side:visible").get_by_role("button", name="Delete", exact=True).click()
        expect(page.locator(".history:visible label", has_text=title)).to_have_count(0)
        expect(page.locator(".chip").first).to_be_visible()


def test_the_list_of_conversations_is_one_stop_and_arrows_go_through_it(visit: Visit, scripted: Doors) -> None:
    with visit(scripted) as page:
        for question in ("How many customers, at first?", "How many customers, at last?"):
            page.locator(".side:visible").get_by_role("button", name="New conversation").click()
            ask(page, question)
            expect(page.locator(".history:visible label", has_text=question)).to_have_count(1)
        stops = page.locator(".history:visible input[tabindex='0']")
        expect(stops).to_have_count(1)
        stops.focus()
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".history:visible input").nth(1)).to_be_focused()
        expect(stops).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator(".answer .asked")).to_have_text("How many customers, at first?")


def test_a_database_is_added_by_url_and_removed(visit: Visit, scripted: Doors) -> None:
    file = scripted.folder / "harbour.sqlite"
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE ships (name TEXT)")
    with visit(scripted) as page:
        page.get_by_role("button", name="Add a database").click()
        page.get_by_label("Name", exact=True).fill("Harbour")
        page.get_by_label("Or one URL instead").fill(f"sqlite:///{file}.missing")
        page.click("#source-add")
        expect(page.locator("#source-said .failure")).to_be_visible()
        page.get_by_label("Or one URL instead").fill(f"sqlite:///{file}")
        page.click("#source-add")
        expect(page.locator("#source-said")).to_contain_text("Harbour is connected.")
        expect(page.locator("#source input")).to_have_value("Harbour")
        expect(page.locator(".chip").first).to_have_text("How many ships are there?")
        page.get_by_role("button", name="Tables and columns").click()
        page.get_by_role("button", name="Remove database").click()
        expect(page.locator("#source input")).not_to_have_value("Harbour")
