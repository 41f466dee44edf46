"""What fits: against published figures, and against what real loads and real training steps take."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import bitsandbytes as bnb
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from pilot.config import Settings
from pilot.errors import InputInvalid, ModelUnknown, ModelUnusable
from pilot.model import plan
from pilot.model.base import LoadOptions
from pilot.model.loading import load_model
from pilot.model.planner import (
    GIB,
    RESERVED,
    Method,
    Recipe,
    nearest_serving,
    nearest_training,
    plan_serving,
    plan_training,
)
from pilot.model.precisions import AUTO, BY_NAME, PRECISIONS
from pilot.model.quantised import forbid_packing, four_bit_layers, memory_of
from pilot.model.shapes import NAMED, Shape, shape_of
from tests.model.memory import Peak

MIDDLE = LlamaConfig(
    vocab_size=4096, hidden_size=256, intermediate_size=704, num_hidden_layers=14, num_attention_heads=8,
    num_key_value_heads=4, max_position_embeddings=2048,
)  # fmt: skip
BF16, NF4_DQ = BY_NAME["bf16"], BY_NAME["nf4+dq"]


@pytest.fixture(scope="module")
def middle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaMA of 12 million parameters."""
    folder = tmp_path_factory.mktemp("models") / "middle"
    torch.manual_seed(0)
    LlamaForCausalLM(MIDDLE).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def shape(middle: Path) -> Shape:
    return shape_of(json.loads((middle / "config.json").read_text()))


def load(folder: Path, precision: str) -> Any:
    model = load_model(folder, LoadOptions(models_dir=folder.parent, device="cpu", precision=precision))
    forbid_packing(model)
    return model


@pytest.mark.parametrize("precision", PRECISIONS, ids=lambda row: row.name)
def test_weights_of_a_real_load_are_as_planned_and_their_bits_as_stored(
    precision: Any, middle: Path, shape: Shape
) -> None:
    assert shape.parameters == pytest.approx(12.43e6, rel=0.001)
    model = load(middle, precision.name)
    assert memory_of(model) == pytest.approx(shape.weights(precision), rel=0.01)
    layers = four_bit_layers(model)
    assert bool(layers) == (precision.bits < 8)
    if layers:
        states = [layer.weight.quant_state for layer in layers]
        held = sum(layer.weight.nbytes for layer in layers) + sum(state.absmax.nbytes for state in states)
        held += sum(state.state2.absmax.nbytes for state in states if state.nested)
        parameters = sum(layer.in_features * layer.out_features for layer in layers)
        assert 8 * held / parameters == pytest.approx(precision.bits, rel=1e-4)


def test_the_cache_of_a_real_prompt_is_as_planned(middle: Path, shape: Shape) -> None:
    model, cache = load(middle, "bf16"), DynamicCache()
    with torch.inference_mode():
        model(torch.tensor([[7] * 400]), past_key_values=cache, use_cache=True)
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert held == 400 * shape.cache_per_token(BF16)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("qlora", 32, 2, 256, "paged_adamw_8bit"),
        Recipe("qlora", 64, 1, 512, "adamw_8bit", checkpointing=False),
        Recipe("lora", 16, 2, 256, "adamw_torch"),
        Recipe("full", 0, 2, 256, "adamw_torch"),
    ],
    ids=str,
)
def test_a_real_training_step_takes_what_was_planned(recipe: Recipe, middle: Path, shape: Shape) -> None:
    planned, found = plan_training(shape, recipe), taken(middle, recipe)
    assert found["weights"] == pytest.approx(planned.weights + planned.adapter, rel=0.02)
    assert found["gradients"] == pytest.approx(planned.gradients, rel=0.02)
    assert found["optimizer"] == pytest.approx(planned.optimizer, rel=0.05)
    assert sum(found.values()) == pytest.approx(planned.total - RESERVED, rel=0.1)


def taken(folder: Path, recipe: Recipe) -> dict[str, float]:
    """Bytes of a real training step."""
    model = trainable(folder, recipe)
    optimizer = optimizer_of(model, recipe)
    ids = torch.randint(0, MIDDLE.vocab_size, (recipe.batch, recipe.tokens))
    step(model, ids)
    optimizer.step()
    held = memory_of(model)
    with Peak() as peak:
        step(model, ids)  # a second one, as with gradient accumulation: the gradients of the first are there
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return {
        "weights": held,
        "gradients": sum(parameter.grad.nbytes for parameter in trained),
        "optimizer": sum(value.nbytes for state in optimizer.state.values() for value in state.values()
                         if isinstance(value, torch.Tensor) and value.numel() > 256),
        "activations": peak.most,
    }  # fmt: skip


def trainable(folder: Path, recipe: Recipe) -> Any:
    model = load(folder, "nf4+dq" if recipe.method == "qlora" else "bf16")
    if recipe.checkpointing:
        model.config.use_cache = False
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if recipe.method != "full":
        model.enable_input_require_grads()
        model = get_peft_model(model, LoraConfig(r=recipe.rank, lora_dropout=0.0, target_modules="all-linear"))
    else:
        model.requires_grad_(True)
    return model.train()


def optimizer_of(model: Any, recipe: Recipe) -> Any:
    kind = torch.optim.AdamW if recipe.optimizer == "adamw_torch" else bnb.optim.AdamW8bit
    return kind([parameter for parameter in model.parameters() if parameter.requires_grad])


def step(model: Any, ids: torch.Tensor) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(input_ids=ids, labels=ids).loss.backward()


