"""What tests of the library share: two documents, and waiting until all is indexed."""

import asyncio

from pilot.knowledge.library import Library
from pilot.knowledge.records import DocumentRecord

HANDBOOK = b"""# Handbook

## Holidays
Every employee has 25 days of paid leave per year. Unused days expire in March.

## Travel
Train tickets are booked by the travel desk. Flights need approval by a manager.
"""
CHINESE = """# 员工手册

## 年假
每位员工每年享有十五天年假。未休的年假在三月底作废。

## 差旅
火车票由行政部预订。机票须经理批准。
"""


async def settled(library: Library, space: str) -> list[DocumentRecord]:
    """Wait until nothing is queued or in work."""
    async with asyncio.timeout(600):
        while True:
            documents = await library.documents(space)
            if all(document.state in ("ready", "failed") for document in documents):
                return documents
            await asyncio.sleep(0.02)


async def moved_on(library: Library, space: str, embedder: str) -> None:
    """Wait until the space is searched with an index of that embedder alone."""
    async with asyncio.timeout(600):
        while (found := await library.space(space)).embedder != embedder or found.reindexing is not None:
            await asyncio.sleep(0.02)
