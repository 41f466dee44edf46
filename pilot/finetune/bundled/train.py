"""Train the network, or go on where a run stopped. Reads top to bottom.

A run folder is complete: settings.json, log.jsonl, state.pt (everything that resuming needs), model.safetensors.
"""

import json
import logging
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F  # noqa: N812 - everyone's name for it

from pilot.finetune.bundled.examples import IGNORED, MOST_PIECES, POOL, Mixture, Targets, batches
from pilot.model.devices import computes_bfloat16, pick_device
from pilot.model.text_to_sql.batch import Batch
from pilot.model.text_to_sql.features import Pieces, Reader
from pilot.model.text_to_sql.network import Network, Shape
from pilot.model.text_to_sql.weights import WORDS, load_network, load_tokenizer, new_network

SAVED_AFTER = 4  # pools: 360 MB each time

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What a run is made of; the same settings and data give the same examples in the same order."""

    examples: int = 200_000
    batch: int = 32
    pool: int = POOL  # examples drawn at once
    encoder_rate: float = 1.5e-4
    decoder_rate: float = 8e-4
    warm_up: int = 150  # steps
    floor: float = 0.02  # of the rates, at the end of the linear decay
    weight_decay: float = 0.01
    clip: float = 1.0
    used_weight: float = 0.3  # of the second task: which items does the query name?
    seed: int = 1
    device: str = "auto"


def train(data: Path, encoder: Path, run: Path, settings: Settings, *, start: Path | None = None) -> None:
    """`start` is a model folder whose weights to begin with; else the encoder's own and random ones."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings.json").write_text(json.dumps(asdict(settings), indent=2), encoding="utf-8")
    device = pick_device(settings.device)
    torch.manual_seed(settings.seed)
    network = load_network(start, encoder) if start else new_network(Shape(), encoder)
    network = network.to(device).train()
    optimiser = optimiser_of(network, settings)
    done = resume(run, network, optimiser)
    mixture = Mixture.open(data, Reader(Pieces(load_tokenizer(encoder)), most=MOST_PIECES))
    steps = settings.examples // settings.batch
    began, seen, losses = time.monotonic(), 0, [0.0, 0.0, 0.0]
    for step, (batch, targets) in _steps(mixture, settings, done, steps):
        set_rates(optimiser, settings, step, steps)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bfloat16(device)):
            loss, used, right = losses_of(network, batch.to(device), targets.to(device))
        optimiser.zero_grad(set_to_none=True)
        (loss + settings.used_weight * used).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimiser.step()
        seen += len(batch.pieces)
        losses = [before + float(now.detach()) for before, now in zip(losses, (loss, used, right), strict=True)]
        per_pool = settings.pool // settings.batch
        if (step + 1) % per_pool == 0 or step + 1 == steps:
            if (step + 1) % (SAVED_AFTER * per_pool) == 0 or step + 1 == steps:
                save(run, network, optimiser, step + 1)
            count = (step + 1) % per_pool or per_pool
            _log(run, step + 1, settings, [total / count for total in losses], seen / (time.monotonic() - began))
            losses = [0.0, 0.0, 0.0]
    save_weights(network, run / "model.safetensors")


def save_weights(network: Network, file: Path) -> None:
    """In bfloat16, without the frozen words."""
    tensors = {name: tensor.to("cpu", torch.bfloat16).contiguous() for name, tensor in network.state_dict().items()}
    del tensors[WORDS]
    save_file(tensors, file, metadata={"format": "pt"})


def _steps(mixture: Mixture, settings: Settings, done: int, steps: int) -> Iterator[tuple[int, tuple[Batch, Targets]]]:
    """Whole pools; `done` is a multiple of a pool's batches."""
    per_pool = settings.pool // settings.batch
    for number in range(done // per_pool, -(-steps // per_pool)):
        pool = mixture.pool(number, settings.seed, settings.pool)
        for place, pair in enumerate(batches(pool, settings.batch, random.Random(f"{settings.seed}/{number}/order"))):
            if number * per_pool + place < steps:
                yield number * per_pool + place, pair


def losses_of(network: Network, batch: Batch, targets: Targets) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of the tokens, of the used items; and the share of targets that are wholly right."""
    encoded = network.encode(batch)
    scores = network.decode(encoded, targets.said)
    loss = F.cross_entropy(scores.flatten(0, 1), targets.next.flatten(), ignore_index=IGNORED)
    guesses = network.used(encoded.items).squeeze(-1).float()
    used = F.binary_cross_entropy_with_logits(guesses[batch.items], targets.used[batch.items])
    with torch.no_grad():
        right = ((scores.argmax(-1) == targets.next) | (targets.next == IGNORED)).all(1).float().mean()
    return loss, used, right


def optimiser_of(network: Network, settings: Settings) -> torch.optim.AdamW:
    network.words.weight.requires_grad_(False)
    own = {
        id(parameter)
        for part in (network.encoder, network.embedding_norm, network.positions)
        for parameter in part.parameters()
    }
    own.add(id(network.segment))
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if id(parameter) in own], "base": settings.encoder_rate},
        {"params": [parameter for parameter in trained if id(parameter) not in own], "base": settings.decoder_rate},
    ]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), weight_decay=settings.weight_decay, fused=True)


def set_rates(optimiser: torch.optim.Optimizer, settings: Settings, step: int, steps: int) -> None:
    share = min(1.0, (step + 1) / settings.warm_up) * max(settings.floor, 1 - step / steps)
    for group in optimiser.param_groups:
        group["lr"] = group["base"] * share


def resume(folder: Path, network: Network, optimiser: torch.optim.Optimizer) -> int:
    """Steps done already."""
    file = folder / "state.pt"
    if not file.exists():
        return 0
    state = torch.load(file, weights_only=True)
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def save(folder: Path, network: Network, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Whole or not at all."""
    unfinished = folder / "state.saving"
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step}, unfinished)
    unfinished.replace(folder / "state.pt")


def _log(run: Path, step: int, settings: Settings, means: list[float], speed: float) -> None:
    row = {
        "examples": step * settings.batch,
        "loss": means[0],
        "used": means[1],
        "right": means[2],
        "per_second": speed,
    }
    with (run / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({name: round(value, 4) for name, value in row.items()}) + "\n")
    logger.info("%(examples)d examples, loss %(loss).3f, right %(right).3f, %(per_second).1f a second", row)
