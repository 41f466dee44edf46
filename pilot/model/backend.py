"""How a causal model's answers are computed: the seam between what is said (adapter, decoding) and when (slots)."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pilot.model.base import Gauge
from pilot.model.decoding import Candidate
from pilot.protocol import StreamPart


@dataclass(eq=False)
class Job:
    """One request, ready for the model. All candidates begin alike."""

    prompt: list[int]
    candidates: list[Candidate]
    stop: threading.Event
    cached: int = 0  # tokens of the prompt that the backend need not read

    @property
    def beginning(self) -> list[int]:
        """What is read before the first token is chosen."""
        return self.prompt + self.candidates[0].opening


def memory_ran_out(error: Exception) -> bool:
    """The CPU's allocator has no error type of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class Backend(ABC):
    parallel: bool  # whether `run` may be called by several threads at once

    def __init__(self, model: Any) -> None:
        self._model = model

    @abstractmethod
    def run(self, job: Job) -> Iterator[StreamPart]:
        """Deltas, then one Done per candidate; soon after `job.stop` is set, every candidate is cancelled.

        Raises what the model raised.
        """

    def gauges(self) -> Sequence[Gauge]:
        """What /metrics shows of it."""
        return ()

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """End its threads."""
