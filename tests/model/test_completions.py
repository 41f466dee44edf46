"""/v1/completions: a prompt is read as it is. And answers in JSON, on both endpoints."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from pilot.model.adapters.causal import CausalAdapter
from tests.model.live import Live, engine_of, scripted, serving

PROMPT = "How many customers are there?"
POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer", "minimum": 0, "maximum": 9}, "name": {"enum": ["a", "世界"]}},
    "required": ["x", "name"],
    "additionalProperties": False,
}
COMPACT = POINT | {"x-guidance": {"whitespace_flexible": False}}  # a random model would write blanks for ever


@pytest.fixture(scope="module")
def live(causal: CausalAdapter) -> Iterator[Live]:
    with serving(engine_of(causal)) as live:
        yield live


@pytest.fixture(scope="module")
def client(live: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_text_and_its_tokens_are_the_same_prompt(client: openai.OpenAI, causal: CausalAdapter) -> None:
    settings: Any = {"model": "tiny", "temperature": 0, "max_tokens": 8}
    tokens = causal._tokenizer(PROMPT)["input_ids"]
    by_text = client.completions.create(prompt=PROMPT, **settings)
    by_tokens = client.completions.create(prompt=tokens, **settings)
    assert by_text.choices[0].text == by_tokens.choices[0].text != ""
    assert by_text.usage is not None
    assert (by_text.usage.prompt_tokens, by_text.usage.completion_tokens) == (len(tokens), 8)
    assert (by_text.object, by_text.choices[0].finish_reason) == ("text_completion", "length")


def test_streamed_is_what_comes_whole(client: openai.OpenAI) -> None:
    settings: Any = {"model": "tiny", "prompt": PROMPT, "seed": 3, "n": 2, "echo": True, "max_tokens": 12}
    whole = client.completions.create(**settings)
    *chunks, usage = client.completions.create(stream=True, stream_options={"include_usage": True}, **settings)
    for index in range(2):
        pieces = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert "".join(piece.text for piece in pieces) == whole.choices[index].text
        assert whole.choices[index].text.startswith(PROMPT)
        assert pieces[-1].finish_reason == whole.choices[index].finish_reason
    assert usage.usage == whole.usage


def test_sixteen_tokens_are_written_unless_more_are_wished(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="tiny", prompt=PROMPT, temperature=0)
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 16


def test_several_prompts_are_answered_in_their_order(client: openai.OpenAI) -> None:
    settings: Any = {"model": "tiny", "temperature": 0, "max_tokens": 6}
    texts = [PROMPT, "hello", "订单"]
    alone = [client.completions.create(prompt=text, **settings) for text in texts]
    together = client.completions.create(prompt=texts, n=2, **settings)
    expected = [answer.choices[0].text for answer in alone for _ in range(2)]
    assert [choice.text for choice in together.choices] == expected
    assert [choice.index for choice in together.choices] == list(range(6))
    assert together.usage is not None
    assert together.usage.prompt_tokens == sum(answer.usage.prompt_tokens for answer in alone if answer.usage)


def test_chances_are_four_lists(client: openai.OpenAI) -> None:
    settings: Any = {"model": "tiny", "prompt": PROMPT, "temperature": 0, "max_tokens": 8, "logprobs": 2}
    choice = client.completions.create(**settings).choices[0]
    found = choice.logprobs
    assert found is not None
    assert found.tokens is not None
    assert found.token_logprobs is not None
    assert found.top_logprobs is not None
    assert found.text_offset is not None
    assert "".join(found.tokens) == choice.text
    assert [choice.text[at:].startswith(token) for at, token in zip(found.text_offset, found.tokens, strict=True)]
    for token, chance, tops in zip(found.tokens, found.token_logprobs, found.top_logprobs, strict=True):
        assert tops[token] == chance == max(tops.values())
    streamed = [chunk.choices[0].logprobs for chunk in client.completions.create(stream=True, **settings)]
    assert [at for piece in streamed if piece for at in piece.text_offset or []] == found.text_offset


def test_stop_strings_are_the_clients_alone(client: openai.OpenAI) -> None:
    settings: Any = {"model": "tiny", "prompt": PROMPT, "temperature": 0, "max_tokens": 20}
    text = client.completions.create(**settings).choices[0].text
    choice = client.completions.create(stop=text[3:5], **settings).choices[0]
    assert choice.text == text[: text.index(text[3:5])]
    assert choice.finish_reason == "stop"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"prompt": []}, "input.invalid"),
        ({"prompt": ["a"] * 65}, "input.invalid"),
        ({"prompt": ""}, "input.invalid"),
        ({"prompt": [1, "a"]}, "input.invalid"),
        ({"prompt": [99999]}, "input.invalid"),
        ({"prompt": [-1]}, "input.invalid"),
        ({"prompt": [5] * 2000}, "model.prompt_too_long"),
        ({"prompt": "a", "suffix": "b"}, "input.invalid"),
        ({"prompt": "a", "echo": True, "logprobs": 1}, "input.invalid"),
        ({"prompt": [5], "echo": True}, "input.invalid"),
        ({"prompt": "\ud800"}, "input.invalid"),
        ({"prompt": "a", "response_format": {"type": "json_schema"}}, "input.invalid"),
    ],
    ids=lambda value: str(value)[:40].encode(errors="replace").decode(),
)
def test_what_cannot_be_completed_is_refused(body: dict[str, Any], code: str, live: Live) -> None:
    headers = {"content-type": "application/json"}
    answer = live.http.post("/v1/completions", content=json.dumps(body), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_unknown_model_is_404(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'gpt-3'"):
        client.completions.create(model="gpt-3", prompt="a")


def test_model_that_reads_conversations_alone_says_so() -> None:
    with serving(scripted()) as live:
        answer = live.http.post("/v1/completions", json={"prompt": "a"})
    assert answer.status_code == 400
    assert "/v1/chat/completions" in answer.json()["error"]["remedy"]


# JSON


@pytest.mark.parametrize("seed", range(3))
def test_answers_keep_to_a_json_schema(seed: int, client: openai.OpenAI) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "point", "strict": True, "schema": COMPACT}}
    messages: Any = [{"role": "user", "content": "Where?"}]
    chat = client.chat.completions.create(model="tiny", messages=messages, response_format=form, seed=seed)
    text = client.completions.create(model="tiny", prompt="Where?", max_tokens=40, seed=seed,
                                     extra_body={"response_format": form})  # fmt: skip
    for said in (chat.choices[0].message.content, text.choices[0].text):
        point = json.loads(said or "")
        assert point["x"] in range(10)
        assert point["name"] in ("a", "世界")


def test_json_object_is_an_object(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "Where?"}]
    form: Any = {"type": "json_object"}
    answer = client.chat.completions.create(model="tiny", messages=messages, response_format=form, max_tokens=20)
    assert (answer.choices[0].message.content or "").lstrip().startswith("{")
    form = {"type": "text"}
    assert client.chat.completions.create(model="tiny", messages=messages, response_format=form, max_tokens=3).choices


@pytest.mark.parametrize(
    "fields",
    [
        {"response_format": {"type": "yaml"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nonsense"}}}},
        {"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}},
    ],
)
def test_formats_that_make_no_sense_are_refused(fields: dict[str, Any], live: Live) -> None:
    body = {"messages": [{"role": "user", "content": "a"}], **fields}
    answer = live.http.post("/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")
    assert answer.json()["error"]["message"]
