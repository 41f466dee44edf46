"""Databases: list, add, remove, look at, ask, and run or explain one's own statement."""

from dataclasses import asdict, replace
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.datastructures import UploadFile

from pilot.chat.charts import suiting
from pilot.chat.events import ChartKind, ChartSpec, Receipt, rows_json
from pilot.datasource.catalog import SourceInfo
from pilot.datasource.refusals import sentence
from pilot.datasource.risks import risk_sentence
from pilot.errors import InputInvalid
from pilot.i18n import Texts
from pilot.schema import Schema
from pilot.services import SqlAnswer
from pilot.web.api import files, streams
from pilot.web.api.leaving import while_there
from pilot.web.api.parts import EVENTS, PREFIX, PROBLEMS, LanguageDep, Question, ServicesDep

router = APIRouter(prefix=f"{PREFIX}/sources", tags=["databases"], responses=PROBLEMS)


ADDING = {
    "application/json": {
        "schema": {"type": "object", "properties": {"name": {"type": "string"}, "url": {"type": "string"}}}
    },
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {"file": {"type": "string", "format": "binary"}, "name": {"type": "string"}},
        }
    },
}


class Address(BaseModel):
    url: str = Field(description="SQLAlchemy URL; the password in it never comes back.", repr=False)


class NewSource(Address):
    name: str


class Source(BaseModel):
    name: str
    origin: str = Field(description="sample, settings or added.")
    url: str = Field(description="Without the password.")
    dialect: str
    warnings: list[str] = Field(description="What its account can do beyond reading, and what makes a right one.")
    error: str = Field(description="Why it does not answer; empty if it does.")


def _source(info: SourceInfo, texts: Texts) -> Source:
    warnings = [" ".join([risk_sentence(risk, texts), *risk.grants]) for risk in info.warnings]
    error = sentence(info.error, texts) if info.error else ""
    return Source(
        name=info.name, origin=info.origin, url=info.url, dialect=info.dialect, warnings=warnings, error=error
    )


class DatabaseQuestion(Question):
    tables: list[str] = Field([], max_length=50, description="Tables that the model is shown whatever it is asked.")


class Statement(BaseModel):
    sql: str


class StatementAnswer(streams.Table):
    sql: str = Field(description="What ran: the guard's own rendering.")
    chart: ChartSpec | None = None
    charts: list[ChartSpec] = Field(description="All that suit; the first is `chart`.")
    explanation: list[str]
    summary: str
    receipt: Receipt


class StatementReading(BaseModel):
    sql: str = Field(description="What would run: the guard's own rendering.")
    tables: list[str]
    explanation: list[str]


def statement_answer(ran: SqlAnswer) -> StatementAnswer:
    return StatementAnswer(
        sql=ran.sql, chart=ran.chart, charts=list(suiting(ran.rows)), explanation=list(ran.explanation),
        summary=ran.summary, receipt=ran.receipt, **rows_json(ran.rows),
    )  # fmt: skip


@router.get("")
async def list_sources(services: ServicesDep, language: LanguageDep) -> list[Source]:
    """All databases that questions can be asked of. One that does not answer is there with its error."""
    return [_source(info, Texts(language)) for info in await services.sources.list()]


@router.post("", status_code=201, openapi_extra={"requestBody": {"content": ADDING}})
async def add_source(request: Request, services: ServicesDep, language: LanguageDep) -> Source:
    """Connects first; a database that refuses is not kept. As multipart form data: a spreadsheet (CSV, XLSX, Parquet)
    in the field `file`, which becomes a database that can only be read; `name` may be left out then.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        new = _described(await request.body())
        return _source(await services.sources.add(new.name, new.url), Texts(language))
    async with request.form() as form:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise InputInvalid("no file was sent", remedy='Send it as the form field "file", or JSON with "url".')
        content = await file.read()
        info = await services.sources.add_file(file.filename or "", content, name=name if isinstance(name, str) else "")
    return _source(info, Texts(language))


def _described(body: bytes) -> NewSource:
    try:
        return NewSource.model_validate_json(body)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise InputInvalid(wrong, remedy='Send {"name": ..., "url": ...}, or a file.') from None


@router.post("/test")
async def test_source(address: Address, services: ServicesDep, language: LanguageDep) -> Source:
    """Connect and look, without keeping anything."""
    return _source(await services.sources.test(address.url), Texts(language))


@router.post("/{name}/refresh")
async def refresh_source(name: str, services: ServicesDep, language: LanguageDep) -> Source:
    """Connect anew and read its tables again."""
    return _source(await services.sources.refresh(name), Texts(language))


@router.delete("/{name}", status_code=204)
async def remove_source(name: str, services: ServicesDep) -> None:
    """With the files that were made of a spreadsheet."""
    await services.sources.remove(name)


@router.get("/{name}/schema")
async def show_schema(name: str, services: ServicesDep, *, refresh: bool = False) -> dict[str, Any]:
    """Tables, columns, keys and comments; `refresh` reads them from the database again."""
    schema: Schema = await services.sources.schema(name, refresh=refresh)
    named = replace(schema, hides=False, tables=tuple(replace(table, hidden=()) for table in schema.tables))
    return asdict(named)  # without the names of what is hidden


class Attached(BaseModel):
    spaces: list[str] = Field(max_length=50, description="Names of document spaces.")


@router.get("/{name}/spaces")
async def show_attached(name: str, services: ServicesDep) -> Attached:
    """The document spaces whose definitions the questions to this database use."""
    await services.sources.info(name)
    return Attached(spaces=await services.attached(name))


@router.put("/{name}/spaces")
async def attach_spaces(name: str, attached: Attached, services: ServicesDep) -> Attached:
    """These spaces, and no others."""
    return Attached(spaces=await services.attach(name, attached.spaces))


@router.post("/{name}/ask", description=EVENTS, response_model=streams.DatabaseAnswer)
async def ask_source(
    name: str, asked: DatabaseQuestion, request: Request, services: ServicesDep, language: LanguageDep
) -> Response:
    events = services.ask_database(
        name, asked.question, conversation=asked.conversation, tables=asked.tables, language=language
    )
    return await streams.answer(request, events, streams.database)


@router.post("/{name}/sql", response_model=StatementAnswer)
async def run_statement(
    name: str,
    statement: Statement,
    request: Request,
    services: ServicesDep,
    language: LanguageDep,
    format: Literal["json", "csv", "xlsx", "html"] = "json",
    kind: ChartKind | None = None,
) -> StatementAnswer | Response:
    """Through the same guard and limits as generated SQL; refused: 422 `sql.rejected`. `format` asks for a file
    instead: the rows as CSV or XLSX, or their chart (of a `kind` that suits) as HTML.
    """
    ran = await while_there(request, services.run_sql(name, statement.sql, language=language))
    if format == "json":
        return statement_answer(ran)
    return await files.attached(format, ran.rows, ran.receipt, files.picked(ran.rows, kind), Texts(language))


@router.post("/{name}/explain")
async def explain_statement(
    name: str, statement: Statement, services: ServicesDep, language: LanguageDep
) -> StatementReading:
    """What a statement would do, in plain words, without running it; refused: 422 `sql.rejected`."""
    read = await services.read_sql(name, statement.sql, language=language)
    return StatementReading(sql=read.sql, tables=list(read.tables), explanation=list(read.explanation))
