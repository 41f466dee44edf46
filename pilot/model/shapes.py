"""A decoder's shape: what its memory can be counted from. Read from a config.json, or one of the well-known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pilot.errors import ModelUnusable
from pilot.model.precisions import Precision


@dataclass(frozen=True)
class Shape:
    """`kv_heads` is less than `heads` with grouped-query attention. A block that is not `gated` has two linear layers
    behind its attention (Falcon), the others three (LLaMA's kind).
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    tied: bool = False  # one matrix is both embedding and head
    head_width: int = 0  # 0: hidden / heads
    gated: bool = True
    longest: int = 0  # tokens that it was trained to read; 0: not known

    @property
    def query_width(self) -> int:
        return (self.head_width or self.hidden // self.heads) * self.heads

    @property
    def key_width(self) -> int:
        return (self.head_width or self.hidden // self.heads) * self.kv_heads

    def linears(self) -> list[tuple[int, int]]:
        """(in, out) of the linear layers of one block: what is quantised and what LoRA adapts."""
        hidden, inner, keys, queries = self.hidden, self.intermediate, self.key_width, self.query_width
        attention = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
        return [*attention, *[(hidden, inner)] * (2 if self.gated else 1), (inner, hidden)]

    @property
    def linear_parameters(self) -> int:
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linears())

    @property
    def other_parameters(self) -> int:
        """Embedding, head and norms: they are not quantised."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2) + (2 * self.layers + 1) * self.hidden

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.other_parameters

    def weights(self, precision: Precision) -> float:
        """Bytes."""
        rows = self.layers * sum(outputs for _, outputs in self.linears())
        bits = self.linear_parameters * precision.bits + rows * precision.row_bits
        return bits / 8 + self.other_parameters * precision.width

    def cache_per_token(self, precision: Precision) -> int:
        """Bytes of the keys and values of one token of one stream."""
        return 2 * self.layers * self.key_width * precision.width

    def adapter_parameters(self, rank: int) -> int:
        """Of a LoRA adapter on all linear layers."""
        return self.layers * sum((inputs + outputs) * rank for inputs, outputs in self.linears())


NAMED: dict[str, Shape] = {
    "llama-7b": Shape(4096, 32, 32, 32, 11008, 32000, longest=2048),
    "llama-13b": Shape(5120, 40, 40, 40, 13824, 32000, longest=2048),
    "llama-33b": Shape(6656, 60, 52, 52, 17920, 32000, longest=2048),
    "llama-65b": Shape(8192, 80, 64, 64, 22016, 32000, longest=2048),
    "llama-70b": Shape(8192, 80, 64, 8, 28672, 32000, longest=4096),
    "llama-3-8b": Shape(4096, 32, 32, 8, 14336, 128256, longest=8192),
    "mistral-7b": Shape(4096, 32, 32, 8, 14336, 32000, longest=32768),
    "qwen2.5-7b": Shape(3584, 28, 28, 4, 18944, 152064, longest=32768),
    "qwen2.5-32b": Shape(5120, 64, 40, 8, 27648, 152064, longest=32768),
    "falcon-7b": Shape(4544, 32, 71, 1, 18176, 65024, tied=True, gated=False, longest=2048),
    "falcon-40b": Shape(8192, 60, 128, 8, 32768, 65024, gated=False, longest=2048),
}


def shape_of(config: Mapping[str, Any]) -> Shape:
    """From a model's config.json. Raises ModelUnusable naming the key that is missing."""
    try:
        return _falcon(config) if config.get("model_type") == "falcon" else _llama(config)
    except KeyError as error:
        raise ModelUnusable(
            f"config.json has no {error.args[0]}: this is no decoder whose memory can be counted",
            remedy="Name a shape instead: " + ", ".join(NAMED) + ".",
        ) from None


def _llama(config: Mapping[str, Any]) -> Shape:
    heads = int(config["num_attention_heads"])
    return Shape(
        hidden=int(config["hidden_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        intermediate=int(config["intermediate_size"]),
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", False)),
        head_width=int(config.get("head_dim") or 0),
        longest=int(config.get("max_position_embeddings") or 0),
    )


def _falcon(config: Mapping[str, Any]) -> Shape:
    """Its config leaves out what is the rule: 4 x hidden in the middle, one key head for all unless it says so."""
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    several = bool(config.get("new_decoder_architecture")) or not config.get("multi_query", True)
    return Shape(
        hidden=hidden,
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(config.get("num_kv_heads") or heads) if several else 1,
        intermediate=int(config.get("ffn_hidden_size") or 4 * hidden),
        vocabulary=int(config["vocab_size"]),
        tied=bool(config.get("tie_word_embeddings", True)),
        gated=False,
        longest=int(config.get("max_position_embeddings") or 2048),
    )
