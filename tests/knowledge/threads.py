"""In which threads work is done: what takes time must not run in that of the event loop."""

import threading
from collections import defaultdict
from functools import wraps
from typing import Any

import pytest


def watched(monkeypatch: pytest.MonkeyPatch, *works: tuple[Any, str]) -> dict[str, set[int]]:
    """The threads that run each of these functions from now on, by the function's name."""
    threads: dict[str, set[int]] = defaultdict(set)

    def watch(place: Any, name: str) -> None:
        work = getattr(place, name)

        @wraps(work)
        def noted(*arguments: Any, **options: Any) -> Any:
            threads[name].add(threading.get_ident())
            return work(*arguments, **options)

        monkeypatch.setattr(place, name, noted)

    for place, name in works:
        watch(place, name)
    return threads
