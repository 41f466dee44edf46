"""Asking documents in the browser."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from pilot.web.ui.spaces import LIST_HEIGHT
from tests.browser.conftest import Visit
from tests.browser.doors import Doors
from tests.knowledge import samples

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INGESTED = 600_000  # milliseconds; the embedding model may still be loading


def _open(page: Page, space: str) -> None:
    page.get_by_role("tab", name="Ask my documents").click()
    page.get_by_role("button", name="New space, delete space").click()
    page.get_by_label("Name of the new space").fill(space)
    page.click("#space-create")
    expect(page.locator("#space input")).to_have_value(space)


def _upload(page: Page, *files: tuple[str, str]) -> None:
    uploads = [FilePayload(name=name, mimeType="text/plain", buffer=text.encode()) for name, text in files]
    page.set_input_files("#upload input[type=file]", uploads)


def test_a_document_is_uploaded_asked_and_cited(visit: Visit, bundled: Doors) -> None:
    with visit(bundled) as page:
        _open(page, "Rules")
        _upload(page, ("return-rules.md", "# Returns\n\nParcels may be sent back within forty days.\n"),
                ("broken.pdf", "%PDF-1.7 cut off"))  # fmt: skip
        ready = page.locator("#documents .document.ready", has_text="return-rules.md")  # not those of the space before
        expect(ready).to_have_count(1, timeout=INGESTED)
        expect(page.locator("#documents .document.failed .reason")).not_to_be_empty()
        page.fill("#documents-question textarea", "How long may parcels be sent back?")
        page.click("#documents-ask")
        expect(page.locator("#documents-answer .words")).to_contain_text("forty days")
        expect(page.locator("#documents-answer .passage .place")).to_contain_text("return-rules.md")
        expect(page.locator("#documents-answer .passage mark").first).to_contain_text("forty days")
        cited = page.locator("#documents-answer .words a.cite").first
        cited.focus()
        page.keyboard.press("Enter")
        expect(page.locator(".passage:target")).to_have_count(1)
        opened = page.locator("dialog.over[open]")
        expect(opened.locator("mark.quoted")).to_contain_text("forty days")
        page.keyboard.press("Escape")
        expect(opened).to_have_count(0)


def test_a_citation_of_a_pdf_opens_its_page_as_a_picture(visit: Visit, bundled: Doors, artifacts: Path) -> None:
    with visit(bundled, locale="zh-CN", dark=True) as page:
        page.get_by_role("tab", name="问文档").click()
        page.locator("#space input").click()
        page.get_by_role("option", name="Sample documents").click()
        expect(page.locator("#documents .document.ready", has_text="Shop handbook")).to_be_visible(timeout=INGESTED)
        page.fill("#documents-question textarea", "How long may a customer return goods?")
        page.click("#documents-ask")
        page.locator("#documents-answer a.open", has_text="打开第").first.click()
        picture = page.locator("dialog.over[open] figure img")
        expect(picture).to_be_visible()
        assert picture.evaluate("async picture => { await picture.decode(); return picture.naturalWidth }") > 500
        expect(page.locator("dialog.over .spot")).to_be_in_viewport()
        page.screenshot(path=artifacts / "citation-page.png")
        before = page.locator("dialog.over .place").inner_text()
        page.keyboard.press("ArrowRight")
        expect(page.locator("dialog.over .place")).not_to_have_text(before)
        page.get_by_role("button", name="关闭").click()
        expect(page.locator("dialog.over[open]")).to_have_count(0)


def test_of_many_documents_a_pdf_in_an_archive_is_found_and_opened(visit: Visit, bundled: Doors) -> None:
    papers = samples.packed({"hawks.pdf": samples.pdf(["Hawks glide over the fields at noon."])}, zipfile.ZIP_STORED)
    with visit(bundled) as page:
        _open(page, "Many")
        uploads = [
            FilePayload(name=f"{n:02}.md", mimeType="text/plain", buffer=f"Line {n}.".encode()) for n in range(15)
        ]
        page.set_input_files(
            "#upload input[type=file]",
            [FilePayload(name="papers.zip", mimeType="application/zip", buffer=papers), *uploads],
        )
        expect(page.locator("#documents .document.ready")).to_have_count(16, timeout=INGESTED)
        expect(page.locator("#documents")).to_contain_text("16 documents")
        box = page.locator("#documents").bounding_box()
        assert box
        assert box["height"] <= LIST_HEIGHT  # it scrolls: what stands below it stays in reach
        page.locator("#documents a.open", has_text="papers.zip").click()
        expect(page.locator("dialog.over[open] figure img")).to_be_visible()
        page.keyboard.press("Escape")
        page.fill("#documents-question textarea", "Summarise it")
        page.click("#documents-ask")
        expect(page.locator("#documents-answer .words")).to_contain_text("Which of the 16 documents?")
        page.fill("#documents-question textarea", "When do hawks glide over the fields?")
        page.click("#documents-ask")
        expect(page.locator("#documents-answer .passage .place")).to_contain_text("hawks.pdf")
        page.locator("#documents-answer a.open").first.click()
        expect(page.locator("dialog.over .spot")).to_be_in_viewport()


def test_a_space_comes_in_from_a_file_and_failures_are_tried_again(
    visit: Visit, bundled: Doors, tmp_path: Path
) -> None:
    with visit(bundled) as page:
        _open(page, "Taken along")
        _upload(page, ("kept.md", "# Kept\n\nThis goes with the space.\n"), ("broken.pdf", "%PDF-1.7 cut off"))
        expect(page.locator("#documents .document.ready", has_text="kept.md")).to_have_count(1, timeout=INGESTED)
        expect(page.locator("#documents .document.failed .reason")).not_to_be_empty()
        page.click("#retry-failed")
        expect(page.locator("#documents .document.failed .reason")).not_to_be_empty()
        page.get_by_role("button", name="Settings of this space").click()
        with page.expect_download() as saved:
            page.click("#space-export a.download")
        file = tmp_path / "space.zip"
        saved.value.save_as(file)
        page.get_by_label("Name of the new space").fill("Brought back")
        with page.expect_file_chooser() as chooser:
            page.click("#space-import")
        chooser.value.set_files(file)
        expect(page.locator("#space input")).to_have_value("Brought back")
        expect(page.locator("#documents .document.ready", has_text="kept.md")).to_have_count(1, timeout=INGESTED)


def test_a_search_shows_passages_as_they_stand(visit: Visit, bundled: Doors) -> None:
    with visit(bundled) as page:
        page.get_by_role("tab", name="Ask my documents").click()
        page.locator("#space input").click()
        page.get_by_role("option", name="Sample documents").click()
        expect(page.locator("#documents .document.ready").first).to_be_visible(timeout=INGESTED)
        page.fill("#documents-question textarea", "refund")
        page.click("#documents-search")
        expect(page.locator("#documents-answer .passage").first).to_contain_text("refund")
        page.click("#language-zh")
        expect(page.locator("#documents-answer .cap").first).to_contain_text("个段落")
        expect(page.locator("#documents-answer .passage").first).to_contain_text("refund")


def test_a_hostile_file_name_does_nothing(visit: Visit, bundled: Doors) -> None:
    name = "<img src=x onerror=alert(1)>.md"
    with visit(bundled) as page:
        _open(page, "<b onmouseover=alert(2)>Hostile</b>")
        _upload(page, (name, "# <script>alert(3)</script>\n\nThe hostile file speaks of sailing boats.\n"))
        expect(page.locator("#documents .document.ready", has_text="onerror")).to_be_visible(timeout=INGESTED)
        page.fill("#documents-question textarea", "What of sailing boats?")
        page.click("#documents-ask")
        expect(page.locator("#documents-answer .passage").first).to_contain_text("sailing boats")
        assert page.locator(".gradio-container img[src='x']").count() == 0
