"""Every language says the same things."""

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from pilot.errors import all_errors
from pilot.i18n import LANGUAGES, Language, load

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = {file.stem for file in (ROOT / "pilot" / "i18n" / "en").glob("*.json")}


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_languages_have_the_same_keys_and_placeholders(language: Language) -> None:
    english, other = load("en"), load(language)
    plain = {key for key in english if not key.endswith(".one")}  # Chinese has no plural
    assert plain == {key for key in other if not key.endswith(".one")}
    assert all(_placeholders(english[key]) == _placeholders(other[key]) for key in plain)


def test_chinese_sentences_are_chinese() -> None:
    """A sentence that was copied instead of translated; names and signs alone are the same everywhere."""
    english, chinese = load("en"), load("zh")
    copied = [
        key for key, sentence in english.items() if chinese.get(key) == sentence and re.search("[a-z]{4} ", sentence)
    ]
    assert copied == []


def test_every_error_that_people_may_meet_has_a_sentence_in_each_language() -> None:
    groups = {code for code, kind in all_errors().items() if kind.__subclasses__()}
    for language in LANGUAGES:
        missing = {code for code in all_errors() if f"errors.{code}" not in load(language)} - groups
        assert missing == set()


def _keys_in_code() -> tuple[set[str], set[str]]:
    """Keys written out, and the beginnings of those put together in an f-string."""
    whole: set[str] = set()
    beginnings: set[str] = set()
    spoken = [
        file for file in (ROOT / "pilot").rglob("*.py") if "model" not in file.parts and file.name != "protocol.py"
    ]
    for file in spoken:  # the wire has names of its own, such as chat.completion
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
                beginnings.add(str(node.values[0].value))
    return whole, beginnings


def test_every_key_in_the_code_has_a_sentence() -> None:
    whole, _ = _keys_in_code()
    pattern = re.compile(rf"({'|'.join(sorted(PREFIXES))})(\.[a-z0-9_]+)+")
    used = {text for text in whole if pattern.fullmatch(text)} - set(all_errors())
    assert {key for key in used if key not in load("en")} == set()


def test_no_sentence_is_left_unused() -> None:
    whole, beginnings = _keys_in_code()
    prefixes = tuple(start for start in beginnings if start.split(".")[0] in PREFIXES and "." in start)
    unused = {key for key in load("en") if key.removesuffix(".one") not in whole and not key.startswith(prefixes)}
    assert unused == set()
