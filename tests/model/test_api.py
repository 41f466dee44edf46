"""The LLM server over HTTP, as its clients meet it: OpenAI's own, Pilot's own, and DB-GPT v0.2's."""

import asyncio
import json
import logging
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import openai
import pytest

from pilot import log
from pilot.client import LlmClient
from pilot.errors import ModelBusy, PromptTooLong
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.adapters.scripted import Reply, ScriptedAdapter
from pilot.model.engine import Engine
from pilot.protocol import Delta, StreamPart
from tests.model.asking import ask, text_of
from tests.model.live import PATIENCE, Live, engine_of, scripted, serving, wait_until

REPLIES = (
    Reply(when="slow", deltas=("a",) * 100_000, delay=0.01),  # longer than any test waits
    Reply(when="late", text="late", delay=3600),
    Reply(when="break", deltas=("well", " no"), failure="out of luck"),
    Reply(when="cut", deltas=("well",), cut=True),
    Reply(when="several", text="first", others=("second", "third")),
    Reply(text="SELECT 1 世界"),
)
HELLO: Any = [{"role": "user", "content": "hello"}]  # Any: the client has a type of its own for each role


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with serving(scripted(*REPLIES, concurrency=2, queue_length=1)) as here:
        yield here


@pytest.fixture(scope="module")
def openai_client(live: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def say(client: openai.OpenAI, content: str = "hello", **settings: Any) -> Any:
    messages: Any = [{"role": "user", "content": content}]
    return client.chat.completions.create(model="scripted", messages=messages, **settings)


def post(live: Live, path: str, body: object, **options: Any) -> httpx.Response:
    return live.http.post(path, json=body, **options)


def gauge(live: Live, name: str) -> float:
    text = live.http.get("/metrics").text
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


def running(live: Live) -> float:
    return gauge(live, "pilot_requests_running")


# OpenAI's official client


def test_openai_client_streams(openai_client: openai.OpenAI) -> None:
    first, *rest, last, usage = say(openai_client, stream=True, stream_options={"include_usage": True})
    assert first.choices[0].delta.role == "assistant"
    assert [chunk.choices[0].delta.content for chunk in rest] == ["SELECT", " 1", " 世界"]
    assert last.choices[0].finish_reason == "stop"
    assert (usage.choices, usage.usage.completion_tokens) == ([], 3)


def test_openai_client_gets_no_usage_it_did_not_ask_for(openai_client: openai.OpenAI) -> None:
    assert all(chunk.usage is None for chunk in say(openai_client, stream=True))


def test_openai_client_gets_a_whole_answer(openai_client: openai.OpenAI) -> None:
    answer = say(openai_client)
    assert answer.choices[0].message.content == "SELECT 1 世界"
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (1, 4)


def test_openai_client_gets_several_candidates_with_logprobs(openai_client: openai.OpenAI) -> None:
    answer = say(openai_client, "several", n=3, logprobs=True)
    assert [choice.message.content for choice in answer.choices] == ["first", "second", "third"]
    assert answer.choices[2].logprobs.content[0].token == "third"


def test_real_model_tells_each_tokens_chances_and_what_it_had_read_before(causal: CausalAdapter) -> None:
    with serving(engine_of(causal)) as live, openai.OpenAI(base_url=f"{live.url}/v1", api_key="none") as client:
        wish: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "cached " * 60}],
                                "temperature": 0, "max_tokens": 8, "logprobs": True, "top_logprobs": 3}  # fmt: skip
        first, second = (client.chat.completions.create(**wish) for _ in range(2))
        streamed = [
            token
            for chunk in client.chat.completions.create(stream=True, **wish)
            if chunk.choices[0].logprobs
            for token in chunk.choices[0].logprobs.content or []
        ]
    choice = second.choices[0]
    assert choice.logprobs is not None
    tokens = choice.logprobs.content or []
    assert "".join(token.token for token in tokens) == choice.message.content
    for token in tokens:
        best, *others = token.top_logprobs
        assert (best.token, best.logprob) == (token.token, token.logprob)  # greedy
        assert len(others) == 2
        assert all(other.logprob <= best.logprob for other in others)
    assert [token.token for token in streamed] == [token.token for token in tokens]
    assert first.usage is not None
    assert second.usage is not None
    details = second.usage.prompt_tokens_details
    assert details is not None
    assert second.usage.prompt_tokens - 33 <= (details.cached_tokens or 0) < second.usage.prompt_tokens


