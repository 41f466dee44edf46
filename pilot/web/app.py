"""The web application: REST doors, health, login and the page, behind one set of guards."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from pilot.datasource.refusals import told
from pilot.errors import Forbidden, InputInvalid, ModelBusy, NotFound, PilotError
from pilot.i18n import Texts
from pilot.knowledge.sentences import refused as refused_document
from pilot.services import Services
from pilot.web import api, auth, health, middleware, viewer, visitors
from pilot.web.language import language_of
from pilot.web.ui.page import build
from pilot.web.ui.theme import ASSETS, style, theme

logger = logging.getLogger(__name__)

PAGE = "/ui"
HEAD = (
    '<link rel="icon" href="/assets/favicon.svg"><link rel="stylesheet" href="/assets/viewer.css">'
    '<script src="/assets/pilot.js"></script><script src="/assets/viewer.js"></script>'
)
FIRST = '<script src="/assets/frames.js"></script>'
QUEUE = 64  # questions that may wait
LOOK_SECONDS = 0.02  # between two looks for what waits; Gradio's own 0.001 takes 4 to 9 % of a core while nobody asks


def create_app(services: Services, *, uploads: Path) -> FastAPI:
    """One app over these services, which start and close with it. Uploads lie in `uploads` until they are read."""
    app = FastAPI(
        title="Pilot", summary="Ask your own database and documents.", version="1", lifespan=_alive(services),
        openapi_url="/api/openapi.json", docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.services = services
    metrics = health.Metrics()
    password = _password(services)
    for router in (*api.ROUTERS, viewer.router, health.routes(metrics)):
        app.include_router(router)
    app.add_api_route("/", _to_page, include_in_schema=False)
    app.add_api_route("/favicon.ico", _icon, include_in_schema=False)
    app.mount("/assets", StaticFiles(directory=ASSETS))
    _explain_errors(app)
    if password is not None:
        app.include_router(auth.login_routes(services.store, password, default=services.settings.language))
    _mount_page(app, services, uploads, protected=password is not None)
    _guard(app, services, metrics, password)
    return app


def _alive(services: Services) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await services.start()
        except Exception as error:
            app.state.start_error = error  # for the door to tell
            raise
        try:
            yield
        finally:
            await services.close()

    return lifespan


def _password(services: Services) -> auth.Password | None:
    secret = services.settings.web_password
    return auth.Password(secret.get_secret_value()) if secret else None


def _mount_page(app: FastAPI, services: Services, uploads: Path, *, protected: bool) -> None:
    page = build(services, uploads=uploads, default=services.settings.language, protected=protected)
    gr.mount_gradio_app(
        app, page.queue(max_size=QUEUE, default_concurrency_limit=16), path=PAGE, theme=theme(), css=style(), head=HEAD,
        footer_links=[], run_history=False, ssr_mode=False, mcp_server=False, pwa=False, enable_monitoring=False,
        show_error=False, max_file_size=services.settings.knowledge_max_file_mb * 1_000_000,
        app_kwargs={"openapi_url": None, "docs_url": None, "redoc_url": None,
                    "middleware": [Middleware(middleware.Before, tag=FIRST)]},
    )  # fmt: skip
    page._queue.sleep_when_free = LOOK_SECONDS
    page._queue.progress_update_sleep_when_free = 1.0  # no part of the page shows Gradio's progress


def _guard(app: FastAPI, services: Services, metrics: health.Metrics, password: auth.Password | None) -> None:
    """The last one added stands outermost."""
    if password is not None:
        app.add_middleware(auth.Gate, store=services.store, password=password)
    app.add_middleware(visitors.Visitors)
    app.add_middleware(health.Counted, metrics=metrics)
    app.add_middleware(middleware.BodyLimit, file_bytes=services.settings.knowledge_max_file_mb * 1_000_000)
    app.add_middleware(middleware.OwnPagesOnly, any_name=password is not None)
    app.add_middleware(middleware.SafeHeaders)


async def _to_page() -> RedirectResponse:
    return RedirectResponse(f"{PAGE}/")


async def _icon() -> FileResponse:
    return FileResponse(ASSETS / "favicon.svg")


def _explain_errors(app: FastAPI) -> None:
    """Every error leaves in the one shape that clients may rely on."""

    @app.exception_handler(PilotError)
    async def known(request: Request, error: PilotError) -> JSONResponse:
        accept, default = request.headers.get("accept-language", ""), app.state.services.settings.language
        texts = Texts(language_of(request.cookies, accept, default=default))
        error = refused_document(told(error, texts), texts)
        headers = {"retry-after": str(error.retry_after)} if isinstance(error, ModelBusy) else None
        return JSONResponse(error.to_json(), error.status, headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in error.errors()
        )
        return JSONResponse(InputInvalid(wrong, remedy="See /api/openapi.json.").to_json(), InputInvalid.status)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        kind = {403: Forbidden, 404: NotFound}.get(error.status_code, InputInvalid)
        body = kind(f"{request.method} {request.url.path}: {error.detail}").to_json()
        return JSONResponse(body, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def unknown(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
        body = PilotError("this went wrong inside Pilot", remedy="The log of the webserver says why.").to_json()
        return JSONResponse(body, PilotError.status)
