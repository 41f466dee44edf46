"""What sft, dpo and orpo share: the settings of transformers' Trainer, what is logged, and going on after a kill."""

import errno
import math
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import DistributedType
from transformers import EarlyStoppingCallback, TrainerCallback

from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, StorageFull, TrainingRefused
from pilot.finetune.recipe import GALORE, Recipe
from pilot.finetune.run import Run
from pilot.model.devices import pick_device

FEWEST = 4  # examples; fewer teach nothing that holds
SHARDABLE = ("adamw_torch",)  # bitsandbytes 0.50 registers no sharding of its own
SAVES = 10  # checkpoints in a whole run, about


def arguments(run: Run, recipe: Recipe, examples: int, processes: int = 1) -> dict[str, Any]:
    """Keyword arguments for any of TRL's configs. Raises InputInvalid for what cannot work together."""
    refuse_nonsense(recipe, examples)
    device = pick_device(recipe.device)
    steps = math.ceil(examples / (recipe.batch * recipe.accumulate * processes)) * recipe.epochs
    early = recipe.patience > 0
    galore = recipe.method == "galore"
    return {
        "output_dir": str(run.checkpoints),
        "per_device_train_batch_size": recipe.batch,
        "per_device_eval_batch_size": recipe.batch,
        "gradient_accumulation_steps": recipe.accumulate,
        "learning_rate": recipe.rate,
        "lr_scheduler_type": recipe.schedule,
        "num_train_epochs": recipe.epochs,
        "warmup_steps": recipe.warm_up,
        "max_grad_norm": recipe.clip,
        "max_length": recipe.length,
        "optim": recipe.optimizer,
        "optim_target_modules": ["attn", "mlp"] if galore else None,
        "optim_args": f"rank={recipe.rank}, update_proj_gap=200, scale=0.25" if galore else None,
        "gradient_checkpointing": recipe.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if recipe.checkpointing else None,
        "bf16": device.type == "cuda",
        "use_cpu": device.type == "cpu",
        "logging_steps": 1,
        "save_strategy": "epoch" if early else "steps",
        "save_steps": max(1, round(steps / SAVES)),
        "save_total_limit": 2,
        "eval_strategy": "epoch" if early else "no",
        "load_best_model_at_end": early,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": recipe.seed,
    }


def refuse_nonsense(recipe: Recipe, examples: int) -> None:
    if examples < FEWEST:
        raise fault(InputInvalid, "own_few_examples", count=examples, fewest=FEWEST)
    if (recipe.method == "galore") != (recipe.optimizer in GALORE):
        raise InputInvalid(
            f"method {recipe.method} and optimizer {recipe.optimizer} do not fit",
            remedy=f"GaLore is a full fine-tuning with one of {', '.join(GALORE)}.",
        )
    if recipe.optimizer.endswith("_layerwise") and recipe.accumulate > 1:
        raise InputInvalid(
            "a layer-wise optimizer steps in the backward pass and cannot add up batches", remedy="Set --accumulate 1."
        )


def callbacks(run: Run, recipe: Recipe, before_step: Callable[[], None] | None = None) -> list[TrainerCallback]:
    early = [EarlyStoppingCallback(recipe.patience)] if recipe.patience else []
    waiting = [Waiting(before_step)] if before_step else []
    return [Progress(run), *early, *waiting]


class Waiting(TrainerCallback):
    """Lets others go first."""

    def __init__(self, before_step: Callable[[], None]) -> None:
        self._before_step = before_step

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._before_step()


class Progress(TrainerCallback):
    """Every step into the run's log, and how far it is into its state."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._began = time.monotonic()
        self._first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began, self._first = time.monotonic(), state.global_step
        self._run.say("running", step=state.global_step, steps=state.max_steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **_: Any) -> None:
        figures = {name: round(logs[name], 5) for name in ("loss", "eval_loss", "grad_norm") if logs and name in logs}
        if not figures or not state.is_world_process_zero:
            return
        seconds = time.monotonic() - self._began
        self._run.log(step=state.global_step, epoch=round(state.epoch or 0, 3), seconds=round(seconds, 1), **figures)
        done = state.global_step - self._first
        left = seconds / done * (state.max_steps - state.global_step) if done else None
        self._run.say("running", step=state.global_step, steps=state.max_steps, seconds_left=left and round(left))


def unround(model: Any) -> None:
    """TRL rounds the adapter of a 4-bit model to bfloat16, whose steps are too coarse to add small updates; where the
    model computes in 32 bits, nothing speaks for it.
    """
    if model.dtype == torch.float32:
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()


def fit(trainer: Any, run: Run) -> None:
    """Train, from the last whole checkpoint if there is one. Raises StorageFull; the run's state says why it failed."""
    unround(trainer.model)
    last = run.last_checkpoint()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Paged optimizers are not supported on CPU")  # then they are not paged
            trainer.train(resume_from_checkpoint=str(last) if last else None)
    except BaseException as error:
        run.say("failed", reason=str(error) or type(error).__name__)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise fault(StorageFull, "own_run_disk_full", folder=str(run.folder)) from error
        raise


def shard(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings for FSDP2. Raises InputInvalid for an optimizer whose kernels know no sharded tensors."""
    if settings["optim"] not in SHARDABLE:
        raise InputInvalid(
            f"optimizer {settings['optim']} cannot work on sharded weights",
            remedy=f"Use --optimizer {SHARDABLE[0]}: its state is sharded, too.",
        )
    return settings | {"fsdp": True, "fsdp_config": {"version": 2, "auto_wrap_policy": "TRANSFORMER_BASED_WRAP"}}


def refuse_unsharded(trainer: Any) -> None:
    """accelerate ignores FSDP silently where it does not support it (on CPUs, found in 1.15): every process would then
    hold the whole model.
    """
    if trainer.accelerator.distributed_type != DistributedType.FSDP:
        raise TrainingRefused(
            f"sharding is not active: accelerate chose {trainer.accelerator.distributed_type.value}",
            remedy="Start it on several GPUs with torchrun, or leave --fsdp out.",
        )


def keep_back(found: list[Any], recipe: Recipe) -> tuple[list[Any], list[Any] | None]:
    """What is learnt, and what early stopping looks at."""
    if not recipe.patience:
        return found, None
    count = max(1, round(len(found) * recipe.keep_back))
    return found[:-count], found[-count:]


def save_result(trainer: Any, tokenizer: Any, run: Run) -> Path:
    def save(folder: Path) -> None:
        trainer.save_model(str(folder))
        (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle
        tokenizer.save_pretrained(folder)

    place = run.finish(save)
    run.say("done")
    return place
