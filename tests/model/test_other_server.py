"""Another maker's OpenAI-compatible server in the place of ours: transformers' own, whose package is here anyway."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from pilot.chat.constraint import Constraint
from pilot.client import LlmClient
from pilot.errors import ModelFailed
from pilot.model.adapters.proxy import ProxyAdapter
from pilot.model.base import LoadOptions
from pilot.model.engine import Engine
from pilot.protocol import Delta, Done, StructuredOutputs, Usage
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import PATIENCE

PROGRAM = shutil.which("transformers", path=Path(sys.executable).parent)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2 * PATIENCE),
    pytest.mark.skipif(PROGRAM is None, reason="no transformers program here"),
]


@pytest.fixture(scope="module")
def other(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, with the tiny model loaded."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("other") / "log"
    command = [str(PROGRAM), "serve", str(models_dir / "tiny"), "--port", str(port), "--device", "cpu"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=environment) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            if not answers(url, server):
                pytest.skip(f"transformers serve does not start here: {log.read_text()[-500:]}")
            yield url
        finally:
            server.kill()


def answers(url: str, server: "subprocess.Popen[bytes]") -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == httpx.codes.OK:
                return True
        except httpx.TransportError:
            time.sleep(0.3)
    return False


@pytest_asyncio.fixture
async def client(other: str) -> AsyncIterator[LlmClient]:
    client = LlmClient(other)
    yield client
    await client.close()


@pytest.fixture
def name(models_dir: Path) -> str:
    """What it calls the model."""
    return str(models_dir / "tiny")


async def test_pilots_client_streams_from_it(client: LlmClient, name: str) -> None:
    parts = [part async for part in client.stream(ask("hello", model=name, max_tokens=12))]
    assert sum(isinstance(part, Delta) for part in parts) > 1
    assert reason_of(parts) in ("stop", "length")


async def test_field_of_constrained_decoding_is_refused_by_name_and_left_out_then(client: LlmClient, name: str) -> None:
    """As the webserver asks for SQL: by a grammar where the server takes one, else freely, and the guard checks."""
    wanted = StructuredOutputs(grammar='start: "SELECT " /[a-z]+/')
    request = ask("hello", model=name, max_tokens=12, structured_outputs=wanted)
    with pytest.raises(ModelFailed, match="structured_outputs"):
        await client.complete(request)
    assert text_of([part async for part in Constraint().stream(client, request)])


async def test_what_it_refuses_is_a_typed_error(client: LlmClient) -> None:
    with pytest.raises(ModelFailed):
        await client.complete(ask("hello", model="no/such-model", max_tokens=1))


async def test_pilots_own_limits_and_metrics_stand_before_it(other: str, models_dir: Path, name: str) -> None:
    options = LoadOptions(models_dir=models_dir, proxy_url=f"{other}/v1", proxy_model=name)
    engine = Engine(lambda: ProxyAdapter.load("proxyllm", None, options), name="proxyllm")
    await engine.load()
    parts = [part async for part in engine.stream(ask("hello", max_tokens=8, temperature=0))]
    assert text_of(parts)
    assert isinstance(parts[-1], Usage)
    assert any(isinstance(part, Done) for part in parts)
    assert engine.close()
    assert b'pilot_requests_total{outcome="answered"} 1.0' in engine.metrics.text()
