"""A page that nobody uses takes no processor."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from gradio import queueing

from pilot.web.app import PAGE


@pytest.mark.parametrize("loop", ["start_processing", "start_progress_updates"])
async def test_while_nobody_asks_the_queue_looks_a_few_times_a_second(
    loop: str, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    (page,) = (route.app for route in app.routes if getattr(route, "path", "") == PAGE)  # type: ignore[attr-defined]
    queue = page.get_blocks()._queue
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        queue.stopped = len(rests) == 5

    monkeypatch.setattr(queue, "stopped", False)
    monkeypatch.setattr(queueing, "asyncio", SimpleNamespace(sleep=rest))
    await getattr(queue, loop)()
    assert min(rests) >= 0.02
