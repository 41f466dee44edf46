"""What the way from question to answer does beyond asking a model once; each can be left out, to see its worth."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Steps:
    """All of them, unless something is measured."""

    values: bool = True  # cell values that the question mentions, in the prompt and against candidates
    vote: bool = True  # several candidates, of which the result most often found wins
    repair: bool = True  # what failed or found nothing is asked again
    times: bool = True  # "year to date" as days
    memory: bool = True  # approved answers, as they are and as examples
    decline: bool = True  # what the schema has nothing for is not asked


def names() -> list[str]:
    return [field.name for field in fields(Steps)]


def bare() -> Steps:
    """The model alone: the schema and the question in, a statement out."""
    return Steps(**dict.fromkeys(names(), False))
