"""An answer over HTTP: its events as they come, or the whole of it at the end."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, Field

from pilot.chat.events import (
    ChartSpec,
    Citation,
    Declined,
    DefinitionsFound,
    Event,
    Failed,
    FollowUpRead,
    FoundPassage,
    Reading,
    Receipt,
    Verified,
    rows_json,
    to_json,
)
from pilot.errors import PilotError, all_errors
from pilot.protocol import event as sse
from pilot.web.answer import Answer, fold
from pilot.web.api.leaving import while_there

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}  # proxies must not hold events back


class Table(BaseModel):
    """Cells as JSON: dates ISO 8601, decimals numbers, bytes hex."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool = Field(description="Whether a limit cut the result.")
    milliseconds: int


class DatabaseAnswer(Table):
    sql: str
    chart: ChartSpec | None = None
    explanation: list[str]
    summary: str
    confidence: float | None
    receipt: Receipt | None
    verified: Verified | None = Field(description="The approved answer whose SQL this is; no model was asked.")
    follow_up: FollowUpRead | None = Field(description="What a follow-up changed in the SQL before, without a model.")
    declined: Declined | None = Field(description="The database does not say; then there is no SQL and no row.")
    definitions: DefinitionsFound | None = Field(
        description="What the attached documents say of the question's words, and whether the model was told."
    )
    readings: list[Reading] = Field(
        description="Two that are about as likely, else empty. To choose one: POST /api/v1/feedback with its SQL."
    )
    notices: list[dict[str, Any]]
    message: str
    conversation: str


class DocumentsAnswer(BaseModel):
    answer: str
    found: bool | None = Field(description="False: the documents do not say.")
    citations: list[Citation]
    doubtful: list[str] = Field(description="Sentences of the answer that no passage which they cite bears out.")
    passages: list[FoundPassage]
    notices: list[dict[str, Any]]
    message: str
    conversation: str


class ChatAnswer(BaseModel):
    answer: str
    notices: list[dict[str, Any]]
    message: str
    conversation: str


async def answer(
    request: Request, events: AsyncGenerator[Event, None], final: Callable[[Answer], BaseModel]
) -> Response:
    """Raises the error of a Failed answer when the whole is asked for; in a stream it is the last event."""
    if not _wants_whole(request):
        return StreamingResponse(_lines(events), media_type="text/event-stream", headers=HEADERS)
    whole = await while_there(request, _folded(events))
    if whole.failure is not None:
        raise raised(whole.failure)
    return JSONResponse(final(whole).model_dump(mode="json"))


def database(whole: Answer) -> DatabaseAnswer:
    rows = rows_json(whole.rows) if whole.rows else {"columns": [], "rows": [], "truncated": False, "milliseconds": 0}
    return DatabaseAnswer(
        sql=whole.sql, chart=whole.chart, explanation=list(whole.explanation), summary=whole.summary,
        confidence=whole.confidence, receipt=whole.receipt, verified=whole.verified,
        follow_up=whole.follow_up, declined=whole.declined, definitions=whole.definitions,
        readings=list(whole.readings), **rows, **_ending(whole),
    )  # fmt: skip


def documents(whole: Answer) -> DocumentsAnswer:
    return DocumentsAnswer(
        answer=whole.text, found=whole.found, citations=list(whole.citations), doubtful=list(whole.doubtful),
        passages=list(whole.passages or ()), **_ending(whole),
    )  # fmt: skip


def chat(whole: Answer) -> ChatAnswer:
    return ChatAnswer(answer=whole.text, **_ending(whole))


def raised(failure: Failed) -> PilotError:
    """The error that ended an answer, to be raised again."""
    kind = all_errors().get(failure.code, PilotError)
    return kind(failure.message, remedy=failure.remedy)


async def _folded(events: AsyncGenerator[Event, None]) -> Answer:
    whole = Answer()
    async with aclosing(events) as stream:
        async for event in stream:
            whole = fold(whole, event)
    return whole


async def _lines(events: AsyncGenerator[Event, None]) -> AsyncIterator[bytes]:
    async with aclosing(events) as stream:
        async for each in stream:
            yield sse(to_json(each))


def _ending(whole: Answer) -> dict[str, Any]:
    notices = [to_json(notice) for notice in whole.notices]
    return {"notices": notices, "message": whole.message, "conversation": whole.conversation}


def _wants_whole(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/event-stream" not in accept
