"""What a model learns from: a prompt as serving renders it, the right answer and, for preferences, a wrong one.

One JSON object a line:

    {"prompt": [{"role": "user", "content": "..."}], "answer": "SELECT ...", "rejected": "...", "family": "..."}

`rejected` and `family` may be absent. Examples of one family are the same question in other words: an exam never asks
what its family has taught.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pilot.errors import InputInvalid
from pilot.protocol import Message

KEYS = {"prompt", "answer", "rejected", "family"}


@dataclass(frozen=True)
class Example:
    prompt: tuple[Message, ...]
    answer: str
    rejected: str = ""
    family: str = ""

    @property
    def group(self) -> str:
        """The family; without one, the last thing that was asked."""
        return self.family or self.prompt[-1].content


def read(file: Path) -> list[Example]:
    """Raises InputInvalid naming the file, the line and the reason."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputInvalid(f"{file} cannot be read: {error}", remedy="Name a JSONL file in UTF-8.") from error
    return [_parse(line, f"{file.name}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def write(file: Path, examples: Iterable[Example]) -> None:
    lines = [json.dumps(_as_json(example), ensure_ascii=False) for example in examples]
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def digest(examples: Iterable[Example]) -> str:
    """Tells one set of examples from another; the order counts."""
    told = "\n".join(json.dumps(_as_json(example), sort_keys=True) for example in examples)
    return hashlib.sha256(told.encode()).hexdigest()


def split(examples: Sequence[Example], share: float, seed: int = 1) -> tuple[list[Example], list[Example]]:
    """Those to learn from and about `share` of them kept back, at least the smallest family of several; none
    stands on both sides.
    """
    families: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        families[example.group].append(example)
    shuffled = sorted(families, key=lambda family: hashlib.sha256(f"{seed}/{family}".encode()).digest())
    kept: set[str] = set()
    count = 0
    for family in shuffled:
        if count + len(families[family]) / 2 > share * len(examples):
            continue
        kept.add(family)
        count += len(families[family])
    if not kept and share > 0 and len(families) > 1:
        kept.add(min(shuffled, key=lambda family: len(families[family])))
    learnt = [example for example in examples if example.group not in kept]
    return learnt, [example for example in examples if example.group in kept]


def refuse_overlap(learnt: Iterable[Example], exam: Iterable[Example]) -> None:
    """Raises InputInvalid when a family, or the very same question, stands on both sides."""
    shared = {example.group for example in learnt} & {example.group for example in exam}
    if shared:
        raise InputInvalid(
            f"{len(shared)} questions of the exam are among the examples, such as {min(shared)[:80]!r}",
            remedy="Give the exam questions that the model is not trained on, or let Pilot split the examples.",
        )


def _parse(line: str, place: str) -> Example:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise _wrong(place, f"is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise _wrong(place, "is not an object")
    if unknown := sorted(found.keys() - KEYS):
        raise _wrong(place, f"has an unknown key {unknown[0]!r}")
    return Example(
        _prompt(found.get("prompt"), place), *(_text(found, key, place) for key in ("answer", "rejected", "family"))
    )


def _prompt(found: object, place: str) -> tuple[Message, ...]:
    if isinstance(found, str) and found.strip():
        return (Message(role="user", content=found),)
    if not isinstance(found, list) or not found:
        raise _wrong(place, "needs a prompt: a text, or a list of messages")
    try:
        return tuple(Message.model_validate(message) for message in found)
    except ValidationError:
        raise _wrong(place, "has a message that is not {role, content}") from None


def _text(found: dict[str, object], key: str, place: str) -> str:
    text = found.get(key, "")
    if not isinstance(text, str) or (key == "answer" and not text.strip()):
        raise _wrong(place, f"needs a text as {key!r}")
    return text


def _wrong(place: str, reason: str) -> InputInvalid:
    return InputInvalid(
        f"{place}: it {reason}",
        remedy='Each line is {"prompt": [{"role": "user", "content": "..."}], "answer": "..."}; '
        'for dpo and orpo also a "rejected" answer.',
    )


def _as_json(example: Example) -> dict[str, object]:
    prompt = [message.model_dump(exclude_none=True) for message in example.prompt]
    told: dict[str, object] = {"prompt": prompt, "answer": example.answer}
    return told | {key: text for key in ("rejected", "family") if (text := getattr(example, key))}
