"""The databases that people bring: added in the page, dead for a while, questions that can be read in two ways."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit
from tests.browser.doors import Doors, open_doors
from tests.browser.test_database_tab import ask
from tests.datasource.cases import shop
from tests.mariadb import READER_PASSWORD, MariaDb, mariadb
from tests.postgres import Postgres, postgres

__all__ = ["mariadb", "postgres"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BY_PRICE = "SELECT name FROM products ORDER BY price DESC LIMIT 1"
BY_STOCK = "SELECT name FROM products ORDER BY stock DESC LIMIT 1"
SCRIPT = {
    "replies": [
        {"when": "best product", "text": BY_PRICE, "others": [BY_PRICE, BY_STOCK, BY_STOCK]},
        {"when": "customers", "text": "SELECT city, COUNT(*) AS customers FROM customers GROUP BY city"},
    ]
}
CITIES = 4


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A model of which the candidates differ; writing is allowed."""
    folder = tmp_path_factory.mktemp("own")
    script = folder / "models" / "scripted-own"
    script.mkdir(parents=True)
    (script / "replies.json").write_text(json.dumps(SCRIPT), encoding="utf-8")
    settings = {"LLM_MODEL": "scripted-own", "SQL_CANDIDATES": "4", "NATIVE_SQL_CAN_RUN_WRITE": "true"}
    with open_doors(folder, MODELS_DIR=str(folder / "models"), **settings) as doors:
        yield doors


def fill(page: Page, *, name: str, port: int, database: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Port").fill(str(port))
    page.get_by_label("User").fill("reader")
    page.get_by_label("Password").fill(READER_PASSWORD)
    page.get_by_label("Database, or path of the file").fill(database)
    page.click("#source-add")


def test_a_postgres_database_is_added_by_its_form_and_asked(
    visit: Visit, doors: Doors, postgres: Postgres, artifacts: Path
) -> None:
    postgres.execute("CREATE DATABASE page_shop")
    postgres.execute(*shop("postgres"), database="page_shop")
    with visit(doors) as page:
        page.get_by_role("button", name="Add a database").click()
        page.get_by_label("Type").click()
        page.get_by_role("option", name="PostgreSQL").click()
        expect(page.get_by_label("Port")).to_have_value("5432")
        page.get_by_label("Port").fill("6543")
        page.get_by_label("Type").click()
        page.get_by_role("option", name="MySQL / MariaDB").click()
        expect(page.get_by_label("Schemas")).to_be_hidden()  # the server has answered
        expect(page.get_by_label("Port")).to_have_value("6543")
        page.get_by_label("Type").click()
        page.get_by_role("option", name="PostgreSQL").click()
        fill(page, name="Reports", port=postgres.port, database="")
        expect(page.locator("#source-said .failure")).to_contain_text("page_shop")  # it says what there is
        page.get_by_label("Database, or path of the file").fill("page_shop")
        page.click("#source-add")
        expect(page.locator("#source-said")).to_contain_text("Reports is connected.")
        expect(page.locator("#source input")).to_have_value("Reports")
        expect(page.get_by_label("Password")).to_have_value("")
        ask(page, "How many customers live in each city?")
        expect(page.locator("#database-rows tbody tr")).to_have_count(CITIES)
        expect(page.locator("#database-how .statement.checked")).to_contain_text("GROUP BY")
        page.screenshot(path=artifacts / "postgres.png", full_page=True)


def test_while_a_server_is_down_the_page_says_so_and_goes_on_when_it_is_back(
    visit: Visit, doors: Doors, mariadb: MariaDb, artifacts: Path
) -> None:
    mariadb.execute("CREATE DATABASE page_shop CHARACTER SET utf8mb4")
    mariadb.execute(*shop(), database="page_shop")
    with visit(doors) as page:
        page.get_by_role("button", name="Add a database").click()
        fill(page, name="Branch", port=mariadb.port, database="page_shop")
        expect(page.locator("#source-said")).to_contain_text("Branch is connected.")
        mariadb.stop()
        try:
            ask(page, "How many customers live in each city?")
            expect(page.locator("#database-answer .failure")).to_contain_text("does not answer")
            expect(page.locator("#database-answer .failure .remedy")).to_contain_text("Check that the server runs")
            page.get_by_role("button", name="Tables and columns").click()
            page.get_by_role("button", name="Read again").click()
            expect(page.locator(".side .failure")).to_be_visible()
            page.screenshot(path=artifacts / "dead-server.png", full_page=True)
        finally:
            mariadb.start()
        ask(page, "How many customers live in every city?")
        expect(page.locator("#database-rows tbody tr")).to_have_count(CITIES)
        expect(page.locator(".failure")).to_have_count(0)  # beside the answer, too


def test_of_two_readings_the_chosen_one_is_remembered(visit: Visit, doors: Doors, artifacts: Path) -> None:
    with visit(doors) as page:
        page.locator("#source input").click()
        page.get_by_role("option", name="Sample shop").click()
        ask(page, "What is the best product?")
        cards = page.locator(".reading")
        expect(cards).to_have_count(2)
        expect(cards.nth(0)).to_contain_text("Sorts by price (largest first).")
        expect(cards.nth(1)).to_contain_text("Sorts by stock (largest first).")
        other = cards.nth(1).locator("td").inner_text()
        page.click("#language-zh")
        expect(cards.nth(1)).to_contain_text("按 stock（从大到小）排序。")
        expect(page.locator("#database-how .explanation")).to_contain_text("读取 products。")
        page.screenshot(path=artifacts / "readings-zh.png", full_page=True)
        page.get_by_role("button", name="理解 2 正确").click()
        expect(page.locator("#database-rows td")).to_have_text(other)
        ask(page, "What is the best product?")
        expect(page.locator(".confidence.verified")).to_be_visible()
        expect(page.locator("#database-rows td")).to_have_text(other)
        page.get_by_role("tab", name="描述数据").click()
        expect(page.locator("#schema-source input")).to_have_value("Sample shop")  # the one that was asked
        page.get_by_role("button", name="已认可的问题").click()
        page.get_by_role("gridcell", name="What is the best product?").first.click()
        expect(page.locator("#approved-question textarea")).to_have_value("What is the best product?")
        page.screenshot(path=artifacts / "approved-zh.png", full_page=True)
        page.click("#approved-forget")
        expect(page.locator("#approved-said")).to_contain_text("已删除")


def test_a_rehearsal_follows_the_language(visit: Visit, doors: Doors) -> None:
    with visit(doors) as page:
        page.locator("#source input").click()
        page.get_by_role("option", name="Sample shop").click()
        ask(page, "How many customers live in each city?")
        page.get_by_role("button", name="Edit SQL").click()
        page.locator("#database-sql .cm-content").fill("UPDATE products SET price = 2 WHERE id < 3")
        page.get_by_role("button", name="Run this SQL").click()
        expect(page.locator("#write-said .summary")).to_have_text(
            "2 rows of products would change. Nothing has changed yet."
        )
        page.click("#language-zh")
        expect(page.locator("#write-said .summary")).to_have_text("products 中将有 2 行被修改。目前还没有任何修改。")
        expect(page.locator("#write-confirm")).to_have_text("确定修改 2 行")
        page.click("#write-confirm")
        expect(page.locator("#write-said .success")).to_be_visible()
        page.click("#language-en")
        expect(page.locator("#write-said .success")).to_contain_text("2 rows")
