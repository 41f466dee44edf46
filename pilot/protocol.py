"""All that the two processes share: OpenAI's chat API as typed values, and its server-sent events.

Source: OpenAI API reference (chat completions, embeddings, models); extension fields are named as in vLLM's
OpenAI-compatible server, so that either may stand behind MODEL_SERVER.
"""

import json
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "cancelled", "tool_calls"]
Ability = Literal["chat", "text_to_sql"]

MAX_EVENT_BYTES = 4_000_000  # one event of a server that we do not trust


class Function(BaseModel):
    """A tool, or with `arguments` (JSON text) a call of it."""

    name: str = Field(pattern=r"^[\w.-]{1,64}$")
    description: str = ""
    parameters: dict[str, Any] | None = None  # a JSON schema; None: it takes anything
    arguments: str = "{}"


class Tool(BaseModel):
    type: Literal["function"] = "function"
    function: Function


class Called(Tool):
    """A call that the model made earlier, as the client gives it back."""

    id: str = ""


class Message(BaseModel):
    role: Role
    content: str = ""
    tool_calls: list[Called] | None = None  # of an assistant
    tool_call_id: str | None = None  # of what a tool answered

    @field_validator("role", mode="before")
    @classmethod
    def _developer(cls, role: Any) -> Any:
        """OpenAI's newer name for who sets the rules."""
        return "system" if role == "developer" else role

    @field_validator("content", mode="before")
    @classmethod
    def _text(cls, content: Any) -> Any:
        """OpenAI's clients may send a list of parts, and null beside a tool's call."""
        if content is None:
            return ""
        if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
            return "\n".join(str(part.get("text", "")) for part in content)
        return content


class StructuredOutputs(BaseModel):
    """At most one of these; `grammar` is Lark as llguidance reads it."""

    model_config = ConfigDict(extra="forbid")
    grammar: str | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="json")
    regex: str | None = None
    choice: list[str] | None = None


class JsonSchema(BaseModel):
    name: str = ""
    json_schema: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    """OpenAI's way to ask for JSON."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _whole(self) -> "ResponseFormat":
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("type json_schema, and it alone, needs the field json_schema")
        return self

    @property
    def constraint(self) -> StructuredOutputs | None:
        if self.type == "text":
            return None
        return StructuredOutputs(json=self.json_schema.json_schema if self.json_schema else {"type": "object"})


class StreamOptions(BaseModel):
    include_usage: bool = False


class Sampling(BaseModel):
    """What chats and completions have in common. Unknown fields are ignored, as OpenAI's own servers do."""

    model: str = ""
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(default=0.7, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    min_p: float = Field(default=0.0, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0, le=2)
    n: int = Field(default=1, ge=1, le=16)
    seed: int | None = None
    stop: str | list[str] | None = None
    user: str = ""
    structured_outputs: StructuredOutputs | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="after")
    def _one_format(self) -> Self:
        if self.structured_outputs and self.response_format and self.response_format.constraint:
            raise ValueError("structured_outputs and response_format in one request")
        return self

    @property
    def constraint(self) -> StructuredOutputs | None:
        """What the whole answer must keep to."""
        return self.structured_outputs or (self.response_format.constraint if self.response_format else None)

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class ChatRequest(Sampling):
    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    truncate_prompt_tokens: int | None = Field(default=None, ge=-1)
    tools: list[Tool] = []
    tool_choice: Literal["none", "auto", "required"] | Tool = "auto"
    parallel_tool_calls: bool = True

    @model_validator(mode="after")
    def _known_tool(self) -> Self:
        wanted = self.tool_choice.function.name if isinstance(self.tool_choice, Tool) else None
        if wanted and all(tool.function.name != wanted for tool in self.tools):
            raise ValueError(f"tool_choice names {wanted!r}, which is not among the tools")
        if self.offered and self.constraint:
            raise ValueError("tools and a format of the answer in one request")
        return self

    @property
    def offered(self) -> list[Function]:
        """The tools that the model may call."""
        if self.tool_choice == "none":
            return []
        if isinstance(self.tool_choice, Tool):
            return [tool.function for tool in self.tools if tool.function.name == self.tool_choice.function.name]
        return [tool.function for tool in self.tools]

    @property
    def speaks_of_tools(self) -> bool:
        return bool(self.offered) or any(each.tool_calls or each.role == "tool" for each in self.messages)

    @property
    def limit(self) -> int | None:
        """Most new tokens the client wants, under either of OpenAI's names."""
        return self.max_completion_tokens or self.max_tokens


class TextRequest(ChatRequest):
    """A completion within the server: `text`, or tokens, are read as they are, without a template."""

    messages: list[Message] = []
    text: str | list[int]


class CompletionRequest(Sampling):
    """OpenAI's older endpoint. Several prompts: `n` answers to each, in their order."""

    prompt: str | list[int] | list[str] | list[list[int]]
    max_tokens: int | None = Field(default=16, ge=1)
    logprobs: int | None = Field(default=None, ge=0, le=20)
    echo: bool = False
    suffix: str | None = None

    @property
    def prompts(self) -> list[str | list[int]]:
        if isinstance(self.prompt, str):
            return [self.prompt]
        tokens = [token for token in self.prompt if isinstance(token, int)]
        return [tokens] if tokens else [each for each in self.prompt if not isinstance(each, int)]

    def of(self, prompt: str | list[int]) -> TextRequest:
        """The same wish for one of the prompts."""
        shared = {name: getattr(self, name) for name in Sampling.model_fields}
        return TextRequest(
            text=prompt, **shared | {"logprobs": self.logprobs is not None, "top_logprobs": self.logprobs}
        )


