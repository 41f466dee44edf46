"""Fetching a model, from a hub on this machine: planned, resumed, whole or not there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.errors import HfHubHTTPError

from pilot.errors import Conflict, InputInvalid, ModelUnusable, StorageFull
from pilot.model import fetch
from pilot.model.folders import find
from tests.model import tiny
from tests.model.hub import FakeHub, hub

REPO = "someone/qwen-tiny"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.save(tmp_path_factory.mktemp("hub") / "qwen-tiny", shard="300KB")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_evil.py").write_text("open('/tmp/ran', 'w')")
    return folder


@pytest.fixture
def near(published: Path) -> Iterator[FakeHub]:
    with hub(REPO, published) as found:
        yield found


def bring(near: FakeHub, target: Path) -> Path:
    asked = fetch.Hub(near.url)
    return fetch.fetch(asked, asked.look(REPO), target)


def test_a_whole_model_arrives_without_pickles_and_code(near: FakeHub, tmp_path: Path) -> None:
    folder = bring(near, tmp_path / "qwen-tiny")
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors.index.json"} <= names
    assert not {name for name in names if name.endswith((".bin", ".py")) or name.startswith(".")}
    assert find("qwen-tiny", tmp_path).family.name == "qwen"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_second_try_goes_on_where_the_first_broke_off(near: FakeHub, tmp_path: Path) -> None:
    *_, last = (name for name in fetch.Hub(near.url).look(REPO).files if name.endswith(".safetensors"))
    near.refused.add(last)
    with pytest.raises((HfHubHTTPError, OSError)):
        bring(near, tmp_path / "qwen-tiny")
    assert not (tmp_path / "qwen-tiny").exists()
    near.refused.clear()
    before = list(near.given)
    bring(near, tmp_path / "qwen-tiny")
    assert last in near.given
    assert not set(before) & set(near.given[len(before) :])  # what had come did not come again
    find("qwen-tiny", tmp_path)


def test_a_connection_that_breaks_is_taken_up_again(near: FakeHub, tmp_path: Path) -> None:
    near.cut["tokenizer.json"] = 1000
    folder = bring(near, tmp_path / "qwen-tiny")
    assert near.given.count("tokenizer.json") == 2
    assert (folder / "tokenizer.json").read_bytes() == (near.folder / "tokenizer.json").read_bytes()


def test_what_is_there_is_not_overwritten(near: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "qwen-tiny").mkdir()
    with pytest.raises(Conflict):
        bring(near, tmp_path / "qwen-tiny")


def test_a_disk_too_small_is_told_before_the_first_byte(
    near: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageFull, match=r"0\.0 GB are free"):
        bring(near, tmp_path / "qwen-tiny")
    assert near.given == []


def test_pickles_alone_are_refused_and_a_pattern_that_fits_nothing_lists_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with hub(REPO, tmp_path) as found, pytest.raises(ModelUnusable, match="pickles alone"):
        fetch.Hub(found.url).look(REPO)
    (tmp_path / "model-Q4_K_M.gguf").write_bytes(b"GGUF")
    with hub(REPO, tmp_path) as found, pytest.raises(InputInvalid) as told:
        fetch.Hub(found.url).look(REPO, pattern="*Q8_0.gguf")
    assert "model-Q4_K_M.gguf" in told.value.remedy


def test_the_command_plans_fetches_and_says_what_is_wrong(
    near: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    real = fetch.Hub
    monkeypatch.setattr(fetch, "Hub", lambda: real(near.url))
    assert fetch.main([REPO, "--plan", "--gpu", "8GiB"]) == 0
    assert "on a card of 8GiB, nf4+dq" in capsys.readouterr().out
    assert not (tmp_path / "qwen-tiny").exists()
    assert fetch.main([REPO, "--name", "qwen-mine"]) == 0
    assert "LLM_MODEL=qwen-mine" in capsys.readouterr().out
    assert fetch.main(["someone/else"]) == 1
    assert "the hub has no model 'someone/else'" in capsys.readouterr().err
