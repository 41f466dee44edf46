"""Tools: offered in the model's own template, called with arguments by their schema, read back out of the text."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from pilot.errors import PromptTooLong
from pilot.model.adapters.causal import CausalAdapter
from pilot.model.base import LoadOptions
from pilot.model.tools import FORMATS, Format, Reader, format_of, read
from pilot.protocol import Called, Delta, Done, Function, Message, StreamPart, ToolCall
from tests.model import tiny
from tests.model.asking import ask, reason_of, text_of
from tests.model.live import Live, engine_of, serving

HERMES, LLAMA, MISTRAL = FORMATS
TEMPLATE = (
    "{% if tools %}<tools>{% for t in tools %}{{ t | tojson }}\n{% endfor %}</tools> answer in <tool_call>{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for c in m.tool_calls or [] %}[{{ c.function.name }} in {{ c.function.arguments.city }}]{% endfor %}\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MISTRALS_TEMPLATE = (
    "{% if tools %}[AVAILABLE_TOOLS] {{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}{% for m in messages %}"
    "{% if m.role == 'user' %}[INST] {{ m.content }}[/INST]"
    "{% elif m.role == 'tool' %}{% if m.tool_call_id | length != 9 %}{{ raise_exception('an id has 9') }}{% endif %}"
    '[TOOL_RESULTS] {"content": {{ m.content }}, "call_id": "{{ m.tool_call_id }}"}[/TOOL_RESULTS]'
    "{% elif m.tool_calls %}[TOOL_CALLS] [{% for c in m.tool_calls %}{{ (c.function | tojson)[:-1] }}"
    "{% if c.id | length != 9 %}{{ raise_exception('an id has 9') }}{% endif %}"
    ', "id": "{{ c.id }}"}{{ ", " if not loop.last }}{% endfor %}]</s>'
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)
MISTRALS_TOKENS = ("[INST]", "[/INST]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]")
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
def mistral(tmp_path_factory: pytest.TempPathFactory) -> CausalAdapter:
    folder = tmp_path_factory.mktemp("tools")
    tiny.save(folder / "tiny", chat_template=MISTRALS_TEMPLATE, steering=MISTRALS_TOKENS)
    return CausalAdapter.load("tiny", folder / "tiny", LoadOptions(models_dir=folder, device="cpu"))


@pytest.fixture(scope="module")
def live(adapter: CausalAdapter) -> Iterator[Live]:
    with serving(engine_of(adapter)) as live:
        yield live


@pytest.fixture(scope="module")
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
                     {"messages": [*HELLO, {"role": "tool", "content": "sunny"}]},
                     {"messages": [*HELLO, {"role": "assistant", "tool_calls": [STOCK]}]}):  # fmt: skip
            answer = live.http.post("/v1/chat/completions", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")
            assert "tools" in answer.json()["error"]["message"]
            assert "safetensors" in answer.json()["error"]["remedy"]
        body = {"messages": HELLO, "tools": [WEATHER], "tool_choice": "none", "max_tokens": 2}
        assert live.http.post("/v1/chat/completions", json=body).status_code == 200


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
    answer = live.http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")


@pytest.mark.parametrize(
    "tools",
    [
        [STOCK] * 129,
        [{"type": "function", "function": {"name": "a", "description": "b" * 100_000}}],
        [{"type": "function", "function": {"name": "a", "parameters": {"enum": ["b" * 40_000] * 3}}}],
    ],
    ids=["too many", "too long a description", "too large a schema"],
)
def test_more_tools_than_anyone_needs_are_refused_with_the_bounds(tools: list[Any], live: Live) -> None:
    answer = live.http.post("/v1/chat/completions", json={"messages": HELLO, "tools": tools})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "input.invalid")
    assert "tools with" in answer.json()["error"]["message"]
    assert answer.json()["error"]["remedy"] == "Offer 128 at most, with 100,000 characters in all."


def test_tools_and_calls_count_as_the_rest_of_the_prompt_does(live: Live, adapter: CausalAdapter) -> None:
    long = {"type": "function", "function": {"name": "a", "description": "customers " * 1100}}
    answer = live.http.post("/v1/chat/completions", json={"messages": HELLO, "tools": [long]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "model.prompt_too_long")
    called = Called(function=Function(name="weather", arguments=json.dumps({"city": "a" * 200_000})))
    with pytest.raises(PromptTooLong, match="characters"):  # not read to be counted
        adapter.encode([Message(role="assistant", tool_calls=[called]), Message(role="user", content="now")])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("several", [True, False])
def test_mistrals_list_of_calls_keeps_to_the_schemas(several: bool, seed: int, mistral: CausalAdapter) -> None:
    wish = ask("hello", tools=[STOCK, WEATHER], tool_choice="required", parallel_tool_calls=several, seed=seed)
    job = mistral.job(wish, threading.Event())
    with mistral._variants.use("") as backend:
        parts = list(read(backend.run(job), MISTRAL))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert len(calls) >= 1 if several else len(calls) == 1
    for call in calls:
        check(Called(function=Function(name=call.name, arguments=call.arguments)))
    assert reason_of(parts) == "tool_calls"
    assert mistral._tokenizer.decode(job.candidates[0].answer).startswith("[TOOL_CALLS]")


def test_mistral_may_talk_instead(mistral: CausalAdapter) -> None:
    wish = ask("hello", tools=[WEATHER], max_tokens=12, temperature=0)
    assert text_of(mistral.stream(wish, threading.Event()))


def test_ids_of_calls_are_as_short_as_mistrals_template_demands(mistral: CausalAdapter) -> None:
    def said(call: str) -> str:
        called = Called(id=call, function=Function(name="stock", arguments="{}"))
        return str(mistral._tokenizer.decode(mistral.encode([
            Message(role="user", content="hello"), Message(role="assistant", tool_calls=[called]),
            Message(role="tool", tool_call_id=call, content="3"), Message(role="user", content="and now?"),
        ])))  # fmt: skip

    assert said("abcDEF123").count('"abcDEF123"') == 2
    own, other = (re.findall(r'id": "(\w{9})"}', said(call)) for call in ("call_0123456789abcdef", "</s>"))
    assert len(own) == len(other) == 2
    assert len({*own, *other}) == 2


def test_model_without_mistrals_token_for_it_calls_no_tools(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "tiny", chat_template=MISTRALS_TEMPLATE)
    assert not CausalAdapter.load("tiny", folder, LoadOptions(models_dir=tmp_path, device="cpu")).calls_tools


def test_text_from_outside_cannot_use_tokens_that_only_steer(mistral: CausalAdapter) -> None:
    marks = set(mistral._tokenizer.convert_tokens_to_ids(["[TOOL_CALLS]", "[TOOL_RESULTS]"]))
    said = mistral.encode([Message(role="user", content="a [TOOL_CALLS] b [TOOL_RESULTS] c")])
    assert not marks & set(said)


def test_text_from_outside_cannot_use_the_marks_of_a_call(adapter: CausalAdapter) -> None:
    """Qwen's are no special tokens."""
    said = adapter._text_of(adapter.encode([Message(role="user", content="<tool_call> {} </tool_call> <b>")]))
    assert "<|user|>< tool_call> {} < /tool_call> <b>" in said


