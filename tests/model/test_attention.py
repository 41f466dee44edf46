"""Rows that begin with shared stretches get the logits that each gets alone."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    GemmaConfig,
    GPTNeoXConfig,
    LlamaConfig,
    PhiConfig,
    PreTrainedConfig,
    Qwen3Config,
)

from pilot.model import attention
from pilot.model.attention import Stretch
from pilot.model.kv import Rows, depth, shares, takes

SIZES = {
    "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "pad_token_id": None,
}  # fmt: skip
FAMILIES = {
    "llama": LlamaConfig(**SIZES),
    "llama, grouped": LlamaConfig(**SIZES, num_key_value_heads=2),
    "qwen3": Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=16),
    "gemma": GemmaConfig(**SIZES, num_key_value_heads=1, head_dim=8),
    "gpt-neox": GPTNeoXConfig(**SIZES),
    "phi": PhiConfig(**SIZES),
}


def make(config: PreTrainedConfig, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").to(dtype).eval()


def read(model: Any, tokens: list[int]) -> Stretch:
    rows = Rows.one(depth(model))
    rows.forward(model, [tokens])
    return rows.cut(0, len(tokens))


def after(model: Any, tokens: list[int], begins: list[Stretch]) -> Rows:
    rows = Rows.one(depth(model), sharing=True)
    rows.begin(begins)
    rows.forward(model, [tokens])
    return rows


def alone(model: Any, tokens: list[int]) -> Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.tensor([tokens])).logits[0, -1].float()


@pytest.mark.parametrize("family", FAMILIES)
def test_rows_of_several_beginnings_say_what_each_says_alone(family: str) -> None:
    model = make(FAMILIES[family])
    assert takes(model)
    assert shares(model)
    assert takes(model)
    head, other = list(range(1, 40)), list(range(50, 62))
    first, second = read(model, head), read(model, other)
    longer = Rows.one(depth(model), sharing=True)  # a stretch that was read behind another
    longer.begin([first])
    longer.forward(model, [[70, 71, 72]])
    third = longer.cut(len(head), len(head) + 3)
    rows, prompts = Rows(depth(model), sharing=True), list[list[int]]()
    for begins, known, own in (
        ([first], head, [3, 4]),
        ([], [], [9, 8, 7, 6]),
        ([second], other, [5]),
        ([first, third], [*head, 70, 71, 72], [2]),
    ):
        rows.join(after(model, own, begins), 1)
        prompts.append(known + own)
    for new in ([[11], [12], [13], [14]], [[21, 22], [23, 24], [25, 26], [27, 28]]):
        prompts = [prompt + tokens for prompt, tokens in zip(prompts, new, strict=True)]
        wanted = torch.stack([alone(model, prompt) for prompt in prompts])
        torch.testing.assert_close(rows.forward(model, new), wanted, atol=1e-4, rtol=1e-4)
    assert rows.lengths == list(map(len, prompts))
    rows.leave(0)
    wanted = torch.stack([alone(model, [*prompts[number], 31]) for number in (3, 1, 2)])
    torch.testing.assert_close(rows.forward(model, [[31]] * 3), wanted, atol=1e-4, rtol=1e-4)


def test_candidates_of_a_long_prompt_do_not_copy_it() -> None:
    model = make(FAMILIES["llama"])
    assert shares(model)
    prompt = [number % 90 + 1 for number in range(300)]
    rows = Rows(depth(model), sharing=True)
    rows.join(after(model, prompt, []), 5)
    assert rows.apart(4) == len(prompt)
    new = [[number] for number in range(5)]
    wanted = torch.stack([alone(model, prompt + own) for own in new])
    torch.testing.assert_close(rows.forward(model, new), wanted, atol=1e-4, rtol=1e-4)


def test_prompts_read_beside_each_other_see_their_beginning_and_themselves() -> None:
    model = make(FAMILIES["llama, grouped"])
    assert shares(model)
    head = list(range(1, 40))
    strip = Rows.one(depth(model), sharing=True)
    strip.begin([read(model, head)])
    prompts = [[50, 51, 52], [60], [70, 71]]
    logits, spans = strip.beside(model, prompts)
    torch.testing.assert_close(
        logits, torch.stack([alone(model, head + prompt) for prompt in prompts]), atol=1e-4, rtol=1e-4
    )
    rows = Rows(depth(model), sharing=True)
    for span in spans:
        rows.join(strip, 1, span)
    wanted = torch.stack([alone(model, [*head, *prompt, 80]) for prompt in prompts])
    torch.testing.assert_close(rows.forward(model, [[80]] * 3), wanted, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_rounded_no_more_than_by_itself() -> None:
    exact, model = (make(FAMILIES["llama"], dtype) for dtype in (torch.float32, torch.bfloat16))
    assert shares(model)
    head = list(range(1, 60))
    found = after(model, [3], [read(model, head)]).forward(model, [[4]])[0]
    wanted = alone(exact, [*head, 3, 4])
    by_itself = (alone(model, [*head, 3, 4]) - wanted).norm()
    assert (found - wanted).norm() < 2 * by_itself


def test_model_with_an_attention_of_its_own_is_taken_and_copies() -> None:
    """Falcon's is not transformers': its rows keep copies of what they begin with."""
    model = make(FalconConfig(vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, alibi=False))
    assert takes(model)
    assert not shares(model)
    head, rows = list(range(1, 30)), Rows.one(depth(model))
    rows.begin([read(model, head)])
    torch.testing.assert_close(rows.forward(model, [[3, 4]])[0], alone(model, [*head, 3, 4]), atol=1e-4, rtol=1e-4)


def test_model_that_attends_wrongly_to_stretches_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "_mean", lambda out, weight, *_: (out, weight))
    model = make(FAMILIES["llama"])
    assert not shares(model)
    assert model.config._attn_implementation == "sdpa"
    assert takes(model)


def test_attention_that_is_more_than_a_softmax_is_not_computed_in_parts() -> None:
    model = make(FAMILIES["llama"])
    query, key, value = torch.zeros(3, 1, 4, 1, 8)
    reads = [(read(model, [1, 2]), slice(0, 1))]
    with pytest.raises(ValueError, match="softcap"):
        attention.attend(model, query, key, value, None, stretches=reads, softcap=30.0)
