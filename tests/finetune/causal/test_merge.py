"""Base and adapter as one model: the same answers, attached or merged; and what does not belong together."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from pilot.errors import Conflict, ModelUnusable
from pilot.finetune.examples import Example
from pilot.finetune.merge import attach, merge
from pilot.finetune.recipe import Recipe
from pilot.finetune.sft import sft
from pilot.model.folders import find
from pilot.model.loading import load_tokenizer
from tests.model import tiny

RECIPE = Recipe(method="lora", rate=5e-3, epochs=3, batch=4, accumulate=1, optimizer="adamw_torch", device="cpu")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def adapter(base: Path, counting: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sft(base, counting, tmp_path_factory.mktemp("run"), RECIPE)


def test_merged_and_attached_models_say_the_same(base: Path, adapter: Path, tmp_path: Path) -> None:
    merged = merge(adapter, base.parent, tmp_path / "tiny-merged")
    tokens = torch.tensor([load_tokenizer(merged, None)("How many orders are there?")["input_ids"]])
    options = {"max_new_tokens": 24, "do_sample": False, "pad_token_id": 0}
    attached = attach(base, adapter)
    plain = AutoModelForCausalLM.from_pretrained(base).eval()
    said = attached.generate(input_ids=tokens, **options)
    assert torch.equal(AutoModelForCausalLM.from_pretrained(merged).eval().generate(input_ids=tokens, **options), said)
    assert not torch.equal(plain.generate(input_ids=tokens, **options), said)  # it has learnt something


def test_a_merged_model_is_served_like_any_other(base: Path, adapter: Path, tmp_path: Path) -> None:
    merged = merge(adapter, base.parent, tmp_path / "tiny-merged")
    found = find(merged.name, merged.parent)
    assert found.folder == merged
    assert not (merged / "adapter_config.json").exists()


def test_a_base_of_another_shape_is_refused_and_nothing_is_left(adapter: Path, tmp_path: Path) -> None:
    other = tiny.save(tmp_path / "other")
    wider = LlamaForCausalLM(LlamaConfig(vocab_size=512, hidden_size=128, intermediate_size=256, num_hidden_layers=1,
                                         num_attention_heads=4))  # fmt: skip
    wider.save_pretrained(other)
    with pytest.raises(ModelUnusable, match="does not fit"):
        merge(adapter, tmp_path, tmp_path / "merged", base=other)
    assert not list(tmp_path.glob("merged*"))


def test_a_whole_model_and_a_taken_name_are_refused(base: Path, adapter: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="whole model"):
        merge(base, base.parent, tmp_path / "merged")
    with pytest.raises(Conflict):
        merge(adapter, base.parent, tmp_path)