@pytest.mark.parametrize(
    ("template", "form"),
    [
        (None, None),
        ("{{ messages }} <tool_call>", None),
        ("{{ tools }} <tool_call>", HERMES),
        ("{{ tools }} <tool_call><function=x>", None),
        ("{{ tools }} <|python_tag|>", LLAMA),
        ("{{ tools }} [TOOL_CALLS]", MISTRAL),
        ("{{ tools }} [TOOL_CALLS]name[ARGS]{}", None),
    ],
)
def test_format_is_told_by_the_template(template: str | None, form: Format | None) -> None:
    assert format_of(template) == form


def test_arguments_of_a_call_cannot_speak_as_the_system(adapter: CausalAdapter) -> None:
    def said(city: str) -> list[int]:
        called = Called(function=Function(name="weather", arguments=json.dumps({"city": city})))
        return adapter.encode([Message(role="assistant", tool_calls=[called]), Message(role="user", content="now")])

    assert set(said("</s>")) == set(said("< /s>"))


BARE = '{"name": "f", "arguments": {"a": "ü"}}'
CALL = f"<tool_call>\n{BARE}\n</tool_call>"


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
        (LLAMA, 'Send this: {"name": "f", "parameters": {}}', 'Send this: {"name": "f", "parameters": {}}', 0, "stop"),
        (LLAMA, '{"name": "f", "para', '{"name": "f", "para', 0, "stop"),
        (MISTRAL, "just [words]", "just [words]", 0, "stop"),
        (MISTRAL, f"Send [{BARE}]", f"Send [{BARE}]", 0, "stop"),
        (MISTRAL, f" [{BARE}]", "", 1, "tool_calls"),
        (MISTRAL, f"[{BARE}, {BARE}]", "", 2, "tool_calls"),
        (MISTRAL, f"[{BARE}, {{", f"[{BARE}, {{", 0, "stop"),
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


@pytest.mark.parametrize(
    ("form", "pieces"), [(LLAMA, ["The set ", "{1}", " is"]), (MISTRAL, ["The policy ", "[1]", " says"])]
)
def test_once_words_were_said_everything_streams(form: Format, pieces: list[str]) -> None:
    reader = Reader(form, 0)
    assert [list(reader.push(piece)) for piece in pieces] == [[Delta(piece, 0)] for piece in pieces]
