"""A model that says what it was told to: for tests, and to show what happens when a model is slow or breaks.

Served like any other: LLM_MODEL=scripted answers with the question; a folder models/scripted-<name>/ with a
replies.json plays that script.
"""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pilot.errors import ModelFailed, ModelUnusable, PromptTooLong
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.incremental import StopStrings
from pilot.protocol import Ability, ChatRequest, Delta, Done, PilotCard, StreamPart, Usage

WORD = re.compile(r"\s*\S+|\s+$")


class Reply(BaseModel):
    """What is said to a request whose last message holds `when`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = ""  # empty: to any
    text: str = ""  # goes out a word at a time
    deltas: tuple[str, ...] = ()  # instead of `text`, where it matters how it is cut
    others: tuple[str, ...] = ()  # the texts of candidates 1, 2 ... when the request wants several
    delay: float = Field(default=0.0, ge=0)  # seconds before each delta
    failure: str = ""  # raised as ModelFailed after the deltas
    cut: bool = False  # ends without Done, as a broken model does

    def words(self, index: int) -> Sequence[str]:
        if index and self.others:
            return WORD.findall(self.others[(index - 1) % len(self.others)])
        return self.deltas or WORD.findall(self.text)


class Script(BaseModel):
    """Replies with `when` are looked through first; those without are said in turn, the last one again and again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    replies: tuple[Reply, ...] = ()  # none: the question comes back
    abilities: tuple[Ability, ...] = ("chat", "text_to_sql")


class ScriptedAdapter(ModelAdapter):
    parallel = True

    def __init__(self, script: Script | None = None, *, context: int = 4096) -> None:
        self._script = script or Script()
        self._context = context
        self._turn = 0
        self._lock = threading.Lock()
        self.heard: list[ChatRequest] = []  # every request, for a test to look at

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "ScriptedAdapter":
        if folder is None:
            return cls(context=options.context)
        file = folder / "replies.json"
        try:
            script = Script.model_validate(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise ModelUnusable(
                f"{name}/replies.json cannot be read: {error}", remedy="See docs/adapters.md."
            ) from error
        return cls(script, context=options.context)

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        reply = self._hear(request)
        prompt = sum(self.count(message.content) for message in request.messages)
        if prompt >= self._context:
            raise PromptTooLong(
                f"the prompt has {prompt} tokens; this model reads {self._context}",
                tokens=prompt,
                context=self._context,
            )
        said = 0
        for index in range(request.n):
            for part in self._say(reply, index, request, stop):
                said += isinstance(part, Delta)
                yield part
        yield Usage(prompt, said)

    def count(self, text: str) -> int:
        return len(text.split())

    @property
    def card(self) -> PilotCard:
        return PilotCard(
            family="scripted",
            adapter="scripted",
            context=self._context,
            quantisation="none",
            device="cpu",
            memory_bytes=0,
            abilities=list(self._script.abilities),
        )

    def _hear(self, request: ChatRequest) -> Reply:
        last = request.messages[-1].content
        with self._lock:
            self.heard.append(request)
            fitting = next((reply for reply in self._script.replies if reply.when and reply.when in last), None)
            if fitting:
                return fitting
            in_turn = [reply for reply in self._script.replies if not reply.when]
            self._turn += 1
        return in_turn[min(self._turn, len(in_turn)) - 1] if in_turn else Reply(text=last)

    @staticmethod
    def _say(reply: Reply, index: int, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        stops = StopStrings(request.stops)
        for position, word in enumerate(reply.words(index)):
            if stop.wait(reply.delay) if reply.delay else stop.is_set():
                yield Done("cancelled", index)
                return
            if position == request.limit:
                yield Done("length", index)
                return
            if text := stops.push(word):
                yield Delta(text, index, -0.1 if request.logprobs else None)
            if stops.stopped:
                yield Done("stop", index)
                return
        if rest := stops.flush():
            yield Delta(rest, index)
        if reply.failure:
            raise ModelFailed(reply.failure)
        if not reply.cut:
            yield Done("stop", index)
