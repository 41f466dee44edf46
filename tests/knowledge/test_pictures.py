"""A page of a PDF as a picture: what is marked is where the text stands, and nothing makes it large or slow."""

import io
from pathlib import Path

import pytest
from PIL import Image

from pilot import errors
from pilot.knowledge import reading
from pilot.knowledge.pictures import Marks, Picture, Pictures
from tests.knowledge.samples import pdf

LINES = "Goods may be sent back\nwithin forty days.\nWhat is opened stays.\nGoods may be sent back\nwithin a year."


async def drawn(tmp_path: Path, marks: Marks) -> Picture:
    file = tmp_path / "original"
    file.write_bytes(pdf(["Nothing here.", LINES]))
    text = (await reading.read(file, "x.pdf")).pages[1].text
    return await Pictures().draw(file, 2, text, marks)


def colours(picture: Picture) -> set[tuple[int, ...]]:
    """Of the paper under the first line that is marked."""
    left, top, right, down = picture.spots[0]
    image = Image.open(io.BytesIO(picture.png)).convert("RGB")
    box = (round(left * picture.width), round(top * picture.height), round(right * picture.width),
           round(down * picture.height))  # fmt: skip
    return {colour for _, colour in image.crop(box).getcolors(100_000) or [] if isinstance(colour, tuple)}


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
    picture = await Pictures().draw(file, 1, LINES, Marks((0, 22)))
    assert max(picture.width, picture.height) <= 2001


async def test_a_page_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "original"
    for data in (pdf(["One page."]), b"%PDF-1.7 cut off"):
        file.write_bytes(data)
        with pytest.raises(errors.DocumentUnreadable):
            await Pictures().draw(file, 7, "", Marks())


async def test_a_picture_is_drawn_once_and_forgotten_with_its_file(tmp_path: Path) -> None:
    file, pictures = tmp_path / "original", Pictures()
    file.write_bytes(pdf(["One page."]))
    first = await pictures.draw(file, 1, "One page.", Marks((0, 3)))
    assert await pictures.draw(file, 1, "One page.", Marks((0, 3))) is first
    pictures.forget([file.name])
    assert await pictures.draw(file, 1, "One page.", Marks((0, 3))) is not first
