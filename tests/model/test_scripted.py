"""The test double that ships with the product plays its script as written."""

import json
import threading
from pathlib import Path

import pytest

from pilot.config import ROOT
from pilot.errors import ModelUnusable
from pilot.model.adapters.scripted import Reply, Script, ScriptedAdapter
from pilot.model.base import LoadOptions
from tests.model.asking import ask, text_of


def said(adapter: ScriptedAdapter, question: str) -> str:
    return text_of(adapter.stream(ask(question), threading.Event()))


def test_without_a_script_the_question_comes_back() -> None:
    assert said(ScriptedAdapter(), "hello  wide\nworld ") == "hello  wide\nworld "


def test_replies_go_by_what_the_question_holds_else_in_turn() -> None:
    script = Script(replies=(Reply(text="one"), Reply(when="sales", text="SQL"), Reply(text="two")))
    adapter = ScriptedAdapter(script)
    assert [said(adapter, question) for question in ("a", "sales?", "b", "c")] == ["one", "SQL", "two", "two"]
    assert len(adapter.heard) == 4


def test_script_is_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "replies.json").write_text(json.dumps({"replies": [{"text": "hi"}], "abilities": ["chat"]}))
    adapter = ScriptedAdapter.load("scripted-hi", tmp_path, LoadOptions(models_dir=tmp_path))
    assert said(adapter, "hello") == "hi"
    assert adapter.card.abilities == ["chat"]


@pytest.mark.parametrize("text", ["", "[]", '{"replies": [{"txt": "misspelt"}]}'])
def test_broken_script_is_refused_with_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "replies.json").write_text(text)
    with pytest.raises(ModelUnusable, match=r"scripted-x/replies\.json"):
        ScriptedAdapter.load("scripted-x", tmp_path, LoadOptions(models_dir=tmp_path))


def test_script_in_the_documentation_is_read_as_it_stands() -> None:
    documentation = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    script = Script.model_validate_json(documentation.split("```json")[1].split("```")[0])
    assert said(ScriptedAdapter(script), "how many customers?") == "SELECT COUNT(*) FROM customers"
