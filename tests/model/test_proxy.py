"""Another OpenAI-compatible server behind this one: here a second server of our own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pilot.client import LlmClient
from pilot.errors import ConfigInvalid, LoginRequired, ModelFailed, ModelUnreachable
from pilot.model.adapters.proxy import ProxyAdapter
from pilot.model.adapters.scripted import Reply
from pilot.model.base import LoadOptions
from pilot.protocol import Delta, Done, Usage
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import Live, engine_of, scripted, serving

NOW = threading.Event()
OPTIONS = LoadOptions(models_dir=Path("nowhere"))


@pytest.fixture(scope="module")
def other() -> Iterator[Live]:
    replies = (
        Reply(when="slow", deltas=("a",) * 100_000, delay=0.01),  # longer than any test waits
        Reply(when="late", text="late", delay=3600),
        Reply(when="break", deltas=("well",), failure="out of luck"),
        Reply(text="over there 世界"),
    )
    with serving(scripted(*replies, name="other"), api_key="secret-key") as live:
        yield live


@pytest.fixture(scope="module")
def proxy(other: Live) -> Iterator[ProxyAdapter]:
    options = LoadOptions(
        models_dir=Path("nowhere"), proxy_url=f"{other.url}/v1/chat/completions", proxy_key="secret-key"
    )
    adapter = ProxyAdapter.load("proxyllm", None, options)
    yield adapter
    adapter.close()


def test_answers_with_the_other_servers_words_and_counts(proxy: ProxyAdapter) -> None:
    parts = list(proxy.stream(ask("hello"), NOW))
    assert parts == [Delta("over"), Delta(" there"), Delta(" 世界"), Done(), Usage(1, 3)]


@pytest.mark.parametrize(("question", "deltas"), [("slow", 3), ("late", 0)])
def test_cancelled_while_the_other_streams_or_is_silent(question: str, deltas: int, proxy: ProxyAdapter) -> None:
    stop = threading.Event()
    answer = proxy.stream(ask(question), stop)
    for _ in range(deltas):
        next(answer)
    threading.Timer(0.1, stop.set).start()
    assert reason_of(list(answer)) == "cancelled"
    assert text_of(proxy.stream(ask("hello"), NOW))


def test_failure_over_there_is_a_failure_here(proxy: ProxyAdapter) -> None:
    with pytest.raises(ModelFailed, match="out of luck"):
        list(proxy.stream(ask("break"), NOW))


def test_wrong_key_is_told(other: Live) -> None:
    adapter = ProxyAdapter(LlmClient(other.url, api_key="wrong"), model="other", context=100)
    with closing(adapter), pytest.raises(LoginRequired):
        list(adapter.stream(ask(), NOW))


def test_server_that_is_not_there_is_told_at_the_question_not_at_the_start() -> None:
    adapter = ProxyAdapter(LlmClient("http://127.0.0.1:9"), model="", context=100)
    with closing(adapter), pytest.raises(ModelUnreachable):
        list(adapter.stream(ask(), NOW))


def test_no_address_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigInvalid, match="LLM_MODEL=proxyllm") as caught:
        ProxyAdapter.load("proxyllm", None, OPTIONS)
    assert "PROXY_SERVER_URL" in caught.value.remedy


async def test_requests_run_side_by_side(other: Live) -> None:
    own = ProxyAdapter(LlmClient(other.url, api_key="secret-key"), model="", context=100)
    with serving(engine_of(own, concurrency=4)) as here:
        client = LlmClient(here.url)
        answers = await asyncio.gather(*(client.complete(ask("hello")) for _ in range(4)))
        await client.close()
    assert {answer[0].text for answer in answers} == {"over there 世界"}
