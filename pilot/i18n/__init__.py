"""Every sentence that people read, by key, in each language.

`en/chat.json` holds the keys that begin with `chat.`; each language has the same files, keys and placeholders (a test
compares them). Stands at the bottom of the layers, since answers speak as well as pages.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Texts:
    """One language's sentences: `t("chat.rows", count=3)`."""

    language: Language

    def __call__(self, key: str, **values: Any) -> str:
        """The sentence with its values filled in. A plural is chosen by `count`: `key.one` if there is one, else `key`;
        it is told with a mark after each three digits.

        Raises KeyError for an unknown key: a defect, found by the test that knows every key in the code.
        """
        sentences = load(self.language)
        count = values.get("count")
        if count == 1 and f"{key}.one" in sentences:
            key = f"{key}.one"
        if isinstance(count, int):
            values["count"] = f"{count:,}"
        return sentences[key].format(**values)

    def has(self, key: str) -> bool:
        return key in load(self.language)


@cache
def load(language: Language) -> dict[str, str]:
    """All keys of one language, each with its file's name before it."""
    sentences: dict[str, str] = {}
    for file in sorted((FOLDER / language).glob("*.json")):
        for key, sentence in json.loads(file.read_text(encoding="utf-8")).items():
            sentences[f"{file.stem}.{key}"] = sentence
    return sentences
