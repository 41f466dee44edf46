"""The only caller of the LLM server: a request -> typed parts, embeddings, or a typed error.

Works with any OpenAI-compatible server (ours, vLLM, llama.cpp, Ollama): what such a server leaves out is taken as
absent, what it sends wrongly is ModelFailed.
"""

import json
from collections.abc import AsyncGenerator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from pilot import errors
from pilot.protocol import (
    ChatRequest,
    Delta,
    Done,
    LoadRequest,
    ModelCard,
    ModelList,
    ServingOverview,
    ServingState,
    StreamPart,
    Usage,
    events,
)

S = TypeVar("S", bound=BaseModel)

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 2.0  # of a connection that is used again: servers close theirs after 5 s, and must not do so meanwhile
SILENCE_SECONDS = 120.0  # a large model on a CPU may think this long before its first token
EMBED_BATCH = 64
AGAIN = (
    "Under ./run.sh it starts again by itself: ask again in a moment. "
    "Else start it with: python pilot/server/llmserver.py"
)
visitor: ContextVar[str] = ContextVar("visitor", default="")  # in whose name requests go out that name no user
OWN_WORDS = ("message", "remedy", "retry_after")  # what an error calls its own: no details


@dataclass(frozen=True)
class Candidate:
    """One whole answer of several. `logprob` is the sum over its text, where the server tells it."""

    text: str
    reason: str
    logprob: float | None = None


