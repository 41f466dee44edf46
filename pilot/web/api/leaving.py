"""Work for a client that waits for a whole answer: it ends when he leaves, and so does his query on the database."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from pilot.datasource.refusals import fault
from pilot.errors import SqlStopped

T = TypeVar("T")
LOOK_SECONDS = 0.25


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Raises SqlStopped, which nobody will read, when the client has left."""
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise fault(SqlStopped, "stopped")
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_SECONDS)
