"""Why a file cannot be read: each problem has a key, one sentence and its remedy in i18n/*/reading.json."""

from typing import Any

from pilot.errors import DocumentUnreadable
from pilot.knowledge import sentences


def unreadable(problem: str, **values: Any) -> DocumentUnreadable:
    """The error of that problem."""
    return sentences.complaint(DocumentUnreadable, problem, **values)
