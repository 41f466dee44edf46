"""Stored answers again: run on what the database holds now, as files, and their receipts."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response

from pilot.chat.events import ChartKind
from pilot.errors import NotFound
from pilot.i18n import Texts
from pilot.web.answer import restored
from pilot.web.api import files
from pilot.web.api.parts import PREFIX, PROBLEMS, LanguageDep, ServicesDep
from pilot.web.api.sources import StatementAnswer, statement_answer

router = APIRouter(prefix=f"{PREFIX}/answers", responses=PROBLEMS, tags=["databases"])


@router.post("/{message}/run")
async def run_again(message: str, services: ServicesDep, language: LanguageDep) -> StatementAnswer:
    """The SQL of a stored answer once more, through the guard, on what the database holds now."""
    return statement_answer(await services.run_again(message, language=language))


@router.get("/{message}/receipt.json", response_class=Response, responses=files.FILES)
async def receipt(message: str, services: ServicesDep, language: LanguageDep) -> Response:
    """Question, SQL, tables, columns, limits, times, model and version, as a file."""
    turn = await asyncio.to_thread(services.store.turn, message)
    answer = restored(turn.question, turn.answer, message=turn.id)
    if answer.receipt is None or answer.rows is None:
        raise NotFound(f"the message {message!r} has no receipt")
    return await files.attached("json", answer.rows, answer.receipt, None, Texts(language))


@router.get("/{message}/rows.{suffix}", response_class=Response, responses=files.FILES)
async def rows(message: str, suffix: Literal["csv", "xlsx"], services: ServicesDep, language: LanguageDep) -> Response:
    """All rows within the limit, where the store keeps only the first: the SQL runs again, through the guard."""
    ran = await services.run_again(message, language=language)
    return await files.attached(suffix, ran.rows, ran.receipt, None, Texts(language))


@router.get("/{message}/chart.html", response_class=Response, responses=files.FILES)
async def chart(message: str, services: ServicesDep, language: LanguageDep, kind: ChartKind | None = None) -> Response:
    """The chart as one file that needs nothing else; `kind` picks among those that suit. The SQL runs again."""
    ran = await services.run_again(message, language=language)
    return await files.attached("html", ran.rows, ran.receipt, files.picked(ran.rows, kind), Texts(language))
