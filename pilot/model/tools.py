"""Tools: how a chat template has its model call them, a grammar that keeps calls to their schemas, and calls read back
out of an answer's text.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from llguidance import StructTag

from pilot.model.incremental import overlap
from pilot.protocol import ChatRequest, Delta, Done, Function, StreamPart, StructuredOutputs, Tool, ToolCall

ANYTHING = {"type": "object"}  # the schema of a tool that brings none


@dataclass(frozen=True)
class Format:
    """A call is `begin`, a JSON object of the tool's name and of its arguments under the key `arguments`, `end`."""

    mark: str  # a template that holds it was written for this format
    begin: str  # empty: the call, or a list of calls, is the whole answer
    arguments: str
    end: str
    listed: bool = False  # behind the token `mark`, which is no text
    id_length: int | None = None  # letters and digits that the template wants in the id of a call

    def head(self, name: str) -> str:
        return f'{self.begin}{{"name": {json.dumps(name)}, "{self.arguments}": '

    @property
    def tail(self) -> str:
        return "}" + self.end

    @property
    def opening(self) -> str:
        """With what an answer begins that is nothing but calls."""
        return self.begin or ("[" if self.listed else "{")

    @property
    def marks(self) -> set[str]:
        """What tells a call from words; a tokenizer need not call it special."""
        return {self.mark, self.begin.strip(), self.end.strip()}

    def id_of(self, call: str) -> str:
        """The id of a call as the template takes it: the same for the call and for its answer."""
        fits = self.id_length is None or (len(call) == self.id_length and call.isascii() and call.isalnum())
        return call if fits else hashlib.sha256(call.encode()).hexdigest()[: self.id_length]


FORMATS = (
    Format("<tool_call>", "<tool_call>\n", "arguments", "\n</tool_call>"),  # Hermes, Qwen
    Format("<|python_tag|>", "", "parameters", ""),  # Llama 3
    Format("[TOOL_CALLS]", "", "arguments", "", listed=True, id_length=9),  # Mistral's version 3 and 7
)
OTHERWISE = ("<function=", "[ARGS]")  # mark formats that look alike but hold no JSON, or not the name in it


def format_of(template: str | None) -> Format | None:
    """None: this template knows no tools, or calls them in a way that is not known here."""
    if not template or "tools" not in template or any(mark in template for mark in OTHERWISE):
        return None
    return next((one for one in FORMATS if one.mark in template), None)


def grammar(request: ChatRequest, form: Format, *, mark: int | None = None) -> StructuredOutputs:
    """Lark that lets the answer be calls of the offered tools, each with arguments by its schema; unless one must be
    called, words as well. `mark` is the token before a list of calls.
    """
    calls = "\n".join(f"call_{number}: {_call(tool, form)}" for number, tool in enumerate(request.offered))
    a_call = " | ".join(f"call_{number}" for number in range(len(request.offered)))
    called = f"({a_call})"
    if request.parallel_tool_calls and not isinstance(request.tool_choice, Tool):
        between = '", "' if form.listed else '"\\n"'
        called += f" ({between} ({a_call}))*" if form.listed or form.begin else ""
    if form.listed:
        called = f'<[{mark}]> / ?\\[/ {called} "]"'
    if request.tool_choice != "auto":
        return StructuredOutputs(grammar=f"%llguidance {{}}\nstart: {called}\n{calls}\n")
    if not form.begin:
        words = f"WORDS: /[^{re.escape(form.opening)}](.|\\n)*/"
        return StructuredOutputs(grammar=f"%llguidance {{}}\nstart: {called} | WORDS\n{calls}\n{words}\n")
    tags = [
        StructTag(trigger=form.begin.strip(), begin=form.head(tool.name), grammar=_schema(tool), end=form.tail)
        for tool in request.offered
    ]
    return StructuredOutputs(grammar=StructTag.to_grammar(tags, assume_special=False))


def _call(tool: Function, form: Format) -> str:
    return f"{json.dumps(form.head(tool.name))} %json {json.dumps(_schema(tool))} {json.dumps(form.tail)}"


def _schema(tool: Function) -> dict[str, object]:
    return {"x-guidance": {"whitespace_flexible": False}, **(tool.parameters or ANYTHING)}


def read(parts: Iterable[StreamPart], form: Format) -> Iterator[StreamPart]:
    """The same stream with calls in it instead of the text that they were. A call comes when it is whole."""
    candidates: dict[int, Reader] = {}
    for part in parts:
        match part:
            case Delta(text, index):
                reader = candidates.setdefault(index, Reader(form, index))
                yield from reader.push(text)
            case Done(reason, index) if index in candidates:
                yield from candidates[index].flush()
                called = candidates[index].calls and reason == "stop"
                yield Done("tool_calls", index) if called else part
            case _:
                yield part


class Reader:
    """Of one candidate."""

    def __init__(self, form: Format, index: int) -> None:
        self.calls = 0
        self._form = form
        self._index = index
        self._held = ""
        self._talks = False  # a call that is the whole answer cannot come any more

    def push(self, text: str) -> Iterator[Delta | ToolCall]:
        self._held += text
        if not self._form.begin:
            if self._talks or not self._form.opening.startswith(self._held.lstrip()[:1]):
                self._talks = True
                yield from self._say(self._held)
                self._held = ""
            return
        while self._form.begin in self._held:
            before, _, inside = self._held.partition(self._form.begin)
            yield from self._say(before.rstrip())
            written, end, rest = inside.partition(self._form.end)
            self._held = rest if end else self._form.begin + inside
            if not end:
                return
            yield from self._call(written)
        certain = self._held[: len(self._held) - overlap(self._held, self._form.begin)].rstrip()
        yield from self._say(certain)
        self._held = self._held[len(certain) :]  # blanks, too: before a call they say nothing

    def flush(self) -> Iterator[Delta | ToolCall]:
        """At the end: what is held is a call, or was the beginning of one that never came."""
        held, self._held = self._held, ""
        yield from self._say(held) if self._form.begin else self._call(held)

    def _call(self, written: str) -> Iterator[Delta | ToolCall]:
        try:
            calls = json.loads(written)
            found = [(call["name"], call[self._form.arguments]) for call in (calls if self._form.listed else [calls])]
        except (ValueError, KeyError, TypeError):  # cut off at the limit of tokens, or no call at all
            yield from self._say(written)
            return
        for name, arguments in found:
            yield ToolCall(str(name), json.dumps(arguments, ensure_ascii=False), self._index, self.calls)
            self.calls += 1

    def _say(self, text: str) -> Iterator[Delta]:
        if text:
            yield Delta(text, self._index)
