"""Document spaces: list, make, set up, delete, take along; add documents and watch them; search and ask."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile

from pilot.errors import InputInvalid, NotFound
from pilot.i18n import Texts
from pilot.knowledge.document import Page
from pilot.knowledge.records import DocumentRecord, Passage, Space, SpaceSettings
from pilot.knowledge.sentences import told
from pilot.services import Services
from pilot.web import places
from pilot.web.api import streams
from pilot.web.api.parts import EVENTS, PREFIX, PROBLEMS, LanguageDep, Question, ServicesDep

EXPORTED_AT_ONCE = 1_000_000  # bytes

router = APIRouter(prefix=f"{PREFIX}/spaces", tags=["documents"], responses=PROBLEMS)


ADDING = {
    "multipart/form-data": {
        "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
    },
    "application/json": {
        "schema": {"type": "object", "properties": {"url": {"type": "string"}, "sitemap": {"type": "boolean"}}}
    },
}
IMPORTING = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}, "name": {"type": "string"}},
        }
    }
}


class Settings(BaseModel):
    """What a space does otherwise than the product's settings; null where it follows them."""

    chunk_size: int | None = Field(None, ge=100, le=8000, description="Characters of one chunk.")
    top_size: int | None = Field(None, ge=1, le=50, description="Passages that an answer may use.")
    embedder: str | None = Field(None, min_length=1, max_length=200, description="Folder under models/.")

    def value(self) -> SpaceSettings:
        return SpaceSettings(**self.model_dump(include=set(Settings.model_fields)))


class NewSpace(Settings):
    name: str


class NewAddress(BaseModel):
    url: str = Field(max_length=2000)
    sitemap: bool = False


class SpacesQuestion(Question):
    also: list[str] = Field([], max_length=50, description="Other spaces to answer from.")


class Search(BaseModel):
    question: str
    also: list[str] = Field([], max_length=50, description="Other spaces to look in.")
    k: int | None = Field(None, ge=1, le=50, description="How many passages; null: as many as an answer uses.")


@router.get("")
async def list_spaces(services: ServicesDep) -> list[Space]:
    return await services.library.spaces()


@router.post("", status_code=201)
async def create_space(new: NewSpace, services: ServicesDep) -> Space:
    return await services.library.create_space(new.name, new.value())


@router.post("/import", status_code=201, openapi_extra={"requestBody": {"content": IMPORTING}})
async def import_space(request: Request, services: ServicesDep) -> Space:
    """A space from a file that the export has made, under its own name or another; its documents are read anew."""
    async with request.form() as form:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise InputInvalid("no file was sent", remedy='Send it as the form field "file".')
        return await services.library.import_space(file.file, name if isinstance(name, str) else "")


@router.get("/{name}")
async def show_space(name: str, services: ServicesDep) -> Space:
    """`reindexing` is the share of the next index that is made, from 0 to 1; null while none is."""
    return await services.library.space(name)


@router.put("/{name}/settings")
async def set_up_space(name: str, settings: Settings, services: ServicesDep) -> Space:
    """Another chunk size or embedder makes a new index in the background; the one there is serves until then."""
    return await services.library.configure(name, settings.value())


@router.post("/{name}/reindex", status_code=202)
async def reindex_space(name: str, services: ServicesDep) -> Space:
    """Make the index anew, in the background."""
    await services.library.reindex(name)
    return await services.library.space(name)


@router.get("/{name}/export", response_class=StreamingResponse)
async def export_space(name: str, services: ServicesDep) -> StreamingResponse:
    """The space as one file: its settings and the originals of its documents."""
    await services.library.space(name)  # what is not there is told before the first byte
    head = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.pilot-space.zip"}
    return StreamingResponse(_exported(name, services), media_type="application/zip", headers=head)


async def _exported(name: str, services: Services) -> AsyncIterator[bytes]:
    async with services.library.export(name) as file, await anyio.open_file(file, "rb") as content:
        while part := await content.read(EXPORTED_AT_ONCE):
            yield part


@router.delete("/{name}", status_code=204)
async def delete_space(name: str, services: ServicesDep) -> None:
    """With all of its documents."""
    await services.library.delete_space(name)


@router.get("/{name}/documents")
async def list_documents(name: str, services: ServicesDep, language: LanguageDep) -> list[DocumentRecord]:
    """Each with its state (queued, reading, indexing, ready, failed), progress from 0 to 1 with the seconds that are
    left, and the reason: of a failed one, and of a ready one that could be read in part only.
    """
    return [told(record, Texts(language)) for record in await services.library.documents(name)]


