"""The one crossing from the event loop to a database: whoever leaves takes his query along."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from pilot.datasource.base import Datasource, Limits, Rows, Stop
from pilot.datasource.guard import SafeSql

T = TypeVar("T")


async def run(datasource: Datasource, statement: SafeSql, limits: Limits) -> Rows:
    """`Datasource.run` on a thread. Cancelling this cancels the query on its server, too."""
    return await cancellable(partial(datasource.run, statement), limits)


async def cancellable(work: Callable[[Limits], T], limits: Limits) -> T:
    """`work` on a thread, within limits that end when this is cancelled."""
    stop = Stop()
    try:
        return await asyncio.to_thread(work, replace(limits, stop=stop))
    except asyncio.CancelledError:
        stop.ask()
        raise
