"""What people called right: questions of a database with their SQL, which answers them when they are asked again."""

from fastapi import APIRouter
from pydantic import BaseModel

from pilot.store import Approved
from pilot.web.api.parts import PREFIX, PROBLEMS, LanguageDep, ServicesDep

router = APIRouter(prefix=f"{PREFIX}/sources", tags=["databases"], responses=PROBLEMS)


@router.get("/{name}/approved")
async def list_approved(name: str, services: ServicesDep) -> list[Approved]:
    """Newest first. One is made by `POST /api/v1/feedback`."""
    return await services.approvals.all(name)


class Correction(BaseModel):
    """What is empty stays."""

    question: str = ""
    sql: str = ""


@router.put("/{name}/approved/{approval}")
async def correct_approved(
    name: str, approval: str, body: Correction, services: ServicesDep, language: LanguageDep
) -> Approved:
    """The SQL passes the guard first."""
    return await services.approvals.change(name, approval, question=body.question, sql=body.sql, language=language)


@router.delete("/{name}/approved/{approval}", status_code=204)
async def forget_approved(name: str, approval: str, services: ServicesDep) -> None:
    await services.approvals.forget(name, approval)
