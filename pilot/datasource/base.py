"""The contract of a data source, and the values that cross it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pilot.schema import Dialect, Schema

if TYPE_CHECKING:
    from pilot.datasource.guard import SafeSql
from pilot.datasource.risks import Risk

Cell = None | bool | int | float | Decimal | str | bytes | date | datetime | time | timedelta


class Stop:
    """Asks the statements that run under it to end: their reader has left."""

    def __init__(self) -> None:
        self.asked = False
        self._lock = threading.Lock()
        self._bells: set[threading.Event] = set()

    def ask(self) -> None:
        """Returns at once."""
        with self._lock:
            self.asked = True
            for bell in self._bells:
                bell.set()

    @contextmanager
    def rings(self, bell: threading.Event) -> Iterator[None]:
        """A scope in which `bell` is set when someone asks, or has asked before."""
        with self._lock:
            self._bells.add(bell)
            if self.asked:
                bell.set()
        try:
            yield
        finally:
            with self._lock:
                self._bells.discard(bell)


@dataclass(frozen=True)
class Limits:
    """What one statement may cost. `stop` ends it before its time, on the server, too."""

    seconds: float = 30.0
    rows: int = 1000
    cell_chars: int = 10_000
    total_bytes: int = 20_000_000
    stop: Stop = field(default_factory=Stop, compare=False, repr=False)


@dataclass(frozen=True)
class Rows:
    """A result. `truncated` says that a limit cut it; columns may repeat a name, so rows are tuples, not dicts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    truncated: bool
    milliseconds: int


class Datasource(ABC):
    """One database that questions can be asked of. Blocking: callers cross over by a thread."""

    dialect: Dialect

    @abstractmethod
    def reflect(self, known: Schema | None = None) -> Schema:
        """Read tables, views, types, keys, comments and samples now; only the structure where that is still as `known`.

        Raises SourceUnreachable, SourceRefused.
        """

    @abstractmethod
    def run(self, statement: "SafeSql", limits: Limits) -> Rows:
        """Run read-only within the limits; safe to call from several threads.

        Raises SqlFailed with the database's own words, SqlTimeout or SqlStopped (the server's query is cancelled,
        too), SourceUnreachable.
        """

    @abstractmethod
    def warnings(self) -> list[Risk]:
        """What is too powerful about this account: it can write, read files, is superuser."""

    @abstractmethod
    def close(self) -> None:
        """Release every connection."""
