"""How people put things: alternatives by key, from phrases.txt."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files


def lines_of(name: str) -> list[tuple[str, str]]:
    """Of a data file beside this module: what stands before the first colon of each line, and after it."""
    text = files("pilot.finetune.bundled").joinpath(name).read_text(encoding="utf-8")
    pairs = (line.partition(":") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [(key, rest.strip(" ")) for key, _, rest in pairs]


@dataclass(frozen=True)
class Phrases:
    alternatives: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls) -> "Phrases":
        found = {key: tuple(part.strip() for part in rest.split("|")) for key, rest in lines_of("phrases.txt")}
        return cls(found)

    def all(self, key: str, **named: object) -> tuple[str, ...]:
        """Empty when there is no such key."""
        return tuple(alternative.format(**named) for alternative in self.alternatives.get(key, ()))

    def say(self, rng: random.Random, key: str, *parts: object, **named: object) -> str:
        return rng.choice(self.alternatives[key]).format(*parts, **named)
