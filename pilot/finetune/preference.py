"""Learning from a right and a wrong answer to the same question.

DPO (Rafailov et al., 2023) keeps near the base, which is the model itself with its adapter switched off; ORPO (Hong et
al., 2024) needs no reference: it adds the odds ratio of the two answers to the ordinary loss.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trl import DPOConfig, DPOTrainer

from pilot.errors import InputInvalid
from pilot.finetune.base import load_base
from pilot.finetune.examples import Example, digest
from pilot.finetune.recipe import Recipe
from pilot.finetune.run import Run
from pilot.finetune.tokens import Encoder, for_dpo, for_orpo
from pilot.finetune.training import arguments, callbacks, fit, keep_back, save_result

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that ORPO may move within TRL is known: it is used here alone
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer


def dpo(base: Path, examples: Sequence[Example], folder: Path, recipe: Recipe) -> Path:
    return _train("dpo", base, examples, folder, recipe)


def orpo(base: Path, examples: Sequence[Example], folder: Path, recipe: Recipe) -> Path:
    return _train("orpo", base, examples, folder, recipe)


def _train(objective: Any, base: Path, examples: Sequence[Example], folder: Path, recipe: Recipe) -> Path:
    pairs = [example for example in examples if example.rejected]
    if not pairs:
        raise InputInvalid("no example has a rejected answer", remedy="Correct wrong answers first, or use sft.")
    run = Run.begin(folder, objective=objective, base=base.name, recipe=recipe, examples=digest(pairs))
    if run.result.exists():
        return run.result
    encoder = Encoder(base, recipe.length)
    learnt, kept = keep_back(encoder.encode(pairs), recipe)
    trainer, config, dataset = (_Dpo, DPOConfig, for_dpo) if objective == "dpo" else (_Orpo, ORPOConfig, for_orpo)
    made = trainer(
        load_base(base, recipe),
        args=config(**arguments(run, recipe, len(learnt)), beta=recipe.beta),
        train_dataset=dataset(learnt),
        eval_dataset=dataset(kept) if kept else None,
        processing_class=encoder.tokenizer,
        callbacks=callbacks(run, recipe),
    )
    fit(made, run)
    return save_result(made, encoder.tokenizer, run)


class _Dpo(DPOTrainer):
    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        """Our tokens as they are: those of serving."""
        return dataset


class _Orpo(ORPOTrainer):
    def tokenize_row(self, feature: dict[str, Any], model: Any = None) -> dict[str, Any]:
        """The same."""
        return feature
