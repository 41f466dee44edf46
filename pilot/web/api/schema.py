"""What the owner of a database says of it, as one YAML file: export and import."""

from fastapi import APIRouter, Request, Response

from pilot.errors import InputInvalid
from pilot.web.api.parts import PREFIX, PROBLEMS, LanguageDep, ServicesDep

router = APIRouter(prefix=f"{PREFIX}/sources", tags=["databases"], responses=PROBLEMS)

YAML = "application/yaml"
FILE = {"content": {YAML: {"schema": {"type": "string"}}}}


@router.get("/{name}/words", response_class=Response, responses={200: FILE})
async def export_words(name: str, services: ServicesDep) -> Response:
    """Descriptions, synonyms, metrics, joins, and what is hidden. Empty where nothing was said."""
    return Response(await services.sources.words(name), media_type=YAML)


@router.put("/{name}/words", response_class=Response, responses={200: FILE}, openapi_extra={"requestBody": FILE})
async def import_words(name: str, request: Request, services: ServicesDep, language: LanguageDep) -> Response:
    """Replaces all of it; a mistake is told with its line, and changes nothing."""
    try:
        text = (await request.body()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputInvalid("this file is no UTF-8 text", remedy="Save it as UTF-8 and send it again.") from None
    await services.sources.describe(name, text, language=language)
    return Response(await services.sources.words(name), media_type=YAML)
