"""The network: a BERT encoder (initialised from all-MiniLM-L6-v2) and a small decoder whose words are pointers.

The decoder's vocabulary is made anew for each question: [keywords | items of the schema | starts | ends of values],
and a token's input vector is its encoder state, so it has nothing to memorise about any schema.
"""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - everyone's name for it

from pilot.model.text_to_sql.batch import Batch
from pilot.model.text_to_sql.features import WIDTHS
from pilot.model.text_to_sql.target import KEYWORD_PLACES, KEYWORDS

FAR_BELOW = -1e9  # the score of what cannot be said


@dataclass(frozen=True)
class Shape:
    """The sizes in config.json."""

    width: int = 384
    vocabulary: int = 30522
    positions: int = 512
    encoder_layers: int = 6
    encoder_heads: int = 12
    encoder_inner: int = 1536
    decoder_layers: int = 3
    decoder_heads: int = 6
    decoder_inner: int = 1024
    decoder_positions: int = 256
    dropout: float = 0.1


@dataclass(frozen=True)
class Encoded:
    """What the decoder looks at. V = keywords + N items + W starts + W ends."""

    inputs: Tensor  # [B, V, width]: vector of each token
    items: Tensor  # [B, N, width]
    starts: Tensor  # [B, W, width]
    ends: Tensor  # [B, W, width]
    mask: Tensor  # [B, L] of the pieces
    sayable: Tensor  # [B, V] bool
    memory: list[tuple[Tensor, Tensor]]  # keys and values of the pieces, for each decoder layer


Past = list[tuple[Tensor, Tensor]]  # keys and values of what each beam has said, for each decoder layer


class Attention(nn.Module):
    """Scaled dot products over heads, written out: on a CPU faster than the fused kernel, above all backwards."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def split(self, states: Tensor) -> Tensor:
        batch, length, width = states.shape
        return states.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """`queries` is [B, T, width]; `keys` and `values` are split; `mask` is True where one may look."""
        query = self.split(queries)
        scores = torch.matmul(query, keys.transpose(-1, -2)) * query.shape[-1] ** -0.5
        weights = scores.masked_fill(~mask, -1e4).softmax(-1).to(values.dtype)
        return torch.matmul(weights, values).transpose(1, 2).flatten(2)


class EncoderLayer(nn.Module):
    """BERT's, normalised after each half."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.attention = Attention(shape.encoder_heads)
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.inner, self.outer = nn.Linear(width, shape.encoder_inner), nn.Linear(shape.encoder_inner, width)
        self.inner_norm = nn.LayerNorm(width, eps=1e-12)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        keys, values = self.attention.split(self.key(states)), self.attention.split(self.value(states))
        seen = self.attention(self.query(states), keys, values, mask)
        states = self.attention_norm(states + self.drop(self.out(seen)))
        return self.inner_norm(states + self.drop(self.outer(F.gelu(self.inner(states)))))


