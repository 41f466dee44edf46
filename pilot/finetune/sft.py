"""Supervised fine-tuning: full, LoRA, QLoRA or GaLore; on one device, or sharded over several."""

from collections.abc import Callable, Sequence
from pathlib import Path

from trl import SFTConfig, SFTTrainer

from pilot.errors import InputInvalid
from pilot.finetune.base import load_base
from pilot.finetune.examples import Example, digest
from pilot.finetune.recipe import Recipe
from pilot.finetune.run import Run
from pilot.finetune.tokens import Encoder, for_sft
from pilot.finetune.training import (
    arguments,
    callbacks,
    fit,
    keep_back,
    refuse_nonsense,
    refuse_unsharded,
    save_result,
    shard,
)
from pilot.finetune.unsloth import train as by_unsloth


def sft(
    base: Path,
    examples: Sequence[Example],
    folder: Path,
    recipe: Recipe,
    *,
    fsdp: bool = False,
    before_step: Callable[[], None] | None = None,
    looked_at: Sequence[Example] = (),
    unsloth: str = "",
) -> Path:
    """Train, or go on where the same run stopped; gives the folder of the adapter or model. `before_step` may wait.
    The loss of what is `looked_at` is logged after each epoch; early stopping looks at what `recipe` keeps back.

    With `fsdp` every process of torchrun calls this, and each holds a share of the weights (FSDP2). `unsloth` is the
    Python of its environment, where the recipe wants that back end.
    """
    run = Run.begin(folder, objective="sft", base=base.name, recipe=recipe, examples=digest(examples))
    if run.result.exists():
        return run.result
    if recipe.backend == "unsloth" and fsdp:
        raise InputInvalid("Unsloth trains on one card", remedy="Leave out --fsdp, or --backend unsloth.")
    encoder = Encoder(base, recipe.length)
    learnt, kept = keep_back(encoder.encode(examples), recipe)
    kept = kept or (encoder.encode(looked_at) if looked_at else None)
    if recipe.backend == "unsloth":
        refuse_nonsense(recipe, len(learnt))
        return by_unsloth(base, learnt, kept or (), run, recipe, encoder.tokenizer, python=unsloth,
                          before_step=before_step)  # fmt: skip
    settings = arguments(run, recipe, len(learnt)) | ({"eval_strategy": "epoch"} if kept else {})
    trainer = SFTTrainer(
        load_base(base, recipe, sharded=fsdp),
        SFTConfig(**(shard(settings) if fsdp else settings), dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=for_sft(learnt),
        eval_dataset=for_sft(kept) if kept else None,
        processing_class=encoder.tokenizer,
        callbacks=callbacks(run, recipe, before_step),
    )
    if fsdp:
        refuse_unsharded(trainer)
    fit(trainer, run)
    return save_result(trainer, encoder.tokenizer, run)
