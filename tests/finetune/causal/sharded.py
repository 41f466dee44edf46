"""Two processes that train one model together, as torchrun would start them; forked, so that only one of them has to
load the libraries: `python -m tests.finetune.causal.sharded BASE EXAMPLES FOLDER`.

accelerate shards on GPUs only. So that the same code is tried without any, its state is told here that it shards; the
weights, their 4-bit storage and the collectives (gloo) are real. Before that it is told nothing, and what then becomes
of the run stands in its folder's `plain`.
"""

import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.tensor import DTensor
from trl import SFTTrainer

from pilot.errors import TrainingRefused
from pilot.finetune.examples import Example, read
from pilot.finetune.sft import sft
from tests.finetune.causal.test_methods import QUICK

RECIPE = replace(QUICK, epochs=2, batch=2, optimizer="adamw_torch", checkpointing=False)


def shard() -> None:
    """Before the trainer wraps the model."""
    create = SFTTrainer.create_accelerator_and_postprocess

    def created(self: Any) -> None:
        create(self)
        state = AcceleratorState()
        state.distributed_type = DistributedType.FSDP
        state.fsdp_plugin = FullyShardedDataParallelPlugin(**self.args.fsdp_plugin_args)
        self.is_fsdp_enabled = True
        gather = self.accelerator.get_state_dict
        self.accelerator.get_state_dict = lambda *given: _whole(gather(*given))

    SFTTrainer.create_accelerator_and_postprocess = created


def _whole(tensors: dict[str, Any]) -> dict[str, Any]:
    """What accelerate leaves in shares when it was not started for sharding."""
    return {name: one.full_tensor() if isinstance(one, DTensor) else one for name, one in tensors.items()}


def plain(base: Path, examples: Sequence[Example], folder: Path) -> None:
    """As accelerate has it without GPUs."""
    try:
        sft(base, examples, folder, RECIPE, fsdp=True)
    except TrainingRefused as refused:
        (folder / f"refused-{os.environ['RANK']}").write_text(refused.message, encoding="utf-8")
    AcceleratorState._reset_state(reset_partial_state=True)


def one(rank: int, port: int, base: Path, examples: Path, folder: Path) -> None:
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {name: str(value) for name, value in told.items()}
    learnt = read(examples)
    plain(base, learnt, folder / "plain")
    shard()
    sft(base, learnt, folder / "sharded", RECIPE, fsdp=True)


def main(*places: str) -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    both = [get_context("fork").Process(target=one, args=(rank, port, *map(Path, places))) for rank in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    return max(abs(process.exitcode or 0) for process in both)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
