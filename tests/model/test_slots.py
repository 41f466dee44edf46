"""Many answers in one batch are the answers that each would be alone, whoever comes and goes."""

import random
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from pilot.errors import ModelFailed
from pilot.model import kv
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.backend import Job
from pilot.model.kv import Rows, depth, shares, takes
from pilot.model.prefixes import BLOCK, Prefixes
from pilot.model.serial import Serial
from pilot.model.slots import Slots, Visit
from pilot.model.workers import Workers
from pilot.protocol import ChatRequest, Delta, Done, StreamPart, StructuredOutputs
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import PATIENCE

GRAMMAR = StructuredOutputs(grammar='start: "SELECT " COL ("," COL)* " FROM t"\nCOL: /[a-z]{1,5}/')
WORDS = ["customers", "orders", "city", "München", "订单", "SELECT", "how", "many", "count"]


@dataclass(eq=False)
class Asked:
    """A request under way, and all that was said to it."""

    job: Job
    leaves_after: int | None = None  # deltas
    parts: list[StreamPart] = field(default_factory=list)
    error: Exception | None = None
    over: bool = False

    def put(self, said: Sequence[StreamPart] | Exception | None) -> None:
        assert not self.over
        if isinstance(said, Exception):
            self.error = said
        elif said is not None:
            self.parts += said
        self.over = said is None or isinstance(said, Exception)
        if self.leaves_after is not None and len(self.parts) >= self.leaves_after:
            self.job.stop.set()


@pytest.fixture(scope="module")
def model(models_dir: Path) -> Any:
    model = AutoModelForCausalLM.from_pretrained(models_dir / "tiny", use_safetensors=True).eval()
    assert shares(model)
    return model


def slots_of(
    model: Any, *, most: int = 8, chunk: int = 64, budget: int = 1_000_000, sharing: bool = True
) -> Slots:  # fmt: skip
    return Slots(model, most=most, chunk=chunk, prefixes=Prefixes(budget), sharing=sharing)


def alone(model: Any, adapter: CausalAdapter, request: ChatRequest) -> list[StreamPart]:
    return list(Serial(model).run(adapter.job(request, threading.Event())))


def generated(model: Any, prompt: list[int], new: int) -> list[int]:
    """The tokens of transformers' own `generate`, greedily."""
    ids = torch.tensor([prompt])
    options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": new, "do_sample": False, "pad_token_id": 0}
    return list(model.generate(ids, **options)[0, len(prompt) :].tolist())


def arrive(slots: Slots, job: Job, *, leaves_after: int | None = None) -> Asked:
    asked = Asked(job, leaves_after)
    slots.add(Visit(job, asked.put))
    return asked


def finish(slots: Slots) -> None:
    while slots.busy:
        slots.turn()


def wish(dice: random.Random) -> ChatRequest:
    """A request of any kind, often with a beginning that another has too."""
    head = dice.choice(["customers " * 40, "orders and customers " * 15, ""])
    fields: dict[str, Any] = {"max_tokens": dice.randint(1, 40), "temperature": 0}
    kind = dice.choice(["plain", "plain", "stop", "sampled", "several", "grammar", "everything", "penalty"])
    if kind == "stop":
        fields["stop"] = ["a", "the", "e c"]
    elif kind == "sampled":
        fields |= {"temperature": 1, "seed": dice.randint(0, 99), "top_p": 0.9, "top_k": 50, "min_p": 0.01}
    elif kind == "several":
        fields |= {"temperature": 1, "seed": dice.randint(0, 99), "n": dice.randint(2, 4), "logprobs": True}
    elif kind == "grammar":
        fields["structured_outputs"] = GRAMMAR
    elif kind == "everything":
        fields |= {"temperature": 1, "seed": dice.randint(0, 99), "n": 3, "logprobs": True, "stop": ["b", ",d"],
                   "structured_outputs": GRAMMAR}  # fmt: skip
    elif kind == "penalty":
        fields["repetition_penalty"] = 1.5
    return ask(head + " ".join(dice.choices(WORDS, k=dice.randint(1, 60))), **fields)


def plain(request: ChatRequest) -> bool:
    return (request.temperature, request.stop, request.repetition_penalty) == (0, None, 1) and not (
        request.structured_outputs
    )