def test_openai_client_sees_a_failure_in_mid_stream(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="out of luck"):
        list(say(openai_client, "break", stream=True))


def test_openai_client_lists_the_model_with_its_card(openai_client: openai.OpenAI) -> None:
    (model,) = openai_client.models.list().data
    assert model.id == "scripted"
    assert model.model_extra is not None
    assert model.model_extra["pilot"]["abilities"] == ["chat", "text_to_sql"]


def test_openai_client_embeds(openai_client: openai.OpenAI) -> None:
    found = openai_client.embeddings.create(model="lengths", input=["", "four"]).data
    assert [row.embedding for row in found] == [[0.0, 1.0], pytest.approx([4 / 17**0.5, 1 / 17**0.5])]


def test_openai_client_meets_another_models_name(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'gpt-4'"):
        openai_client.chat.completions.create(model="gpt-4", messages=HELLO)


def test_real_model_streams_to_the_openai_client(causal: CausalAdapter) -> None:
    with serving(engine_of(causal)) as live, openai.OpenAI(base_url=f"{live.url}/v1", api_key="none") as client:
        settings: dict[str, Any] = {"model": "tiny", "messages": HELLO, "seed": 5, "max_tokens": 30}
        whole = client.chat.completions.create(**settings).choices[0].message.content
        deltas = [
            chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(stream=True, **settings)
        ]
        grammar = {"structured_outputs": {"choice": ["SELECT 1", "SELECT 2"]}}
        constrained = client.chat.completions.create(extra_body=grammar, **settings).choices[0].message.content
    assert len(deltas) > 5
    assert "".join(deltas) == whole
    assert constrained in ("SELECT 1", "SELECT 2")


# Pilot's own client


@pytest.fixture
async def client(live: Live) -> AsyncIterator[LlmClient]:
    client = LlmClient(live.url, embedding_model="lengths")
    yield client
    await client.close()


def stream(client: LlmClient, content: str) -> AsyncGenerator[StreamPart, None]:
    return client.stream(ask(content))


async def test_own_client_streams(client: LlmClient) -> None:
    assert text_of([part async for part in client.stream(ask("hello"))]) == "SELECT 1 世界"


async def test_own_client_sees_the_typed_error_before_the_first_byte() -> None:
    with serving(Engine(lambda: ScriptedAdapter(context=3), name="scripted")) as live:
        client = LlmClient(live.url)
        with pytest.raises(PromptTooLong, match="5 tokens; this model reads 3"):
            await client.complete(ask("one two three four five"))
        await client.close()


async def test_full_queue_is_503_with_retry_after(client: LlmClient, live: Live) -> None:
    async with aclosing(stream(client, "slow")) as one, aclosing(stream(client, "slow")) as two:
        await anext(one)
        await anext(two)
        waiting = asyncio.create_task(client.complete(ask("hello")))
        assert await asyncio.to_thread(wait_until, lambda: gauge(live, "pilot_requests_waiting") == 1)
        refused = await asyncio.to_thread(post, live, "/v1/chat/completions", {"messages": HELLO})
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["code"] == "model.busy"
        with pytest.raises(ModelBusy):
            await client.complete(ask("hello"))
    assert (await waiting)[0].text == "SELECT 1 世界"


async def test_client_that_leaves_in_mid_stream_frees_its_place(client: LlmClient, live: Live) -> None:
    async with aclosing(stream(client, "slow")) as parts:
        assert isinstance(await anext(parts), Delta)
    assert await asyncio.to_thread(wait_until, lambda: running(live) == 0)


@pytest.mark.parametrize("stream", [True, False])
def test_client_that_leaves_before_the_first_token_frees_its_place(stream: bool, live: Live) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "late"}], "stream": stream}).encode()
    address = urlsplit(live.url)
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as client:
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert wait_until(lambda: running(live) == 1)
    assert wait_until(lambda: running(live) == 0)


# DB-GPT v0.2


