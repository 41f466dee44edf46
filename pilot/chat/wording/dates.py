"""Dates and times in words: parts of a date, today, some months ago, days between two."""

import re

from sqlglot import exp

from pilot.chat.wording.speaker import Speaker

PARTS: dict[type[exp.Expr], str] = {
    exp.Year: "chat.date.year", exp.Quarter: "chat.date.quarter", exp.Month: "chat.date.month",
    exp.Week: "chat.date.week", exp.Day: "chat.date.day", exp.Hour: "chat.date.hour",
    exp.DayOfWeek: "chat.date.weekday", exp.DayOfMonth: "chat.date.day",
    exp.Date: "chat.date.date", exp.Dayname: "chat.date.weekday", exp.Monthname: "chat.date.month",
    exp.LastDay: "chat.date.last_day", exp.WeekOfYear: "chat.date.week", exp.DayOfYear: "chat.date.day_of_year",
}  # fmt: skip
NAMED = {
    "YEAR": "chat.date.year", "QUARTER": "chat.date.quarter", "MONTH": "chat.date.month", "WEEK": "chat.date.week",
    "DAY": "chat.date.day", "HOUR": "chat.date.hour", "DOW": "chat.date.weekday", "ISODOW": "chat.date.weekday",
    "DAYOFWEEK": "chat.date.weekday", "DOY": "chat.date.day_of_year",
}  # fmt: skip
FORMATS = {
    "%Y": "chat.date.year", "%m": "chat.date.month", "%d": "chat.date.day", "%Y-%m": "chat.date.year_month",
    "%Y-%m-%d": "chat.date.date", "%w": "chat.date.weekday", "%W": "chat.date.week", "%H": "chat.date.hour",
    "%M": "chat.date.month", "%B": "chat.date.month", "%A": "chat.date.weekday", "%j": "chat.date.day_of_year",
}  # fmt: skip
UNITS = {
    "DAY": "chat.unit.day", "WEEK": "chat.unit.week", "MONTH": "chat.unit.month", "QUARTER": "chat.unit.quarter",
    "YEAR": "chat.unit.year", "HOUR": "chat.unit.hour", "MINUTE": "chat.unit.minute", "SECOND": "chat.unit.second",
}  # fmt: skip
BETWEEN = {
    "DAY": "chat.date.days_between", "WEEK": "chat.date.weeks_between", "MONTH": "chat.date.months_between",
    "YEAR": "chat.date.years_between", "HOUR": "chat.date.hours_between", "MINUTE": "chat.date.minutes_between",
    "SECOND": "chat.date.seconds_between",
}  # fmt: skip
STARTS = {
    "start of month": "chat.date.start_of_month", "start of year": "chat.date.start_of_year",
    "start of day": "chat.date.date",
}  # fmt: skip
TRUNCATED = {
    "YEAR": "chat.date.start_of_year", "MONTH": "chat.date.start_of_month", "WEEK": "chat.date.start_of_week",
    "QUARTER": "chat.date.start_of_quarter", "DAY": "chat.date.date",
}  # fmt: skip
SHIFT = re.compile(r"([+-]?)(\d+)\s*(day|week|month|year|hour|minute|second)s?", re.IGNORECASE)
DATES_OF_SQLITE = ("DATE", "DATETIME", "TIME", "JULIANDAY")


