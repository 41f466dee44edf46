"""Examples -> the tokens that the trainers read; the prompt's are exactly those of serving."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset

from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, ModelUnusable, PromptTooLong
from pilot.finetune.examples import Example
from pilot.model.folders import find
from pilot.model.loading import load_tokenizer
from pilot.model.prompting import Prompter

logger = logging.getLogger(__name__)

UNLEARNT = -100  # a label that the loss leaves out


@dataclass(frozen=True)
class Tokens:
    prompt: list[int]
    answer: list[int]
    rejected: list[int]


class Encoder:
    """`length`: the most tokens of prompt and answer together."""

    def __init__(self, base: Path, length: int) -> None:
        self.tokenizer: Any = load_tokenizer(base, None)
        if self.tokenizer.eos_token_id is None:
            raise ModelUnusable(f"the tokenizer of {base.name} names no end token", remedy="Add eos_token to it.")
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._length = length
        self._prompter = Prompter(self.tokenizer, find(base.name, base.parent).family, length)

    def encode(self, examples: Sequence[Example]) -> list[Tokens]:
        """Those that fit. Raises InputInvalid when none does."""
        found = [tokens for example in examples if (tokens := self._encoded(example))]
        if len(found) < len(examples):
            logger.warning("%d of %d examples are longer than %d tokens and are left out",
                           len(examples) - len(found), len(examples), self._length)  # fmt: skip
        if not found:
            raise fault(InputInvalid, "own_too_long", count=len(examples), length=self._length)
        return found

    def _encoded(self, example: Example) -> Tokens | None:
        end = self.tokenizer.eos_token_id
        try:
            prompt, answer = self._prompter.answered(example.prompt, example.answer, end)
            rejected = self._prompter.answered(example.prompt, example.rejected, end)[1] if example.rejected else []
        except PromptTooLong:
            return None
        return (
            Tokens(prompt, answer, rejected) if len(prompt) + max(len(answer), len(rejected)) <= self._length else None
        )


def for_sft(found: Sequence[Tokens]) -> Dataset:
    """Only the answer is learnt."""
    return Dataset.from_dict({
        "input_ids": [one.prompt + one.answer for one in found],
        "labels": [[UNLEARNT] * len(one.prompt) + one.answer for one in found],
    })  # fmt: skip


def for_dpo(found: Sequence[Tokens]) -> Dataset:
    return Dataset.from_dict({
        "prompt_ids": [one.prompt for one in found],
        "chosen_ids": [one.answer for one in found],
        "rejected_ids": [one.rejected for one in found],
    })  # fmt: skip


def for_orpo(found: Sequence[Tokens]) -> Dataset:
    """The names that TRL's ORPO collator reads; its text columns stay empty."""
    columns: dict[str, list[Any]] = {
        "prompt": [""] * len(found),
        "chosen": [""] * len(found),
        "rejected": [""] * len(found),
    }
    columns["prompt_input_ids"] = [one.prompt for one in found]
    columns["prompt_attention_mask"] = [[1] * len(one.prompt) for one in found]
    for side in ("answer", "rejected"):
        name = "chosen" if side == "answer" else side
        answers = [getattr(one, side) for one in found]
        columns[f"{name}_input_ids"] = [one.prompt + answer for one, answer in zip(found, answers, strict=True)]
        columns[f"{name}_attention_mask"] = [[1] * len(ids) for ids in columns[f"{name}_input_ids"]]
        columns[f"{name}_labels"] = [
            [UNLEARNT] * len(one.prompt) + answer for one, answer in zip(found, answers, strict=True)
        ]
    return Dataset.from_dict(columns)
