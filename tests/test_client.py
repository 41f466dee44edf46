"""The client of the LLM server, over a transport that speaks the real protocol, rightly and wrongly."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest

from pilot import errors
from pilot.client import LlmClient, visitor
from pilot.datasource.refusals import told
from pilot.errors import ModelUnable
from pilot.i18n import LANGUAGES, Texts
from pilot.model.wire import error_body
from pilot.protocol import ChatRequest, Delta, Done, LoadRequest, Message, Usage, chunk, event

ASK = ChatRequest(messages=[Message(role="user", content="hello")])


class Server(httpx.AsyncBaseTransport):
    """Answers every request with the same status and pieces of body."""

    def __init__(self, *pieces: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.pieces, self.status, self.headers = pieces, status, headers
        self.requests: list[httpx.Request] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, headers=self.headers, stream=_Pieces(self))


class _Pieces(httpx.AsyncByteStream):
    def __init__(self, server: Server) -> None:
        self.server = server

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.server.pieces:
            yield piece

    async def aclose(self) -> None:
        self.server.closed = True


def _client(server: httpx.AsyncBaseTransport) -> LlmClient:
    return LlmClient("http://model/v1/", transport=server, api_key="k")


def _said(*parts: Delta | Done | Usage) -> bytes:
    return b"".join(event(chunk("c", "m", part)) for part in parts) + event("[DONE]")


async def test_parts_arrive_however_the_bytes_are_cut() -> None:
    whole = _said(Delta("你好 "), Delta("world"), Done("stop"), Usage(3, 2))
    server = Server(*(whole[i : i + 1] for i in range(len(whole))))
    parts = [part async for part in _client(server).stream(ASK)]
    assert parts == [Delta("你好 "), Delta("world"), Done("stop"), Usage(3, 2)]
    assert str(server.requests[0].url) == "http://model/v1/chat/completions"
    assert server.requests[0].headers["authorization"] == "Bearer k"


async def test_requests_that_name_no_user_go_out_in_the_visitors_name() -> None:
    server = Server(_said(Done()))
    token = visitor.set("somebody")
    for user in ("", "me"):
        await _client(server).complete(ASK.model_copy(update={"user": user}))
    visitor.reset(token)
    await _client(server).complete(ASK)
    assert [json.loads(request.content).get("user") for request in server.requests] == ["somebody", "me", None]


async def test_a_server_that_says_nothing_may_still_do_what_it_was_asked() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("", request=request)

    with pytest.raises(errors.ModelTimeout, match="nothing for 120 s") as silent:
        await _client(Silent()).load_model(LoadRequest(model="large"))
    assert "120 秒" in told(silent.value, Texts("zh")).message


@pytest.mark.parametrize(
    "said", [httpx.ReadError(""), httpx.WriteError(""), httpx.CloseError(""), httpx.RemoteProtocolError("peer closed")]
)
@pytest.mark.parametrize("begun", [True, False])
async def test_a_server_that_goes_away_is_told_with_what_to_do(said: httpx.HTTPError, begun: bool) -> None:
    class Leaving(Server):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if not begun:
                raise said
            return httpx.Response(200, stream=_Broken(self))

    class _Broken(_Pieces):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield event(chunk("c", "m", Delta("half")))
            raise said

    for asked in (_client(Leaving()).complete(ASK), _client(Leaving()).models()):
        with pytest.raises(errors.ModelUnreachable, match="went away") as caught:
            await asked
        for language in LANGUAGES:
            assert "./run.sh" in told(caught.value, Texts(language)).remedy
        assert "中断" in told(caught.value, Texts("zh")).message


async def test_a_server_that_falls_silent_within_its_answer_took_too_long() -> None:
    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ReadTimeout("", request=request)

    with pytest.raises(errors.ModelTimeout, match="nothing for 120 s"):
        await _client(Slow()).complete(ASK)


async def test_candidates_are_put_together_with_their_probability() -> None:
    server = Server(_said(Delta("a", 0, -0.5), Delta("x", 1, -1.0), Delta("b", 0, -0.25), Done(index=0), Done(index=1)))
    first, second = await _client(server).complete(ASK.model_copy(update={"n": 2}))
    assert (first.text, first.logprob) == ("ab", -0.75)
    assert (second.text, second.logprob) == ("x", -1.0)


async def test_leaving_closes_the_connection() -> None:
    server = Server(*(event(chunk("c", "m", Delta(str(i)))) for i in range(100)))
    stream = _client(server).stream(ASK)
    assert await anext(stream) == Delta("0")
    await stream.aclose()
    assert server.closed


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"data: {half", 200, errors.ModelFailed),
        (b"data: [1]\n\n", 200, errors.ModelFailed),
        (event(chunk("c", "m", Delta("no end"))), 200, errors.ModelFailed),
        (b"", 200, errors.ModelFailed),
        (b'data: {"choices": [{"delta": 5}]}\n\n', 200, errors.ModelFailed),
        (event({"error": {"code": "model.failed", "message": "boom"}}), 200, errors.ModelFailed),
        (b"<html>oops</html>", 500, errors.ModelFailed),
        (b'{"error": {"code": "model.prompt_too_long", "message": "5 > 4"}}', 400, errors.PromptTooLong),
        (b'{"error": "overloaded"}', 429, errors.ModelBusy),
        (b"data: " + b"x" * 5_000_000, 200, errors.ModelFailed),
    ],
    ids=["half", "no object", "no end", "empty", "wrong shape", "error event", "html", "ours", "busy", "endless line"],
)
async def test_what_a_server_does_wrong_is_a_typed_error(body: bytes, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        async for _ in _client(Server(body, status=status)).stream(ASK):
            pass


async def test_a_servers_own_error_keeps_what_its_sentence_names() -> None:
    said = ModelUnable("unknown words", remedy="Ask again.", reason="unread", words=["甲", "乙"], odd={})
    body = json.dumps(error_body(said)).encode()
    with pytest.raises(ModelUnable) as caught:
        await _client(Server(body, status=422)).complete(ASK)
    assert caught.value.details == {"reason": "unread", "words": "甲, 乙"}
    assert told(caught.value, Texts("zh")).message == "内置模型不认识这些词：甲, 乙。"
    assert told(caught.value, Texts("en")).message == "unknown words"


async def test_an_error_of_another_server_has_a_sentence_in_each_language() -> None:
    with pytest.raises(errors.ModelFailed) as caught:
        await _client(Server(b'{"error": {"message": "CUDA error", "details": "?"}}', status=500)).complete(ASK)
    assert told(caught.value, Texts("en")).message == "CUDA error"
    assert told(caught.value, Texts("zh")).message == Texts("zh")("models.failed")


async def test_a_busy_server_says_how_long_to_wait() -> None:
    server = Server(b'{"error": {"code": "model.busy", "message": "full"}}', status=503, headers={"retry-after": "7"})
    with pytest.raises(errors.ModelBusy) as caught:
        await _client(server).complete(ASK)
    assert caught.value.retry_after == 7


async def test_no_server_is_a_clear_error() -> None:
    client = LlmClient("http://127.0.0.1:9")  # the discard port: nothing listens
    with pytest.raises(errors.ModelUnreachable, match="no model server answers"):
        await client.complete(ASK)
    assert not await client.ready()
    await client.close()


async def test_embeddings_come_in_order_and_normalised() -> None:
    rows = [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [3.0, 4.0]}]
    vectors = await _client(Server(json.dumps({"data": rows}).encode())).embed(["a", "b"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0.0, 1.0]], atol=1e-6)


async def test_too_few_embeddings_are_an_error() -> None:
    with pytest.raises(errors.ModelFailed, match="1 vectors for 2"):
        await _client(Server(b'{"data": [{"index": 0, "embedding": [1.0]}]}')).embed(["a", "b"])


async def test_concurrent_streams_do_not_mix() -> None:
    async def ask(word: str) -> str:
        parts = [part async for part in _client(Server(_said(Delta(word), Done()))).stream(ASK)]
        return "".join(part.text for part in parts if isinstance(part, Delta))

    assert await asyncio.gather(*(ask(str(i)) for i in range(20))) == [str(i) for i in range(20)]
