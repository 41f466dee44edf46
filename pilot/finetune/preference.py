"""Learning from a right and a wrong answer to the same question.

DPO (Rafailov et al., 2023) keeps near the base, which is the model itself with its adapter switched off; ORPO (Hong et
al., 2024) needs no reference: it adds the odds ratio of the two answers to the ordinary loss.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trl import DPOConfig, DPOTrainer

from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid
from pilot.finetune.base import load_base
from pilot.finetune.examples import Example, digest
from pilot.finetune.recipe import Objective, Recipe
from pilot.finetune.run import Run
from pilot.finetune.tokens import Encoder, for_dpo, for_orpo
from pilot.finetune.training import FEWEST, arguments, callbacks, fit, keep_back, save_result
from pilot.finetune.unsloth import refuse_unable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that ORPO may move within TRL is known: it is used here alone
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer


def dpo(base: Path, examples: Sequence[Example], folder: Path, recipe: Recipe, **others: Any) -> Path:
    return train("dpo", base, examples, folder, recipe, **others)


def orpo(base: Path, examples: Sequence[Example], folder: Path, recipe: Recipe, **others: Any) -> Path:
    return train("orpo", base, examples, folder, recipe, **others)


def train(
    objective: Objective,
    base: Path,
    examples: Sequence[Example],
    folder: Path,
    recipe: Recipe,
    *,
    before_step: Callable[[], None] | None = None,
    looked_at: Sequence[Example] = (),
) -> Path:
    """As `sft` does. Only examples with a wrong answer beside the right one count. Raises InputInvalid for too few."""
    pairs = [example for example in examples if example.rejected]
    fewest = FEWEST + bool(recipe.patience)  # one at least is kept back
    if len(pairs) < fewest:
        raise fault(InputInvalid, "own_few_pairs", count=len(pairs), fewest=fewest)
    if recipe.backend == "unsloth":
        refuse_unable(recipe, objective)
    run = Run.begin(folder, objective=objective, base=base.name, recipe=recipe, examples=digest(pairs))
    if run.result.exists():
        return run.result
    encoder = Encoder(base, recipe.length)
    learnt, kept = keep_back(encoder.encode(pairs), recipe)
    if seen := [example for example in looked_at if example.rejected]:
        kept = kept or encoder.encode(seen)
    trainer, config, dataset = (_Dpo, DPOConfig, for_dpo) if objective == "dpo" else (_Orpo, ORPOConfig, for_orpo)
    settings = arguments(run, recipe, len(learnt)) | ({"eval_strategy": "epoch"} if kept else {})
    made = trainer(
        load_base(base, recipe),
        args=config(**settings, beta=recipe.beta),
        train_dataset=dataset(learnt),
        eval_dataset=dataset(kept) if kept else None,
        processing_class=encoder.tokenizer,
        callbacks=callbacks(run, recipe, before_step),
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
