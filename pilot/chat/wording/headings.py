"""What a column of a result is called where its name was made from what it computes: `total_amount`, `COUNT(*)`."""

import re
from typing import NamedTuple

from pilot.i18n import Texts


class Made(NamedTuple):
    """`{x}` of the sentence is what the pattern found."""

    key: str
    pattern: re.Pattern[str]


def _made(key: str, words: str, function: str) -> Made:
    """The key, where either a word or a function of SQL stands before the column."""
    return Made(key, re.compile(rf"(?:{words})_(\w+)|{function}\((?:DISTINCT )?([\w.\"`]+)\)", re.IGNORECASE))


ROWS = re.compile(r"row_count|count\((?:\*|1)\)", re.IGNORECASE)
MADE = (
    _made("chat.heading.sum", "sum_of", "SUM"),
    Made("chat.heading.total", re.compile(r"total_(\w+)", re.IGNORECASE)),
    _made("chat.heading.avg", "average|avg", "AVG"),
    _made("chat.heading.min", "lowest|min", "MIN"),
    _made("chat.heading.max", "highest|max", "MAX"),
    _made("chat.heading.count", "number_of", "COUNT"),
)


def heading(name: str, texts: Texts) -> str:
    """The name in words; one that was not made so stays as it is."""
    if ROWS.fullmatch(name):
        return texts("chat.heading.rows")
    for key, pattern in MADE:
        if found := pattern.fullmatch(name):
            of = next(filter(None, found.groups())).rpartition(".")[2].strip('"`')
            return texts(key, x=of.replace("_", " "))
    return name
