"""People who ask come first: training waits while the model server answers, and ends when the night does."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

import httpx

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
QUIET_SECONDS = 2.0  # without a request, before training goes on
RUNNING = "pilot_requests_running "


class Ended(Exception):
    """The time that the owner allows is over; the run goes on another time."""


class Courtesy:
    """Call it before each step. `told` hears of waiting and of going on."""

    def __init__(
        self,
        server: str,
        *,
        key: str = "",
        until: datetime | None = None,
        told: Callable[[bool], None] = lambda _: None,
        look_seconds: float = LOOK_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._url = f"{server.rstrip('/').removesuffix('/v1')}/metrics"
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(headers=headers, timeout=2.0, trust_env=False)
        self._until = until
        self._told = told
        self._look_seconds = look_seconds
        self._quiet_seconds = quiet_seconds
        self._looked = float("-inf")

    def __call__(self) -> None:
        """Raises Ended."""
        if self._until is not None and datetime.now() >= self._until:
            raise Ended
        if time.monotonic() - self._looked < self._look_seconds:
            return
        self._looked = time.monotonic()
        if not self.busy():
            return
        self._told(True)
        quiet = time.monotonic()
        while time.monotonic() - quiet < self._quiet_seconds:
            time.sleep(self._look_seconds / 4)
            if self.busy():
                quiet = time.monotonic()
            if self._until is not None and datetime.now() >= self._until:
                raise Ended
        self._told(False)

    def busy(self) -> bool:
        """Whether someone waits for an answer. A server that cannot be asked answers nobody."""
        try:
            text = self._http.get(self._url).text
        except httpx.HTTPError:
            return False
        return any(float(line[len(RUNNING) :]) > 0 for line in text.splitlines() if line.startswith(RUNNING))

    def close(self) -> None:
        self._http.close()
