"""Is it alive, can it answer, what has it done: for whoever watches the process."""

import time

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pilot.errors import ModelUnreachable
from pilot.web.api.parts import ServicesDep


class Metrics:
    """One registry per app: two apps in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("pilot_web_requests", "Requests answered", ["door", "status"], registry=self.registry)
        self.seconds = Histogram(
            "pilot_web_seconds", "Seconds until the answer ended", ["door"], registry=self.registry
        )


class Counted:
    """Counts requests by door. The page's many own requests are one door: `ui`."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 500, time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            door = _door(scope)
            self._metrics.requests.labels(door, str(status)).inc()
            self._metrics.seconds.labels(door).observe(time.monotonic() - started)


def routes(metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health")
    async def health() -> dict[str, str]:
        """Alive: the process answers. Says nothing of the model."""
        return {"status": "ok"}

    @router.get("/ready")
    async def ready(services: ServicesDep) -> dict[str, str]:
        """Ready: the model answers, too. 502 with the reason while it does not."""
        if not await services.client.ready():
            raise ModelUnreachable("the model server does not answer yet", remedy="Its log says what it is doing.")
        card = await services.model()
        return {"status": "ready", "model": card.id if card else ""}

    @router.get("/metrics", response_class=PlainTextResponse)
    async def show(_: Request) -> PlainTextResponse:
        """For Prometheus."""
        return PlainTextResponse(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    return router


def _door(scope: Scope) -> str:
    """The route's pattern, never the path itself: names in it are people's own, and endless."""
    if scope["path"].startswith("/ui"):
        return "ui"
    return getattr(scope.get("route"), "path", "other")
