"""As much English as question templates need."""

import re

from pilot.model.text_to_sql.words import listed

VOWELS = "aeiou"
SAME = listed("staff series species gpa data")


def plural(noun: str) -> str:
    """Of its last word: 'order item' -> 'order items'."""
    *before, last = noun.split()
    if last in SAME or (last.endswith("s") and not last.endswith(("ss", "us", "is"))):
        return noun
    if last.endswith("y") and last[-2:-1] not in VOWELS:
        last = last[:-1] + "ies"
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    elif last.endswith("person"):
        last = last[:-6] + "people"
    else:
        last += "s"
    return " ".join((*before, last))


def singular(noun: str) -> str:
    *before, last = noun.split()
    if last == "movies":
        last = "movie"
    elif last.endswith("ies") and len(last) > 4:
        last = last[:-3] + "y"
    elif last.endswith(("sses", "xes", "ches", "shes")):
        last = last[:-2]
    elif last.endswith("people"):
        last = last[:-6] + "person"
    elif last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 3 and last not in SAME:
        last = last[:-1]
    return " ".join((*before, last))


def spaced(text: str) -> str:
    """One blank between words, none before a comma."""
    return re.sub(r"\s+([,?.])", r"\1", " ".join(text.split()))
