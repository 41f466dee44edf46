"""The LLM server's application: what every route shares. The chat routes are openai_api.py and dbgpt_api.py."""

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException

from pilot.errors import InputInvalid, ModelBusy, NotFound, PilotError
from pilot.model import dbgpt_api, openai_api, rerank_api, serving_api
from pilot.model.embeddings import Embedder
from pilot.model.engine import Engine
from pilot.model.guards import BodyLimit, KeyCheck
from pilot.model.reranking import Reranker
from pilot.model.tracing import RequestIds
from pilot.model.wire import ClientLeft, error_body

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 4_000_000


def create_app(engine: Engine, embedder: Embedder, reranker: Reranker | None = None, *, api_key: str = "") -> FastAPI:
    """`engine` and `embedder` may still be loading: their routes then answer 503. An empty `api_key` demands none."""
    app = FastAPI(title="Pilot LLM server", docs_url=None, redoc_url=None)
    app.state.engine = engine
    app.state.embedder = embedder
    app.state.reranker = reranker or Reranker()
    app.include_router(openai_api.router)
    app.include_router(dbgpt_api.router)
    app.include_router(serving_api.router)
    app.include_router(rerank_api.router)
    _add_watching(app, engine)
    app.add_middleware(BodyLimit, most=MAX_BODY_BYTES)
    if api_key:
        app.add_middleware(KeyCheck, key=api_key)
    app.add_middleware(RequestIds)  # the last added is asked first: what the others refuse has a name, too
    app.add_exception_handler(PilotError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_body)
    app.add_exception_handler(HTTPException, _refuse_path)
    app.add_exception_handler(ClientLeft, _nobody)
    app.add_exception_handler(Exception, _refuse_unexpected)
    return app


def _add_watching(app: FastAPI, engine: Engine) -> None:
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        try:
            await engine.probe()
        except PilotError as error:
            return JSONResponse(error_body(error), 503, headers=_headers(error))
        return JSONResponse({"status": "ready", "model": engine.name})

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(engine.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _headers(error: PilotError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after)} if isinstance(error, ModelBusy) else {}


async def _refuse(_: Request, error: Any) -> JSONResponse:
    return JSONResponse(error_body(error), error.status, headers=_headers(error))


async def _refuse_body(_: Request, error: Any) -> JSONResponse:
    wrong = "; ".join(f"{'.'.join(str(step) for step in one['loc'][1:])}: {one['msg']}" for one in error.errors()[:5])
    refused = InputInvalid(f"the request cannot be read: {wrong}", remedy="See OpenAI's reference of this endpoint.")
    return JSONResponse(error_body(refused), refused.status)


async def _refuse_path(request: Request, error: Any) -> JSONResponse:
    refused = NotFound(f"{request.method} {request.url.path}: {error.detail}")
    return JSONResponse(error_body(refused), error.status_code, headers=error.headers)


async def _nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=499)  # nginx's number for it; nobody reads it


async def _refuse_unexpected(_: Request, error: Exception) -> JSONResponse:
    logger.error("unexpected", exc_info=error)
    return JSONResponse(error_body(PilotError("the LLM server failed", remedy="Its log says why.")), 500)
