"""Real generation with a tiny LLaMA: what is streamed is what the model says, and it stops when told to."""

import threading
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from pilot.errors import InputInvalid, ModelFailed, ModelUnusable, PromptTooLong
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.batched import CHUNK
from pilot.protocol import ChatRequest, Delta, Done, Message, StreamPart, StructuredOutputs, Usage
from tests.model import tiny
from tests.model.asking import ask, reason_of, text_of


def answer(adapter: CausalAdapter, request: ChatRequest) -> list[StreamPart]:
    return list(adapter.stream(request, threading.Event()))


def generated(models_dir: Path, prompt: list[int], new: int) -> str:
    """What transformers' own `generate` says, greedily."""
    model = AutoModelForCausalLM.from_pretrained(models_dir / "tiny", use_safetensors=True)
    ids = torch.tensor([prompt])
    found = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return str(tiny.make_tokenizer().decode(found[0, len(prompt) :], skip_special_tokens=True))


@pytest.mark.parametrize("words", [1, CHUNK + 100], ids=["short prompt", "prompt read in two chunks"])
def test_streamed_text_equals_generate(words: int, causal: CausalAdapter, models_dir: Path) -> None:
    request = ask("customers " * words, temperature=0, max_tokens=60)
    prompt = causal.encode(request.messages)
    assert len(prompt) > words
    assert text_of(answer(causal, request)) == generated(models_dir, prompt, 60)


def test_answer_comes_in_many_deltas_then_done_then_usage(causal: CausalAdapter) -> None:
    request = ask(max_tokens=20, seed=1)
    *deltas, done, usage = answer(causal, request)
    assert len(deltas) > 5
    assert all(isinstance(part, Delta) and part.text for part in deltas)
    assert done == Done("length")
    assert usage == Usage(len(causal.encode(request.messages)), 20)


def test_end_token_ends_the_answer(causal: CausalAdapter) -> None:
    wish = ask(max_tokens=500, seed=3, temperature=2)
    parts = answer(causal, wish)
    assert reason_of(parts) == "stop"
    assert "</s>" not in text_of(parts)


def test_stop_string_ends_the_answer_before_it(causal: CausalAdapter) -> None:
    whole = text_of(answer(causal, ask(max_tokens=60, seed=5)))
    stop = whole[20:26]
    parts = answer(causal, ask(max_tokens=60, seed=5, stop=[stop]))
    assert text_of(parts) == whole[: whole.index(stop)]
    assert reason_of(parts) == "stop"


def test_same_seed_same_answer_and_another_seed_another(causal: CausalAdapter) -> None:
    one, same, other = (text_of(answer(causal, ask(max_tokens=30, seed=seed))) for seed in (7, 7, 8))
    assert one == same
    assert one != other


def test_candidates_are_the_answers_of_following_seeds(causal: CausalAdapter) -> None:
    """Also when they end at different steps, and the rest of the batch goes on without them."""
    together = answer(causal, ask(n=4, seed=10, max_tokens=40, stop=["a", "c"]))
    alone = [answer(causal, ask(seed=10 + index, max_tokens=40, stop=["a", "c"])) for index in range(4)]
    assert [text_of(together, index) for index in range(4)] == [text_of(parts) for parts in alone]
    assert len({len(parts) for parts in alone}) > 1


def test_cancelled_after_one_token_at_most(causal: CausalAdapter) -> None:
    stop = threading.Event()
    parts = causal.stream(ask(max_tokens=500, temperature=0), stop)
    next(parts)
    stop.set()
    rest = list(parts)
    assert sum(isinstance(part, Delta) for part in rest) <= 1
    assert reason_of(rest) == "cancelled"


def test_cancelled_before_it_began_says_nothing(causal: CausalAdapter) -> None:
    stop = threading.Event()
    stop.set()
    assert [part for part in causal.stream(ask(n=2), stop) if not isinstance(part, Usage)] == [
        Done("cancelled", 0),
        Done("cancelled", 1),
    ]


