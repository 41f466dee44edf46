"""A page of a PDF as a picture: what is marked is where the text stands, and nothing makes it large or slow."""

import io
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pilot import errors
from pilot.config import ROOT
from pilot.knowledge import reading
from pilot.knowledge.catalog import Catalog
from pilot.knowledge.database import Database
from pilot.knowledge.document import Page
from pilot.knowledge.library import Library
from pilot.knowledge.originals import Original
from pilot.knowledge.pictures import Marks, Picture, Pictures, shows
from pilot.knowledge.readers import ocr
from pilot.knowledge.scans import Scans
from tests.knowledge import samples
from tests.knowledge.hashing import HashingEmbedder
from tests.knowledge.living import settled
from tests.knowledge.samples import pdf

LINES = "Goods may be sent back\nwithin forty days.\nWhat is opened stays.\nGoods may be sent back\nwithin a year."


SCANNED = "Unopened goods go back."
MAIL = samples.mail({"rules.pdf": pdf(["Nothing here.", LINES]), "photo.png": samples.picture(SCANNED)})
PACKED = {
    "all.zip": samples.packed({"notes.txt": b"Goods", "deep/rules.pdf": pdf(["Nothing here.", LINES])}),
    "letter.eml": MAIL,
    "mails.zip": samples.packed({"a.txt": b"Goods", "letter.eml": MAIL}),
}
needs_tesseract = pytest.mark.skipif(not ocr.program(), reason="needs tesseract-ocr")


async def drawn(tmp_path: Path, marks: Marks) -> Picture:
    file = tmp_path / "original"
    file.write_bytes(pdf(["Nothing here.", LINES]))
    page = (await reading.read(file, "x.pdf")).pages[1]
    return await Pictures().draw(file, "x.pdf", page, marks)


def colours(picture: Picture) -> set[tuple[int, ...]]:
    """Of the paper under the first line that is marked."""
    left, top, right, down = picture.spots[0]
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    box = (round(left * picture.width), round(top * picture.height), round(right * picture.width),
           round(down * picture.height))  # fmt: skip
    return {colour for _, colour in image.crop(box).getcolors(100_000) or [] if isinstance(colour, tuple)}


def test_the_processes_that_touch_a_file_start_with_little() -> None:
    asked = "import sys, pilot.knowledge.readers.drawing; print({'httpx', 'numpy', 'pydantic'} & {*sys.modules})"
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"


async def test_a_passage_and_the_quote_in_it_are_marked_line_by_line(tmp_path: Path) -> None:
    quote = LINES.index("within forty days.")
    picture = await drawn(tmp_path, Marks((0, 41), ((quote, quote + 18),)))
    assert len(picture.spots) == 1
    left, top, right, down = picture.spots[0]
    assert 0.1 < left < right < 0.5
    assert 0.08 < top < down < 0.13  # the second line from the top
    assert (255, 221, 103) in colours(picture)  # the quote over the passage
    passage = await drawn(tmp_path, Marks((0, 41)))
    assert len(passage.spots) == 2
    assert (255, 250, 220) in colours(passage)


async def test_of_two_that_say_the_same_the_one_that_was_meant_is_marked(tmp_path: Path) -> None:
    second = LINES.rindex("Goods")
    first, last = [await drawn(tmp_path, Marks((at, at + 22))) for at in (0, second)]
    assert first.spots[0][1] < last.spots[0][1]


async def test_what_is_not_on_the_page_is_not_marked(tmp_path: Path) -> None:
    assert (await drawn(tmp_path, Marks())).spots == ()
    assert (await drawn(tmp_path, Marks((5_000, 6_000)))).spots == ()


