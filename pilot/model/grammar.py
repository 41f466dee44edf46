"""Constrained decoding: which tokens may come next, by a grammar that the request brings."""

import json
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from torch import Tensor

from pilot.errors import InputInvalid, ModelFailed
from pilot.protocol import StructuredOutputs


class Grammar:
    """One compiled grammar; every candidate follows a copy of its own (`start`)."""

    def __init__(self, wanted: StructuredOutputs, tokenizer: LLTokenizer) -> None:
        self._tokenizer = tokenizer
        self._matcher = LLMatcher(tokenizer, _source(wanted))
        if self._matcher.is_error():
            raise InputInvalid(
                f"the grammar does not compile: {self._matcher.get_error()[:500]}",
                remedy="Send Lark, a JSON schema or a regular expression as llguidance reads them.",
            )

    def start(self) -> "Mask":
        return Mask(self._matcher.deep_copy(), self._tokenizer.vocab_size)


class Mask:
    """Where one candidate stands in its grammar."""

    def __init__(self, matcher: Any, vocabulary: int) -> None:
        self._matcher = matcher
        self._bits = allocate_token_bitmask(1, vocabulary)
        self._forbidden: Tensor | None = None  # here, once prepared

    def prepare(self) -> None:
        """Find what may come next. llguidance lets go of the interpreter meanwhile."""
        if self._forbidden is not None:
            return
        fill_next_token_bitmask(self._matcher, self._bits)
        if self._matcher.is_error():  # in which it allows an end, as if the answer were whole
            raise self._lost()
        # unpackbits, since llguidance's own masking needs a C++ compiler at run time (torch.compile)
        allowed = np.unpackbits(self._bits[0].view(np.uint8), bitorder="little")
        self._forbidden = torch.from_numpy(allowed == 0)

    def allow(self, logits: Tensor) -> Tensor:
        """`logits` with minus infinity for every token that the grammar forbids here."""
        self.prepare()
        assert self._forbidden is not None
        return logits.masked_fill(self._forbidden[: len(logits)], float("-inf"))

    def accept(self, token: int) -> None:
        """Raises ModelFailed when the grammar cannot be followed any further."""
        self._forbidden = None
        if not self._matcher.consume_token(token):
            raise self._lost()

    def forced(self) -> list[int]:
        """The tokens that must come next, accepted."""
        if not self._matcher.compute_ff_bytes():  # tells in no time whether the costlier question is worth it
            return []
        tokens: list[int] = self._matcher.compute_ff_tokens()
        for token in tokens:
            self.accept(token)
        return tokens

    def _lost(self) -> ModelFailed:
        return ModelFailed(
            f"the grammar cannot be followed: {self._matcher.get_error()[:300]}", remedy="Send a simpler grammar."
        )

    @property
    def complete(self) -> bool:
        """Nothing may follow."""
        return bool(self._matcher.is_stopped())


def _source(wanted: StructuredOutputs) -> str:
    """The one constraint of the request, as llguidance's own grammar text."""
    given = [value for value in (wanted.grammar, wanted.json_schema, wanted.regex, wanted.choice) if value is not None]
    if len(given) != 1:
        raise InputInvalid("structured_outputs needs exactly one of grammar, json, regex, choice")
    if wanted.regex is not None:
        return str(LLMatcher.grammar_from_regex(wanted.regex))
    if wanted.json_schema is not None:
        return str(LLMatcher.grammar_from_json_schema(json.dumps(wanted.json_schema)))
    if wanted.choice is not None:
        alternatives = " | ".join(json.dumps(choice, ensure_ascii=False) for choice in wanted.choice)
        return str(LLMatcher.grammar_from_lark(f"start: {alternatives}"))
    return str(LLMatcher.grammar_from_lark(wanted.grammar))
