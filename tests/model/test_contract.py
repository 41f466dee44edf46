"""The promise of `ModelAdapter`, kept by every adapter that is registered."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.errors import PromptTooLong
from pilot.model.adapters import ADAPTERS
from pilot.model.base import LoadOptions, ModelAdapter
from pilot.model.families import by_name
from pilot.prompts.text_to_sql import TextToSql, render
from pilot.protocol import ChatRequest, Delta, Done, StreamPart, Usage
from pilot.schema import Column, Schema, Table
from tests.model.live import scripted, serving
from tests.model.test_seq2seq import make as make_t5

SCHEMA = Schema(
    "sqlite",
    (Table("customers", (Column("id", "INTEGER", "number", primary_key=True), Column("city", "TEXT", "text"))),),
)
Make = Callable[[ExitStack, Path], ModelAdapter]


def wish(question: str = "How many customers are there?", n: int = 1, max_tokens: int = 20) -> ChatRequest:
    """What every model can be asked, the bundled one included."""
    return ChatRequest(messages=render(TextToSql(question, SCHEMA)), n=n, max_tokens=max_tokens, temperature=0)


def make_causal(_: ExitStack, models_dir: Path) -> ModelAdapter:
    options = LoadOptions(models_dir=models_dir, device="cpu", context=512)
    return ADAPTERS.get("causal").load("tiny", models_dir / "tiny", options)


def make_seq2seq(_: ExitStack, models_dir: Path) -> ModelAdapter:
    family = by_name("t5")
    assert family is not None
    folder = models_dir / "t5" if (models_dir / "t5").exists() else make_t5(models_dir / "t5")
    options = LoadOptions(models_dir=models_dir, device="cpu", family=family, context=512)
    return ADAPTERS.get("seq2seq").load("t5", folder, options)


def make_gguf(_: ExitStack, models_dir: Path) -> ModelAdapter:
    pytest.importorskip("llama_cpp", reason="needs llama-cpp-python")
    tiny_gguf = pytest.importorskip("tests.model.tiny_gguf", reason="needs gguf")
    file = tiny_gguf.save(models_dir.with_name("gguf") / "mine" / "mine-F32.gguf")
    options = LoadOptions(models_dir=file.parent.parent, device="cpu", context=512, threads=1)
    return ADAPTERS.get("gguf").load("mine", file.parent, options)


def make_scripted(_: ExitStack, models_dir: Path) -> ModelAdapter:
    return ADAPTERS.get("scripted").load("scripted", None, LoadOptions(models_dir=models_dir, context=512))


def make_proxy(stack: ExitStack, models_dir: Path) -> ModelAdapter:
    other = stack.enter_context(serving(scripted(name="other")))
    options = LoadOptions(models_dir=models_dir, proxy_url=f"{other.url}/v1")
    return ADAPTERS.get("proxy").load("proxyllm", None, options)


def make_text_to_sql(_: ExitStack, __: Path) -> ModelAdapter:
    folder, family = ROOT / "models" / BUNDLED_MODEL, by_name(BUNDLED_MODEL)
    if family is None or not folder.is_dir():
        pytest.skip(f"models/{BUNDLED_MODEL} is not here")
    options = LoadOptions(models_dir=folder.parent, device="cpu", family=family)
    return ADAPTERS.get("text_to_sql").load(BUNDLED_MODEL, folder, options)


MAKERS: dict[str, Make] = {
    "causal": make_causal,
    "gguf": make_gguf,
    "proxy": make_proxy,
    "scripted": make_scripted,
    "seq2seq": make_seq2seq,
    "text_to_sql": make_text_to_sql,
}


@pytest.fixture(scope="module", params=ADAPTERS.names())
def adapter(request: pytest.FixtureRequest, models_dir: Path) -> Iterator[ModelAdapter]:
    with ExitStack() as stack:
        adapter = MAKERS[request.param](stack, models_dir)
        yield adapter
        adapter.close()


def test_new_text_only_then_done_then_usage_once(adapter: ModelAdapter) -> None:
    *deltas, done, usage = adapter.stream(wish(), threading.Event())
    assert all(isinstance(part, Delta) and part.text for part in deltas)
    assert isinstance(done, Done)
    assert isinstance(usage, Usage)


def test_one_done_for_each_candidate_and_nothing_after_it(adapter: ModelAdapter) -> None:
    ended: list[int] = []
    parts = list(adapter.stream(wish(n=3), threading.Event()))
    for part in parts[:-1]:
        assert isinstance(part, Delta | Done)
        assert part.index not in ended
        if isinstance(part, Done):
            ended.append(part.index)
    assert sorted(ended) == [0, 1, 2]


def test_returns_within_one_token_of_stop(adapter: ModelAdapter) -> None:
    stop = threading.Event()
    answer = adapter.stream(wish(max_tokens=400), stop)
    next(answer)
    stop.set()
    rest: list[StreamPart] = list(answer)
    assert sum(isinstance(part, Delta) for part in rest) <= 1
    assert sum(isinstance(part, Done) for part in rest) <= 1


def test_too_long_a_prompt_is_refused_before_the_first_delta(adapter: ModelAdapter) -> None:
    if adapter.card.adapter in ("proxy", "text_to_sql"):
        pytest.skip("the other server decides" if adapter.card.adapter == "proxy" else "its limits are its own")
    with pytest.raises(PromptTooLong):
        next(adapter.stream(wish("how many customers " * 1000), threading.Event()))


def test_longer_text_counts_more_tokens_and_none_counts_zero(adapter: ModelAdapter) -> None:
    assert adapter.count("") == 0
    assert 0 < adapter.count("customers") < adapter.count("customers and their orders")


def test_card_tells_what_it_is(adapter: ModelAdapter) -> None:
    card = adapter.card
    assert card.adapter in ADAPTERS.names()
    assert card.abilities
    assert card.context > 0
