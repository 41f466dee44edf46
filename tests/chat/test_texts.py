"""The sentences of answers: the same in both languages, all used, all there."""

import re
from pathlib import Path

import pilot.chat
from pilot.i18n import Language, load


def _own(language: Language) -> dict[str, str]:
    return {key: text for key, text in load(language).items() if key.startswith("chat.")}


def test_both_languages_say_the_same_with_the_same_values() -> None:
    english = {key: text for key, text in _own("en").items() if not key.endswith(".one")}  # Chinese has no plural
    chinese = _own("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", chinese[key])), key


def test_every_sentence_is_used_and_every_key_is_a_sentence() -> None:
    files = Path(pilot.chat.__file__).parent.rglob("*.py")
    used = {key for file in files for key in re.findall(r'"(chat\.[a-z_.]+)"', file.read_text(encoding="utf-8"))}
    known = {key.removesuffix(".one") for key in _own("en")}
    assert known == used