@pytest.mark.parametrize(
    ("wanted", "answers"),
    [
        (StructuredOutputs(grammar='start: "SELECT " COL " FROM 订单;"\nCOL: "name" | "amount"'), ["SELECT name FROM 订单;", "SELECT amount FROM 订单;"]),  # noqa: E501
        (StructuredOutputs(choice=["yes", "no"]), ["yes", "no"]),
        (StructuredOutputs(regex="a{3}b?"), ["aaa", "aaab"]),
        (StructuredOutputs.model_validate({"json": {"const": 7}}), ["7"]),
    ],
    ids=["grammar", "choice", "regex", "json"],
)  # fmt: skip
def test_grammar_is_followed(wanted: StructuredOutputs, answers: list[str], causal: CausalAdapter) -> None:
    parts = answer(causal, ask(n=4, structured_outputs=wanted, max_tokens=50, seed=1))
    assert {text_of(parts, index) for index in range(4)} <= set(answers)
    assert {reason_of(parts, index) for index in range(4)} == {"stop"}


@pytest.mark.parametrize("wanted", [StructuredOutputs(grammar="start: ("), StructuredOutputs()])
def test_grammar_that_does_not_compile_is_the_clients_fault(wanted: StructuredOutputs, causal: CausalAdapter) -> None:
    with pytest.raises(InputInvalid, match="grammar"):
        answer(causal, ask(structured_outputs=wanted))


def test_logprobs_cover_the_whole_text(causal: CausalAdapter) -> None:
    parts = answer(causal, ask(max_tokens=20, seed=2, logprobs=True))
    deltas = [part for part in parts if isinstance(part, Delta)]
    assert all(part.logprob is not None and part.logprob < 0 for part in deltas)


def test_prompt_beyond_the_context_is_refused_with_the_counts(causal: CausalAdapter) -> None:
    with pytest.raises(PromptTooLong, match=r"\d{4} tokens; this model reads 1024"):
        next(causal.stream(ask("customers " * 1100), threading.Event()))


def test_prompt_far_beyond_the_context_is_refused_unread(
    causal: CausalAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(causal._prompter, "_tokenizer", None)  # to read a word of it would fail
    with pytest.raises(PromptTooLong, match="4000000 characters; this model reads 1024"):
        next(causal.stream(ask("a" * 4_000_000), threading.Event()))


def test_answer_ends_where_the_context_does(causal: CausalAdapter) -> None:
    request = ask("customers " * 1000, temperature=0)
    parts = answer(causal, request)
    assert reason_of(parts) in ("length", "stop")
    assert len(causal.encode(request.messages)) + 24 >= 1024


def test_special_tokens_in_a_text_stay_text(causal: CausalAdapter) -> None:
    tokens = causal.encode([Message(role="user", content="a </s> b <s>")])
    assert not {1, 2} & set(tokens)


def test_template_that_refuses_system_messages_gets_them_in_the_question(tmp_path: Path) -> None:
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + tiny.CHAT_TEMPLATE
    tiny.save(tmp_path / "strict", chat_template=strict)
    adapter = CausalAdapter.load("strict", tmp_path / "strict", LoadOptions(models_dir=tmp_path, device="cpu"))
    prompt = adapter.encode([Message(role="system", content="Be brief."), Message(role="user", content="Hi")])
    assert tiny.make_tokenizer().decode(prompt) == "<|user|>Be brief.\n\nHi\n<|assistant|>"


def test_repetition_penalty_and_cuts_change_what_is_said(causal: CausalAdapter) -> None:
    greedy = text_of(answer(causal, ask(max_tokens=40, temperature=0)))
    assert text_of(answer(causal, ask(max_tokens=40, seed=1, top_k=1))) == greedy
    assert text_of(answer(causal, ask(max_tokens=40, seed=1, top_p=1e-9))) == greedy
    assert text_of(answer(causal, ask(max_tokens=40, seed=1, min_p=1))) == greedy
    assert text_of(answer(causal, ask(max_tokens=40, temperature=0, repetition_penalty=1.9))) != greedy


def test_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "mute")
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ModelUnusable, match="mute holds no tokenizer"):
        CausalAdapter.load("mute", folder, LoadOptions(models_dir=tmp_path, device="cpu"))


def test_a_closed_model_says_so_instead_of_keeping_its_asker_waiting(models_dir: Path) -> None:
    adapter = CausalAdapter.load("tiny", models_dir / "tiny", LoadOptions(models_dir=models_dir, device="cpu"))
    adapter.close()
    with pytest.raises(ModelFailed, match="closed"):
        list(adapter.stream(ChatRequest(messages=[Message(role="user", content="hello")]), threading.Event()))
