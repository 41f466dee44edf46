"""Names and questions from outside, made fit to be shown. None of them is ever a path."""

import unicodedata
from pathlib import PurePosixPath

from pilot.errors import InputInvalid
from pilot.knowledge.sentences import complaint

LONGEST_NAME = 200
LONGEST_QUESTION = 4000
UNSEEN = ("Cc", "Cs", "Zl", "Zp")  # control characters, half characters, line ends
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")  # "exe.pdf"


def space_name(name: str) -> str:
    """Raises InputInvalid for what is empty, endless, or not one line of visible characters."""
    plain = unicodedata.normalize("NFC", name).strip()
    if not plain or len(plain) > LONGEST_NAME or _visible(plain) != plain:
        raise complaint(InputInvalid, "space_name", limit=LONGEST_NAME)
    return plain


def file_name(name: str) -> str:
    """What people call the file, for display only; a browser may send a whole path."""
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    shown = _visible(last).strip()[-LONGEST_NAME:]
    return shown if shown.strip(".") else "document"


def question_text(question: str) -> str:
    """Raises InputInvalid for what is empty or endless."""
    plain = " ".join("".join(c if unicodedata.category(c) not in ("Cc", "Cs") else " " for c in question).split())
    if not plain:
        raise complaint(InputInvalid, "question_empty")
    if len(plain) > LONGEST_QUESTION:
        raise complaint(InputInvalid, "question_long", limit=LONGEST_QUESTION)
    return plain


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) not in UNSEEN and c not in TURNING)