@pytest.mark.parametrize(
    ("most", "chunk", "budget"), [(4, 17, 0), (6, 64, 300_000), (16, 512, 10_000_000)], ids=["tight", "usual", "wide"]
)
@pytest.mark.parametrize("sharing", [True, False], ids=["shared", "copied"])
def test_any_mixture_says_what_each_says_alone(
    most: int, chunk: int, budget: int, sharing: bool, model: Any, causal: CausalAdapter
) -> None:
    """Random requests at random times, some of whose clients leave."""
    dice = random.Random(most)
    slots = slots_of(model, most=most, chunk=chunk, budget=budget, sharing=sharing)
    asked: list[tuple[ChatRequest, Asked]] = []
    while len(asked) < 25 or slots.busy:
        if len(asked) < 25 and dice.random() < 0.3:
            request = wish(dice)
            leaves = dice.randint(0, 12) if dice.random() < 0.25 else None
            asked.append((request, arrive(slots, causal.job(request, threading.Event()), leaves_after=leaves)))
        slots.turn()
    assert slots.rows == 0
    for request, one in asked:
        expected = alone(model, causal, request)
        for index in range(request.n):
            if reason_of(one.parts, index) == "cancelled":
                assert text_of(expected, index).startswith(text_of(one.parts, index))
            else:
                assert text_of(one.parts, index) == text_of(expected, index)
                assert reason_of(one.parts, index) == reason_of(expected, index)
        if request.temperature == 0 and request.stop and reason_of(one.parts) == "stop":
            text = causal._text_of(generated(model, one.job.prompt, request.limit or 0))
            assert text.startswith(text_of(one.parts))
        if plain(request) and reason_of(one.parts) != "cancelled":
            assert one.job.candidates[0].answer == generated(model, one.job.prompt, request.limit or 0)
    assert sum(plain(request) for request, _ in asked) > 5
    assert any(reason_of(one.parts) == "cancelled" for _, one in asked)


def test_logprobs_are_those_of_the_answer_alone(model: Any, causal: CausalAdapter) -> None:
    slots = slots_of(model)
    requests = [ask(word, n=2, logprobs=True, max_tokens=20, seed=4) for word in WORDS[:3]]
    asked = [arrive(slots, causal.job(request, threading.Event())) for request in requests]
    finish(slots)
    for request, one in zip(requests, asked, strict=True):
        for index in range(2):
            assert logprob(one.parts, index) == pytest.approx(logprob(alone(model, causal, request), index), abs=1e-3)


def test_forced_tokens_are_read_but_not_sampled(model: Any, causal: CausalAdapter) -> None:
    """All that this grammar leaves open is one digit: one choice, whatever else is said."""
    wanted = StructuredOutputs(grammar='start: "SELECT count(*) FROM " T " WHERE city = " T\nT: "a" | "b"')
    counted = Counting(model)
    slots = slots_of(counted)
    one = arrive(slots, causal.job(ask(structured_outputs=wanted, logprobs=True, temperature=0), threading.Event()))
    finish(slots)
    text = text_of(one.parts)
    assert re.fullmatch(r"SELECT count\(\*\) FROM [ab] WHERE city = [ab]", text)
    read, between = counted.shapes  # the prompt with the forced beginning; what is forced between the choices
    assert read[1] == len(one.job.prompt) + len(one.job.candidates[0].opening)
    assert between[1] > 3
    chances = [token.logprob for part in one.parts if isinstance(part, Delta) for token in part.tokens]
    assert sum(chance != 0 for chance in chances) == 2
    assert len(chances) == one.job.candidates[0].count - len(one.job.candidates[0].opening)


def test_answer_that_is_forced_whole_needs_no_choice(model: Any, causal: CausalAdapter) -> None:
    wanted = StructuredOutputs(choice=["SELECT 1"])
    for limit, text, reason in ((50, "SELECT 1", "stop"), (2, None, "length")):
        one = arrive(
            slots := slots_of(model), causal.job(ask(structured_outputs=wanted, max_tokens=limit), threading.Event())
        )
        finish(slots)
        assert text_of(one.parts) == (text or text_of(one.parts))
        assert "SELECT 1".startswith(text_of(one.parts))
        assert reason_of(one.parts) == reason


