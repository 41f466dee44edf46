"""The bundled model itself, from messages to SQL."""

import math
import threading

import pytest
import sqlglot
from torch import Tensor

from pilot.errors import InputInvalid, ModelUnable, PromptTooLong
from pilot.model.text_to_sql.adapter import TextToSqlAdapter
from pilot.model.text_to_sql.batch import Batch
from pilot.model.text_to_sql.evidence import NONE
from pilot.model.text_to_sql.model import LEAST_BEAMS, TextToSqlModel
from pilot.model.text_to_sql.network import Encoded, Past
from pilot.model.text_to_sql.search import MOST_TOKENS
from pilot.model.text_to_sql.weights import Judgement
from pilot.prompts.text_to_sql import Attempt, TextToSql, declined, render
from pilot.protocol import ChatRequest, Delta, Done, StreamPart, StructuredOutputs, Usage
from pilot.schema import ValueHit
from tests.model.asking import reason_of, text_of
from tests.model.text_to_sql.schemas import schema


def ask(question: str, n: int = 1, attempt: Attempt | None = None, **fields: object) -> ChatRequest:
    task = TextToSql(question, schema(), attempt=attempt, today="2026-11-21")
    return ChatRequest.model_validate({"messages": render(task), "n": n, **fields})


def answer(model: TextToSqlAdapter, request: ChatRequest) -> list[StreamPart]:
    return list(model.stream(request, threading.Event()))


def test_a_simple_question(bundled: TextToSqlAdapter) -> None:
    parts = answer(bundled, ask("How many customers are there?"))
    assert text_of(parts) == "SELECT COUNT(*) AS row_count FROM customers"
    assert reason_of(parts) == "stop"


def test_streams_word_by_word_and_says_what_it_used(bundled: TextToSqlAdapter) -> None:
    *deltas, done, usage = answer(bundled, ask("How many customers are there?"))
    assert len(deltas) > 3
    assert isinstance(done, Done)
    assert isinstance(usage, Usage)
    assert usage.completion_tokens == len(deltas)


def test_candidates_come_best_first(bundled: TextToSqlAdapter) -> None:
    parts = answer(bundled, ask("names of customers from Berlin", n=3, logprobs=True))
    scores = [
        sum(part.logprob or 0 for part in parts if isinstance(part, Delta) and part.index == index)
        for index in range(3)
    ]
    texts = [text_of(parts, index) for index in range(3)]
    assert scores[0] == max(scores)
    assert len(set(texts)) == 3
    for text in texts:
        sqlglot.parse_one(text, read="sqlite")


def test_the_same_question_gets_the_same_answer(bundled: TextToSqlAdapter) -> None:
    request = ask("total quantity of items per product", temperature=2.0)
    assert text_of(answer(bundled, request)) == text_of(answer(bundled, request))


def test_a_value_is_spelled_as_in_the_database(bundled: TextToSqlAdapter) -> None:
    hit = ValueHit("customers", "city", "München", "munchen")
    task = TextToSql("how many customers are in munchen", schema(), hits=(hit,))
    parts = answer(bundled, ChatRequest(messages=render(task)))
    assert "city = 'München'" in text_of(parts)


def test_a_repair_is_another_statement(bundled: TextToSqlAdapter) -> None:
    question = "names of customers from Berlin"
    first = text_of(answer(bundled, ask(question)))
    second = text_of(answer(bundled, ask(question, attempt=Attempt(first, "no such thing"))))
    assert second
    assert second != first


def test_more_candidates_than_statements_repeats(bundled: TextToSqlAdapter) -> None:
    task = TextToSql("How many things?", schema("CREATE TABLE things (id INTEGER PRIMARY KEY);"))
    parts = answer(bundled, ChatRequest(messages=render(task), n=16))
    assert [part.index for part in parts if isinstance(part, Done)] == list(range(16))
    assert all(text_of(parts, index) for index in range(16))


def test_stop_before_it_begins(bundled: TextToSqlAdapter) -> None:
    stop = threading.Event()
    stop.set()
    parts = list(bundled.stream(ask("How many customers are there?", n=2), stop))
    assert [part for part in parts if isinstance(part, Delta)] == []
    assert reason_of(parts, 1) == "cancelled"


def test_a_limit_of_one_token(bundled: TextToSqlAdapter) -> None:
    parts = answer(bundled, ask("How many customers are there?", max_tokens=1))
    assert text_of(parts) == "SELECT"
    assert reason_of(parts) == "length"


def test_a_stop_string(bundled: TextToSqlAdapter) -> None:
    parts = answer(bundled, ask("How many customers are there?", stop=[" FROM"]))
    assert text_of(parts) == "SELECT COUNT(*) AS row_count"


@pytest.mark.parametrize(
    ("question", "error"),
    [
        ("量子力学说的是哪一回事情呢", ModelUnable),
        ("how many customers " * 40, PromptTooLong),
        ("　", InputInvalid),
    ],
)
def test_what_it_cannot_read_is_refused(bundled: TextToSqlAdapter, question: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        answer(bundled, ask(question))


def test_what_the_package_lets_it_decline_is_declined_in_the_words_of_the_prompt(bundled: TextToSqlAdapter) -> None:
    always = Judgement(declines_from=0.0)
    model = TextToSqlAdapter(TextToSqlModel(bundled.model.network, bundled.model.pieces, always), context=512)
    request = ask("What is the shoe size of customers?", n=2)
    parts = answer(model, request)
    assert declined(text_of(parts, 0)) is not None
    assert text_of(parts, 1) == text_of(parts, 0)
    again = ask("What is the shoe size of customers?", attempt=Attempt(text_of(parts), "no SQL"))
    assert text_of(answer(model, again)) == text_of(parts)  # a repair makes no answer of it


def test_candidates_are_weighed_by_what_the_package_says_of_their_evidence(bundled: TextToSqlAdapter) -> None:
    longest = Judgement(ranking={"tokens": 1.0, NONE: 0.0})
    model = TextToSqlModel(bundled.model.network, bundled.model.pieces, longest)
    task = TextToSql("names of customers from Berlin", schema(), today="2026-11-21")
    found = model.answer(task, count=4, stop=threading.Event()).candidates
    lengths = [one.evidence["tokens"] for one in found]
    assert lengths == sorted(lengths, reverse=True)
    assert sum(math.exp(one.logprob) for one in found) < 1  # the rest is that none of them is right


def test_another_format_than_sql_is_refused(bundled: TextToSqlAdapter) -> None:
    with pytest.raises(ModelUnable):
        answer(bundled, ask("How many?", structured_outputs=StructuredOutputs(choice=["yes", "no"])))


def test_the_question_is_read_once_and_a_few_beams_say_one_token_a_step(
    bundled: TextToSqlAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = bundled.model.network
    encode, step = network.encode, network.step
    readings, beams = list[Batch](), list[int]()

    def note_reading(batch: Batch) -> Encoded:
        readings.append(batch)
        return encode(batch)

    def note_step(encoded: Encoded, tokens: Tensor, past: Past) -> tuple[Tensor, Past]:
        beams.append(len(tokens))
        return step(encoded, tokens, past)

    monkeypatch.setattr(network, "encode", note_reading)
    monkeypatch.setattr(network, "step", note_step)
    answer(bundled, ask("top 5 customers by total"))
    assert len(readings) == 1
    assert max(beams) == LEAST_BEAMS
    assert len(beams) <= 1 + MOST_TOKENS  # whether it can be answered at all takes one, too
