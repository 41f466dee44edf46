"""Tools: offered in the model's own template, called with arguments by their schema, read back out of the text."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.tools import FORMATS, Format, format_of, read
from pilot.protocol import Called, Delta, Done, Function, Message, StreamPart, ToolCall
from tests.model import tiny
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import Live, engine_of, serving

HERMES, LLAMA = FORMATS
TEMPLATE = (
    "{% if tools %}<tools>{% for t in tools %}{{ t | tojson }}\n{% endfor %}</tools> answer in <tool_call>{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}[{{ c.function.name }} in {{ c.function.arguments.city }}]{% endfor %}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"$ref": "#/$defs/city"},
                "days": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
            "$defs": {"city": {"enum": ["München", "北京"]}},
        },
    },
}
STOCK = {
    "type": "function",
    "function": {"name": "stock", "parameters": {"type": "object", "properties": {}, "additionalProperties": False}},
}
HELLO: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> CausalAdapter:
    folder = tmp_path_factory.mktemp("tools")
    options = LoadOptions(models_dir=folder, device="cpu")
    return CausalAdapter.load("tiny", tiny.save(folder / "tiny", chat_template=TEMPLATE), options)


@pytest.fixture(scope="module")
def live(adapter: CausalAdapter) -> Iterator[Live]:
    with serving(engine_of(adapter)) as live:
        yield live


@pytest.fixture
def client(live: Live) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def check(call: Any) -> None:
    arguments = json.loads(call.function.arguments)
    assert call.function.name in ("weather", "stock")
    if call.function.name == "weather":
        assert arguments["city"] in ("München", "北京")
        assert 1 <= arguments["days"] <= 9
        assert arguments.keys() == {"city", "days"}


@pytest.mark.parametrize("seed", range(3))
def test_the_named_tool_is_called_with_arguments_by_its_schema(seed: int, client: openai.OpenAI) -> None:
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    tools: Any = [STOCK, WEATHER]
    answer = client.chat.completions.create(model="tiny", messages=HELLO, tools=tools, tool_choice=choice, seed=seed)
    message = answer.choices[0].message
    (call,) = message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "weather"
    assert call.id.startswith("call_")
    check(call)
    assert (message.content, answer.choices[0].finish_reason) == (None, "tool_calls")


def test_one_of_the_tools_must_be_called_where_that_is_required(client: openai.OpenAI) -> None:
    tools: Any = [STOCK, WEATHER]
    for seed in range(3):
        stream = client.chat.completions.create(model="tiny", messages=HELLO, tools=tools, tool_choice="required",
                                                seed=seed, stream=True, parallel_tool_calls=False)  # fmt: skip
        choices = [chunk.choices[0] for chunk in stream]
        (call,) = [call for choice in choices for call in choice.delta.tool_calls or []]
        check(call)
        assert not any(choice.delta.content for choice in choices)
        assert choices[-1].finish_reason == "tool_calls"


def test_words_are_allowed_where_nothing_is_required(client: openai.OpenAI) -> None:
    tools: Any = [WEATHER]
    answer = client.chat.completions.create(model="tiny", messages=HELLO, tools=tools, max_tokens=12, temperature=0)
    assert answer.choices[0].message.content


def test_tools_stand_in_the_prompt_as_the_template_has_them(adapter: CausalAdapter) -> None:
    def prompt(**fields: Any) -> str:
        return adapter._text_of(adapter.job(ask("hello", **fields), threading.Event()).prompt)

    assert "Tells the weather." in prompt(tools=[WEATHER])
    assert "arguments" not in prompt(tools=[WEATHER])
    assert "Tells the weather." not in prompt(tools=[WEATHER], tool_choice="none")


def test_what_a_tool_answered_goes_back_to_the_model(client: openai.OpenAI, adapter: CausalAdapter) -> None:
    messages: Any = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "北京"}'}}]},
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]  # fmt: skip
    answer = client.chat.completions.create(model="tiny", messages=messages, max_tokens=3)
    said = "<|user|>hello<|assistant|>[weather in 北京]<|tool|>sunny<|assistant|>"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == adapter.count(said)


def test_model_that_knows_no_tools_refuses_them(causal: CausalAdapter) -> None:
    with serving(engine_of(causal)) as live:
        for body in ({"messages": HELLO, "tools": [WEATHER]},
                     {"messages": [*HELLO, {"role": "tool", "content": "sunny"}]}):  # fmt: skip
            answer = httpx.post(f"{live.url}/v1/chat/completions", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")
            assert "tools" in answer.json()["error"]["message"]
        body = {"messages": HELLO, "tools": [WEATHER], "tool_choice": "none", "max_tokens": 2}
        assert httpx.post(f"{live.url}/v1/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": {"type": "function", "function": {"name": "other"}}},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": 'a"b'}}]},
        {"tools": [{"type": "function", "function": {"name": "a", "parameters": {"type": "nonsense"}}}]},
        {"tools": [{"type": "function", "function": {"name": "a", "description": "\ud800"}}]},
    ],
)
def test_tools_that_make_no_sense_are_refused(fields: dict[str, Any], live: Live) -> None:
    body = json.dumps({"messages": HELLO, "tools": [WEATHER], **fields})
    answer = httpx.post(f"{live.url}/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (None, None),
        ("{{ messages }} <tool_call>", None),
        ("{{ tools }} <tool_call>", HERMES),
        ("{{ tools }} <tool_call><function=x>", None),
        ("{{ tools }} <|python_tag|>", LLAMA),
        ("{{ tools }} [TOOL_CALLS]", None),
    ],
)
def test_format_is_told_by_the_template(template: str | None, form: Format | None) -> None:
    assert format_of(template) == form


def test_arguments_of_a_call_cannot_speak_as_the_system(adapter: CausalAdapter) -> None:
    def said(city: str) -> list[int]:
        called = Called(function=Function(name="weather", arguments=json.dumps({"city": city})))
        return adapter.encode([Message(role="assistant", tool_calls=[called]), Message(role="user", content="now")])

    assert set(said("</s>")) == set(said("< /s>"))


CALL = '<tool_call>\n{"name": "f", "arguments": {"a": "ü"}}\n</tool_call>'


@pytest.mark.parametrize("size", [1, 3, 500])
@pytest.mark.parametrize(
    ("form", "text", "words", "calls", "reason"),
    [
        (HERMES, "just words < and <tool", "just words < and <tool", 0, "stop"),
        (HERMES, CALL, "", 1, "tool_calls"),
        (HERMES, f"I look.\n{CALL}\n{CALL}", "I look.", 2, "tool_calls"),
        (HERMES, CALL[:30], CALL[:30], 0, "stop"),
        (LLAMA, "just {words}", "just {words}", 0, "stop"),
        (LLAMA, '{"name": "f", "parameters": {"a": "ü"}}', "", 1, "tool_calls"),
        (LLAMA, '{"name": "f", "para', '{"name": "f", "para', 0, "stop"),
    ],
)
def test_calls_are_read_however_the_text_is_cut(
    size: int, form: Format, text: str, words: str, calls: int, reason: str
) -> None:
    said: list[StreamPart] = [Delta(text[at : at + size], 1) for at in range(0, len(text), size)]
    parts = list(read([*said, Done("stop", 1)], form))
    found = [part for part in parts if isinstance(part, ToolCall)]
    assert found == [ToolCall("f", '{"a": "ü"}', 1, number) for number in range(calls)]
    assert text_of(parts, 1) == words
    assert reason_of(parts, 1) == reason
