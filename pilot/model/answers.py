"""An answer over HTTP, in either of OpenAI's shapes: events while it comes, or the whole of it at its end."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, StreamingResponse

from pilot.errors import PilotError
from pilot.model.wire import error_body, unless_gone
from pilot.protocol import (
    ChatRequest,
    CompletionRequest,
    Delta,
    Done,
    Sampling,
    StreamPart,
    Token,
    ToolCall,
    Usage,
    call_of,
    chunk,
    event,
    logprobs_of,
    usage_of,
)

Body = dict[str, Any]

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Shape(ABC):
    """What one answer looks like as JSON."""

    @abstractmethod
    def openings(self) -> list[Body]:
        """Events before the first part."""

    @abstractmethod
    def event(self, part: StreamPart) -> Body: ...

    @abstractmethod
    def whole(self, parts: Sequence[StreamPart]) -> Body: ...


async def respond(
    request: Request, wish: Sampling, shape: Shape, parts: AsyncGenerator[StreamPart, None]
) -> JSONResponse | StreamingResponse:
    if not wish.stream:
        return JSONResponse(shape.whole(await unless_gone(request, _collected(parts))))
    # the first part before the first byte: what is refused gets its own HTTP status
    first = await unless_gone(request, anext(parts))
    return StreamingResponse(_events(wish, shape, first, parts), media_type="text/event-stream", headers=HEADERS)


async def _collected(parts: AsyncGenerator[StreamPart, None]) -> list[StreamPart]:
    async with aclosing(parts):
        return [part async for part in parts]


async def _events(
    wish: Sampling, shape: Shape, first: StreamPart, rest: AsyncGenerator[StreamPart, None]
) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        for opening in shape.openings():
            yield event(opening)
        try:
            async for part in _joined(first, rest):
                if not isinstance(part, Usage) or wish.stream_options.include_usage:
                    yield event(shape.event(part))
        except PilotError as error:
            yield event(error_body(error))  # no [DONE] behind it: this answer is not whole
            return
        yield event("[DONE]")


async def _joined(first: StreamPart, rest: AsyncIterator[StreamPart]) -> AsyncIterator[StreamPart]:
    yield first
    async for part in rest:
        yield part


class Chat(Shape):
    def __init__(self, model: str, wish: ChatRequest) -> None:
        self._name = f"chatcmpl-{uuid.uuid4().hex}"
        self._model = model
        self._count = wish.n

    def openings(self) -> list[Body]:
        """The first of each candidate says who speaks."""
        bodies = [self.event(Delta("", index)) for index in range(self._count)]
        for body in bodies:
            body["choices"][0]["delta"]["role"] = "assistant"
        return bodies

    def event(self, part: StreamPart) -> Body:
        return chunk(self._name, self._model, part)

    def whole(self, parts: Sequence[StreamPart]) -> Body:
        choices = [_choice(_of(index, parts), index) for index in range(self._count)]
        return {**self.event(_usage(parts)), "object": "chat.completion", "choices": choices}


def _choice(parts: Sequence[StreamPart], index: int) -> Body:
    text = "".join(part.text for part in parts if isinstance(part, Delta))
    tokens = [token for part in parts if isinstance(part, Delta) for token in logprobs_of(part)]
    calls = [call_of(part) for part in parts if isinstance(part, ToolCall)]
    message: Body = {"role": "assistant", "content": text}
    if calls:
        message = {"role": "assistant", "content": text or None, "tool_calls": calls}
    return {
        "index": index,
        "message": message,
        "finish_reason": _reason(parts),
        "logprobs": {"content": tokens} if tokens else None,
    }


class Text(Shape):
    """Of the older endpoint. Candidates of all prompts are numbered through."""

    def __init__(self, model: str, wish: CompletionRequest) -> None:
        self._head = {"id": f"cmpl-{uuid.uuid4().hex}", "object": "text_completion", "created": int(time.time()),
                      "model": model}  # fmt: skip
        self._echoes = [str(prompt) if wish.echo else "" for prompt in wish.prompts for _ in range(wish.n)]
        self._offsets = [len(echo) for echo in self._echoes]  # characters that each candidate has said

    def openings(self) -> list[Body]:
        return [self.event(Delta(echo, index)) for index, echo in enumerate(self._echoes) if echo]

    def event(self, part: StreamPart) -> Body:
        match part:
            case Delta(text, index):
                choice = {"index": index, "text": text, "logprobs": self._logprobs([part]), "finish_reason": None}
                return {**self._head, "choices": [choice]}
            case Done(reason, index):
                choice = {"index": index, "text": "", "logprobs": None, "finish_reason": reason}
                return {**self._head, "choices": [choice]}
        return {**self._head, "choices": [], "usage": usage_of(part) if isinstance(part, Usage) else None}

    def whole(self, parts: Sequence[StreamPart]) -> Body:
        choices = []
        for index, echo in enumerate(self._echoes):
            own = _of(index, parts)
            said = [part for part in own if isinstance(part, Delta)]
            text = echo + "".join(part.text for part in said)
            choices.append({"index": index, "text": text, "logprobs": self._logprobs(said),
                            "finish_reason": _reason(own)})  # fmt: skip
        return {**self._head, "choices": choices, "usage": usage_of(_usage(parts))}

    def _logprobs(self, said: Sequence[Delta]) -> Body | None:
        """Four lists, an entry for each token."""
        tokens: list[Token] = []
        offsets: list[int] = []
        for part in said:
            for token in part.tokens:
                tokens.append(token)
                offsets.append(self._offsets[part.index])
                self._offsets[part.index] += len(token.text)
        if not tokens:
            return None
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [dict(token.top) for token in tokens],
            "text_offset": offsets,
        }


def _of(index: int, parts: Sequence[StreamPart]) -> list[StreamPart]:
    return [part for part in parts if not isinstance(part, Usage) and part.index == index]


def _reason(parts: Sequence[StreamPart]) -> str:
    return next(part.reason for part in parts if isinstance(part, Done))


def _usage(parts: Sequence[StreamPart]) -> Usage:
    return next((part for part in parts if isinstance(part, Usage)), Usage(0, 0))
