"""Any OpenAI-compatible server (vLLM, llama.cpp, Ollama, a cloud's) behind Pilot's own limits, keys and metrics."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from pilot.client import LlmClient
from pilot.errors import ConfigInvalid, ModelUnreachable
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.protocol import ChatRequest, Done, PilotCard, StreamOptions, StreamPart, Usage

POLL_SECONDS = 0.05  # how long a cancellation may go unnoticed while the other server is silent
CHARACTERS_PER_TOKEN = 4  # of English, on average: the other server's tokenizer is not here


class ProxyAdapter(ModelAdapter):
    """One event loop in one thread carries all requests; each waits for its parts in the thread that asked."""

    parallel = True

    def __init__(self, client: LlmClient, *, model: str, context: int) -> None:
        self._client = client
        self._model = model
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "ProxyAdapter":
        """Asks the other server for nothing yet: it may start later than this one."""
        if not options.proxy_url:
            raise ConfigInvalid(f"LLM_MODEL={name} needs an address", remedy="Set PROXY_SERVER_URL.")
        server = options.proxy_url.rstrip("/").removesuffix("/chat/completions")  # as DB-GPT's users write it
        client = LlmClient(server, api_key=options.proxy_key)
        return cls(client, model=options.proxy_model, context=options.context)

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        parts: queue.SimpleQueue[StreamPart | BaseException | None] = queue.SimpleQueue()
        asking = asyncio.run_coroutine_threadsafe(self._ask(request, parts), self._loop)
        usage = Usage(0, 0)
        open_candidates = set(range(request.n))
        try:
            while (part := _next(parts, stop)) is not None:
                if isinstance(part, Usage):
                    usage = part
                    continue
                if isinstance(part, Done):
                    open_candidates.discard(part.index)
                else:
                    usage = Usage(usage.prompt_tokens, usage.completion_tokens + 1)  # unless the server counts itself
                yield part
        finally:
            asking.cancel()
        for index in sorted(open_candidates):
            yield Done("cancelled", index)
        yield usage

    def count(self, text: str) -> int:
        """An estimate."""
        return -(-len(text) // CHARACTERS_PER_TOKEN)

    @property
    def card(self) -> PilotCard:
        return PilotCard(
            family="proxyllm",
            adapter="proxy",
            context=self._context,
            quantisation="none",
            device=self._client.server,
            memory_bytes=0,
            abilities=["chat", "text_to_sql"],
        )

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _ask(self, request: ChatRequest, parts: "queue.SimpleQueue[StreamPart | BaseException | None]") -> None:
        try:
            wanted = request.model_copy(
                update={"model": await self._name(), "stream_options": StreamOptions(include_usage=True)}
            )
            async for part in self._client.stream(wanted):
                parts.put(part)
            parts.put(None)
        except BaseException as error:
            parts.put(error)
            raise

    async def _name(self) -> str:
        """Its first model, when the owner named none."""
        if not self._model:
            cards = await self._client.models()
            if not cards:
                raise ModelUnreachable(f"{self._client.server} serves no model", remedy="Load one there.")
            self._model = cards[0].id
        return self._model


def _next(parts: "queue.SimpleQueue[StreamPart | BaseException | None]", stop: threading.Event) -> StreamPart | None:
    """The next part; None at the end and after `stop`. Raises what the other server's answer raised."""
    while not stop.is_set():
        try:
            part = parts.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if isinstance(part, BaseException):
            raise part
        return part
    return None
