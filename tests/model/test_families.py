"""The rows say what the authors of each family trained it on."""

from pathlib import Path

import pytest

from pilot.config import ROOT
from pilot.errors import ModelUnusable
from pilot.model.adapters import ADAPTERS
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.families import FAMILIES, by_folder, by_name
from pilot.protocol import Message
from tests.model import tiny

DIALOGUE = [
    Message(role="system", content="Be brief."),
    Message(role="user", content="Hi"),
    Message(role="assistant", content="Hello"),
    Message(role="user", content="Who are you?"),
]
RENDERED = {
    "guanaco": "Be brief.\n### Human: Hi\n### Assistant: Hello\n### Human: Who are you?\n### Assistant:",
    "vicuna": "Be brief. USER: Hi ASSISTANT: Hello</s>USER: Who are you? ASSISTANT:",
    "llama": "Be brief.\nHi\nHello\nWho are you?\n",
    "llama-2": "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello </s><s>[INST] Who are you? [/INST]",
    "llama-3": (
        "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHello<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nWho are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "mistral": "[INST] Be brief.\n\nHi [/INST] Hello</s>[INST] Who are you? [/INST]",
    "qwen": (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nWho are you?<|im_end|>\n<|im_start|>assistant\n"
    ),
    "falcon": "Be brief.\nUser: Hi\nAssistant: Hello\nUser: Who are you?\nAssistant:",
    "t5": "Be brief.\nHi\nHello\nWho are you?\n",
    "plain": "Be brief.\nHi\nHello\nWho are you?\n",
}


@pytest.mark.parametrize("name", RENDERED)
def test_template_of(name: str) -> None:
    family = by_name(name)
    assert family is not None
    assert family.template is not None
    assert family.template.render(DIALOGUE) == RENDERED[name]


def test_guanaco_introduces_itself_when_no_system_message_does() -> None:
    family = by_name("guanaco")
    assert family is not None
    assert family.template is not None
    assert family.template.render(DIALOGUE[1:2]) == (
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the human's questions.\n### Human: Hi\n### Assistant:"
    )


@pytest.mark.parametrize(
    ("folder", "family"),
    [
        ("guanaco-33b-merged", "guanaco"),
        ("Guanaco-7B", "guanaco"),
        ("vicuna-13b-v1.5", "vicuna"),
        ("pilot-text-to-sql", "pilot-text-to-sql"),
        ("scripted-slow", "scripted"),
        ("my-guanaco", None),
        ("llama-7b", "llama"),
        ("Llama-2-7b-chat-hf", "llama-2"),
        ("Meta-Llama-3-8B-Instruct", "llama-3"),
        ("Llama-3.2-1B-Instruct", "llama-3"),
        ("llama-33b", "llama"),
        ("llama-of-mine", None),
        ("Mistral-7B-Instruct-v0.3", "mistral"),
        ("Mixtral-8x7B-Instruct-v0.1", "mistral"),
        ("Qwen2.5-7B-Instruct", "qwen"),
        ("chatglm3-6b", "chatglm"),
        ("glm-4-9b-chat-hf", "chatglm"),
        ("falcon-7b-instruct", "falcon"),
        ("flan-t5-large", "t5"),
    ],
)
def test_family_by_the_beginning_of_the_folder(folder: str, family: str | None) -> None:
    row = by_folder(folder)
    assert (row.name if row else None) == family


def test_guanaco_is_read_in_4_bits_and_starts_with_token_1() -> None:
    family = by_name("guanaco")
    assert family is not None
    assert (family.precision, family.bos_token_id) == ("nf4+dq", 1)


@pytest.mark.parametrize("name", ["guanaco", "vicuna"])
def test_prompt_starts_with_the_one_begin_token(name: str, models_dir: Path) -> None:
    family = by_name(name)
    assert family is not None
    options = LoadOptions(models_dir=models_dir, device="cpu", quantise=False, family=family)
    adapter = CausalAdapter.load("tiny", models_dir / "tiny", options)
    tokens = adapter.encode([Message(role="user", content="hello")])
    assert tokens[0] == 1
    assert 1 not in tokens[1:]
    assert adapter.card.family == name


def test_every_family_names_an_adapter_that_is_registered() -> None:
    assert {family.adapter for family in FAMILIES} <= set(ADAPTERS.names())


def test_documentation_has_a_row_for_every_family_and_adapter() -> None:
    rows = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    assert [name for name in (*(row.name for row in FAMILIES), *ADAPTERS.names()) if f"| `{name}` |" not in rows] == []


def test_a_template_of_the_tokenizers_own_goes_before_a_rows_where_the_row_says_so(
    models_dir: Path, tmp_path: Path
) -> None:
    mistral = by_name("mistral")
    assert mistral is not None
    tiny.save(tmp_path / "mistral-bare", chat_template=None)
    own, row = (
        CausalAdapter.load(folder.name, folder, LoadOptions(models_dir=folder.parent, device="cpu", family=mistral))
        for folder in (models_dir / "tiny", tmp_path / "mistral-bare")
    )
    said = [Message(role="user", content="hello")]
    tokens = tiny.make_tokenizer()
    assert "<|user|>hello" in tokens.decode(own.encode(said))
    assert tokens.decode(row.encode(said)) == "[INST] hello [/INST]"


def test_a_family_without_a_template_wants_the_tokenizers(tmp_path: Path) -> None:
    chatglm = by_name("chatglm")
    assert chatglm is not None
    folder = tiny.save(tmp_path / "chatglm3-6b", chat_template=None)
    with pytest.raises(ModelUnusable, match="brings no chat template"):
        CausalAdapter.load(folder.name, folder, LoadOptions(models_dir=tmp_path, device="cpu", family=chatglm))
