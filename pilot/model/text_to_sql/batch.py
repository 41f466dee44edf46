"""Readings as padded tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pilot.model.text_to_sql.features import WIDTHS, Reading, Span


@dataclass(frozen=True)
class Batch:
    """B readings; L pieces, N items, W words are those of the longest."""

    pieces: Tensor  # [B, L] int64
    mask: Tensor  # [B, L] bool: True where a piece is
    flags: Tensor  # [B, L, len(WIDTHS)] int64
    item_mean: Tensor  # [B, N, L] float32: rows that average an item's pieces
    word_mean: Tensor  # [B, W, L] float32
    owners: Tensor  # [B, N] int64
    items: Tensor  # [B, N] bool
    words: Tensor  # [B, W] bool

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{name: tensor.to(device) for name, tensor in vars(self).items()})


def collate(readings: Sequence[Reading]) -> Batch:
    count = len(readings)
    pieces = max(len(reading.pieces) for reading in readings)
    items = max(len(reading.items) for reading in readings)
    words = max(1, *(len(reading.words) for reading in readings))
    batch = Batch(
        pieces=torch.zeros(count, pieces, dtype=torch.long),
        mask=torch.zeros(count, pieces, dtype=torch.bool),
        flags=torch.zeros(count, pieces, len(WIDTHS), dtype=torch.long),
        item_mean=torch.zeros(count, items, pieces),
        word_mean=torch.zeros(count, words, pieces),
        owners=torch.zeros(count, items, dtype=torch.long),
        items=torch.zeros(count, items, dtype=torch.bool),
        words=torch.zeros(count, words, dtype=torch.bool),
    )
    for row, reading in enumerate(readings):
        length = len(reading.pieces)
        batch.pieces[row, :length] = torch.tensor(reading.pieces)
        batch.mask[row, :length] = True
        batch.flags[row, :length] = torch.tensor(reading.flags)
        batch.owners[row, : len(reading.owners)] = torch.tensor(reading.owners)
        batch.items[row, : len(reading.items)] = True
        batch.words[row, : len(reading.words)] = True
        _average(batch.item_mean[row], reading.item_spans)
        _average(batch.word_mean[row], reading.words)
    return batch


def _average(rows: Tensor, spans: Sequence[Span]) -> None:
    for index, (start, end) in enumerate(spans):
        rows[index, start:end] = 1 / (end - start)