@pytest.mark.parametrize(
    ("name", "billions", "nf4_gb", "cache_mb"),
    [
        ("llama-7b", 6.74, 3.9, 0.52),
        ("llama-13b", 13.0, 7.2, 0.82),
        ("llama-33b", 32.5, 17.4, 1.6),
        ("llama-65b", 65.3, 34.5, 2.6),
        ("llama-3-8b", 8.03, 5.6, 0.13),
        ("mistral-7b", 7.24, 4.1, 0.13),
        ("qwen2.5-7b", 7.61, 5.5, 0.057),
        ("falcon-7b", 6.92, 3.9, 0.0082),
    ],
)
def test_known_models_have_their_known_sizes(name: str, billions: float, nf4_gb: float, cache_mb: float) -> None:
    shape = NAMED[name]
    assert shape.parameters / 1e9 == pytest.approx(billions, rel=0.01)
    assert shape.weights(NF4_DQ) / 1e9 == pytest.approx(nf4_gb, rel=0.03)
    assert shape.cache_per_token(NF4_DQ) / 1e6 == pytest.approx(cache_mb, rel=0.03)


@pytest.mark.parametrize(("name", "gb"), [("7b", 6.9), ("13b", 11.3), ("33b", 24.7), ("65b", 45.0)])
def test_qlora_takes_what_its_authors_published(name: str, gb: float) -> None:
    """arXiv 2305.14314, appendix: batch 1, 512 tokens, gradient checkpointing."""
    assert plan_training(NAMED[f"llama-{name}"], Recipe()).total / 1e9 == pytest.approx(gb, rel=0.05)


def test_guanaco_33b_in_4_bits_fits_24_gib_and_not_in_16_bits() -> None:
    assert plan_serving(NAMED["llama-33b"], NF4_DQ, 24 * GIB).longest == 2048
    wanted = plan_serving(NAMED["llama-33b"], BF16, 24 * GIB)
    assert not wanted.fits
    nearest = nearest_serving(NAMED["llama-33b"], 24 * GIB, wanted)
    assert nearest is not None
    assert (nearest.precision.name, nearest.context) == ("nf4", 2048)


def test_a_card_too_small_for_the_context_gets_a_shorter_one() -> None:
    wanted = plan_serving(NAMED["llama-33b"], NF4_DQ, 19 * GIB)
    nearest = nearest_serving(NAMED["llama-33b"], 19 * GIB, wanted)
    assert nearest is not None
    assert nearest.context < 2048
    assert nearest_serving(NAMED["llama-65b"], 8 * GIB, wanted) is None or nearest.fits


def test_qlora_is_what_brings_65b_onto_48_gib() -> None:
    methods: list[Method] = ["full", "lora", "qlora"]
    fits = {method: plan_training(NAMED["llama-65b"], Recipe(method)).fits(48 * GIB) for method in methods}
    assert fits == {"full": False, "lora": False, "qlora": True}


def test_the_nearest_recipe_changes_the_result_least() -> None:
    wanted = Recipe("lora", batch=8, optimizer="adamw_torch", checkpointing=False)
    roomy, small = (nearest_training(NAMED["llama-7b"], card * GIB, wanted) for card in (20, 8))
    assert roomy is not None
    assert small is not None
    assert roomy.recipe.method == "lora"
    assert roomy.recipe.checkpointing
    assert small.recipe == replace(Recipe(), tokens=small.recipe.tokens)
    assert nearest_training(NAMED["llama-65b"], 8 * GIB, wanted) is None


def test_a_folder_is_read_by_its_config(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    values = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
              "intermediate_size": 128, "vocab_size": 100, "tie_word_embeddings": True}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(values))
    shape = plan.find("mine", tmp_path)
    assert shape.key_width == 32
    assert shape.parameters == 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128) + 100 * 64 + 5 * 64
    (folder / "config.json").write_text(json.dumps(values | {"head_dim": 32}))
    assert plan.find("mine", tmp_path).query_width == 128


def test_falcon_is_read_by_what_its_config_leaves_out() -> None:
    config = {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
              "vocab_size": 65024, "multi_query": True}  # fmt: skip
    assert shape_of(config) == NAMED["falcon-7b"]


def test_what_is_no_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(ModelUnknown, match="no model"):
        plan.find("missing", tmp_path)
    with pytest.raises(ModelUnusable, match=r"config.json is missing"):
        plan.find("empty", tmp_path)
    with pytest.raises(ModelUnusable, match="num_attention_heads"):
        plan.find("other", tmp_path)


@pytest.mark.parametrize(("text", "bytes_"), [("24GiB", 24 * GIB), ("16 GB", 16e9), ("8g", 8 * GIB)])
def test_sizes_of_cards_are_read(text: str, bytes_: float) -> None:
    assert plan.size(text) == bytes_


def test_a_strange_size_is_refused() -> None:
    with pytest.raises(InputInvalid):
        plan.size("a lot")


def test_the_command_prints_both_tables_and_what_fits_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan.main(["llama-33b", "--gpu", "24GiB"]) == 0
    printed = capsys.readouterr().out
    assert "nf4+dq       4.127" in printed
    assert "bf16 does not fit; the nearest that does: nf4 with a context of 2,048" in printed
    assert "qlora, rank 64, paged_adamw_8bit, 1 x 512 tokens: fits" in printed
    assert "lora, rank 64, adamw_torch, 1 x 512 tokens: does not fit; the nearest that does: qlora" in printed
    assert plan.main(["nothing"]) == 2


def test_the_setting_names_every_precision() -> None:
    names = get_args(Settings.model_fields["model_precision"].annotation)
    assert list(names) == [AUTO, *(row.name for row in PRECISIONS)]
