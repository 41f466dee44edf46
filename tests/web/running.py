"""The whole application within a test: started, asked, closed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from pilot.config import Settings
from pilot.services import Services
from pilot.web.app import create_app

PAGE = "http://127.0.0.1:6006"


@asynccontextmanager
async def running(settings: Settings, folder: Path) -> AsyncIterator[FastAPI]:
    app = create_app(Services.open(settings), uploads=folder / "uploads")
    async with app.router.lifespan_context(app):
        yield app


def asking(app: FastAPI, **options: object) -> httpx.AsyncClient:
    """A client that sends what a browser on this machine would."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PAGE, timeout=30, **options)  # type: ignore[arg-type]
