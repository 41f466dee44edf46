"""The served model is changed by the page and by its API, on a real LLM server with scripted models."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from fastapi import FastAPI

from pilot.errors import ModelTimeout
from pilot.i18n import Texts
from pilot.protocol import PrecisionName
from pilot.services import Services
from pilot.web.ui.labels import Labels
from pilot.web.ui.model import ModelTab
from pilot.web.ui.visit import Speaker
from tests.model.live import Live, scripted, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
API = "/api/v1/models"
ENGLISH: Any = SimpleNamespace(headers={"accept-language": "en"}, cookies={}, session_hash="e")


@pytest.fixture(scope="module")
def model(folder: Path) -> Iterator[Live]:
    models = folder / "models"
    for name in ("scripted-one", "scripted-two"):
        (models / name).mkdir(parents=True)
        (models / name / "replies.json").write_text(f'{{"replies": [{{"text": "I am {name}."}}]}}')
    (models / "guanaco-half").mkdir()
    (models / "guanaco-half" / "config.json").write_text("{}")
    with serving(scripted(name="scripted-one"), models_dir=models) as live:
        yield live


async def settled(client: httpx.AsyncClient) -> dict[str, Any]:
    while (found := (await client.get(API)).json())["state"] == "loading":
        await asyncio.sleep(0.05)
    return found


async def said(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/v1/chat", json={"message": "Who are you?"}, headers={"accept": "application/json"})
    return str(answer.json()["answer"])


async def test_the_api_lists_loads_and_lets_go(client: httpx.AsyncClient, app: FastAPI) -> None:
    found = (await client.get(API)).json()
    assert (found["state"], found["model"]) == ("ready", "scripted-one")
    assert {"scripted-one", "scripted-two", "guanaco-half"} <= {row["name"] for row in found["models"]}
    assert await said(client) == "I am scripted-one."
    assert (await client.post(f"{API}/load", json={"model": "scripted-two"})).status_code == 202
    assert (await settled(client))["model"] == "scripted-two"
    assert await said(client) == "I am scripted-two."
    assert (await client.post(f"{API}/unload")).status_code == 202
    assert (await settled(client))["state"] == "empty"
    services: Services = app.state.services
    assert await services.model() is None
    assert await services.awaited()
    await client.post(f"{API}/load", json={"model": "scripted-one"})
    assert (await settled(client))["state"] == "ready"


async def test_a_half_written_folder_is_refused_with_the_files_name(client: httpx.AsyncClient) -> None:
    refused = await client.post(f"{API}/load", json={"model": "guanaco-half"})
    assert refused.json()["error"]["code"] == "model.unusable"
    assert "guanaco-half/model.safetensors is missing" in refused.json()["error"]["message"]
    assert (await client.post(f"{API}/load", json={"model": "nothing"})).status_code == 404
    assert (await client.get(API)).json()["model"] == "scripted-one"


async def test_a_server_that_loads_without_answering_is_followed(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    services: Services = app.state.services
    load, request = services.load_model, ENGLISH

    async def unanswered(name: str, *, precision: PrecisionName = "auto") -> None:
        await load(name, precision=precision)
        raise ModelTimeout("it said nothing")

    async def busy() -> None:
        raise ModelTimeout("it said nothing")

    with gr.Blocks():
        tab = ModelTab(services, Labels("en"), Speaker("en"))
    with monkeypatch.context() as patch:
        patch.setattr(services, "load_model", unanswered)
        patch.setattr(services, "serving", busy)
        said, timer = await tab._load("scripted-two", "auto", request)
        assert "scripted-two is being loaded" in said
        assert timer.active
        assert all("active" not in update for update in await tab._tick(request))  # it is asked again
    assert (await settled(client))["model"] == "scripted-two"
    await services.load_model("scripted-one")
    await settled(client)


async def test_the_tab_offers_every_folder_and_says_what_is_wrong(app: FastAPI) -> None:
    services: Services = app.state.services
    with gr.Blocks():
        tab = ModelTab(services, Labels("en"), Speaker("en"))
    choice, precisions, now, timer = await tab.offer(None, Texts("en"))
    labels = {name: label for label, name in choice["choices"]}
    assert labels["guanaco-half"] == "guanaco-half · not whole"
    assert choice["value"] == "scripted-one"
    assert "scripted-one is being served." in now
    assert ("nf4+dq: 4.13 bits a weight", "nf4+dq") in precisions["choices"]
    assert timer.active is False