def test_masks_are_made_while_the_model_computes(model: Any, causal: CausalAdapter) -> None:
    """In another thread, done before the logits are looked at; a fault there ends nobody else's answer."""
    workers = Workers(1, "masks")
    slots = Slots(model, most=8, chunk=64, prefixes=Prefixes(0), aside=workers.submit)
    request = ask(structured_outputs=GRAMMAR, temperature=0, max_tokens=30)
    good, bad = (causal.job(request, threading.Event()) for _ in range(2))
    asked = [arrive(slots, job) for job in (good, bad)]
    slots.turn()
    mask = bad.candidates[0].mask
    assert mask is not None
    mask._matcher.consume_token(0)  # not allowed here: an error from now on
    finish(slots)
    assert text_of(asked[0].parts) == text_of(alone(model, causal, request))
    assert isinstance(asked[1].error, ModelFailed)
    assert workers.close(PATIENCE)


def logprob(parts: Sequence[StreamPart], index: int) -> float:
    return sum(part.logprob or 0 for part in parts if isinstance(part, Delta) and part.index == index)


def test_shared_beginning_is_read_once_and_changes_nothing(model: Any, causal: CausalAdapter) -> None:
    prefixes = Prefixes(10_000_000)
    slots = Slots(model, most=8, chunk=64, prefixes=prefixes, sharing=True)
    schema = "customers orders " * 60
    for number, word in enumerate(WORDS[:4]):
        request = ask(schema + word, temperature=0, max_tokens=12)
        one = arrive(slots, causal.job(request, threading.Event()))
        finish(slots)
        assert one.job.candidates[0].answer == generated(model, one.job.prompt, 12)
        assert prefixes.hits == number
    assert prefixes.reused >= 3 * (len(causal.encode(ask(schema).messages)) // BLOCK - 1) * BLOCK


def test_candidates_read_their_prompt_once(model: Any, causal: CausalAdapter) -> None:
    counted = Counting(model)
    slots = slots_of(counted, chunk=512)
    job = causal.job(ask("customers " * 100, n=5, max_tokens=2, seed=1), threading.Event())
    arrive(slots, job)
    finish(slots)
    assert counted.shapes == [(1, len(job.prompt)), (5, 1)]


def test_long_prompt_does_not_hold_up_the_others_for_more_than_a_chunk(model: Any, causal: CausalAdapter) -> None:
    counted = Counting(model)
    slots = slots_of(counted, chunk=64)
    running = arrive(slots, causal.job(ask(max_tokens=100, seed=1, temperature=1), threading.Event()))
    slots.turn()
    arrive(slots, causal.job(ask("customers " * 500), threading.Event()))
    for _ in range(5):
        counted.shapes.clear()
        said = len(running.parts)
        slots.turn()
        assert counted.shapes == [(1, 64), (1, 1)]
        assert len(running.parts) <= said + 1


def test_short_prompts_that_come_together_are_read_in_one_pass(model: Any, causal: CausalAdapter) -> None:
    counted = Counting(model)
    slots = slots_of(counted, most=16, chunk=256)
    requests = [ask(f"{word} {number}", temperature=0, max_tokens=5, n=1 + number % 2, seed=1)
                for number, word in enumerate(WORDS)]  # fmt: skip
    asked = [arrive(slots, causal.job(request, threading.Event())) for request in requests]
    slots.turn()
    assert counted.shapes[0] == (1, sum(len(one.job.prompt) for one in asked))
    finish(slots)
    for request, one in zip(requests, asked, strict=True):
        assert one.job.candidates[0].answer == generated(model, one.job.prompt, 5)
        assert [text_of(one.parts, index) for index in range(request.n)] == [text_of(one.parts)] * request.n


def test_what_prompts_have_in_common_is_not_read_twice_in_one_pass(model: Any, causal: CausalAdapter) -> None:
    """Of those that begin alike the first is read, then the others together behind what it left."""
    counted = Counting(model)
    slots = slots_of(counted, chunk=512)
    schema = "customers orders " * 60
    requests = [ask(schema + word, temperature=0, max_tokens=6) for word in WORDS[:4]]
    asked = [arrive(slots, causal.job(request, threading.Event())) for request in requests]
    finish(slots)
    first, others, *_ = counted.shapes
    assert first == (1, len(asked[0].job.prompt))
    assert others[1] == sum(len(one.job.prompt) - one.job.cached for one in asked[1:])
    assert all(one.job.cached >= len(asked[0].job.prompt) - 2 * BLOCK for one in asked[1:])
    assert [one.job.candidates[0].answer for one in asked] == [generated(model, one.job.prompt, 6) for one in asked]


def test_pass_of_several_prompts_that_fails_is_made_again_for_each_alone(model: Any, causal: CausalAdapter) -> None:
    requests = [ask(word, temperature=0, max_tokens=5) for word in (*WORDS[:3], "订单" * 9)]
    jobs = [causal.job(request, threading.Event()) for request in requests]
    others = {token for job in jobs[:3] for token in job.prompt}
    slots = slots_of(Breaking(model, poison=next(token for token in jobs[3].prompt if token not in others)))
    asked = [arrive(slots, job) for job in jobs]
    finish(slots)
    assert str(asked[3].error) == "poisoned"
    for one in asked[:3]:
        assert one.error is None
        assert one.job.candidates[0].answer == generated(model, one.job.prompt, 5)


def test_short_prompt_need_not_wait_for_all_of_a_long_one(model: Any, causal: CausalAdapter) -> None:
    slots = slots_of(model, chunk=32)
    arrive(slots, causal.job(ask("customers " * 500), threading.Event()))
    short = arrive(slots, causal.job(ask("hi", max_tokens=1), threading.Event()))
    for _ in range(4):
        slots.turn()
    assert short.over


def test_prompt_is_not_read_on_when_its_client_has_left(model: Any, causal: CausalAdapter) -> None:
    counted = Counting(model)
    slots = slots_of(counted, chunk=64)
    one = arrive(slots, causal.job(ask("customers " * 500), threading.Event()))
    counted.on_call = one.job.stop.set
    finish(slots)
    assert counted.shapes == [(1, 64)]
    assert one.parts == [Done("cancelled")]


def test_row_is_free_one_turn_after_the_client_left(model: Any, causal: CausalAdapter) -> None:
    slots = slots_of(model)
    one = arrive(slots, causal.job(ask(n=3, max_tokens=500, seed=1), threading.Event()))
    for _ in range(3):
        slots.turn()
    assert slots.rows == 3
    one.job.stop.set()
    slots.turn()
    assert slots.rows == 0
    assert [part for part in one.parts if isinstance(part, Done)] == [Done("cancelled", index) for index in range(3)]


def test_those_who_wait_for_rows_are_served_in_order(model: Any, causal: CausalAdapter) -> None:
    slots = slots_of(model, most=4)
    first = arrive(slots, causal.job(ask(n=3, max_tokens=20, seed=1), threading.Event()))
    wide = arrive(slots, causal.job(ask(n=4, max_tokens=5, seed=1), threading.Event()))
    narrow = arrive(slots, causal.job(ask(n=1, max_tokens=1, seed=1), threading.Event()))
    while not first.over:
        slots.turn()
        assert not narrow.parts  # one row is free, but the wide one came before
    finish(slots)
    assert wide.over
    assert narrow.over


def test_more_candidates_than_rows_are_refused(model: Any, causal: CausalAdapter) -> None:
    with pytest.raises(ValueError, match="5 candidates, 4 rows"):
        arrive(slots_of(model, most=4), causal.job(ask(n=5), threading.Event()))


class Counting:
    """A model that notes the shapes it is called with."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.shapes: list[tuple[int, ...]] = []
        self.on_call: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, **given: Any) -> Any:
        self.shapes.append(tuple(given["input_ids"].shape))
        self.on_call()
        return self._model(**given)


class Breaking(Counting):
    """Fails whenever it reads `poison`; out of memory beyond `most` rows."""

    def __init__(self, model: Any, *, poison: int = -1, most: int = 99) -> None:
        super().__init__(model)
        self.poison = poison
        self.most = most

    def __call__(self, **given: Any) -> Any:
        if len(given["input_ids"]) > self.most:
            raise torch.OutOfMemoryError("no memory left")
        if (given["input_ids"] == self.poison).any():
            raise RuntimeError("poisoned")
        return super().__call__(**given)


def test_model_that_fails_in_mid_stream_ends_that_answer_alone(model: Any, causal: CausalAdapter) -> None:
    requests = [ask(word, temperature=0, max_tokens=30) for word in WORDS[:4]]
    expected = [alone(model, causal, request) for request in requests]
    jobs = [causal.job(request, threading.Event()) for request in requests]
    breaking = Breaking(model)
    slots = slots_of(breaking)
    asked = [arrive(slots, job) for job in jobs]
    for _ in range(4):
        slots.turn()
    breaking.poison = jobs[1].candidates[0].unread[0]
    slots.turn()
    breaking.poison = -1
    finish(slots)
    assert str(asked[1].error) == "poisoned"
    others = (0, 2, 3)
    assert [text_of(asked[number].parts) for number in others if asked[number].error is None] == [
        text_of(expected[number]) for number in others if asked[number].error is None
    ]
    assert sum(one.error is None for one in asked) >= 1


def test_prompt_that_breaks_the_model_ends_its_own_answer(model: Any, causal: CausalAdapter) -> None:
    bad = causal.job(ask("订单" * 20, temperature=0), threading.Event())
    good = ask("hi", temperature=0, max_tokens=20)
    poison = next(token for token in bad.prompt if token not in causal.job(good, threading.Event()).prompt)
    slots = slots_of(Breaking(model, poison=poison))
    broken, well = arrive(slots, bad), arrive(slots, causal.job(good, threading.Event()))
    slots.turn()
    assert str(broken.error) == "poisoned"
    assert well.error is None


def test_too_little_memory_for_all_together_makes_it_slower_not_wrong(model: Any, causal: CausalAdapter) -> None:
    requests = [ask(word, temperature=0, max_tokens=10) for word in WORDS[:4]]
    slots = slots_of(Breaking(model, most=2))
    asked = [arrive(slots, causal.job(request, threading.Event())) for request in requests]
    finish(slots)
    assert [text_of(one.parts) for one in asked] == [text_of(alone(model, causal, request)) for request in requests]


def test_memory_that_runs_out_ends_that_request_and_what_is_only_kept_makes_way(
    model: Any, causal: CausalAdapter
) -> None:
    breaking = Breaking(model)
    prefixes = Prefixes(10_000_000)
    slots = Slots(breaking, most=8, chunk=512, prefixes=prefixes, sharing=True)
    arrive(slots, causal.job(ask("customers " * 50, max_tokens=1), threading.Event()))
    finish(slots)
    assert prefixes.used > 0
    breaking.most = 0
    failed = arrive(slots, causal.job(ask("orders"), threading.Event()))
    finish(slots)
    assert isinstance(failed.error, torch.OutOfMemoryError)
    assert prefixes.used == 0
    breaking.most = 99
    request = ask("orders", temperature=0, max_tokens=5)
    well = arrive(slots, causal.job(request, threading.Event()))
    finish(slots)
    assert text_of(well.parts) == text_of(alone(model, causal, request))
    assert slots.held == 0


def test_room_is_made_for_keys_and_values_or_for_none(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may run out between the two: what was there is still whole."""
    rows = Rows.one(depth(model))
    rows.expect(1, 4)
    rows.forward(model, [[5, 6, 7, 8]])
    grown, calls = kv._grown, iter(range(99))

    def fail_second(*given: Any) -> Any:
        if next(calls) == 1:
            raise torch.OutOfMemoryError("no memory left")
        return grown(*given)

    monkeypatch.setattr(kv, "_grown", fail_second)
    with pytest.raises(torch.OutOfMemoryError):
        rows.forward(model, [[9]])
    again = rows.forward(model, [[9]])
    torch.testing.assert_close(again[0], model(input_ids=torch.tensor([[5, 6, 7, 8, 9]])).logits[0, -1])


def test_room_for_all_who_come_together_is_made_once(
    model: Any, causal: CausalAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown, made = kv._grown, []

    def note(buffer: Any, rows: int, tokens: int) -> Any:
        made.append(rows)
        return grown(buffer, rows, tokens)

    monkeypatch.setattr(kv, "_grown", note)
    slots = slots_of(model, most=8, chunk=512)
    for word in WORDS[:6]:
        arrive(slots, causal.job(ask(word * 40, max_tokens=60, temperature=0), threading.Event()))
    finish(slots)
    assert made.count(6) == 2 * depth(model)  # keys and values of every layer
    assert not [rows for rows in made if 1 < rows < 6]


def test_rows_with_a_common_beginning_make_room_for_what_is_their_own(model: Any, causal: CausalAdapter) -> None:
    slots = slots_of(model, most=16, chunk=512, budget=10_000_000)
    schema = "customers orders " * 60
    arrive(slots, causal.job(ask(schema, max_tokens=1), threading.Event()))
    finish(slots)
    asked = [arrive(slots, causal.job(ask(schema + word, max_tokens=9), threading.Event())) for word in WORDS[:6]]
    while slots.rows < len(asked):
        slots.turn()
    [token] = (layer.keys[0, :, 0].nbytes + layer.values[0, :, 0].nbytes for layer in slots._rows._layers[:1])
    prompt = min(len(one.job.prompt) for one in asked)
    assert slots._rows.held < len(asked) * prompt * token * depth(model)
    finish(slots)


@pytest.mark.parametrize("sharing", [True, False], ids=["shared", "copied"])
def test_store_that_is_emptied_while_prompts_join_takes_no_other_tokens_for_theirs(
    sharing: bool, model: Any, causal: CausalAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory runs out as the first of two joins: what the second begins with has left the store by then."""
    slots = slots_of(model, chunk=512, budget=50_000_000, sharing=sharing)
    schema = "customers orders " * 20
    arrive(slots, causal.job(ask(schema, max_tokens=3), threading.Event()))
    finish(slots)
    questions = [f"{schema} how many {'customers city ' * 30}", f"{schema} count {'city orders ' * 30}"]
    join, calls = slots._rows.join, iter(range(99))

    def fail_first(*given: Any) -> None:
        if not next(calls):
            raise torch.OutOfMemoryError("no memory left")
        join(*given)

    monkeypatch.setattr(slots._rows, "join", fail_first)
    first, second = (arrive(slots, causal.job(ask(text, temperature=0, max_tokens=12), threading.Event()))
                     for text in questions)  # fmt: skip
    finish(slots)
    assert isinstance(first.error, torch.OutOfMemoryError)
    again = arrive(slots, causal.job(ask(questions[1], temperature=0, max_tokens=12), threading.Event()))
    finish(slots)
    for one in (second, again):
        assert one.job.candidates[0].answer == generated(model, one.job.prompt, 12)


def test_long_conversation_is_read_on_from_a_few_stretches(model: Any, causal: CausalAdapter) -> None:
    """Each turn adds one; a row reads few of them apart."""
    slots = slots_of(model, budget=10_000_000)
    said = ""
    for turn in range(8):
        said += f"customers {turn} orders " * 12
        one = arrive(slots, causal.job(ask(said, temperature=0, max_tokens=4), threading.Event()))
        slots.turn()
        while not slots.rows and slots.busy:
            slots.turn()
        assert len(slots._rows._rows[0].begins) <= kv.MOST_APART
        finish(slots)
        assert one.job.candidates[0].answer == generated(model, one.job.prompt, 4)
        assert (one.job.cached > 0) == (turn > 0)


def test_models_with_whole_attention_are_taken(model: Any) -> None:
    assert takes(model)


def test_model_that_ignores_positions_is_not_taken(model: LlamaForCausalLM) -> None:
    class Forgetful(Counting):
        def forward(self, position_ids: object) -> None: ...

        def __call__(self, **given: Any) -> Any:
            return self._model(**{key: value for key, value in given.items() if key != "position_ids"})

    assert not takes(Forgetful(model))


def test_rows_that_leave_take_nothing_from_the_others(model: Any) -> None:
    """The last row moves into the hole with all that it holds."""
    rows, prompts = Rows(depth(model)), [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
    for prompt in prompts:
        strip = Rows.one(depth(model))
        strip.forward(model, [prompt])
        rows.join(strip, 1)
    rows.leave(0)
    assert rows.lengths == [4, 2]
    together = rows.forward(model, [[20], [21]])
    whole = [model(input_ids=torch.tensor([prompt])).logits[0, -1] for prompt in ([10, 11, 12, 13, 20], [8, 9, 21])]
    torch.testing.assert_close(together, torch.stack(whole), atol=1e-4, rtol=1e-4)
