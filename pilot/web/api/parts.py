"""What the doors share: the services, the reader's language, and the shapes of errors and questions."""

from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from pilot.i18n import Language
from pilot.services import Services
from pilot.web.language import language_of


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _language(request: Request, services: Annotated[Services, Depends(_services)]) -> Language:
    accept = request.headers.get("accept-language", "")
    return language_of(request.cookies, accept, default=services.settings.language)


ServicesDep = Annotated[Services, Depends(_services)]
LanguageDep = Annotated[Language, Depends(_language)]


class ErrorBody(BaseModel):
    code: str = Field(description="Stable; one of the codes in pilot/errors.py.")
    message: str
    remedy: str = ""


class Problem(BaseModel):
    error: ErrorBody


class Question(BaseModel):
    question: str
    conversation: str = Field("", description="Id of a conversation to go on with; empty: a new one.")


PREFIX = "/api/v1"
PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem}, "5XX": {"model": Problem}}
EVENTS = "Server-sent events, one typed event a line; with `Accept: application/json` the final answer."
