"""Read the model's folder: its own weights, and what it shares with all-MiniLM-L6-v2."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer

from pilot.errors import ModelUnusable
from pilot.model.folders import check, read_json
from pilot.model.text_to_sql.network import Network, Shape

JUDGEMENT = "judgement"  # in config.json
WORDS = "words.weight"  # of the network: the encoder's, frozen in training, not stored again
ENCODER_WORDS = "embeddings.word_embeddings.weight"
BERT = {
    "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
    "out": "attention.output.dense", "attention_norm": "attention.output.LayerNorm", "inner": "intermediate.dense",
    "outer": "output.dense", "inner_norm": "output.LayerNorm",
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """How far to trust the network, as measured on questions apart from its training; `calibrate` and `rank` write it.

    `declines_from` is the probability of "unanswerable" from which on it declines: never where it was not taught to.
    `ranking` weighs what speaks for a candidate and against it; empty, the network's order stands.
    """

    declines_from: float = 2.0
    ranking: Mapping[str, float] = field(default_factory=dict)


def load_judgement(folder: Path) -> Judgement:
    """Raises ModelUnusable."""
    written = read_json(folder / "config.json").get(JUDGEMENT, {})
    try:
        ranking = {str(name): float(value) for name, value in written.get("ranking", {}).items()}
        return Judgement(float(written.get("declines_from", Judgement.declines_from)), ranking)
    except (AttributeError, TypeError, ValueError) as error:
        raise _unusable(folder / "config.json", f"holds no readable {JUDGEMENT}: {error}") from error


def load_network(folder: Path, encoder: Path) -> Network:
    """In eval mode, float32: on a CPU as fast as bfloat16 for so small a model, and everywhere the same.

    Raises ModelUnusable naming the file that is missing or broken.
    """
    check(folder)
    shape = _shape(folder)
    tensors = _tensors(folder / "model.safetensors")
    tensors[WORDS] = _words(encoder)
    with torch.device("meta"):  # no time for random numbers
        network = Network(shape)
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise _unusable(folder / "model.safetensors", "does not fit config.json") from error
    return network.eval()


def new_network(shape: Shape, encoder: Path) -> Network:
    """For training: the encoder's weights, the rest at random. Raises ModelUnusable."""
    check(encoder)
    network = Network(shape)
    stored = load_file(encoder / "model.safetensors")
    tensors = {ours: stored[theirs] for ours, theirs in _encoder_names(shape)}
    tensors["segment"] = stored["embeddings.token_type_embeddings.weight"][0]
    tensors[WORDS] = _words(encoder)
    network.load_state_dict(tensors, strict=False)
    for part, deviation in ((network.flags, 0.02), (network.keywords, 0.05), (network.steps, 0.02)):
        torch.nn.init.normal_(part.weight, std=deviation)
    return network


def load_tokenizer(encoder: Path) -> Tokenizer:
    """Raises ModelUnusable."""
    file = encoder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing finer
        raise _unusable(file, f"cannot be read ({error})") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _encoder_names(shape: Shape) -> Iterator[tuple[str, str]]:
    """Our names of BERT's tensors, and theirs."""
    yield "positions.weight", "embeddings.position_embeddings.weight"
    for kind in ("weight", "bias"):
        yield f"embedding_norm.{kind}", f"embeddings.LayerNorm.{kind}"
        for layer in range(shape.encoder_layers):
            for ours, theirs in BERT.items():
                yield f"encoder.{layer}.{ours}.{kind}", f"encoder.layer.{layer}.{theirs}.{kind}"


def _shape(folder: Path) -> Shape:
    settings = read_json(folder / "config.json")
    try:
        return Shape(**{field.name: settings[field.name] for field in fields(Shape)})
    except (KeyError, TypeError) as error:
        raise _unusable(folder / "config.json", f"lacks {error}") from error


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return {name: tensor.float() for name, tensor in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise _unusable(file, f"cannot be read ({error})") from error


def _words(encoder: Path) -> torch.Tensor:
    """Rounded as in training."""
    check(encoder)
    file = encoder / "model.safetensors"
    try:
        with safe_open(file, framework="pt") as stored:
            return stored.get_tensor(ENCODER_WORDS).bfloat16().float()
    except (OSError, SafetensorError) as error:
        raise _unusable(file, f"holds no {ENCODER_WORDS} ({error})") from error


def _unusable(file: Path, what: str) -> ModelUnusable:
    return ModelUnusable(
        f"{file.parent.name}/{file.name} {what}",
        remedy="Copy the model folder again, whole.",
        model=file.parent.name,
        file=file.name,
    )
