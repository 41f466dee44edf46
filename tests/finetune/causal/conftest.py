"""A base to learn on, and a task that it can learn."""

import gc
from pathlib import Path

import pytest

from pilot.finetune.examples import Example
from pilot.protocol import Message
from tests.model import tiny

COUNTED = ("customers", "orders", "products", "employees")


@pytest.fixture(scope="session", autouse=True)
def _settled() -> None:
    """Each run ends with a collection, a third of its time while that looks at all objects of the libraries."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def counting() -> list[Example]:
    """Eight examples of four families, each with a wrong answer."""
    return [
        Example(
            (Message(role="user", content=f"How many {what} are there?"),),
            answer=f"SELECT count(*) FROM {what}",  # noqa: S608 - nothing runs it
            rejected=f"SELECT {what}",
            family=what,
        )
        for what in COUNTED * 2
    ]