@dataclass(frozen=True)
class Token:
    """A token's text, the natural log of its probability, and the most likely tokens in its place with theirs."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Delta:
    """New text only. `index` numbers the candidates of one request; `logprob` is the natural log of this text, the
    sum over its `tokens` where they are known.
    """

    text: str
    index: int = 0
    logprob: float | None = None
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True)
class ToolCall:
    """The model calls a tool; `arguments` is JSON text. `number` counts the calls of candidate `index`."""

    name: str
    arguments: str
    index: int = 0
    number: int = 0


@dataclass(frozen=True)
class Done:
    """The end of candidate `index`, said aloud: a stream without it was cut off."""

    reason: FinishReason = "stop"
    index: int = 0


@dataclass(frozen=True)
class Usage:
    """Comes once, after every Done."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0  # of the prompt: those that need not be read again

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


StreamPart = Delta | ToolCall | Done | Usage


class PilotCard(BaseModel):
    """What a model's card says beyond OpenAI's fields."""

    family: str
    adapter: str
    context: int  # tokens, prompt and answer together
    quantisation: str  # "fp32", "bf16", "fp16", "int8", "nf4", "nf4+dq", "fp4", "fp4+dq"; "none" elsewhere
    device: str
    memory_bytes: int
    abilities: list[Ability]


class ModelCard(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "local"
    pilot: PilotCard | None = None  # absent when another server stands behind MODEL_SERVER


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelCard]


PrecisionName = Literal["auto", "fp32", "bf16", "fp16", "int8", "nf4", "nf4+dq", "fp4", "fp4+dq"]


class Offer(BaseModel):
    """A model that can be loaded, or says why not."""

    name: str
    family: str = ""
    base: str = Field(default="", description="Of a LoRA adapter: the folder that it belongs to.")
    file_bytes: int = 0
    message: str = Field(default="", description="What is wrong with it.")
    remedy: str = ""


class ServingState(BaseModel):
    """`failed`: the last wish could not be met; `model` is what is served none the less, if anything."""

    state: Literal["empty", "loading", "ready", "failed"]
    model: str = ""
    wanted: str = Field(default="", description="Being loaded, or what could not be.")
    progress: float = Field(default=0, ge=0, le=1, description="Of loading, by the memory that it took so far.")
    message: str = ""
    remedy: str = ""


class ServingOverview(ServingState):
    models: list[Offer]


class LoadRequest(BaseModel):
    model: str
    precision: PrecisionName = "auto"


class EmbeddingRequest(BaseModel):
    model: str = ""
    input: str | list[str]

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class Embedding(BaseModel):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float]


class EmbeddingResponse(BaseModel):
    object: Literal["list"] = "list"
    model: str
    data: list[Embedding]
    usage: dict[str, int] = Field(default_factory=lambda: {"prompt_tokens": 0, "total_tokens": 0})


def chunk(completion: str, model: str, part: StreamPart) -> dict[str, Any]:
    """One streamed event of a chat completion, as OpenAI shapes it."""
    body: dict[str, Any] = {
        "id": completion, "object": "chat.completion.chunk", "created": int(time.time()), "model": model, "choices": [],
    }  # fmt: skip
    match part:
        case ToolCall(index=index):
            body["choices"] = [{"index": index, "delta": {"tool_calls": [call_of(part)]}, "finish_reason": None}]
        case Delta(text, index):
            choice: dict[str, Any] = {"index": index, "delta": {"content": text}, "finish_reason": None}
            if part.logprob is not None:
                choice["logprobs"] = {"content": logprobs_of(part)}
            body["choices"] = [choice]
        case Done(reason, index):
            body["choices"] = [{"index": index, "delta": {}, "finish_reason": reason}]
        case Usage():
            body["usage"] = usage_of(part)
    return body


def usage_of(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def call_of(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": call.number, "id": f"call_{uuid.uuid4().hex}", "type": "function", "function": function}


def logprobs_of(delta: Delta) -> list[dict[str, Any]]:
    """Token by token, as OpenAI shapes it; a model that knows only the whole text's gives that as one token."""
    if delta.logprob is None:
        return []
    tokens = delta.tokens or (Token(delta.text, delta.logprob),)
    return [
        {**_chance(token.text, token.logprob), "top_logprobs": [_chance(*top) for top in token.top]} for token in tokens
    ]


def _chance(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode("utf-8", errors="replace"))}


def event(body: dict[str, Any] | str) -> bytes:
    """One server-sent event. Non-ASCII goes over the wire as it is; lone surrogates cannot."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f"data: {text}\n\n".encode("utf-8", errors="replace")


async def events(chunks: AsyncIterable[bytes]) -> AsyncIterator[str]:
    """The `data:` payloads of a stream of server-sent events, in whatever pieces the bytes arrive.

    Raises ValueError when one line grows beyond MAX_EVENT_BYTES.
    """
    pending = b""
    async for piece in chunks:
        pending += piece
        *lines, pending = pending.split(b"\n")
        if len(pending) > MAX_EVENT_BYTES:
            raise ValueError(f"an event of more than {MAX_EVENT_BYTES} bytes")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip().decode("utf-8", errors="replace")
