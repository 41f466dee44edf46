"""The served model is changed while the server runs: by its routes, as the page does it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from pilot.errors import ConfigInvalid, Conflict, ModelBusy, ModelUnknown, ModelUnusable
from pilot.model.adapters import ADAPTERS
from pilot.model.app import create_app
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.embeddings import Embedder
from pilot.model.engine import Engine
from pilot.model.folders import find
from pilot.model.serving import Serving, Wish
from pilot.protocol import ServingState
from tests.model import tiny
from tests.model.asking import ask
from tests.model.live import Lengths


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(("first", "second")):
        tiny.save(folder / name, seed=seed)
    tiny.save(folder / "misshapen")
    tiny.edit_json(folder / "misshapen" / "config.json", hidden_size=128)
    tiny.save(folder / "cut")
    weights = folder / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return folder


class Served:
    def __init__(self, place: Path) -> None:
        first = Wish(find("first", place))
        self.engine = Engine(lambda: self.make(first), name="first")
        self.serving = Serving(self.engine, self.make, first, place)
        self.place = place

    def make(self, wish: Wish) -> ModelAdapter:
        options = LoadOptions(models_dir=self.place, device="cpu", precision=wish.precision, family=wish.found.family)
        return ADAPTERS.get(wish.found.family.adapter).load(wish.found.name, wish.found.folder, options)

    async def settled(self) -> ServingState:
        while self.serving.state.state == "loading" or self.serving.busy:
            await asyncio.sleep(0.02)
        return self.serving.state

    async def answer(self, model: str = "") -> str:
        parts = [part async for part in self.engine.stream(ask(model=model, max_tokens=12, temperature=0))]
        return "".join(getattr(part, "text", "") for part in parts)


@pytest.fixture
async def served(place: Path) -> AsyncIterator[Served]:
    found = Served(place)
    await found.serving.start()
    yield found
    found.engine.close()


async def test_another_model_in_another_precision_takes_its_place(served: Served) -> None:
    before = await served.answer()
    served.serving.load("second", precision="nf4+dq")
    assert served.serving.state.state == "loading"
    assert served.serving.state.wanted == "second"
    with pytest.raises(Conflict):
        served.serving.load("first")
    assert (await served.settled()).model == "second"
    assert served.engine.name == "second"
    assert served.engine.adapter.card.quantisation == "nf4+dq"
    assert await served.answer() != before
    served.serving.load("first")
    assert (await served.settled()).state == "ready"
    assert await served.answer() == before


async def test_without_a_model_requests_are_told_so(served: Served) -> None:
    served.serving.unload()
    assert (await served.settled()).state == "empty"
    with pytest.raises(ModelBusy, match="no model is loaded"):
        await served.answer()
    served.serving.load("first")
    await served.settled()
    assert await served.answer()


async def test_a_folder_that_is_not_whole_is_refused_before_the_present_model_goes(served: Served) -> None:
    with pytest.raises(ModelUnusable, match=r"cut/model.safetensors has [\d,]+ bytes instead of"):
        served.serving.load("cut")
    with pytest.raises(ModelUnknown):
        served.serving.load("missing")
    assert served.serving.state == ServingState(state="ready", model="first")
    assert await served.answer()


async def test_what_fails_while_it_loads_is_told_and_the_model_before_comes_back(served: Served) -> None:
    before = await served.answer()
    served.serving.load("misshapen")
    state = await served.settled()
    assert (state.state, state.model, state.wanted) == ("failed", "first", "misshapen")
    assert "misshapen cannot be loaded" in state.message
    assert state.remedy
    assert await served.answer() == before
    served.serving.load("second")
    assert (await served.settled()).state == "ready"


async def test_what_runs_may_end_before_the_model_goes(served: Served) -> None:
    stream = served.engine.stream(ask(max_tokens=40, temperature=0))
    await anext(stream)
    served.serving.load("second")
    rest = [part async for part in stream]
    assert getattr(rest[-2], "reason", "") in ("length", "stop")
    assert (await served.settled()).model == "second"


async def test_offers_name_each_folder_and_what_is_wrong_with_it(served: Served) -> None:
    offers = {offer.name: offer for offer in served.serving.offers()}
    assert offers["second"].file_bytes > 100_000
    assert offers["second"].family == "causal"
    assert "cut/model.safetensors" in offers["cut"].message
    assert offers["scripted"].file_bytes == 0


async def test_by_its_routes(served: Served) -> None:
    app = create_app(served.engine, Embedder(Lengths, name="lengths"), api_key="secret")
    app.state.serving = served.serving
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        assert (await client.get("/v1/serving")).status_code == 401
        client.headers["Authorization"] = "Bearer secret"
        found = (await client.get("/v1/serving")).json()
        assert found["state"] == "ready"
        assert {"first", "second", "cut"} <= {model["name"] for model in found["models"]}
        refused = await client.post("/v1/serving/load", json={"model": "cut"})
        assert "cut/model.safetensors" in refused.json()["error"]["message"]
        assert (await client.post("/v1/serving/load", json={"model": "second", "precision": "int3"})).status_code == 400
        begun = await client.post("/v1/serving/load", json={"model": "second"})
        assert (begun.status_code, begun.json()["state"]) == (200, "loading")
        assert (await client.post("/v1/serving/unload", json={})).status_code == 409
        await served.settled()
        assert (await client.get("/v1/models")).json()["data"][0]["id"] == "second"
        assert (await client.post("/v1/serving/unload")).status_code == 400  # no JSON: a foreign page could send that
        assert (await client.post("/v1/serving/unload", json={})).status_code == 200
        await served.settled()
        assert (await client.get("/ready")).status_code == 503


async def test_a_first_model_that_cannot_be_loaded_is_raised(place: Path) -> None:
    def broken(_: Wish) -> ModelAdapter:
        raise ConfigInvalid("no such device", remedy="Use cpu.")

    served = Served(place)
    served.serving = Serving(served.engine, broken, Wish(find("first", place)), place)
    with pytest.raises(ConfigInvalid):
        await served.serving.start()
    served.engine.close()


async def test_where_the_first_cannot_be_loaded_the_other_is_served_and_why_is_told(place: Path) -> None:
    served = Served(place)
    first, other = Wish(find("misshapen", place)), Wish(find("second", place))
    served.serving = Serving(served.engine, served.make, first, place, otherwise=other)
    await served.serving.start()
    state = served.serving.state
    assert (state.state, state.model, state.wanted) == ("failed", "second", "misshapen")
    assert "misshapen" in state.message
    assert await served.answer()
    served.serving.load("first")
    assert (await served.settled()).model == "first"
    served.engine.close()