def value(say: Speaker, node: exp.Expr) -> str | None:
    """In words, or None when it is no date function that has words."""
    if type(node) in PARTS and not _arguments(node):
        return say.texts(PARTS[type(node)], x=say.value(_inner(node)))
    match node:
        case exp.Date() | exp.Anonymous():
            return _of_sqlite(say, node)
        case exp.TimeToStr():
            key = FORMATS.get(node.args["format"].name)
            told = say.value(_inner(node))
            return (
                say.texts(key, x=told) if key else say.texts("chat.date.written", x=told, form=node.args["format"].name)
            )
        case exp.Extract():
            key = NAMED.get(node.name.upper())
            return say.texts(key, x=say.value(node.expression)) if key else None
        case exp.DateTrunc() | exp.TimestampTrunc():
            key = TRUNCATED.get(_unit(node))
            return say.texts(key, x=say.value(_inner(node))) if key else None
        case exp.DateAdd() | exp.DateSub() | exp.TsOrDsAdd():
            key = "chat.date.minus" if isinstance(node, exp.DateSub) else "chat.date.plus"
            span = duration(say, node.expression, node.args.get("unit"))
            return say.texts(key, x=say.value(_inner(node)), span=span)
        case exp.DateDiff() | exp.TimestampDiff():
            return _between(say, node.expression, node.this, _unit(node))
        case exp.Sub() if _is_julian(node.this) and _is_julian(node.expression):
            return _between(say, node.expression.expressions[0], node.this.expressions[0], "DAY")
    return None


def duration(say: Speaker, count: exp.Expr, unit: exp.Expr | None) -> str:
    """3 months."""
    if isinstance(count, exp.Interval):
        return duration(say, count.this, count.args.get("unit"))
    key = UNITS.get(unit.name.upper().removesuffix("S") if unit is not None else "DAY", "chat.unit.day")
    number = count.name if isinstance(count, exp.Literal) else say.value(count)
    return say.texts(key, count=int(number) if number.isdecimal() else number)


def _of_sqlite(say: Speaker, node: exp.Expr) -> str | None:
    """date(x, '-3 months', 'start of month')"""
    name = node.name.upper() if isinstance(node, exp.Anonymous) else "DATE"
    arguments = node.expressions if isinstance(node, exp.Anonymous) else [node.this, *_arguments(node)]
    if name not in DATES_OF_SQLITE or not arguments or arguments[0] is None:
        return None
    first, *changes = arguments
    now = isinstance(first, exp.Literal) and first.name.lower() == "now"
    if now:
        told = say.texts("chat.say.today" if name == "DATE" else "chat.say.now")
    else:
        told = say.value(first) if name == "DATETIME" else say.texts("chat.date.date", x=say.value(first))
    for change in changes:
        changed = _changed(say, told, change.name if isinstance(change, exp.Literal) else "")
        if changed is None:
            return None
        told = changed
    return told


def _changed(say: Speaker, told: str, change: str) -> str | None:
    if change.lower() in ("localtime", "utc"):
        return told
    if key := STARTS.get(change.lower()):
        return say.texts(key, x=told)
    found = SHIFT.fullmatch(change.strip())
    if not found:
        return None
    span = say.texts(UNITS[found[3].upper()], count=int(found[2]))
    return say.texts("chat.date.minus" if found[1] == "-" else "chat.date.plus", x=told, span=span)


def _between(say: Speaker, first: exp.Expr, last: exp.Expr, unit: str) -> str:
    key = BETWEEN.get(unit, "chat.date.days_between")
    return say.texts(key, first=_moment(say, first), last=_moment(say, last))


def _moment(say: Speaker, node: exp.Expr) -> str:
    now = isinstance(node, exp.Literal) and node.name.lower() == "now"
    return say.texts("chat.say.now") if now else say.value(_bare(node))


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    return unit.name.upper().removesuffix("S") if unit is not None else "DAY"


def _inner(node: exp.Expr) -> exp.Expr:
    return _bare(node.this)


def _bare(node: exp.Expr) -> exp.Expr:
    """Without the conversions that the parser adds."""
    while isinstance(node, exp.TsOrDsToDate | exp.TsOrDsToTimestamp | exp.TsOrDsToDatetime):
        node = node.this
    return node


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    """Arguments beyond the first: date(x, '+1 day')."""
    return [part for part in [node.args.get("zone"), *(node.args.get("expressions") or [])] if part is not None]


def _is_julian(node: exp.Expr) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == "JULIANDAY" and len(node.expressions) == 1
