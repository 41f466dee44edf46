"""What the LLM server counts, in Prometheus' format, in a registry of its own; and one line in the log per request."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from pilot.errors import PilotError
from pilot.protocol import Delta, StreamPart, Usage

logger = logging.getLogger(__name__)

SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120)
SHORT_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
PACE_SECONDS = 10  # over which tokens per second are counted


@dataclass
class Seen:
    """One request, as far as it has come. Times are of `time.monotonic`."""

    started: float = field(default_factory=time.monotonic)
    entered: float | None = None  # it has its place
    first: float | None = None
    last: float = 0.0
    deltas: int = 0
    usage: Usage = field(default_factory=lambda: Usage(0, 0))


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # process_resident_memory_bytes and its like
        self._gauges: dict[str, Gauge] = {}
        self._spoken: dict[int, int] = {}  # second -> tokens
        self.requests = Counter(
            "pilot_requests", "Chat requests by how they ended.", ["outcome"], registry=self.registry
        )
        self.prompt_tokens = Counter("pilot_prompt_tokens", "Tokens of prompts.", registry=self.registry)
        self.cached_tokens = Counter("pilot_cached_tokens", "Tokens of prompts read before.", registry=self.registry)
        self.tokens = Counter("pilot_generated_tokens", "Tokens generated.", registry=self.registry)
        self.queued = self._histogram("pilot_queue_seconds", "From the request to its place.", SECONDS)
        self.first_token = self._histogram("pilot_first_token_seconds", "From the request to its first text.", SECONDS)
        self.between = self._histogram("pilot_between_tokens_seconds", "From one text to the next.", SHORT_SECONDS)
        self.duration = self._histogram("pilot_request_seconds", "From the request to its end.", SECONDS)
        self.embedded = Counter("pilot_embedded_texts", "Texts embedded.", registry=self.registry)
        self.watch("pilot_tokens_per_second", f"Over the last {PACE_SECONDS} seconds.", self._pace)

    @contextlib.contextmanager
    def request(self) -> Iterator[Seen]:
        """Counts one chat request, however it ends."""
        seen, outcome = Seen(), "left"  # unless the client stays to the end
        try:
            yield seen
            outcome = "answered"
        except PilotError as error:
            outcome = error.code
            raise
        finally:
            self.requests.labels(outcome).inc()
            self.duration.observe(time.monotonic() - seen.started)
            _log(seen, outcome)

    def entered(self, seen: Seen) -> None:
        seen.entered = time.monotonic()
        self.queued.observe(seen.entered - seen.started)

    def part(self, seen: Seen, part: StreamPart) -> float:
        """Counts a part; the time."""
        now = time.monotonic()
        if isinstance(part, Delta):
            if seen.first is None:
                seen.first = now
                self.first_token.observe(now - seen.started)
            else:
                self.between.observe(now - seen.last)
            seen.last = now
            seen.deltas += 1
            self._speak(1, now)
        elif isinstance(part, Usage):
            seen.usage = part
            self.prompt_tokens.inc(part.prompt_tokens)
            self.cached_tokens.inc(part.cached_tokens)
            self._speak(max(0, part.completion_tokens - seen.deltas), now)  # those that made no text of their own
        return now

    def watch(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read when it is asked for; watched again, it reads anew."""
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, meaning, registry=self.registry)
        self._gauges[name].set_function(read)

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, meaning, buckets=buckets, registry=self.registry)

    def _speak(self, tokens: int, now: float) -> None:
        self.tokens.inc(tokens)
        second = int(now)
        self._spoken[second] = self._spoken.get(second, 0) + tokens
        if len(self._spoken) > PACE_SECONDS + 1:
            del self._spoken[min(self._spoken)]

    def _pace(self) -> float:
        now = int(time.monotonic())
        spoken = self._spoken.copy()
        return sum(count for second, count in spoken.items() if now - PACE_SECONDS <= second < now) / PACE_SECONDS


def _log(seen: Seen, outcome: str) -> None:
    """Figures alone: neither question nor answer."""
    entered = seen.entered - seen.started if seen.entered else None
    first = seen.first - seen.started if seen.first else None
    figures = {
        "outcome": outcome,
        "seconds": _rounded(time.monotonic() - seen.started),
        "queued": _rounded(entered),
        "first_token": _rounded(first),
        "prompt_tokens": seen.usage.prompt_tokens,
        "cached_tokens": seen.usage.cached_tokens,
        "tokens": seen.usage.completion_tokens or seen.deltas,
    }
    shown = " ".join(f"{name}={value}" for name, value in figures.items() if value is not None)
    logger.info("chat %s", shown, extra={"figures": figures})


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
