"""Weights as they really lie in memory: 4 bits where asked for, adapters attached."""

import json
import threading
from pathlib import Path

import bitsandbytes as bnb
import pytest
import sentencepiece
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from pilot.errors import ConfigInvalid, ModelUnusable
from pilot.model import loading
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.devices import pick_device, pick_dtype
from pilot.model.families import by_name
from pilot.model.folders import find
from pilot.model.loading import load_model
from pilot.model.precisions import PRECISIONS
from pilot.model.quantised import forbid_packing, precision_of
from pilot.protocol import Message
from tests.model import tiny
from tests.model.asking import ask, text_of


def test_guanaco_is_loaded_in_4_bits_with_double_quantisation(models_dir: Path) -> None:
    family = by_name("guanaco")
    assert family is not None
    model = load_model(models_dir / "tiny", LoadOptions(models_dir=models_dir, device="cpu", family=family))
    layers = [module for module in model.modules() if isinstance(module, bnb.nn.Linear4bit)]
    assert len(layers) == 2 * 7  # each linear layer of both blocks; the head stays as it is
    for layer in layers:
        state = layer.weight.quant_state
        assert layer.weight.dtype == torch.uint8
        assert layer.weight.numel() * 2 == layer.in_features * layer.out_features
        assert (state.quant_type, state.nested, layer.compute_dtype) == ("nf4", True, torch.bfloat16)
    assert precision_of(model) == "nf4+dq"


def test_owner_may_switch_the_familys_4_bits_off(models_dir: Path) -> None:
    family = by_name("guanaco")
    assert family is not None
    options = LoadOptions(models_dir=models_dir, device="cpu", quantise=False, family=family)
    assert precision_of(load_model(models_dir / "tiny", options)) == "fp32"


def test_4_bit_model_answers(models_dir: Path) -> None:
    options = LoadOptions(models_dir=models_dir, device="cpu", quantise=True)
    adapter = CausalAdapter.load("tiny", models_dir / "tiny", options)
    assert adapter.card.quantisation == "nf4+dq"
    assert text_of(adapter.stream(ask(max_tokens=20, seed=1), threading.Event()))


@pytest.mark.parametrize("precision", [row.name for row in PRECISIONS])
def test_a_model_streams_in_each_precision(precision: str, models_dir: Path) -> None:
    options = LoadOptions(models_dir=models_dir, device="cpu", precision=precision)
    adapter = CausalAdapter.load("tiny", models_dir / "tiny", options)
    try:
        assert adapter.card.quantisation == precision
        assert text_of(adapter.stream(ask(max_tokens=20, seed=1), threading.Event()))
        assert text_of(adapter.stream(ask(max_tokens=20, seed=1), threading.Event()))  # packed by now
    finally:
        adapter.close()


def test_the_owners_precision_goes_before_the_familys(models_dir: Path) -> None:
    family = by_name("guanaco")
    assert family is not None
    options = LoadOptions(models_dir=models_dir, device="cpu", precision="fp4", quantise=False, family=family)
    assert precision_of(load_model(models_dir / "tiny", options)) == "fp4"


@pytest.mark.parametrize(("free", "found"), [(1e12, "fp32"), (1e6, "bf16"), (1e3, "nf4+dq")])
def test_without_a_wish_it_is_the_best_that_fits(
    free: float, found: str, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "free_memory", lambda _: free)
    options = LoadOptions(models_dir=models_dir, device="cpu", context=128)
    assert loading.precision_for(models_dir / "tiny", options, torch.device("cpu")).name == found


def test_gradients_are_right_after_an_answer_where_packing_is_forbidden(models_dir: Path) -> None:
    """A packed layer has no gradient of its own; found with bitsandbytes 0.50.2 on CPUs with AVX512-BF16."""
    options = LoadOptions(models_dir=models_dir, device="cpu", precision="nf4+dq")
    ids = torch.tensor([[5, 9, 7, 11, 6, 3]])
    found = []
    for answers in (0, 1):
        model = load_model(models_dir / "tiny", options)
        forbid_packing(model)
        model.enable_input_require_grads()
        model = get_peft_model(
            model, LoraConfig(target_modules="all-linear", lora_dropout=0, init_lora_weights="olora")
        )
        with torch.inference_mode():
            for _ in range(answers):
                model.eval()(ids)
        model.train()(input_ids=ids, labels=ids).loss.backward()
        found.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.equal(*found)


