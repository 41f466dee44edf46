"""Change data by the API, where NATIVE_SQL_CAN_RUN_WRITE allows it: rehearse, look, confirm."""

import hashlib
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from pilot.chat.events import cell_json
from pilot.datasource.writes import VALID_SECONDS
from pilot.web.api.leaving import while_there
from pilot.web.api.parts import PREFIX, PROBLEMS, LanguageDep, ServicesDep
from pilot.web.auth import COOKIE

router = APIRouter(prefix=f"{PREFIX}/sources", tags=["databases"], responses=PROBLEMS)


class Change(BaseModel):
    sql: str = Field(description="One INSERT ... VALUES, UPDATE ... SET ... WHERE or DELETE ... WHERE.")


class Rehearsed(BaseModel):
    token: str = Field(description="Confirms this statement, once.")
    sql: str = Field(description="What would run: the guard's own rendering. The confirmation has to repeat it.")
    table: str
    count: int = Field(description="How many rows would change.")
    columns: list[str]
    before: list[list[Any]] = Field(description="The first of those rows as they are; none for INSERT.")
    after: list[list[Any]] = Field(description="The same rows as they would be; none for DELETE.")
    followers: list[str] = Field(description="Tables of which rows change along, by a foreign key.")
    valid_seconds: int


class Confirmation(BaseModel):
    token: str
    sql: str


class Changed(BaseModel):
    count: int = Field(description="How many rows have changed: as many as at the rehearsal.")


@router.post("/{name}/writes")
async def rehearse_change(
    name: str, change: Change, request: Request, services: ServicesDep, language: LanguageDep
) -> Rehearsed:
    """Run a statement in a transaction that is taken back, and tell what it did."""
    work = services.rehearse(name, change.sql, holder=_holder(request), language=language)
    token, found = await while_there(request, work)
    return Rehearsed(
        token=token, sql=found.write.text, table=found.write.table.name, count=found.count,
        columns=list(found.columns), before=_cells(found.before), after=_cells(found.after),
        followers=list(found.followers), valid_seconds=round(VALID_SECONDS),
    )  # fmt: skip


@router.post("/{name}/writes/confirm")
async def confirm_change(
    name: str, said: Confirmation, request: Request, services: ServicesDep, language: LanguageDep
) -> Changed:
    """Carry out what was rehearsed. 409, with nothing changed, when the token is spent or the data have moved."""
    count = await services.confirm(name, said.token, said.sql, holder=_holder(request), language=language)
    return Changed(count=count)


def _holder(request: Request) -> str:
    """Who confirms must be who has seen the rehearsal: by his login, where there is one."""
    proof = request.headers.get("authorization", "") or request.cookies.get(COOKIE, "")
    return "api " + hashlib.sha256(proof.encode()).hexdigest()


def _cells(rows: tuple[tuple[Any, ...], ...]) -> list[list[Any]]:
    return [[cell_json(cell) for cell in row] for row in rows]
