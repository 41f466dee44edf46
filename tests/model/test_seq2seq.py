"""A real T5 with random weights: what it says is what `generate` says."""

import threading
from pathlib import Path

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from pilot.errors import PromptTooLong
from pilot.model.adapters.seq2seq import Seq2SeqAdapter
from pilot.model.base import LoadOptions
from pilot.model.folders import find
from pilot.protocol import Done, Usage
from tests.model import tiny
from tests.model.asking import ask, text_of


def make(folder: Path) -> Path:
    tiny.make_tokenizer(chat_template=None).save_pretrained(folder)
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=tiny.VOCABULARY, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=2, initializer_factor=4.0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Seq2SeqAdapter:
    place = tmp_path_factory.mktemp("models")
    make(place / "flan-t5-tiny")
    found = find("flan-t5-tiny", place)
    assert (found.family.name, found.family.adapter) == ("t5", "seq2seq")
    options = LoadOptions(models_dir=place, device="cpu", family=found.family, context=256)
    return Seq2SeqAdapter.load(found.name, found.folder, options)


def test_greedy_answers_are_those_of_generate(adapter: Seq2SeqAdapter) -> None:
    wish = ask(max_tokens=16, temperature=0)
    prompt = torch.tensor([adapter.encode(wish.messages)])
    wanted = adapter._model.generate(prompt, max_new_tokens=16, do_sample=False)[0, 1:].tolist()
    job = adapter.job(wish, threading.Event())
    with adapter._variants.use("") as backend:
        list(backend.run(job))
    assert job.candidates[0].answer == wanted


def test_several_candidates_end_each_for_itself(adapter: Seq2SeqAdapter) -> None:
    parts = list(adapter.stream(ask(n=3, max_tokens=12, seed=3, temperature=1.5), threading.Event()))
    assert sorted(part.index for part in parts if isinstance(part, Done)) == [0, 1, 2]
    assert isinstance(parts[-1], Usage)
    assert text_of(parts, 0) != text_of(parts, 1)


def test_a_stop_ends_it_and_too_long_a_prompt_is_refused(adapter: Seq2SeqAdapter) -> None:
    stop = threading.Event()
    stream = adapter.stream(ask(max_tokens=200, seed=1, temperature=1.0), stop)
    next(stream)
    stop.set()
    assert [part.reason for part in stream if isinstance(part, Done)] == ["cancelled"]
    with pytest.raises(PromptTooLong):
        next(adapter.stream(ask("how many customers " * 1000), threading.Event()))


def test_in_4_bits_it_answers_as_well(adapter: Seq2SeqAdapter, tmp_path: Path) -> None:
    make(tmp_path / "t5")
    options = LoadOptions(models_dir=tmp_path, device="cpu", family=adapter._family, precision="nf4+dq")
    small = Seq2SeqAdapter.load("t5", tmp_path / "t5", options)
    assert small.card.quantisation == "nf4+dq"
    assert text_of(small.stream(ask(max_tokens=8, seed=1), threading.Event()))
