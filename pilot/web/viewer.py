"""A passage in its page: a PDF's page as a picture with the passage marked, any other text with it highlighted.

One door, which is a page of its own; `pilot.js` shows the same over the answer.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from pilot.errors import NotFound, PilotError
from pilot.i18n import Texts
from pilot.knowledge.document import Leaf, Page
from pilot.knowledge.pictures import Marks, Picture
from pilot.knowledge.records import DocumentRecord
from pilot.services import Services
from pilot.web import panels, places
from pilot.web.api.parts import PREFIX, LanguageDep, ServicesDep
from pilot.web.words import plain

AROUND = 40_000  # characters shown before and after the passage of one long page

router = APIRouter(include_in_schema=False)


@router.get("/documents/{document}")
async def show(
    document: str,
    space: str,
    services: ServicesDep,
    language: LanguageDep,
    page: Annotated[int | None, Query(ge=1, le=places.LAST_PAGE)] = None,
    passage: places.Span = "0-0",
    quotes: places.Spans = [],  # noqa: B006 - FastAPI copies it
) -> HTMLResponse:
    t = Texts(language)
    try:
        name, leaf = await _leaf(services, space, document, page, places.marks(passage, quotes), t)
    except PilotError as error:
        return HTMLResponse(_whole(t("documents.page.gone"), panels.problem(error, t), t), error.status)
    return HTMLResponse(_whole(name, leaf, t))


async def _leaf(
    services: Services, space: str, document: str, number: int | None, marks: Marks, t: Texts
) -> tuple[str, str]:
    library = services.library
    record = await library.document(space, document)
    leaf = await library.leaf(space, document, number, around=marks.passage, most=AROUND)
    if leaf is None:
        raise NotFound(t("documents.page.unread", name=record.name), remedy=t("documents.page.unread.remedy"))
    here, picture, said = leaf.page, None, ""
    try:
        picture = await library.picture(space, document, here.number, marks)
    except PilotError as error:  # its text is there all the same
        said = panels.problem(error, t)
    text = _text(leaf, marks)
    shown = _figure(picture, _door(space, document, here, marks), here, t) + _folded(text, t) if picture else text
    return record.name, f"{_head(record, here, _turns(space, document, leaf, t), t)}{said}{shown}"


def _door(space: str, document: str, page: Page, marks: Marks) -> str:
    """Where the picture comes from."""
    where = f"{PREFIX}/spaces/{quote(space, safe='')}/documents/{quote(document, safe='')}/pages/{page.number or 0}.png"
    return f"{where}?{places.asked_for(marks)}"


def _turns(space: str, document: str, leaf: Leaf, t: Texts) -> str:
    """The pages before and after."""
    links = []
    for page, key in ((leaf.before, "before"), (leaf.after, "after")):
        if page is not None:
            asked = urlencode({"space": space, "page": page})
            links.append(f'<a class="turn {key}" href="/documents/{quote(document, safe="")}?{asked}">'
                         f"{t(f'documents.page.{key}')}</a>")  # fmt: skip
    return "".join(links)


def _head(record: DocumentRecord, page: Page, turns: str, t: Texts) -> str:
    where = [plain(record.space)]
    if page.number is not None:
        where.append(t("documents.page.of", page=page.number, count=record.pages))
    if page.section:
        where.append(plain(page.section))
    file = f"{PREFIX}/spaces/{quote(record.space, safe='')}/documents/{record.id}/original"
    download = f'<a class="download" href="{file}" download>{t("documents.page.file")}</a>'
    return (
        f'<header><h1>{plain(record.name)}</h1><p class="place">{" <i>·</i> ".join(where)}</p>'
        f"<nav>{turns}{download}</nav></header>"
    )


def _figure(picture: Picture, source: str, page: Page, t: Texts) -> str:
    """The lines of the passage lie over the picture, too, without colour: that is where the page is scrolled to."""
    spots = "".join(
        f'<span class="spot" style="left:{100 * x:.2f}%;top:{100 * y:.2f}%;'
        f'width:{100 * (right - x):.2f}%;height:{100 * (down - y):.2f}%"></span>'
        for x, y, right, down in picture.spots[:1]
    )
    alt = t("documents.page.picture", page=page.number or 1)
    return (
        f'<figure><img src="{plain(source)}" width="{picture.width}" height="{picture.height}" alt="{alt}">'
        f"{spots}</figure>"
    )


def _folded(text: str, t: Texts) -> str:
    return f"<details><summary>{t('documents.page.text')}</summary>{text}</details>"


def _text(leaf: Leaf, marks: Marks) -> str:
    """The page's text, or of a very long one what stands around the passage, with what is marked."""
    last = leaf.start + len(leaf.page.text)
    return (
        f'<div class="page">{"…" * (leaf.start > 0)}{"".join(_pieces(leaf, marks))}{"…" * (last < leaf.length)}</div>'
    )


def _pieces(leaf: Leaf, marks: Marks) -> Iterator[str]:
    """Cut wherever a mark begins or ends: quotes lie inside the passage."""
    spans = [marks.passage, *marks.quotes]
    first, last = leaf.start, leaf.start + len(leaf.page.text)
    edges = sorted({first, last, *(edge for each in spans for edge in each if first < edge < last)})
    for start, stop in pairwise(edges):
        piece = plain(leaf.page.text[start - first : stop - first])
        quoted = any(begin <= start and stop <= end for begin, end in marks.quotes)
        inside = marks.passage[0] <= start and stop <= marks.passage[1]
        yield f'<mark class="{"quoted" if quoted else "around"}">{piece}</mark>' if quoted or inside else piece


def _whole(title: str, leaf: str, t: Texts) -> str:
    language = "zh-CN" if t.language == "zh" else "en"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{plain(title)}</title><link rel="icon" href="/assets/favicon.svg">'
        '<link rel="stylesheet" href="/assets/viewer.css"></head>'
        f'<body class="alone"><main class="leaf">{leaf}</main><script src="/assets/viewer.js"></script></body></html>'
    )
