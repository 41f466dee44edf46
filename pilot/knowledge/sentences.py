"""Why a document failed, waits, or was read in part, and what is wrong with a space: in the reader's language."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pilot.errors import PilotError
from pilot.i18n import Texts
from pilot.knowledge.document import LeftOut
from pilot.knowledge.records import DocumentRecord

E = TypeVar("E", bound=PilotError)

MOST_NAMED = 20  # files that a sentence names


def told(record: DocumentRecord, texts: Texts) -> DocumentRecord:
    """The record with its reason and remedy in the language of `texts`."""
    if not record.problem:
        return record
    reason = problem(record.problem, record.values, texts)
    return replace(record, reason=reason, remedy=remedy(record.problem, record.values, texts))


def refused(error: E, texts: Texts) -> E:
    """The error in the language of `texts`; as it is, where it says nothing of documents or spaces."""
    if "problem" not in error.details or "values" not in error.details:
        return error
    key, values = error.details["problem"], error.details["values"]
    return type(error)(problem(key, values, texts), remedy=remedy(key, values, texts), **error.details)


def complaint(kind: type[E], key: str, **values: Any) -> E:
    """The error of that problem, in English; its details hold the key and the values of its sentence."""
    english = Texts("en")
    return kind(problem(key, values, english), remedy=remedy(key, values, english), problem=key, values=values)


def problem(key: str, values: dict[str, Any], texts: Texts) -> str:
    """One sentence; of what holds files, with those that could not be read."""
    inside = values.get("left_out", [])
    if not inside:
        return texts(f"reading.problem.{key}", **values)
    named = " ".join(f"{name}: {problem(what, more, texts)}" for name, what, more in inside[:MOST_NAMED])
    rest = values.get("more", 0)
    sentence = texts(f"reading.problem.{key}")
    return " ".join(filter(None, [sentence, named, f"(+{rest})" if rest else ""]))


def remedy(key: str, values: dict[str, Any], texts: Texts) -> str:
    return texts(f"reading.remedy.{key}", **{name: value for name, value in values.items() if name != "left_out"})


def left_out(files: Sequence[LeftOut]) -> dict[str, Any]:
    """The values of a sentence about these files."""
    if not files:
        return {}
    return {"left_out": [[file.name, file.problem, file.values] for file in files[:MOST_NAMED]],
            "more": max(0, len(files) - MOST_NAMED)}  # fmt: skip


def partial(files: Sequence[LeftOut]) -> str:
    """What of a document that is ready could not be read, in English; empty where all was."""
    return problem("partial", left_out(files), Texts("en")) if files else ""