class LlmClient:
    """One per process; `close` it at the end. Safe for concurrent requests."""

    def __init__(
        self,
        server: str,
        *,
        embedding_server: str = "",
        embedding_model: str = "all-MiniLM-L6-v2",
        api_key: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.server = _base(server)
        self.embedding_server = _base(embedding_server) if embedding_server else self.server
        self.embedding_model = embedding_model
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        # trust_env off: a proxy in the environment must not see what goes to a private model
        self._http = httpx.AsyncClient(
            headers=headers, timeout=timeout, transport=transport, trust_env=False,
            limits=httpx.Limits(keepalive_expiry=IDLE_SECONDS),
        )  # fmt: skip

    async def close(self) -> None:
        await self._http.aclose()

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamPart, None]:
        """Parts as they arrive; closing the iterator closes the connection, which stops generation.

        Raises ModelUnreachable (also when the server goes away meanwhile), ModelTimeout, ModelBusy, ModelFailed (also
        when the stream ends without Done for each candidate) or what the server says (PromptTooLong, ModelUnable ...).
        """
        body = request.model_dump(exclude_defaults=True, by_alias=True)
        body |= {"model": request.model, "stream": True, "temperature": request.temperature}  # servers differ in theirs
        if user := request.user or visitor.get():
            body["user"] = user
        open_candidates = set(range(request.n))
        try:
            async with self._http.stream("POST", f"{self.server}/v1/chat/completions", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refusal(response, await response.aread())
                async for text in events(response.aiter_bytes()):
                    if text == "[DONE]":
                        break
                    for part in _parts(text):
                        if isinstance(part, Done):
                            open_candidates.discard(part.index)
                        yield part
        except (httpx.HTTPError, ValueError) as error:
            raise _broken(error, self.server) from error
        if open_candidates:
            raise errors.ModelFailed(
                "the model server ended its answer too early", remedy="Ask again.", reason="failed"
            )

    async def complete(self, request: ChatRequest) -> list[Candidate]:
        """All candidates whole, in the server's order (best first where it ranks them)."""
        texts: dict[int, list[Delta]] = {index: [] for index in range(request.n)}
        reasons: dict[int, str] = {}
        async for part in self.stream(request):
            if isinstance(part, Delta):
                texts.setdefault(part.index, []).append(part)
            elif isinstance(part, Done):
                reasons[part.index] = part.reason
        return [Candidate("".join(part.text for part in parts), reasons[index], _total(parts))
                for index, parts in sorted(texts.items()) if index in reasons]  # fmt: skip

    async def embed(self, texts: Sequence[str], *, model: str = "") -> NDArray[np.float32]:
        """Normalised vectors, float32 [len(texts), dimension]; `model` is another one than the settings name."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), EMBED_BATCH):
            body = {"model": model or self.embedding_model, "input": list(texts[start : start + EMBED_BATCH])}
            answer = await self._json("POST", f"{self.embedding_server}/v1/embeddings", body)
            try:
                vectors += [row["embedding"] for row in sorted(answer["data"], key=lambda row: row["index"])]
            except (KeyError, TypeError) as error:
                raise errors.ModelFailed("the embedding server answered in another format", reason="failed") from error
        if len(vectors) != len(texts):
            raise errors.ModelFailed(
                f"the embedding server answered {len(vectors)} vectors for {len(texts)} texts", reason="failed"
            )
        found = np.asarray(vectors, dtype=np.float32)
        norms = np.linalg.norm(found, axis=1, keepdims=True) if len(texts) else np.ones((0, 1), np.float32)
        scaled: NDArray[np.float32] = found / np.maximum(norms, 1e-12)
        return scaled

    async def rerank(self, question: str, texts: Sequence[str], *, model: str) -> list[float]:
        """How well each text answers, 0 to 1: vLLM's /v1/rerank, and ours."""
        body = {"model": model, "query": question, "documents": list(texts)}
        answer = await self._json("POST", f"{self.embedding_server}/v1/rerank", body)
        try:
            scores = {row["index"]: float(row["relevance_score"]) for row in answer["results"]}
            return [scores[index] for index in range(len(texts))]
        except (KeyError, TypeError, ValueError) as error:
            raise errors.ModelFailed("the reranker answered in another format", reason="failed") from error

    async def models(self) -> list[ModelCard]:
        answer = await self._json("GET", f"{self.server}/v1/models")
        try:
            return ModelList.model_validate(answer).data
        except ValueError as error:
            raise errors.ModelFailed("the model server lists its models in another format", reason="failed") from error

    async def serving(self) -> ServingOverview:
        """Which models could be served. Raises ModelUnable where another server (vLLM) cannot change its own."""
        return await self._serving("GET", "", ServingOverview)

    async def load_model(self, wish: LoadRequest) -> ServingState:
        """Begins at once. Raises ModelUnknown, ModelUnusable, Conflict, ModelUnable; ModelTimeout where it may have
        begun none the less.
        """
        return await self._serving("POST", "/load", ServingState, wish.model_dump())

    async def unload_model(self) -> ServingState:
        return await self._serving("POST", "/unload", ServingState, {})

    async def _serving(self, method: str, path: str, kind: type[S], body: dict[str, Any] | None = None) -> S:
        try:
            return kind.model_validate(await self._json(method, f"{self.server}/v1/serving{path}", body))
        except (ValueError, errors.NotFound, errors.ModelFailed) as error:
            raise errors.ModelUnable(
                f"the model server at {self.server} cannot change its model",
                remedy="Change it there, with its own means.",
            ) from error

    async def ready(self) -> bool:
        """Whether the LLM server answers a token now; False while it loads. Never raises."""
        try:
            response = await self._http.get(f"{self.server}/ready", timeout=CONNECT_SECONDS)
        except httpx.HTTPError:
            return False
        return response.status_code in (httpx.codes.OK, httpx.codes.NOT_FOUND)  # vLLM has no /ready

    async def _json(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = await self._http.request(method, url, json=body)
            if response.status_code != httpx.codes.OK:
                raise _refusal(response, response.content)
            answer = response.json()
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise _broken(error, url.rsplit("/v1/", 1)[0]) from error
        if not isinstance(answer, dict):
            raise errors.ModelFailed("the model server answered in another format", reason="failed")
        return answer


def _base(server: str) -> str:
    """`http://host:8000`, whether or not the owner wrote /v1 behind it."""
    return server.rstrip("/").removesuffix("/v1")


class _Token(BaseModel):
    logprob: float


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Said(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    index: int = 0
    delta: _Said = _Said()
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None

    @property
    def logprob(self) -> float | None:
        tokens = self.logprobs.content if self.logprobs else None
        return sum(token.logprob for token in tokens) if tokens else None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(BaseModel):
    """One event of a streamed chat completion: what we read of it, whoever sends it."""

    choices: list[_Choice] = []
    usage: _Usage | None = None


def _parts(text: str) -> list[StreamPart]:
    """Raises ValueError when this is no chunk of a chat completion, or the server's own error."""
    body = json.loads(text)
    if isinstance(body, dict) and "error" in body:
        raise _from_body(body, httpx.codes.BAD_GATEWAY, 1)
    found = _Chunk.model_validate(body)
    parts: list[StreamPart] = []
    for choice in found.choices:
        if choice.delta.content:
            parts.append(Delta(choice.delta.content, choice.index, choice.logprob))
        if choice.finish_reason:
            parts.append(Done("length" if choice.finish_reason == "length" else "stop", choice.index))
    if found.usage:
        parts.append(Usage(found.usage.prompt_tokens, found.usage.completion_tokens))
    return parts


def _total(parts: list[Delta]) -> float | None:
    known = [part.logprob for part in parts if part.logprob is not None]
    return sum(known) if known else None


def _refusal(response: httpx.Response, content: bytes) -> errors.PilotError:
    try:
        body = json.loads(content)
    except ValueError:
        body = {}
    wait = response.headers.get("retry-after", "1")
    return _from_body(body, response.status_code, int(wait) if wait.isdigit() else 1)


def _from_body(body: Any, status: int, retry_after: int) -> errors.PilotError:
    """The server's own error where its code is one of ours, else the nearest by HTTP status."""
    said = body.get("error") or body.get("detail") if isinstance(body, dict) else None  # FastAPI's own name for it
    said = said if isinstance(said, dict) else {"message": said} if said else {}
    message = str(said.get("message") or f"the model server answered with status {status}")[:500]
    remedy, code = str(said.get("remedy") or ""), str(said.get("code"))
    kind = errors.all_errors().get(code)
    if kind is None:
        kind = errors.ModelBusy if status in (429, 503) else errors.ModelFailed
    details = {"reason": kind.code.rpartition(".")[2], **_details(said.get("details"))}
    if kind is errors.ModelBusy:
        return errors.ModelBusy(message, remedy=remedy or "Ask again in a moment.", retry_after=retry_after, **details)
    return kind(message, remedy=remedy, **details)


def _details(said: Any) -> dict[str, Any]:
    """What a sentence about the error may name: plain values."""
    pairs = said.items() if isinstance(said, dict) else ()
    told = {str(key): ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in pairs}
    return {key: value for key, value in told.items()
            if key not in OWN_WORDS and isinstance(value, str | int | float)}  # fmt: skip


def _broken(error: Exception, server: str) -> errors.ModelError:
    """Why there is no whole answer. The server may have gone away while it was asked, and what was asked with it."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return errors.ModelUnreachable(
                f"no model server answers at {server}", remedy=AGAIN, reason="unreachable",
                server=server,
            )  # fmt: skip
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            return errors.ModelUnreachable(
                "the model server went away before its answer was whole", remedy=AGAIN, reason="gone",
            )  # fmt: skip
        case httpx.TimeoutException():
            return errors.ModelTimeout(
                f"the model server has said nothing for {SILENCE_SECONDS:.0f} s",
                remedy="It may be loading a model; wait a moment, then try again.", reason="silent",
                seconds=round(SILENCE_SECONDS),
            )  # fmt: skip
    return errors.ModelFailed(
        f"the model server broke off: {_short(error)}", remedy="Ask again; its log says why.", reason="failed"
    )


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:200]