class DecoderLayer(nn.Module):
    """Normalised before each part: what was said, the pieces, and a plain layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.attention = Attention(shape.decoder_heads)
        self.said_norm, self.said, self.said_out = (
            nn.LayerNorm(width),
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )
        self.seen_norm, self.seen, self.seen_out = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)
        self.memory = nn.Linear(width, 2 * width)
        self.inner_norm = nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, shape.decoder_inner), nn.Linear(shape.decoder_inner, width)
        self.drop = nn.Dropout(shape.dropout)

    def remember(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.memory(pieces).chunk(2, -1)
        return self.attention.split(keys), self.attention.split(values)

    def forward(self, states: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        query, key, value = self.said(self.said_norm(states)).chunk(3, -1)
        before = torch.ones(states.shape[1], states.shape[1], dtype=torch.bool, device=states.device).tril()
        said = self.attention(query, self.attention.split(key), self.attention.split(value), before)
        return self._seen(states + self.drop(self.said_out(said)), memory, mask)

    def step(
        self, states: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """One more token of each beam, [1, beams, width]: all look at one question, each at its own past."""
        query, key, value = self.said(self.said_norm(states)).transpose(0, 1).chunk(3, -1)
        keys, values = self.attention.split(key), self.attention.split(value)
        if past:
            keys, values = torch.cat([past[0], keys], 2), torch.cat([past[1], values], 2)
        everything = torch.ones(1, dtype=torch.bool, device=states.device)
        said = self.attention(query, keys, values, everything).transpose(0, 1)
        return self._seen(states + self.said_out(said), memory, mask), (keys, values)

    def _seen(self, states: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        seen = self.attention(self.seen(self.seen_norm(states)), *memory, mask)
        states = states + self.drop(self.seen_out(seen))
        return states + self.drop(self.outer(F.gelu(self.inner(self.inner_norm(states)))))


class Network(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, width)  # frozen: MiniLM's, so that they need not be stored again
        self.positions = nn.Embedding(shape.positions, width)
        self.segment = nn.Parameter(torch.zeros(width))
        self.flags = nn.Linear(sum(WIDTHS.values()), width, bias=False)
        self.embedding_norm = nn.LayerNorm(width, eps=1e-12)
        self.encoder = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.keywords = nn.Embedding(KEYWORD_PLACES, width)
        self.steps = nn.Embedding(shape.decoder_positions, width)
        self.item, self.owner = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.start, self.end = nn.Linear(width, width), nn.Linear(width, width)
        self.said_norm = nn.LayerNorm(width)
        self.decoder = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.last_norm = nn.LayerNorm(width)
        self.to_keyword = nn.Linear(width, KEYWORD_PLACES)
        self.to_item, self.to_start, self.to_end = (nn.Linear(width, width) for _ in range(3))
        self.used = nn.Linear(width, 1)  # is this item in the query? A second task in training
        self.drop = nn.Dropout(shape.dropout)

    def encode(self, batch: Batch) -> Encoded:
        pieces = self._pieces(batch)
        items = torch.bmm(batch.item_mean.to(pieces.dtype), pieces)
        owners = items.gather(1, batch.owners.unsqueeze(-1).expand(-1, -1, items.shape[-1]))
        items = self.item(items) + self.owner(owners)
        words = torch.bmm(batch.word_mean.to(pieces.dtype), pieces)
        starts, ends = self.start(words), self.end(words)
        keywords = self.keywords.weight.to(pieces.dtype).expand(len(pieces), -1, -1)
        return Encoded(
            inputs=torch.cat([keywords, items, starts, ends], 1),
            items=items,
            starts=starts,
            ends=ends,
            mask=batch.mask,
            sayable=_sayable(batch),
            memory=[layer.remember(pieces) for layer in self._layers],
        )

    def decode(self, encoded: Encoded, tokens: Tensor) -> Tensor:
        """Scores [B, T, V] of what follows each of `tokens` [B, T]."""
        states = encoded.inputs.gather(1, tokens.unsqueeze(-1).expand(-1, -1, self.shape.width))
        states = self.said_norm(states) + self.steps.weight[: tokens.shape[1]]
        mask = encoded.mask[:, None, None, :]
        for layer, memory in zip(self.decoder, encoded.memory, strict=True):
            states = layer(states, memory, mask)
        return self._scores(states, encoded)

    def step(self, encoded: Encoded, tokens: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Scores [beams, V] of what follows when each beam says its token of `tokens` [beams], all of one question.

        `past` is empty before the first token; the new one holds these, too.
        """
        place = past[0][0].shape[2] if past else 0
        states = encoded.inputs[:, tokens]
        states = self.said_norm(states) + self.steps.weight[place]
        mask = encoded.mask[:, None, None, :]
        following: Past = []
        for number, (layer, memory) in enumerate(zip(self._layers, encoded.memory, strict=True)):
            states, said = layer.step(states, memory, mask, past[number] if past else None)
            following.append(said)
        return self._scores(states, encoded)[0], following

    @property
    def _layers(self) -> Iterable[DecoderLayer]:
        return cast("Iterable[DecoderLayer]", self.decoder)

    def _scores(self, states: Tensor, encoded: Encoded) -> Tensor:
        states = self.last_norm(states)
        scale = 1 / math.sqrt(self.shape.width)
        scores = torch.cat(
            [
                self.to_keyword(states),
                torch.bmm(self.to_item(states), encoded.items.transpose(1, 2)) * scale,
                torch.bmm(self.to_start(states), encoded.starts.transpose(1, 2)) * scale,
                torch.bmm(self.to_end(states), encoded.ends.transpose(1, 2)) * scale,
            ],
            -1,
        ).float()
        return scores.masked_fill(~encoded.sayable.unsqueeze(1), FAR_BELOW)

    def _pieces(self, batch: Batch) -> Tensor:
        flags = torch.zeros(*batch.pieces.shape, self.flags.in_features, device=batch.pieces.device)
        flags.scatter_(2, batch.flags + _offsets(batch.flags.device), (batch.flags > 0).float())
        positions = self.positions.weight[: batch.pieces.shape[1]]
        states = self.words(batch.pieces) + self.flags(flags) + positions + self.segment
        states = self.drop(self.embedding_norm(states))
        mask = batch.mask[:, None, None, :]
        for layer in self.encoder:
            states = layer(states, mask)
        return states


def _offsets(device: torch.device) -> Tensor:
    """Where each flag's values begin among the inputs of `flags`."""
    return torch.tensor([0, *itertools.accumulate(WIDTHS.values())][:-1], device=device)


def _sayable(batch: Batch) -> Tensor:
    keywords = torch.zeros(len(batch.pieces), KEYWORD_PLACES, dtype=torch.bool, device=batch.pieces.device)
    keywords[:, 1 : len(KEYWORDS)] = True  # not PAD, and not the places kept free
    return torch.cat([keywords, batch.items, batch.words, batch.words], 1)
