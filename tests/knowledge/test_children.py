"""Work in processes of its own, and how it ends."""

import asyncio
import os

import pytest

from pilot.knowledge import children


async def test_a_stop_just_when_the_child_ends_by_itself_is_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is not known here yet, and there is nothing left to kill."""
    kill, begun, create = os.killpg, asyncio.Event(), asyncio.create_subprocess_exec

    def gone(group: int, number: int) -> None:
        kill(group, number)
        raise ProcessLookupError

    async def sleeping(*_: str, **options: object) -> asyncio.subprocess.Process:
        child = await create("sleep", "600", **options)  # type: ignore[arg-type]
        begun.set()
        return child

    monkeypatch.setattr("pilot.knowledge.children.os.killpg", gone)
    monkeypatch.setattr("pilot.knowledge.children.asyncio.create_subprocess_exec", sleeping)
    work = asyncio.create_task(children.run("any", (), seconds=600))
    await begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
