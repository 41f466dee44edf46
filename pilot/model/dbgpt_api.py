"""The protocol of DB-GPT v0.2 (2023), for clients that still speak it: /generate_stream, /generate, /embedding.

Its prompts come as one text with the speakers marked in it; each event is JSON with all text so far, then a NUL.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from pilot.errors import PilotError
from pilot.model.openai_api import EmbedderHere, EngineHere
from pilot.model.wire import check_text, unless_gone
from pilot.protocol import ChatRequest, Delta, Message, Role, StreamPart

router = APIRouter()

SPEAKER = re.compile(r"\s*(?:###\s*|\b(?=[A-Z]{4}))(Human|Assistant|USER|ASSISTANT)\s*:\s*")
ROLES: dict[str, Role] = {"human": "user", "user": "user", "assistant": "assistant"}
FAILED = 1  # any error_code but 0


class PromptRequest(BaseModel):
    """`model` is ignored: one model is served."""

    prompt: str = Field(min_length=1)
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_new_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    echo: bool = False

    def as_chat(self) -> ChatRequest:
        check_text([self.prompt])
        return ChatRequest(
            messages=messages(self.prompt),
            temperature=self.temperature,
            max_tokens=self.max_new_tokens,
            stop=self.stop,
        )


class PromptEmbedding(BaseModel):
    prompt: str


def messages(prompt: str) -> list[Message]:
    """Undo a template that the client has already applied; a text without speakers is a question."""
    system, *turns = SPEAKER.split(prompt)  # before the first mark, then speaker, text, speaker, text
    if not turns:
        return [Message(role="user", content=prompt)]
    said = [Message(role="system", content=system)] + [
        Message(role=ROLES[speaker.lower()], content=text)
        for speaker, text in zip(turns[::2], turns[1::2], strict=True)
    ]
    return [message for message in said if message.content.strip()]  # nothing follows the mark of the answer


@router.post("/generate_stream")
async def generate_stream(wish: PromptRequest, request: Request, engine: EngineHere) -> StreamingResponse:
    parts = engine.stream(wish.as_chat())
    first = await unless_gone(request, anext(parts))
    return StreamingResponse(_texts(wish.prompt if wish.echo else "", first, parts))


@router.post("/generate")
async def generate(wish: PromptRequest, request: Request, engine: EngineHere) -> dict[str, str]:
    async def whole() -> str:
        async with aclosing(engine.stream(wish.as_chat())) as parts:
            return "".join([part.text async for part in parts if isinstance(part, Delta)])

    return {"response": await unless_gone(request, whole())}


@router.post("/embedding")
async def embedding(wish: PromptEmbedding, request: Request, embedder: EmbedderHere) -> dict[str, list[float]]:
    check_text([wish.prompt])
    vectors = await unless_gone(request, embedder.embed([wish.prompt]))
    return {"response": vectors[0].tolist()}


async def _texts(text: str, first: StreamPart, rest: AsyncGenerator[StreamPart, None]) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        try:
            if isinstance(first, Delta):
                text += first.text
                yield _line(text)
            async for part in rest:
                if isinstance(part, Delta):
                    text += part.text
                    yield _line(text)
        except PilotError as error:
            yield _line(error.message, FAILED)


def _line(text: str, error_code: int = 0) -> bytes:
    return json.dumps({"text": text, "error_code": error_code}).encode() + b"\0"
