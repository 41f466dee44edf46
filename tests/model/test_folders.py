"""Which model is meant, and whether its files are whole; each fault names the file."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pilot.errors import ConfigInvalid, ModelUnknown, ModelUnusable
from pilot.model.folders import base_of, find
from tests.model import tiny


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In several shards, as large models come."""
    return tiny.save(tmp_path_factory.mktemp("whole") / "guanaco-tiny", shard="100KB")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "guanaco-tiny"))


def a_shard(folder: Path) -> Path:
    return sorted(folder.glob("model-*.safetensors"))[1]


def cut(folder: Path) -> None:
    shard = a_shard(folder)
    shard.write_bytes(shard.read_bytes()[:-1])


def pickled(folder: Path) -> None:
    for file in folder.glob("*.safetensors*"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "config missing": (lambda at: (at / "config.json").unlink(), r"config\.json is missing"),
    "config empty": (lambda at: (at / "config.json").write_text(""), r"config\.json cannot be read"),
    "config no object": (lambda at: (at / "config.json").write_text("[]"), r"config\.json holds no settings"),
    "shard missing": (lambda at: a_shard(at).unlink(), r"model-00002-of-\d+\.safetensors is missing"),
    "shard empty": (lambda at: a_shard(at).write_bytes(b""), r"model-00002-of-\d+\.safetensors is no whole"),
    "shard cut": (cut, r"model-00002-of-\d+\.safetensors has [\d,]+ bytes instead of"),
    "shard is text": (lambda at: a_shard(at).write_text("version https://git-lfs"), r"is no whole safetensors file"),
    "index empty": (lambda at: (at / "model.safetensors.index.json").write_text("{}"), r"index\.json names no weights"),
    "only pickles": (pickled, r"pytorch_model\.bin is a pickle"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_half_written_folder_is_refused_with_the_file(fault: str, folder: Path) -> None:
    do_break, says = BROKEN[fault]
    do_break(folder)
    with pytest.raises(ModelUnusable, match=says) as caught:
        find(folder.name, folder.parent)
    assert caught.value.remedy


def test_whole_folder_is_found(folder: Path) -> None:
    found = find("guanaco-tiny", folder.parent)
    assert (found.folder, found.family.name) == (folder, "guanaco")


def test_named_family_goes_before_the_folders_name(folder: Path) -> None:
    assert find("guanaco-tiny", folder.parent, family="Vicuna").family.name == "vicuna"


def test_unknown_family_lists_the_known(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="LLM_FAMILY 'gpt'") as caught:
        find("guanaco-tiny", folder.parent, family="gpt")
    assert "guanaco, vicuna" in caught.value.remedy


def test_folder_of_no_family_uses_its_own_chat_template(folder: Path) -> None:
    folder.rename(folder.with_name("other"))
    assert find("other", folder.parent).family.name == "causal"


def test_folder_without_any_template_is_refused_and_the_families_listed(folder: Path) -> None:
    other = folder.rename(folder.with_name("other"))
    (other / "chat_template.jinja").unlink(missing_ok=True)
    tiny.edit_json(other / "tokenizer_config.json", chat_template=None)
    with pytest.raises(ModelUnusable, match="'other'") as caught:
        find("other", other.parent)
    assert "guanaco" in caught.value.remedy


@pytest.mark.parametrize("name", ["nix", "../secret", "/etc", "guanaco", ".hidden", ""])
def test_unknown_model_lists_the_known_and_the_place(name: str, folder: Path) -> None:
    (folder.parent / ".hidden").mkdir()
    with pytest.raises(ModelUnknown, match=re.escape(str(folder.parent))) as caught:
        find(name, folder.parent)
    assert "guanaco-tiny, proxyllm, scripted" in caught.value.remedy


def test_models_that_need_no_folder_are_found_without_one(tmp_path: Path) -> None:
    assert find("proxyllm", tmp_path / "absent").folder is None


@pytest.mark.parametrize("named", ["guanaco-tiny", "timdettmers/guanaco-tiny", "/old/place/guanaco-tiny/"])
def test_adapter_finds_its_base_beside_it(named: str, folder: Path) -> None:
    adapter = folder.parent / "night-shift"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    assert base_of(adapter, folder.parent) == folder


def test_adapter_without_its_base_says_which(folder: Path) -> None:
    adapter = folder.parent / "night-shift"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "huggyllama/llama-7b"}))
    with pytest.raises(ModelUnusable, match="'llama-7b'"):
        base_of(adapter, folder.parent)
