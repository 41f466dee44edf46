"""Files in llama.cpp's format, through llama-cpp-python where it is installed: for models quantised by others, and for
CPUs. One request after another; grammars are llama.cpp's own, so JSON schemas are kept and Lark is refused.
"""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
from llama_cpp import Llama, LlamaGrammar
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from pilot.errors import InputInvalid, ModelUnable, ModelUnusable, PromptTooLong
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.families import Family
from pilot.model.folders import gguf_file
from pilot.protocol import (
    ChatRequest,
    Delta,
    Done,
    FinishReason,
    Message,
    PilotCard,
    StreamPart,
    StructuredOutputs,
    TextRequest,
    Usage,
)


class GgufAdapter(ModelAdapter):
    reads_text = True

    def __init__(self, model: Any, family: Family, file: Path) -> None:
        self._model = model
        self._family = family
        self._file = file
        self._format = _template_of(model)
        self._steering = _marks(model)

    @classmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "GgufAdapter":
        file = gguf_file(folder) if folder else None
        if file is None:
            raise ModelUnusable(f"{name} holds no .gguf file", remedy="Copy one into its folder.")
        try:
            model = Llama(
                str(file),
                n_ctx=options.context,
                n_threads=options.threads or None,
                n_gpu_layers=0 if options.device == "cpu" else -1,  # without a card, llama.cpp ignores it
                verbose=False,
            )
        except (ValueError, OSError, RuntimeError) as error:
            raise ModelUnusable(
                f"{name}/{file.name} cannot be loaded: {error}", remedy="Copy the file again, whole."
            ) from error
        return cls(model, options.family, file)

    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        prompt = self._prompt(request)
        if len(prompt) >= self._context:
            raise PromptTooLong(
                f"the prompt has {len(prompt)} tokens; this model reads {self._context}, answer included",
                remedy="Shorten it, or raise MAX_POSITION_EMBEDDINGS if the model can read more.",
            )
        grammar = _grammar(request.constraint)
        count = 0
        for index in range(request.n):
            for part in self._candidate(index, request, prompt, grammar, stop):
                count += isinstance(part, Delta)
                yield part
        yield Usage(len(prompt), count)

    def count(self, text: str) -> int:
        return len(self._tokens(text, begin=False, special=False)) if text else 0

    @property
    def card(self) -> PilotCard:
        return PilotCard(
            family=self._family.name,
            adapter="gguf",
            context=self._context,
            quantisation=_bits(self._file.stem),
            device="llama.cpp",
            memory_bytes=sum(file.stat().st_size for file in self._file.parent.glob("*.gguf")),
            abilities=list(self._family.abilities),
        )

    def close(self) -> None:
        self._model.close()

    @property
    def _context(self) -> int:
        return int(self._model.n_ctx())

    def _candidate(
        self, index: int, request: ChatRequest, prompt: list[int], grammar: Any, stop: threading.Event
    ) -> Iterator[StreamPart]:
        reason: FinishReason = "stop"
        room = self._context - len(prompt)
        pieces = self._model.create_completion(
            prompt,
            max_tokens=min(request.limit or room, room),
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            min_p=request.min_p,
            repeat_penalty=request.repetition_penalty,
            seed=None if request.seed is None else request.seed + index,
            stop=[*(() if isinstance(request, TextRequest) else self._family.stops), *request.stops],
            grammar=grammar,
            stream=True,
        )
        for piece in pieces:
            if stop.is_set():
                yield Done("cancelled", index)
                return
            choice = piece["choices"][0]
            if choice["text"]:
                yield Delta(choice["text"], index)
            if choice["finish_reason"] == "length":
                reason = "length"
        yield Done(reason, index)

    def _prompt(self, request: ChatRequest) -> list[int]:
        """By the family's row, else by the template in the file, which writes the begin token itself."""
        if isinstance(request, TextRequest):
            text = request.text
            tokens = self._tokens(text, begin=True, special=True) if isinstance(text, str) else text
            if not tokens or not all(0 <= token < self._model.n_vocab() for token in tokens):
                raise InputInvalid(
                    f"the prompt is no list of tokens below {self._model.n_vocab()}",
                    remedy="Send text, or other tokens.",
                )
            return tokens
        safe = [Message(role=each.role, content=self._harmless(each.content)) for each in request.messages]
        template = self._family.template
        if template is not None and not (self._family.own_first and self._format):
            return self._tokens(template.render(safe), begin=True, special=True)
        if self._format is None:
            raise ModelUnusable(f"{self._file.name} brings no chat template", remedy="Set LLM_FAMILY.")
        said = self._format(messages=[message.model_dump(exclude_none=True) for message in safe]).prompt
        return self._tokens(said, begin=False, special=True)

    def _harmless(self, text: str) -> str:
        """Text from outside must not speak as the system: its steering tokens are broken up."""
        for mark in self._steering:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text

    def _tokens(self, text: str, *, begin: bool, special: bool) -> list[int]:
        return list(self._model.tokenize(text.encode(), add_bos=begin, special=special))


def _bits(file: str) -> str:
    """As the names of such files tell it: Q4_K_M, Q8_0, F16."""
    found = re.findall(r"(?:^|[-_.])((?:I?Q\d\w*|BF16|F16|F32))", file, re.IGNORECASE)
    return str(found[-1]).lower() if found else "gguf"


def _template_of(model: Any) -> Any:
    """What renders the file's own template, in a sandbox; None where it holds none."""
    text = model.metadata.get("tokenizer.chat_template")
    if not text:
        return None
    vocabulary = llama_cpp.llama_model_get_vocab(model.model)
    bos, eos = (_text(vocabulary, token) for token in (model.token_bos(), model.token_eos()))
    return Jinja2ChatFormatter(template=text, eos_token=eos, bos_token=bos)


def _marks(model: Any) -> list[str]:
    """Texts of the tokens that steer the model."""
    vocabulary = llama_cpp.llama_model_get_vocab(model.model)
    steering = (token for token in range(model.n_vocab()) if llama_cpp.llama_vocab_is_control(vocabulary, token))
    return [text for token in steering if len(text := _text(vocabulary, token)) > 1]


def _text(vocabulary: Any, token: int) -> str:
    return (llama_cpp.llama_vocab_get_text(vocabulary, token) or b"").decode(errors="replace") if token >= 0 else ""


def _grammar(wanted: StructuredOutputs | None) -> Any:
    if wanted is None:
        return None
    if wanted.json_schema is not None:
        return LlamaGrammar.from_json_schema(json.dumps(wanted.json_schema), verbose=False)
    if wanted.choice:
        return LlamaGrammar.from_string(f"root ::= {' | '.join(map(json.dumps, wanted.choice))}", verbose=False)
    raise ModelUnable(
        "GGUF models keep JSON schemas and choices, no other grammar", remedy="Serve the model's safetensors folder."
    )
