"""One of two processes that train one model together: `torchrun --nproc-per-node=2 -m tests.finetune.causal.sharded`.

accelerate shards on GPUs only. So that the same code is tried without any, its state is told here that it shards; the
weights, their 4-bit storage and the collectives (gloo) are real. With "plain" it is told nothing.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch.distributed.tensor import DTensor
from trl import SFTTrainer

from pilot.finetune.examples import read
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


def main(kind: str, base: str, examples: str, folder: str) -> None:
    if kind == "sharded":
        shard()
    sft(Path(base), read(Path(examples)), Path(folder), RECIPE, fsdp=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