def test_dbgpt_client_streams(live: Live) -> None:
    body = {"prompt": "Be brief.###Human: hello###Assistant:", "model": "vicuna-13b", "temperature": 0.7,
            "max_new_tokens": 1024, "stop": "###"}  # fmt: skip
    with live.http.stream("POST", "/generate_stream", json=body) as response:
        events = [json.loads(line) for line in b"".join(response.iter_bytes()).split(b"\0") if line]
    assert [event["text"] for event in events] == ["SELECT", "SELECT 1", "SELECT 1 世界"]
    assert {event["error_code"] for event in events} == {0}


def test_dbgpt_client_gets_the_prompt_back_when_it_wants_to_cut_it_off(live: Live) -> None:
    response = post(live, "/generate_stream", {"prompt": "hello", "echo": True})
    assert json.loads(response.content.split(b"\0")[0])["text"] == "helloSELECT"


def test_dbgpt_client_sees_a_failure_as_an_error_code(live: Live) -> None:
    *_, last, _ = post(live, "/generate_stream", {"prompt": "break"}).content.split(b"\0")
    assert json.loads(last) == {"text": "out of luck", "error_code": 1}


def test_dbgpt_client_gets_a_whole_answer_and_an_embedding(live: Live) -> None:
    assert post(live, "/generate", {"prompt": "hello"}).json() == {"response": "SELECT 1 世界"}
    assert post(live, "/embedding", {"prompt": ""}).json() == {"response": [0.0, 1.0]}


@pytest.mark.parametrize(
    ("prompt", "roles"),
    [
        ("just a question: USERS or Human: rights?", ["user"]),
        ("Be brief.###Human: a###Assistant: b###Human: c###Assistant:", ["system", "user", "assistant", "user"]),
        ("Be brief.\n### Human: a\n### Assistant:", ["system", "user"]),
        ("Be brief. USER: a ASSISTANT: b</s>USER: c ASSISTANT:", ["system", "user", "assistant", "user"]),
    ],
)
def test_dbgpt_prompt_becomes_messages_again(prompt: str, roles: list[str]) -> None:
    adapter = ScriptedAdapter()
    with serving(Engine(lambda: adapter, name="scripted")) as live:
        post(live, "/generate", {"prompt": prompt})
    assert [message.role for message in adapter.heard[0].messages] == roles


# curl


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl here")
@pytest.mark.parametrize(
    ("path", "body", "first", "last"),
    [
        ("/v1/chat/completions", {"messages": HELLO, "stream": True}, b'data: {"id": "chatcmpl-', b"data: [DONE]\n\n"),
        ("/generate_stream", {"prompt": "hello"}, b'{"text": "SELECT", "error_code": 0}\0', b"\0"),
    ],
)
def test_curl_streams(path: str, body: dict[str, Any], first: bytes, last: bytes, live: Live) -> None:
    command = ["curl", "--no-buffer", "--silent", "--fail", live.url + path, "--json", json.dumps(body)]
    said = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout
    assert said.startswith(first)
    assert said.endswith(last)


# What every client meets


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/chat/completions", {"messages": []}, 400, "input.invalid"),
        ("/v1/chat/completions", {}, 400, "input.invalid"),
        ("/v1/chat/completions", [], 400, "input.invalid"),
        ("/v1/chat/completions", {"messages": HELLO, "temperature": "hot"}, 400, "input.invalid"),
        ("/v1/chat/completions", {"messages": HELLO, "n": 1000}, 400, "input.invalid"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "\ud800"}]}, 400, "input.invalid"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "cut"}]}, 502, "model.failed"),
        ("/v1/embeddings", {"input": ["a"] * 2049}, 400, "input.invalid"),
        ("/v1/embeddings", {"input": "a", "model": "other"}, 404, "model.unknown"),
        ("/generate", {"prompt": ""}, 400, "input.invalid"),
        ("/nowhere", {}, 404, "not_found"),
        ("/health", {}, 405, "not_found"),
    ],
)  # fmt: skip
def test_refusals_have_a_status_a_code_and_a_message(
    path: str, body: object, status: int, code: str, live: Live
) -> None:
    response = live.http.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code)
    assert error["message"]
    assert error.keys() >= {"remedy", "type", "param"}


def test_body_that_is_too_large_is_refused_unread(live: Live) -> None:
    response = live.http.post("/v1/chat/completions", content=b"x" * 4_000_001)
    assert response.status_code == 413


