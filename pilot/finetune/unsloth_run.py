"""What the Python of Unsloth's own environment runs: one adapter, from token ids. It knows nothing of Pilot.

    UNSLOTH_PYTHON -I unsloth_run.py --versions    prints {"unsloth": ..., "torch": ..., ...} and ends
    UNSLOTH_PYTHON -I unsloth_run.py FOLDER        trains

FOLDER/settings.json  base, out, checkpoints, resume (a checkpoint or null), device, and the recipe's fields
FOLDER/learn.jsonl    {"input_ids": [...], "labels": [...]} a line
FOLDER/kept.jsonl     the same of what is only looked at; it may be empty

It says on its output, a line of JSON each: {"wait": true} before each step, which begins once a line has come in, and
never where none can come any more (then whoever started it is gone); {"step", "steps", "epoch", "loss" ...} after it.
It ends with 0 when the adapter lies in `out`. Whatever the libraries print goes to its error output.
"""

from __future__ import annotations  # its Python may be older than ours

import importlib
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

LIBRARIES = ("unsloth", "unsloth_zoo", "torch", "transformers", "peft", "trl", "bitsandbytes")
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
UNLEARNT = -100


def main(arguments: list[str]) -> int:
    if arguments == ["--versions"]:
        sys.stdout.write(json.dumps(versions()) + "\n")
        return 0
    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    train(Path(arguments[0]), said)
    return 0


def versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def train(folder: Path, said: TextIO) -> None:
    unsloth: Any = importlib.import_module("unsloth")  # first: it rewrites the libraries below
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    told = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    learn, kept = (_read(folder / f"{name}.jsonl") for name in ("learn", "kept"))
    card = told["device"] == "cuda"
    model, _ = unsloth.FastLanguageModel.from_pretrained(
        model_name=told["base"], max_seq_length=told["length"], load_in_4bit=told["method"] == "qlora",
        dtype=torch.bfloat16 if card else torch.float32, use_exact_model_name=True, trust_remote_code=False,
    )  # fmt: skip
    model = unsloth.FastLanguageModel.get_peft_model(
        model, r=told["rank"], lora_alpha=told["alpha"], lora_dropout=told["dropout"], target_modules=LINEAR,
        bias="none", use_gradient_checkpointing="unsloth" if card and told["checkpointing"] else told["checkpointing"],
        random_state=told["seed"],
    )  # fmt: skip
    early = told["patience"] > 0
    saving = "epoch" if early else "steps"
    arguments = transformers.TrainingArguments(
        output_dir=told["checkpoints"], per_device_train_batch_size=told["batch"],
        per_device_eval_batch_size=told["batch"], gradient_accumulation_steps=told["accumulate"],
        learning_rate=told["rate"], lr_scheduler_type=told["schedule"], num_train_epochs=told["epochs"],
        warmup_steps=told["warm_up"], max_grad_norm=told["clip"], seed=told["seed"], bf16=card, use_cpu=not card,
        optim=told["optimizer"], logging_steps=1, save_strategy=saving, save_steps=told["save_steps"],
        save_total_limit=2, eval_strategy="epoch" if kept else "no", load_best_model_at_end=early, report_to="none",
        disable_tqdm=True, remove_unused_columns=False,
    )  # fmt: skip
    told_callbacks = [_speaker(transformers, said)]
    if early:
        told_callbacks.append(transformers.EarlyStoppingCallback(told["patience"]))
    trainer = transformers.Trainer(
        model=model, args=arguments, train_dataset=learn, eval_dataset=kept or None,
        data_collator=lambda rows: _padded(torch, rows), callbacks=told_callbacks,
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=told["resume"])
    model.save_pretrained(told["out"])


def _read(file: Path) -> list[dict[str, list[int]]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _padded(torch: Any, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
    """What stands behind a row's end is neither read nor learnt. [B, T] each."""
    most = max(len(row["input_ids"]) for row in rows)
    fills = {"input_ids": 0, "labels": UNLEARNT, "attention_mask": 0}
    whole = [{**row, "attention_mask": [1] * len(row["input_ids"])} for row in rows]
    return {
        name: torch.tensor([row[name] + [fill] * (most - len(row[name])) for row in whole])
        for name, fill in fills.items()
    }


def _speaker(transformers: Any, said: TextIO) -> Any:
    def say(line: dict[str, Any]) -> None:
        said.write(json.dumps(line) + "\n")
        said.flush()

    class Speaker(transformers.TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            say({"wait": True})
            if not sys.stdin.readline():
                raise SystemExit("nobody listens any more")

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            known = ("loss", "eval_loss", "grad_norm")
            figures = {name: round(float(logs[name]), 5) for name in known if logs and name in logs}
            if figures:
                say(
                    {
                        "step": state.global_step,
                        "steps": state.max_steps,
                        "epoch": round(state.epoch or 0, 3),
                        **figures,
                    }
                )

    return Speaker()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
