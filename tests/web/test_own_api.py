"""Owning a model by the API: what there is, what is refused and why, the night shift's settings."""

import httpx
import pytest

from pilot.services import SAMPLE_SOURCE

pytestmark = pytest.mark.asyncio(loop_scope="module")
API = "/api/v1/own"


async def test_nothing_was_trained_and_the_reason_why_not_is_told(client: httpx.AsyncClient) -> None:
    found = (await client.get(API)).json()
    assert (found["released"], found["can_roll_back"], found["running"]) == (None, False, "")
    assert (await client.get(f"{API}/runs")).json() == []
    material = (await client.get(f"{API}/material", params={"source": SAMPLE_SOURCE})).json()
    assert (material["enough"], material["why"]) == (False, "own_few")
    assert (await client.get(f"{API}/material", params={"source": "nowhere"})).status_code == 404


async def test_what_cannot_be_is_refused_with_the_remedy(client: httpx.AsyncClient) -> None:
    refused = await client.post(f"{API}/runs", json={"sources": [SAMPLE_SOURCE]})
    assert refused.status_code in (400, 422)
    assert refused.json()["error"]["remedy"]
    for path in ("/runs/none", "/runs/none/curves", "/runs/none/exam", "/runs/none/plot", "/runs/none/events"):
        assert (await client.get(f"{API}{path}")).status_code == 404
    for path in ("/runs/none/stop", "/runs/none/go_on", "/runs/none/release", "/roll_back"):
        assert (await client.post(f"{API}{path}", json={})).status_code == 404
    assert (await client.delete(f"{API}/runs/none")).status_code == 404


async def test_the_night_shifts_settings_are_kept_and_checked(client: httpx.AsyncClient) -> None:
    wanted = {"on": True, "begins": "22:30", "ends": "05:00", "sources": [SAMPLE_SOURCE], "fewest": 5}
    assert (await client.put(f"{API}/night", json=wanted)).status_code == 200
    found = (await client.get(f"{API}/night")).json()
    assert {name: found[name] for name in wanted} == wanted
    assert (await client.put(f"{API}/night", json=wanted | {"ends": "soon"})).status_code == 400
    assert (await client.put(f"{API}/night", json=wanted | {"sources": ["nowhere"]})).status_code == 404
    await client.put(f"{API}/night", json={"on": False})
