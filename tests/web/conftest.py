"""What the tests of the web process share: the real services over the sample shop, and a model that says what its
script says, behind a real LLM server. One application for each file of tests: starting one takes a second.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from pilot import config
from pilot.model.adapters.scripted import Reply
from tests.model.live import Live, scripted, serving
from tests.web.running import asking, running


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("web")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "GRADIO_ANALYTICS_ENABLED", "False")
        patch.setitem(os.environ, "GRADIO_TEMP_DIR", str(made / "uploads"))
        yield made


@pytest.fixture(scope="module")
def model() -> Iterator[Live]:
    replies = (
        Reply(when="customers are there", text="SELECT COUNT(*) AS customers FROM customers"),
        Reply(when="refund", text="Refunds take five days [1]."),
        Reply(when="delete", text="DELETE FROM customers"),
        Reply(text="Hello **there**."),
    )
    with serving(scripted(*replies)) as live:
        yield live


@pytest.fixture(scope="module")
def settings(folder: Path, model: Live) -> config.Settings:
    return config.load(env_file=folder / "none.env", data_dir=folder / "data", model_server=model.url,
                       embedding_model="lengths")  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings: config.Settings, folder: Path) -> AsyncIterator[FastAPI]:
    async with running(settings, folder) as app:
        yield app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(app) as client:
        yield client