def test_health_answers_while_the_model_loads() -> None:
    with serving(scripted(), load=False) as live:
        assert live.http.get("/health").json() == {"status": "alive"}
        for response in (live.http.get("/ready"), post(live, "/v1/chat/completions", {"messages": HELLO}),
                         post(live, "/v1/embeddings", {"input": "a"})):  # fmt: skip
            assert response.status_code == 503
            assert int(response.headers["retry-after"]) > 0
            assert "loading" in response.json()["error"]["message"]


def test_ready_when_a_token_comes(live: Live) -> None:
    response = live.http.get("/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ready")


def test_not_ready_when_the_model_gives_none() -> None:
    with serving(scripted(Reply(failure="no luck"))) as live:
        response = live.http.get("/ready")
    assert (response.status_code, response.json()["error"]["message"]) == (503, "no luck")


@pytest.mark.parametrize(
    ("sent", "kept"), [("shop-42", True), ("", False), ("a b", False), ("x" * 65, False), ("a=1,b", False)]
)
def test_every_answer_has_the_name_of_its_request(sent: str, kept: bool, live: Live) -> None:
    for path in ("/health", "/nowhere"):
        name = live.http.get(path, headers={"X-Request-Id": sent}).headers["x-request-id"]
        assert (name == sent) == kept
        assert re.fullmatch(r"[\w.:-]{1,64}", name)


def test_log_has_a_line_per_request_with_its_name_and_figures_but_no_words(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    forms: tuple[Literal["json", "text"], ...] = ("json", "text")
    for form in forms:
        log.configure("INFO", file=tmp_path / form, quiet=True, form=form)
        live.http.post("/v1/chat/completions", json={"messages": HELLO}, headers={"X-Request-Id": "mine"})
        for handler in root.handlers:
            handler.close()
    fields = json.loads((tmp_path / "json").read_text())
    assert fields["request"] == "mine"
    assert (fields["outcome"], fields["prompt_tokens"], fields["tokens"]) == ("answered", 1, 3)
    assert 0 <= fields["queued"] <= fields["first_token"] <= fields["seconds"]
    line = (tmp_path / "text").read_text()
    assert "outcome=answered" in line
    assert line.endswith(" request=mine\n")
    assert "hello" not in line + json.dumps(fields)


def test_metrics_time_the_queue_the_first_token_and_those_between() -> None:
    with serving(scripted(*REPLIES)) as live:
        post(live, "/v1/chat/completions", {"messages": HELLO})
        shown = dict(line.rsplit(" ", 1) for line in live.http.get("/metrics").text.splitlines())
    assert shown["pilot_queue_seconds_count"] == "1.0"
    assert shown["pilot_first_token_seconds_count"] == "1.0"
    assert shown["pilot_between_tokens_seconds_count"] == "2.0"
    assert {"pilot_tokens_per_second", "pilot_model_bytes", "pilot_cached_tokens_total"} <= shown.keys()
    assert float(shown["process_resident_memory_bytes"]) > 1e7


def test_metrics_count_how_requests_ended() -> None:
    with serving(scripted(*REPLIES)) as live:
        for content in ("hello", "break"):
            post(live, "/v1/chat/completions", {"messages": [{"role": "user", "content": content}]})
        text = live.http.get("/metrics").text
    assert 'pilot_requests_total{outcome="answered"} 1.0' in text
    assert 'pilot_requests_total{outcome="model.failed"} 1.0' in text
    assert "pilot_generated_tokens_total 5.0" in text  # the two that came before the failure, too


@pytest.fixture(scope="module")
def locked() -> Iterator[Live]:
    with serving(scripted(), api_key="secret-key") as here:
        yield here


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/models", None, 401),
        ("/v1/models", "Bearer wrong", 401),
        ("/v1/models", "secrét-key", 401),
        ("/metrics", None, 401),
        ("/v1/models", "Bearer secret-key", 200),
        ("/health", None, 200),
        ("/ready", None, 200),
    ],
)
def test_key_is_demanded_where_one_is_set(path: str, key: str | None, status: int, locked: Live) -> None:
    headers = {b"Authorization": key.encode()} if key else {}
    assert locked.http.get(path, headers=headers).status_code == status
