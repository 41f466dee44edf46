"""The contract of a model adapter: what the engine may rely on, whatever stands behind it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pilot.model.families import OWN_TEMPLATE, Family
from pilot.model.precisions import AUTO
from pilot.protocol import ChatRequest, PilotCard, StreamPart

Gauge = tuple[str, str, Callable[[], float]]  # name, meaning, how to read it now


@dataclass(frozen=True)
class LoadOptions:
    """Plain values from the settings that loading needs; an adapter ignores what does not concern it."""

    models_dir: Path
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1"
    precision: str = AUTO  # one of precisions.PRECISIONS; auto: the family's, or the best that fits
    quantise: bool | None = None  # with `auto`: True is nf4+dq, False never quantises
    context: int = 4096  # most tokens of prompt and answer together
    threads: int = 0  # 0: all cores
    rows: int = 32  # most candidates generated together
    prefix_bytes: int = 512_000_000  # for beginnings of prompts kept
    proxy_url: str = ""
    proxy_key: str = field(default="", repr=False)
    proxy_model: str = ""  # empty: the first that the other server names
    family: Family = OWN_TEMPLATE
    adapter: str = ""  # LoRA adapter that is meant when a request names the model as it is served


class ModelAdapter(ABC):
    """One loaded model. The engine calls `stream` from a worker thread, never two at once on one instance unless
    `parallel` says that it may.
    """

    parallel = False
    reads_text = False  # takes a TextRequest: a prompt without a template

    @classmethod
    @abstractmethod
    def load(cls, name: str, folder: Path | None, options: LoadOptions) -> "ModelAdapter":
        """Read the weights and be ready to stream. `folder` is None for adapters that need no weights.

        Raises ModelUnusable naming the file that is missing or broken.
        """

    @abstractmethod
    def stream(self, request: ChatRequest, stop: threading.Event) -> Iterator[StreamPart]:
        """Yield new text only, then one Done per candidate, then one Usage.

        Return within one token after `stop` is set. Raises PromptTooLong before the first delta,
        ModelFailed at any time.
        """

    @abstractmethod
    def count(self, text: str) -> int:
        """How many tokens this text is, without special tokens."""

    @property
    @abstractmethod
    def card(self) -> PilotCard:
        """What this model is and can do."""

    @property
    def calls_tools(self) -> bool:
        """Whether requests may offer tools."""
        return False

    def variants(self) -> Sequence[str]:
        """Further names that a request's `model` may have: `base:adapter`."""
        return ()

    def gauges(self) -> Sequence[Gauge]:
        """What /metrics shows of this model beyond what the engine counts."""
        return ()

    def close(self) -> None:  # noqa: B027 - most adapters hold nothing
        """Release what garbage collection does not; nothing is streamed afterwards."""
