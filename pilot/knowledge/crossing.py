"""The one way off the event loop: everything of the library that blocks goes through here."""

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import anyio.to_thread

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def apart(work: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """`work` in a thread. A cancelled caller still waits for it: nothing is left half done."""
    return await anyio.to_thread.run_sync(work, *arguments)