def test_4_bit_layers_of_odd_shape_work(tmp_path: Path) -> None:
    """bitsandbytes' packing for CPUs with AVX512-BF16 takes only multiples of 64 and 32."""
    tiny.save(tmp_path / "odd")
    config = LlamaConfig(vocab_size=tiny.VOCABULARY, hidden_size=80, intermediate_size=168, num_hidden_layers=1,
                         num_attention_heads=4, max_position_embeddings=256)  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "odd")
    options = LoadOptions(models_dir=tmp_path, device="cpu", quantise=True)
    adapter = CausalAdapter.load("odd", tmp_path / "odd", options)
    assert text_of(adapter.stream(ask(max_tokens=20, seed=1), threading.Event()))


@pytest.fixture
def adapted(models_dir: Path, tmp_path: Path) -> Path:
    """A models folder with `tiny` and `tuned`, a LoRA adapter of it that changes much."""
    (tmp_path / "tiny").symlink_to(models_dir / "tiny")
    base = AutoModelForCausalLM.from_pretrained(models_dir / "tiny", use_safetensors=True)
    config = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, lora_alpha=64)
    torch.manual_seed(0)
    model = get_peft_model(base, config)
    model.save_pretrained(tmp_path / "tuned")
    tiny.edit_json(tmp_path / "tuned" / "adapter_config.json", base_model_name_or_path="someone/tiny")
    return tmp_path


def test_adapter_folder_is_its_base_with_the_adapter_attached(adapted: Path) -> None:
    options = LoadOptions(models_dir=adapted, device="cpu")
    wish = ask(max_tokens=30, temperature=0)
    base, tuned = (
        text_of(CausalAdapter.load(name, adapted / name, options).stream(wish, threading.Event()))
        for name in ("tiny", "tuned")
    )
    assert base != tuned


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny")
    tiny.edit_json(folder / "config.json", hidden_size=128)
    with pytest.raises(ModelUnusable, match="tiny cannot be loaded"):
        load_model(folder, LoadOptions(models_dir=tmp_path, device="cpu"))


def test_architecture_that_needs_code_from_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    tiny.edit_json(folder / "config.json", model_type="evil", auto_map={"AutoConfig": "evil.Evil"})
    with pytest.raises(ModelUnusable, match="tiny cannot be loaded"):
        load_model(folder, LoadOptions(models_dir=tmp_path, device="cpu"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("wanted", ["tpu9", "cuda:99"])
def test_device_that_is_not_there_is_named(wanted: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"MODEL_DEVICE '{wanted}'"):
        pick_device(wanted)


def test_half_precision_becomes_bfloat16_on_a_cpu() -> None:
    cpu = torch.device("cpu")
    assert [pick_dtype(cpu, dtype) for dtype in (torch.float32, torch.bfloat16, torch.float16)] == [
        torch.float32,
        torch.bfloat16,
        torch.bfloat16,
    ]


@pytest.fixture
def folder_of_2023(tmp_path: Path) -> Path:
    """As Guanaco's and Vicuna's came: SentencePiece only, and special tokens that are named ""."""
    folder = tiny.save(tmp_path / "guanaco-tiny", chat_template=None)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with (folder / "tokenizer.model").open("wb") as writer:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([tiny.TEXT] * 20),
            model_writer=writer,
            model_type="bpe",
            vocab_size=400,
            byte_fallback=True,
            unk_id=0,
            bos_id=1,
            eos_id=2,
            minloglevel=2,
        )
    names = {"bos_token": "", "eos_token": "", "unk_token": ""}
    (folder / "tokenizer_config.json").write_text(json.dumps(names | {"tokenizer_class": "LlamaTokenizer"}))
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    return folder


def test_tokenizer_of_2023_is_read_and_its_faults_mended(folder_of_2023: Path) -> None:
    found = find("guanaco-tiny", folder_of_2023.parent)
    options = LoadOptions(models_dir=folder_of_2023.parent, device="cpu", family=found.family)
    adapter = CausalAdapter.load(found.name, found.folder, options)
    prompt = adapter.encode([Message(role="user", content="hello")])
    assert prompt[0] == 1
    assert adapter.count("### Human: hello") > 3
    assert text_of(adapter.stream(ask(max_tokens=20, seed=1), threading.Event()))
