"""The bundled embedding model, as the server runs it."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from pilot.errors import ModelBusy, ModelUnknown, ModelUnusable
from pilot.model.embeddings import ENCODERS, Embedder, Encoder, find_encoder
from tests.model.live import Lengths


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    folder = find_encoder("all-MiniLM-L6-v2", Path("nowhere"))
    return ENCODERS.get("sentence_transformers").load(folder, "cpu")


async def test_vectors_are_normalised_float32_and_near_where_the_meaning_is(encoder: Encoder) -> None:
    embedder = Embedder(lambda: encoder, name="all-MiniLM-L6-v2")
    await embedder.load()
    texts = ["sales per region", "revenue by area", "the cat sleeps"] * 20  # more than one batch
    found = await embedder.embed(texts)
    assert (str(found.dtype), found.shape) == ("float32", (60, 384))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found[:3], found[57:], atol=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.2


async def test_no_text_gives_no_vector(encoder: Encoder) -> None:
    embedder = Embedder(lambda: encoder, name="all-MiniLM-L6-v2")
    await embedder.load()
    assert len(await embedder.embed([])) == 0


def test_folder_under_models_goes_before_the_package(tmp_path: Path) -> None:
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    assert find_encoder("all-MiniLM-L6-v2", tmp_path) == tmp_path / "all-MiniLM-L6-v2"


@pytest.mark.parametrize("name", ["bge-m3", "../models", ""])
def test_unknown_embedding_model_is_refused_with_the_remedy(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelUnknown, match="no embedding model") as caught:
        find_encoder(name, tmp_path)
    assert "all-MiniLM-L6-v2" in caught.value.remedy


def test_folder_that_holds_no_model_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"config\.json is missing"):
        ENCODERS.get("sentence_transformers").load(tmp_path, "cpu")


async def test_request_waits_for_the_model_to_load() -> None:
    embedder = Embedder(Lengths, name="lengths")
    waiting = asyncio.create_task(embedder.embed(["a"]))
    await asyncio.sleep(0)
    assert not waiting.done()
    await embedder.load()
    assert len(await waiting) == 1


async def test_request_does_not_wait_for_ever() -> None:
    with pytest.raises(ModelBusy, match="loading"):
        await Embedder(Lengths, name="lengths", loading_wait=0.01).embed(["a"])


async def test_model_that_cannot_be_loaded_is_told_to_every_request() -> None:
    def load() -> Encoder:
        raise ModelUnusable("no weights")

    embedder = Embedder(load, name="none")
    for attempt in (embedder.load(), embedder.embed(["a"])):
        with pytest.raises(ModelUnusable, match="no weights"):
            await attempt
