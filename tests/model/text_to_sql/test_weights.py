"""The package under models/: whole, light, soon loaded; broken files are named."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.errors import ModelUnusable
from pilot.model.base import LoadOptions
from pilot.model.text_to_sql.adapter import TextToSqlAdapter

PACKAGE = ROOT / "models" / BUNDLED_MODEL


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "models" / BUNDLED_MODEL))


def load(folder: Path) -> TextToSqlAdapter:
    return TextToSqlAdapter.load(folder.name, folder, LoadOptions(models_dir=folder.parent, device="cpu"))


def test_the_package_is_light() -> None:
    assert sum(file.stat().st_size for file in PACKAGE.iterdir()) < 40e6


def test_no_random_weights_are_made_before_those_of_the_package_are_read() -> None:
    before = torch.get_rng_state()
    load(PACKAGE)
    assert torch.equal(torch.get_rng_state(), before)


def test_it_tells_what_it_is() -> None:
    card = load(PACKAGE).card
    assert card.abilities == ["text_to_sql"]
    assert card.device == "cpu"
    assert 100e6 < card.memory_bytes < 150e6


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(ModelUnusable, match=file):
        load(copy)


def test_a_cut_file_is_named(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelUnusable, match=r"model\.safetensors"):
        load(copy)


def test_weights_of_another_shape_are_refused(copy: Path) -> None:
    settings = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(settings | {"decoder_layers": 4}), encoding="utf-8")
    with pytest.raises(ModelUnusable, match="does not fit"):
        load(copy)


def test_settings_without_a_size_are_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelUnusable, match=r"config\.json"):
        load(copy)


@pytest.mark.parametrize("judgement", [{"declines_from": "often"}, {"ranking": {"logprob": "much"}}, {"ranking": 3}])
def test_a_judgement_that_is_no_number_is_refused(copy: Path, judgement: dict[str, object]) -> None:
    settings = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps(settings | {"judgement": judgement}), encoding="utf-8")
    with pytest.raises(ModelUnusable, match="judgement"):
        load(copy)


def test_a_folder_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable):
        TextToSqlAdapter.load(BUNDLED_MODEL, None, LoadOptions(models_dir=tmp_path))
