"""Messages -> the tokens of a prompt, by the model family's own template. Serving and fine-tuning both read it here."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from jinja2 import TemplateError

from pilot.errors import InputInvalid, PromptTooLong
from pilot.model.families import Family
from pilot.model.tools import Format, format_of
from pilot.protocol import Called, Function, Message, Tool

LONGEST_TOKEN = 128  # characters; in today's vocabularies a run of blanks


class Prompter:
    def __init__(self, tokenizer: Any, family: Family, context: int) -> None:
        self._tokenizer = tokenizer
        self._family = family
        self._context = context

    def encode(self, messages: Sequence[Message], tools: Sequence[Function] = ()) -> list[int]:
        """The prompt's tokens, special ones included. Raises PromptTooLong when no room is left for an answer."""
        size = sum(map(_size, messages)) + sum(len(tool.model_dump_json()) for tool in tools)
        self._check_length(size, "characters", LONGEST_TOKEN)
        safe = self._safe(messages)
        template = self._family.template
        prompt = self._by_chat_template(safe, tools) if template is None else self._by_row(template.render(safe))
        self._check_length(len(prompt), "tokens")
        return list(prompt)

    def as_it_is(self, text: str | list[int]) -> list[int]:
        """A prompt without a template, or one that is tokens already. Raises PromptTooLong, InputInvalid."""
        self._check_length(len(text), *(("characters", LONGEST_TOKEN) if isinstance(text, str) else ("tokens",)))
        prompt = self._by_row(text) if isinstance(text, str) else text
        self._check_length(len(prompt), "tokens")
        if not prompt or not all(0 <= token < len(self._tokenizer) for token in prompt):
            raise InputInvalid(
                f"the prompt is no list of tokens below {len(self._tokenizer)}", remedy="Send text, or other tokens."
            )
        return prompt

    @property
    def tools(self) -> Format | None:
        """How this model calls tools, if it was taught to."""
        form = format_of(self._tokenizer.chat_template) if self._family.template is None else None
        return None if form and form.listed and self.token(form.mark) is None else form

    def token(self, text: str) -> int | None:
        """The one token that was added to the vocabulary for this text."""
        return self._tokenizer.get_added_vocab().get(text)

    def _check_length(self, size: int, unit: str, each: int = 1) -> None:
        """What is far too long is not even read: counting would hold up the others."""
        if size >= self._context * each:
            raise self._too_long(f"{size} {unit}")

    def answered(self, messages: Sequence[Message], answer: str, end: int) -> tuple[list[int], list[int]]:
        """The prompt as `encode` gives it, and the tokens with which a model should go on, `end` last."""
        prompt = self.encode(messages)
        whole = self._continued(messages, self._harmless(answer))
        if whole[: len(prompt)] == prompt:
            return prompt, [*whole[len(prompt) :], end]
        return prompt, [*self._tokenizer(answer, add_special_tokens=False)["input_ids"], end]  # a token spans the joint

    def _continued(self, messages: Sequence[Message], answer: str) -> list[int]:
        safe = self._safe(messages)
        template = self._family.template
        if template is not None:
            return self._by_row(template.render(safe) + template.gap + answer)
        text = str(self._by_chat_template(safe, (), tokenize=False))
        return list(self._tokenizer(text + answer, add_special_tokens=False)["input_ids"])

    def _safe(self, messages: Sequence[Message]) -> list[Message]:
        return [message.model_copy(update={"content": self._harmless(message.content)}) for message in messages]

    def _too_long(self, size: str) -> PromptTooLong:
        return PromptTooLong(
            f"the prompt has {size}; this model reads {self._context} tokens, answer included",
            remedy="Shorten it, or raise MAX_POSITION_EMBEDDINGS if the model can read more.",
            size=size,
            context=self._context,
        )

    def _by_row(self, text: str) -> list[int]:
        if self._family.bos_token_id is None:
            return list(self._tokenizer(text)["input_ids"])
        return [self._family.bos_token_id, *self._tokenizer(text, add_special_tokens=False)["input_ids"]]

    def _by_chat_template(self, messages: list[Message], tools: Sequence[Function], *, tokenize: bool = True) -> Any:
        """Tokens, or the text that they are made of."""
        try:
            return self._apply(messages, tools, tokenize)
        except TemplateError:  # some templates refuse a system message
            try:
                return self._apply(_without_system(messages), tools, tokenize)
            except TemplateError as error:
                raise InputInvalid(f"the model's chat template refuses these messages: {error}") from error

    def _apply(self, messages: list[Message], tools: Sequence[Function], tokenize: bool) -> Any:
        return self._tokenizer.apply_chat_template(
            [self._plain(message) for message in messages],
            tools=self._harmless_within(
                [Tool(function=tool).model_dump(exclude={"function": {"arguments"}}) for tool in tools]
            )
            or None,
            add_generation_prompt=True,
            tokenize=tokenize,
            return_dict=False,
        )

    def _harmless(self, text: str) -> str:
        """Text from outside (a document, a cell) must not speak as the system: its special tokens are broken up."""
        for token in self._steering:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    @cached_property
    def _steering(self) -> list[str]:
        """Those that have a name (begin, end), those that only steer (Llama 3's headers, Mistral's [INST]), and the
        marks of a call.
        """
        added = (token.content for token in self._tokenizer.added_tokens_decoder.values() if token.special)
        marks = self.tools.marks if self.tools else ()
        return sorted({token for token in (*self._tokenizer.all_special_tokens, *added, *marks) if len(token) > 1})

    def _harmless_within(self, value: Any) -> Any:
        """The same for every text in it: arguments of a call may come out of a document, too."""
        return json.loads(self._harmless(json.dumps(value, ensure_ascii=False)))

    def _plain(self, message: Message) -> dict[str, Any]:
        """As templates read it: the arguments of a call are no text there."""
        plain = message.model_dump(exclude_none=True, exclude={"tool_calls", "tool_call_id"})
        if message.tool_calls:
            calls = [
                {"id": self._id(called.id), "type": "function", "function": _call(called)}
                for called in message.tool_calls
            ]
            plain["tool_calls"] = self._harmless_within(calls)
        if message.tool_call_id is not None:
            plain["tool_call_id"] = self._id(message.tool_call_id)
        return plain

    def _id(self, call: str) -> str:
        return self._harmless(self.tools.id_of(call) if self.tools else call)


def _size(message: Message) -> int:
    return len(message.content) + sum(len(called.function.arguments) for called in message.tool_calls or ())


def _call(called: Called) -> dict[str, Any]:
    try:
        arguments = json.loads(called.function.arguments)
    except ValueError as error:
        raise InputInvalid(f"the arguments of the call {called.id!r} are no JSON: {error}") from error
    return {"name": called.function.name, "arguments": arguments}


def _without_system(messages: list[Message]) -> list[Message]:
    """The same, with the system's words at the head of the first question."""
    system = "\n".join(message.content for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    if not system or not rest:
        return rest
    return [Message(role=rest[0].role, content=f"{system}\n\n{rest[0].content}"), *rest[1:]]