@router.post("/{name}/documents/retry", status_code=202)
async def retry_failed(name: str, services: ServicesDep) -> list[DocumentRecord]:
    """Read every document again that failed."""
    return await services.library.retry_failed(name)


@router.post("/{name}/documents", status_code=202, openapi_extra={"requestBody": {"content": ADDING}})
async def add_document(name: str, request: Request, services: ServicesDep) -> DocumentRecord | list[DocumentRecord]:
    """A file as multipart form data, or `{"url"}` where KNOWLEDGE_ALLOW_URLS is on; with `"sitemap": true` the pages
    that a site map lists, as a list of documents. Queued at once; the same content twice is the same document, another
    content under the same name its newer version.
    """
    if request.headers.get("content-type", "").startswith("application/json"):
        new = _address(await request.body())
        return await (services.library.add_site if new.sitemap else services.library.add_url)(name, new.url)
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InputInvalid("no file was sent", remedy='Send it as the form field "file", or JSON with "url".')
        return await services.library.add(name, file.filename or "document", await file.read())


@router.get("/{name}/documents/{document}")
async def show_document(name: str, document: str, services: ServicesDep, language: LanguageDep) -> DocumentRecord:
    return told(await services.library.document(name, document), Texts(language))


@router.post("/{name}/documents/{document}/retry", status_code=202)
async def retry_document(name: str, document: str, services: ServicesDep) -> DocumentRecord:
    """Read and index it again."""
    return await services.library.retry(name, document)


@router.delete("/{name}/documents/{document}", status_code=204)
async def delete_document(name: str, document: str, services: ServicesDep) -> None:
    await services.library.delete(name, document)


class GoingOn(BaseModel):
    conversation: str = Field("", description="Id of a conversation to go on with; empty: a new one.")


@router.post("/{name}/documents/{document}/summary", description=EVENTS, response_model=streams.DocumentsAnswer)
async def sum_up(
    name: str,
    document: str,
    request: Request,
    services: ServicesDep,
    language: LanguageDep,
    asked: GoingOn | None = None,
) -> Response:
    await services.library.document(name, document)  # what is not there is told before the first event
    conversation = asked.conversation if asked else ""
    events = services.sum_up(name, document, conversation=conversation, language=language)
    return await streams.answer(request, events, streams.documents)


@router.post("/{name}/search")
async def search(name: str, wanted: Search, services: ServicesDep) -> list[Passage]:
    """The best passages of this space, and of those beside it, best first."""
    return await services.library.search(name, wanted.question, wanted.k, also=wanted.also)


@router.get("/{name:path}/documents/{document}/original", response_class=Response)
async def original(name: str, document: str, services: ServicesDep) -> Response:
    """The file as it was added."""
    record = await services.library.document(name, document)
    head = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(record.name, safe='')}"}
    content = await services.library.original(name, document)
    return Response(content, media_type="application/octet-stream", headers=head)


@router.get("/{name:path}/documents/{document}/pages/{page}.png", response_class=Response)
async def picture(
    name: str,
    document: str,
    page: Annotated[int, Path(ge=0, le=places.LAST_PAGE)],
    services: ServicesDep,
    passage: places.Span = "0-0",
    quotes: places.Spans = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """A page of a PDF, or a picture (page 0), with a passage and quotes marked: `start-stop`, counted in the page's
    text, as citations have them. Also of those in a ZIP or a mail. Any other document: 404.
    """
    drawn = await services.library.picture(name, document, page or None, places.marks(passage, quotes))
    if drawn is None:
        raise NotFound("only PDF and pictures can be shown as they look", remedy="Ask for the text of its pages.")
    return Response(drawn.png, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


@router.get("/{name:path}/documents/{document}/pages")
async def pages(name: str, document: str, services: ServicesDep) -> list[Page]:
    """The text of a document as it was read; passages count in the text of their page."""
    return list(await services.library.pages(name, document))


def _address(body: bytes) -> NewAddress:
    try:
        return NewAddress.model_validate_json(body)
    except ValidationError:
        raise InputInvalid("the body holds no url", remedy='Send {"url": "https://..."}.') from None


@router.post("/{name}/ask", description=EVENTS, response_model=streams.DocumentsAnswer)
async def ask_space(
    name: str, asked: SpacesQuestion, request: Request, services: ServicesDep, language: LanguageDep
) -> Response:
    events = services.ask_documents(
        name, asked.question, conversation=asked.conversation, also=asked.also, language=language
    )
    return await streams.answer(request, events, streams.documents)
