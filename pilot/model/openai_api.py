"""OpenAI's routes: chat completions and completions (streamed and whole), models, embeddings."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, StreamingResponse

from pilot.errors import InputInvalid, ModelUnknown
from pilot.model.answers import Chat, Text, respond
from pilot.model.embeddings import Embedder
from pilot.model.engine import Engine
from pilot.model.wire import check_text, unless_gone
from pilot.protocol import (
    ChatRequest,
    CompletionRequest,
    Embedding,
    EmbeddingRequest,
    EmbeddingResponse,
    ModelCard,
    ModelList,
    StreamPart,
    Usage,
)

router = APIRouter(prefix="/v1")

MAX_TEXTS = 2048  # in one embedding request, as OpenAI's own limit
MAX_PROMPTS = 64  # in one request for completions
MAX_TOOLS = 128  # in one request, as OpenAI's own limit
MAX_TOOLS_CHARACTERS = 100_000  # of their descriptions and schemas: the grammar is made of these


def served_engine(request: Request) -> Engine:
    engine: Engine = request.app.state.engine
    return engine


def served_embedder(request: Request) -> Embedder:
    embedder: Embedder = request.app.state.embedder
    return embedder


EngineHere = Annotated[Engine, Depends(served_engine)]
EmbedderHere = Annotated[Embedder, Depends(served_embedder)]


@router.get("/models")
async def models(engine: EngineHere) -> ModelList:
    adapter = engine.adapter
    return ModelList(data=[ModelCard(id=name, pilot=adapter.card) for name in (engine.name, *adapter.variants())])


@router.post("/chat/completions", response_model=None)
async def chat(wish: ChatRequest, request: Request, engine: EngineHere) -> JSONResponse | StreamingResponse:
    _check_model(wish.model, engine)
    check_text(message.content for message in wish.messages)
    _check_tools(wish, engine)
    return await respond(request, wish, Chat(engine.name, wish), engine.stream(wish))


@router.post("/completions", response_model=None)
async def completions(
    wish: CompletionRequest, request: Request, engine: EngineHere
) -> JSONResponse | StreamingResponse:
    _check_model(wish.model, engine)
    _check_prompts(wish)
    if not engine.adapter.reads_text:
        raise InputInvalid(f"{engine.name} reads conversations alone", remedy="Send them to /v1/chat/completions.")
    return await respond(request, wish, Text(engine.name, wish), _completed(wish, engine))


@router.post("/embeddings")
async def embeddings(wish: EmbeddingRequest, request: Request, embedder: EmbedderHere) -> JSONResponse:
    if len(wish.texts) > MAX_TEXTS:
        raise InputInvalid(f"{len(wish.texts)} texts in one request", remedy=f"Send {MAX_TEXTS} at most.")
    check_text(wish.texts)
    vectors = await unless_gone(request, embedder.embed(wish.texts, model=wish.model))
    rows = [Embedding.model_construct(index=i, embedding=vector) for i, vector in enumerate(vectors.tolist())]
    return JSONResponse(EmbeddingResponse.model_construct(model=wish.model or embedder.name, data=rows).model_dump())


def _check_model(model: str, engine: Engine) -> None:
    if model not in ("", engine.name) and model not in (names := engine.adapter.variants()):
        raise ModelUnknown(f"no model {model!r} is served here", remedy=f"Ask for {', '.join([engine.name, *names])}.")


def _check_tools(wish: ChatRequest, engine: Engine) -> None:
    described = [json.dumps(tool.model_dump(), ensure_ascii=False) for tool in wish.tools]
    check_text(described)
    size = sum(map(len, described))
    if len(described) > MAX_TOOLS or size > MAX_TOOLS_CHARACTERS:
        raise InputInvalid(
            f"{len(described)} tools with {size:,} characters in one request",
            remedy=f"Offer {MAX_TOOLS} at most, with {MAX_TOOLS_CHARACTERS:,} characters in all.",
        )
    if wish.speaks_of_tools and not engine.adapter.calls_tools:
        raise InputInvalid(
            f"{engine.name} calls no tools here, so a conversation with tools, calls or their answers is not for it",
            remedy="Leave them out, or serve the safetensors folder of a model whose template calls tools as Qwen's, "
            "Llama 3's or Mistral's (before version 11) do.",
        )


def _check_prompts(wish: CompletionRequest) -> None:
    texts = [prompt for prompt in wish.prompts if isinstance(prompt, str)]
    check_text(texts)
    if not 0 < len(wish.prompts) <= MAX_PROMPTS:
        raise InputInvalid(f"{len(wish.prompts)} prompts in one request", remedy=f"Send 1 to {MAX_PROMPTS}.")
    if wish.suffix:
        raise InputInvalid("no served model fills in before a suffix", remedy="Leave `suffix` out.")
    if wish.echo and (wish.logprobs is not None or len(texts) < len(wish.prompts)):
        raise InputInvalid("echo gives back text, neither tokens nor logprobs of the prompt", remedy="Leave it out.")


async def _completed(wish: CompletionRequest, engine: Engine) -> AsyncGenerator[StreamPart, None]:
    """Prompt after prompt, each as a request of its own."""
    total = Usage(0, 0)
    for number, prompt in enumerate(wish.prompts):
        async with aclosing(engine.stream(wish.of(prompt))) as parts:
            async for part in parts:
                if isinstance(part, Usage):
                    total += part
                else:
                    yield replace(part, index=number * wish.n + part.index)
    yield total
