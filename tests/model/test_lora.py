"""Several LoRA adapters on one base: chosen by name, never mixed, exchanged while the server runs."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from pilot.errors import ModelUnknown, ModelUnusable
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.folders import find
from tests.model import tiny
from tests.model.asking import ask, text_of


@pytest.fixture
def place(tmp_path: Path, models_dir: Path) -> Path:
    """A models folder with `tiny` and two adapters of it."""
    (tmp_path / "tiny").symlink_to(models_dir / "tiny")
    for seed, name in enumerate(("sales-v1.2", "chat")):
        make_adapter(tmp_path, name, seed)
    return tmp_path


def make_adapter(place: Path, name: str, seed: int, *, base: str = "someone/tiny") -> None:
    model = AutoModelForCausalLM.from_pretrained(place / "tiny", use_safetensors=True)
    torch.manual_seed(seed)
    config = LoraConfig(target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False, lora_alpha=64)
    get_peft_model(model, config).save_pretrained(place / name)
    tiny.edit_json(place / name / "adapter_config.json", base_model_name_or_path=base)


def load(place: Path, name: str = "tiny", precision: str = "fp32") -> CausalAdapter:
    found = find(name, place)
    assert found.folder is not None
    options = LoadOptions(models_dir=place, device="cpu", precision=precision, family=found.family,
                          adapter=found.adapter)  # fmt: skip
    return CausalAdapter.load(name, found.folder, options)


@pytest.fixture
def served(place: Path) -> Iterator[CausalAdapter]:
    adapter = load(place)
    yield adapter
    adapter.close()


def answer(adapter: CausalAdapter, model: str, text: str = "How many customers are there?") -> str:
    return text_of(adapter.stream(ask(text, model=model, max_tokens=24, temperature=0), threading.Event()))


def test_each_name_answers_as_its_own_folder_would(served: CausalAdapter, place: Path) -> None:
    assert list(served.variants()) == ["tiny:chat", "tiny:sales-v1.2"]
    found = [answer(served, model) for model in ("tiny", "tiny:chat", "tiny:sales-v1.2", "tiny")]
    assert found[0] == found[3]
    assert len(set(found)) == 3
    for name, text in zip(("chat", "sales-v1.2"), found[1:3], strict=True):
        alone = load(place, name)  # merged into its base
        assert answer(alone, "") == text
        alone.close()


def test_answers_that_run_together_are_those_that_run_alone(served: CausalAdapter) -> None:
    """Prompts that begin alike as well: what is kept of them belongs to one adapter."""
    names = ("tiny", "tiny:chat", "tiny:sales-v1.2")
    wishes = [(model, f"{'customers and their orders ' * 12}{number}") for number in range(2) for model in names]
    alone = [answer(served, *wish) for wish in wishes]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda wish: answer(served, *wish), wishes)) == alone


def test_adapters_work_on_a_base_in_4_bits(place: Path) -> None:
    adapter = load(place, precision="nf4+dq")
    assert answer(adapter, "tiny") != answer(adapter, "tiny:chat")
    adapter.close()


def test_an_adapter_trained_again_is_taken_without_a_restart(served: CausalAdapter, place: Path) -> None:
    before = answer(served, "tiny:chat")
    make_adapter(place, "chat", 7)
    os.utime(place / "chat" / "adapter_model.safetensors", ns=(1, 1))
    assert answer(served, "tiny:chat") != before


def test_an_adapter_that_comes_later_is_found(served: CausalAdapter, place: Path) -> None:
    make_adapter(place, "new", 9)
    assert "tiny:new" in served.variants()
    assert answer(served, "tiny:new") != answer(served, "tiny")


def test_base_and_adapter_may_be_what_is_served(place: Path) -> None:
    plain, adapter = load(place), load(place, "tiny:chat")
    assert answer(adapter, "") == answer(adapter, "tiny:chat") == answer(plain, "tiny:chat")
    assert list(adapter.variants()) == ["tiny", "tiny:sales-v1.2"]
    plain.close()
    adapter.close()


def test_unknown_and_foreign_and_broken_adapters_are_named(served: CausalAdapter, place: Path) -> None:
    make_adapter(place, "foreign", 1, base="other/model")
    for name in ("tiny:foreign", "tiny:missing", "other"):
        with pytest.raises(ModelUnknown, match="is served here"):
            answer(served, name)
    file = place / "chat" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(ModelUnusable, match=r"chat/adapter_model.safetensors has"):
        answer(served, "tiny:chat")
