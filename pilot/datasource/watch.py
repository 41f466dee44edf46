"""End a query that is late, or that nobody waits for any longer: beside the thread that waits for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pilot.datasource.base import Limits
from pilot.datasource.refusals import fault
from pilot.errors import SqlStopped, SqlTimeout

LEAVE_SECONDS = 1.0  # for an `end` that has begun; one that asks a dead server goes on alone


@contextmanager
def watched(limits: Limits, end: Callable[[], None], *, grace: float = 0.0, again: float = 0.1) -> Iterator[None]:
    """A scope in which `end` is called when the time is over, or at once when a stop is asked for, and repeated until
    the scope is left: a cancellation that comes between two statements is lost. `grace` are seconds that the server
    has to notice its own limit.
    """
    check_wanted(limits)
    bell = threading.Event()
    over = threading.Event()

    def watch() -> None:
        bell.wait(limits.seconds + grace)
        while not over.is_set():
            end()
            over.wait(again)

    watcher = threading.Thread(target=watch, daemon=True, name="pilot-watch")
    with limits.stop.rings(bell):
        watcher.start()
        try:
            yield
        finally:
            over.set()
            bell.set()
            watcher.join(LEAVE_SECONDS)


def check_wanted(limits: Limits) -> None:
    """Raises SqlStopped when nobody waits any longer."""
    if limits.stop.asked:
        raise fault(SqlStopped, "stopped")


def ended(limits: Limits) -> SqlTimeout | SqlStopped:
    """Why a query was cancelled."""
    if limits.stop.asked:
        return fault(SqlStopped, "stopped")
    return fault(SqlTimeout, "timeout", seconds=limits.seconds)