async def test_a_poster_is_a_picture_of_bounded_size(tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(pdf([LINES]).replace(b"/MediaBox [0 0 612 792]", b"/MediaBox [0 0 9999 9]"))
    picture = await Pictures().draw(file, "x.pdf", Page(LINES, 1), Marks((0, 22)))
    assert max(picture.width, picture.height) <= 2001


async def test_a_page_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "original"
    for data in (pdf(["One page."]), b"%PDF-1.7 cut off"):
        file.write_bytes(data)
        with pytest.raises(errors.DocumentUnreadable):
            await Pictures().draw(file, "x.pdf", Page("", 7), Marks())


async def test_a_picture_is_drawn_once_and_forgotten_with_its_file(tmp_path: Path) -> None:
    file, pictures = tmp_path / "original", Pictures()
    file.write_bytes(pdf(["One page."]))
    page = Page("One page.", 1)
    first = await pictures.draw(file, "x.pdf", page, Marks((0, 3)))
    assert await pictures.draw(file, "x.pdf", page, Marks((0, 3))) is first
    pictures.forget([file.name])
    assert await pictures.draw(file, "x.pdf", page, Marks((0, 3))) is not first


@pytest.mark.parametrize("name", PACKED)
async def test_a_pdf_in_an_archive_or_a_mail_is_shown_as_by_itself(name: str, tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(PACKED[name])
    pages = (await reading.read(file, name)).pages
    (page,) = [page for page in pages if "within forty days" in page.text]
    alone = await drawn(tmp_path, Marks((0, 41)))
    file.write_bytes(PACKED[name])
    assert shows(file, page)
    assert (await Pictures().draw(file, name, page, Marks((0, 41)))).png == alone.png
    assert not any(shows(file, other) for other in pages if other.text == "Goods")


async def test_a_way_that_leads_nowhere_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "original"
    for name, data in {**PACKED, "x.pdf": pdf(["One page."]), "cut.zip": PACKED["all.zip"][:-30]}.items():
        file.write_bytes(data)
        with pytest.raises(errors.DocumentUnreadable):
            await Pictures().draw(file, name, Page("x", 1, inside=(9, 9, 1)), Marks())


SCANS = {
    "scan.pdf": samples.scan(SCANNED),
    "photo.png": samples.picture(SCANNED),
    "all.zip": samples.packed({"a.txt": b"Goods", "scan.pdf": samples.scan(SCANNED)}),
    "photos.zip": samples.packed({"photo.png": samples.picture(SCANNED)}),
}


@needs_tesseract
@pytest.mark.parametrize("name", SCANS)
async def test_words_of_a_scan_are_marked_where_they_are_seen(name: str, tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(SCANS[name])
    (page,) = [page for page in (await reading.read(file, name)).pages if page.text.startswith("Unopened")]
    start = page.text.index("goods")
    picture = await Pictures().draw(file, name, page, Marks((0, len(page.text)), ((start, start + 5),)))
    (spot,) = picture.spots
    ink = np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)
    rows, columns = np.nonzero(ink.sum(axis=2) < 300)
    words = samples.words_across(SCANNED, 40, 48)  # in the picture's own pixels, 1200 wide
    left, right = words["goods"]
    assert spot[0] * 1200 == pytest.approx(left, abs=15)
    assert spot[2] * 1200 == pytest.approx(right, abs=15)
    assert spot[1] <= rows.mean() / picture.height <= spot[3]
    assert columns.min() / picture.width < spot[0]  # the words before it are not marked
    assert (255, 221, 103) in colours(picture)


@needs_tesseract
async def test_of_a_scan_nothing_is_marked_that_is_not_seen(tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(SCANS["scan.pdf"])
    page = Page("Something else altogether.", 1)
    assert (await Pictures().draw(file, "scan.pdf", page, Marks((0, 14)))).spots == ()


@needs_tesseract
@pytest.mark.parametrize("name", SCANS)
async def test_a_scan_that_was_read_is_not_read_again(name: str, tmp_path: Path) -> None:
    file = tmp_path / "original"
    file.write_bytes(SCANS[name])
    (page,) = [page for page in (await reading.read(file, name)).pages if page.text.startswith("Unopened")]
    first = await Pictures().draw(file, name, page, Marks((0, 8)))
    kept = first.words.replace("Unopened", "Elsewhere").replace("goods", "Unopened")
    again = await Pictures().draw(file, name, page, Marks((0, 8)), kept)
    assert again.words == kept
    assert again.spots[0][0] > first.spots[0][0]  # where the kept words say


@needs_tesseract
async def test_what_is_kept_of_a_scan_goes_with_its_document(tmp_path: Path) -> None:
    library = Library(tmp_path, HashingEmbedder())
    await library.start()
    await library.create_space("s")
    for data in (samples.scan(SCANNED), samples.scan("Opened goods stay.")):  # the second is its newer version
        record = await library.add("s", "scan.pdf", data)
        await settled(library, "s")
        assert kept_pages(tmp_path) == 0
        for stop in (8, 12):
            picture = await library.picture("s", record.id, 1, Marks((0, stop)))
            assert picture
            assert picture.spots
        assert kept_pages(tmp_path) == 1
    await library.delete("s", record.id)
    assert kept_pages(tmp_path) == 0
    await library.close()


def kept_pages(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "knowledge" / "library.sqlite")) as connection:
        [count] = connection.execute("SELECT count(*) FROM scans").fetchone()
        return int(count)


def test_only_the_newest_pages_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot.knowledge.scans.KEPT", 2)
    monkeypatch.setattr("pilot.knowledge.scans.LONGEST", 9)
    database = Database(tmp_path / "library.sqlite")
    catalog, scans = Catalog(database), Scans(database)
    catalog.add_space("s")
    record, _ = catalog.enqueue("s", "scan.pdf", "scan.pdf", Original("token", "digest", 1))
    for number in (1, 2, 3):
        scans.keep(record.id, "token", Page("", number), f"words {number}")
    scans.keep(record.id, "an older one", Page("", 4), "words 4")
    scans.keep(record.id, "token", Page("", 5), "too many words")
    told = [scans.words(record.id, Page("", number)) for number in range(1, 6)]
    assert told == ["", "words 2", "words 3", "", ""]
    database.close()
