"""What the tests of the LLM server share: one folder of models, one loaded model."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilot.model import embeddings, engine, reranking
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from tests.model import tiny
from tests.model.live import PATIENCE


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is closed may take its time: whether it ends is asked, not how soon."""
    for part in (engine, embeddings, reranking):
        monkeypatch.setattr(part, "CLOSE_SECONDS", PATIENCE)


@pytest.fixture(scope="session", autouse=True)
def _libraries_are_no_garbage() -> Iterator[None]:
    """Letting go of a model collects garbage; without this, each time among all that the libraries hold: 0.5 s."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with one whole model, `tiny`."""
    folder = tmp_path_factory.mktemp("models")
    tiny.save(folder / "tiny")
    return folder


class Shared(CausalAdapter):
    """Outlives the engines that are closed around it: all tests have the same one."""

    def close(self) -> None:
        return


@pytest.fixture(scope="session")
def causal(models_dir: Path) -> CausalAdapter:
    return Shared.load("tiny", models_dir / "tiny", LoadOptions(models_dir=models_dir, device="cpu"))
