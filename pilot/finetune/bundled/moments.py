"""Times as people say them, with what they compare: ("in March 2024", STARTS, "March 2024")."""

import random
from dataclasses import dataclass

from pilot.dates import MONTHS
from pilot.model.text_to_sql.query import Operator, Value

SIDES: tuple[tuple[str, Operator], ...] = (
    ("after", "GT"), ("later than", "GT"), ("before", "LT"), ("earlier than", "LT"), ("since", "GE"), ("until", "LE"),
)  # fmt: skip
UNITS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True)
class Moment:
    text: str
    operator: Operator
    values: tuple[Value, ...]


def moment(rng: random.Random) -> Moment:
    kinds = [(_year, 5), (_month, 3), (_current, 5), (_recent, 3), (_since, 4), (_between, 2), (_day, 1)]
    (chosen,) = rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
    return chosen(rng)


def _year(rng: random.Random) -> Moment:
    year = str(rng.randint(1995, 2027))
    return Moment(f"{rng.choice(('in', 'in', 'in', 'during', 'from', 'in the year'))} {year}", "STARTS", (year,))


def _month(rng: random.Random) -> Moment:
    month, year = rng.choice(MONTHS).capitalize(), rng.randint(2010, 2027)
    quarter = f"Q{rng.randint(1, 4)}"
    value = rng.choice(
        (f"{month} {year}", f"{month} {year}", month, f"{quarter} {year}", f"{year}-{rng.randint(1, 12):02}")
    )
    return Moment(f"{rng.choice(('in', 'in', 'during', 'from'))} {value}", "STARTS", (value,))


def _current(rng: random.Random) -> Moment:
    value = rng.choice(("today", "yesterday", *(f"{which} {unit}" for which in ("this", "last") for unit in UNITS[1:])))
    return Moment(value, "STARTS", (value,))


def _recent(rng: random.Random) -> Moment:
    unit = rng.choice(UNITS)
    count = rng.choice((7, 10, 14, 30, 60, 90) if unit == "day" else (2, 3, 4, 6, 12, "two", "three", "six"))
    value = f"{rng.choice(('last', 'last', 'past'))} {count} {unit}s"
    return Moment(f"{rng.choice(('in', 'in', 'within', 'over', 'during'))} the {value}", "STARTS", (value,))


def _since(rng: random.Random) -> Moment:
    words, operator = rng.choice(SIDES)
    value = _point(rng)
    return Moment(f"{words} {value}", operator, (value,))


def _between(rng: random.Random) -> Moment:
    first = rng.randint(2000, 2024)
    if rng.random() < 0.5:
        low, high = str(first), str(first + rng.randint(1, 5))
    else:
        low, high = f"{first}-0{rng.randint(1, 9)}-15", f"{first + 1}-{rng.randint(1, 12):02}-01"
    text = rng.choice(("between {} and {}", "from {} to {}", "between {} and {}"))
    return Moment(text.format(low, high), "BETWEEN", (low, high))


def _day(rng: random.Random) -> Moment:
    value = _iso(rng)
    return Moment(f"on {value}", "EQ", (value,))


def _point(rng: random.Random) -> str:
    month = rng.choice(MONTHS).capitalize()
    return rng.choice((str(rng.randint(1995, 2027)), _iso(rng), f"{month} {rng.randint(2010, 2026)}"))


def _iso(rng: random.Random) -> str:
    return f"{rng.randint(2005, 2027)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
