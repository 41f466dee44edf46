"""What people say of time, as days: "2024", "March 2024", "last month", "year to date", "上个月"."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pilot.numbers import number

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" if len(month) > 3 else month for month in MONTHS).replace(
    "sep(?:tember)?", "sept?(?:ember)?"
)
DAYS = {"day": 1, "week": 7}
MONTHS_OF = {"month": 1, "quarter": 3, "year": 12}
LONGEST = {"day": 40_000, "week": 5_000, "month": 1_200, "quarter": 400, "year": 100}  # farther back is a slip

Relation = Literal["in", "since", "before", "after", "until"]


@dataclass(frozen=True)
class Period:
    """From `start` up to, but without, `end`."""

    start: date
    end: date

    @property
    def is_day(self) -> bool:
        return self.end - self.start == timedelta(days=1)

    @property
    def last(self) -> date:
        """The last day of it."""
        return self.end - timedelta(days=1)


@dataclass(frozen=True)
class Said:
    """A time that a text says, as text[start:end]; `relation` is how what is asked for lies to it."""

    text: str
    start: int
    end: int
    period: Period
    relation: Relation


def period(text: str, today: date) -> Period | None:
    """None when this says no time, or one that no calendar has."""
    said = re.sub(r"[\s,]+", " ", text.lower()).strip().removeprefix("the ").removeprefix("in ")
    for pattern, read in READERS:
        found = re.fullmatch(pattern, said)
        if found:
            try:
                return read(found, today)
            except (ValueError, OverflowError):
                return None
    return None


def find(text: str, today: date) -> list[Said]:
    """The times that a text says, in its order, each in its longest wording."""
    words = [found.span() for found in WORD.finditer(text)]
    taken = 0
    found: list[Said] = []
    for first, (start, _) in enumerate(words):
        if start < taken:
            continue
        for end in (end for _, end in reversed(words[first : first + MOST_WORDS])):
            days = period(text[start:end], today) if _begins_well(text[start:end]) else None
            if days and _meant(text, start, end):
                found.append(Said(text[start:end], start, end, days, _relation(text, start, end)))
                taken = end
                break
    return found


def _begins_well(text: str) -> bool:
    return BEGINNING.match(text.lower()) is not None


def _meant(text: str, start: int, end: int) -> bool:
    """A bare number is a year only where a year can stand, and "may" a month only behind a preposition."""
    said = text[start:end].lower()
    if not re.fullmatch(r"\d{4}|may|mar|jan|dec|march", said):
        return True
    before = re.findall(r"[a-z]+|[\u4e00-\u9fff]|[^\w\s]", text[:start].lower())
    if said.isdecimal():
        last_word = not re.search(r"\w", text[end:]) and not {"than", "over", "under", "above", "below"} & {
            *before[-1:]
        }
        return 1900 <= int(said) < 2100 and (last_word or not before or before[-1] in YEAR_BEHIND)
    return bool(before) and before[-1] in YEAR_BEHIND


def _relation(text: str, start: int, end: int) -> Relation:
    before, behind = text[:start].lower(), text[end:]
    for relation, pattern in RELATIONS.items():
        if re.search(rf"(?:^|\W|[\u4e00-\u9fff])(?:{pattern})\s*(?:the\s+)?$", before):
            return relation
    return next((relation for relation, pattern in CHINESE_RELATIONS.items() if re.match(pattern, behind)), "in")


RELATIONS: dict[Relation, str] = {
    "since": r"since|starting|starting in|starting from|from|自|从", "before": r"before|prior to|earlier than|早于",
    "after": r"after|later than|晚于", "until": r"until|till|up to|through|by|by the end of|截至|直到",
}  # fmt: skip
CHINESE_RELATIONS: dict[Relation, str] = {"since": r"以来|起|开始", "before": r"之前|以前|前", "after": r"之后|以后|后"}
YEAR_BEHIND = frozenset(
    [
        "in", "since", "of", "for", "before", "after", "until", "till", "from", "to", "and", "between", "during", "by",
        "year", "through", "or", "vs", "versus", "about", ",", "(", "在", "从", "自", "到", "于", "年",
    ]
)  # fmt: skip
MOST_WORDS = 7
WORD = re.compile(
    r"\d+(?:[-/]\d+)*(?:st|nd|rd|th|s)?(?![a-z])|[A-Za-z][A-Za-z0-9']*\.?(?=\s|\W|$|[\u4e00-\u9fff])"
    r"|[年月日号天周]|[上下本这今去明昨前近当][个一]?|最近|过去|[一二三四五六七八九十两]+|季度|第|星期|以来|年初|至今|个"
)
BEGINNING = re.compile(
    rf"(?:the )?(?:{MONTH})|\d|q[1-4]\b|(?:the )?(?:this|current|last|previous|past|next|year|month|quarter|so far)\b"
    r"|today|yesterday|tomorrow|[yqm]td\b|[上下本这今去明昨前近当最过年第一二三四五六七八九十]"
)


def _day(year: int, month: int, day: int) -> Period:
    start = date(year, month, day)
    return Period(start, start + timedelta(days=1))


def _months(year: int, month: int, count: int = 1) -> Period:
    """`month` counts from 1 and may lie outside the year."""
    return Period(_first(year, month), _first(year, month + count))


def _first(year: int, month: int) -> date:
    return date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def _month(name: str) -> int:
    if value := number(name):
        return _number(str(value))
    return next(index for index, month in enumerate(MONTHS, 1) if month.startswith(name[:3]))


def _named_month(found: re.Match[str], today: date) -> Period:
    """Without a year, the latest one that has begun."""
    month = _month(found["month"])
    year = int(found["year"]) if found.groupdict().get("year") else today.year - (month > today.month)
    return _months(year, month)


def _named_quarter(found: re.Match[str], today: date) -> Period:
    """The same of quarters."""
    month = int(number(found["quarter"]) or 0) * 3 - 2
    year = int(found["year"]) if found.groupdict().get("year") else today.year - (month > today.month)
    return _months(year, month, 3)


def _current(unit: str, today: date, shift: int) -> Period:
    """The day, week, month, quarter or year that lies `shift` units from today's."""
    if unit in DAYS:
        first = today - timedelta(days=today.weekday() if unit == "week" else 0)
        start = first + timedelta(days=shift * DAYS[unit])
        return Period(start, start + timedelta(days=DAYS[unit]))
    count = MONTHS_OF[unit]
    month = (today.month - 1) // count * count + 1
    return _months(today.year, month + shift * count, count)


def _to_date(unit: str, today: date) -> Period:
    """The current one, up to and with today."""
    return Period(_current(unit, today, 0).start, today + timedelta(days=1))


def _recent(found: re.Match[str], today: date) -> Period | None:
    """The last n days end with today; so do the last n months."""
    count, unit = number(found["count"]), CHINESE_UNITS.get(found["unit"], found["unit"])
    if not isinstance(count, int) or not 0 < count <= LONGEST[unit]:
        return None
    end = today + timedelta(days=1)
    if unit in DAYS:
        return Period(end - timedelta(days=count * DAYS[unit]), end)
    months = count * MONTHS_OF[unit]
    first = _first(today.year, today.month - months)
    last = (_first(first.year, first.month + 1) - timedelta(days=1)).day
    return Period(first.replace(day=min(today.day, last)), end)


SHIFTS = {"this": 0, "current": 0, "last": -1, "previous": -1, "past": -1, "next": 1}
UNIT = r"(?P<unit>day|week|month|quarter|year)"
TO_DATE = {"y": "year", "q": "quarter", "m": "month"}
CHINESE_SHIFTS = {"今": 0, "本": 0, "这": 0, "这个": 0, "当": 0, "上": -1, "上个": -1, "上一": -1, "去": -1, "昨": -1,
                  "前": -2, "下": 1, "下个": 1, "下一": 1, "明": 1}  # fmt: skip
CHINESE_UNITS = {"天": "day", "日": "day", "周": "week", "星期": "week", "月": "month", "个月": "month",
                 "季度": "quarter", "个季度": "quarter", "年": "year"}  # fmt: skip
SIGN = r"[一二三四五六七八九十两]+|\d+"  # a number in Chinese

READERS: tuple[tuple[str, Callable[[re.Match[str], date], Period | None]], ...] = (
    (r"(?:year )?(?P<year>[12]\d{3})", lambda found, _: _months(int(found["year"]), 1, 12)),
    (r"(?P<year>[12]\d\d0)'?s", lambda found, _: _months(int(found["year"]), 1, 120)),
    (r"(?P<year>[12]\d{3})[-/](?P<month>\d\d?)", lambda found, _: _months(int(found["year"]), _number(found["month"]))),
    (
        r"(?P<year>[12]\d{3})[-/](?P<month>\d\d?)[-/](?P<day>\d\d?)(?:[ t].*)?",
        lambda found, _: _day(int(found["year"]), int(found["month"]), int(found["day"])),
    ),
    (rf"(?P<month>{MONTH})\.?(?: (?:of )?(?P<year>[12]\d{{3}}))?", _named_month),
    (rf"(?P<year>[12]\d{{3}}) (?P<month>{MONTH})", _named_month),
    (
        rf"(?P<month>{MONTH})\.? (?P<day>\d\d?)(?:st|nd|rd|th)? (?P<year>[12]\d{{3}})",
        lambda found, _: _day(int(found["year"]), _month(found["month"]), int(found["day"])),
    ),
    (
        rf"(?P<day>\d\d?)(?:st|nd|rd|th)? (?:of )?(?P<month>{MONTH})\.? (?P<year>[12]\d{{3}})",
        lambda found, _: _day(int(found["year"]), _month(found["month"]), int(found["day"])),
    ),
    (r"q(?P<quarter>[1-4])(?: (?:of )?(?P<year>[12]\d{3}))?", _named_quarter),
    (r"today", lambda _, today: _current("day", today, 0)),
    (r"yesterday", lambda _, today: _current("day", today, -1)),
    (r"tomorrow", lambda _, today: _current("day", today, 1)),
    (
        rf"(?P<which>{'|'.join(SHIFTS)}) {UNIT}",
        lambda found, today: _current(found["unit"], today, SHIFTS[found["which"]]),
    ),
    (rf"(?:last|past|previous) (?P<count>\w+) {UNIT}s?", _recent),
    (rf"{UNIT} to date", lambda found, today: _to_date(found["unit"], today)),
    (rf"(?:this|current) {UNIT} (?:so far|to date|until now)", lambda found, today: _to_date(found["unit"], today)),
    (rf"so far this {UNIT}", lambda found, today: _to_date(found["unit"], today)),
    (r"(?P<unit>[yqm])td", lambda found, today: _to_date(TO_DATE[found["unit"]], today)),
    # Chinese
    (r"(?P<year>[12]\d{3})年", lambda found, _: _months(int(found["year"]), 1, 12)),
    (rf"(?:(?P<year>[12]\d{{3}})年)?(?P<month>{SIGN})月份?", _named_month),
    (
        rf"(?P<year>[12]\d{{3}})年(?P<month>{SIGN})月(?P<day>{SIGN})[日号]",
        lambda found, _: _day(int(found["year"]), _month(found["month"]), int(number(found["day"]) or 0)),
    ),
    (r"(?:(?P<year>[12]\d{3})年)?第?(?P<quarter>[1-4一二三四])季度", _named_quarter),
    (
        r"(?P<which>[今昨明])[天日]|(?P<of_unit>上个?|下个?|本|这个?|当)(?:周|星期)",
        lambda found, today: _current(
            "day" if found["which"] else "week", today, CHINESE_SHIFTS[found["which"] or found["of_unit"]]
        ),
    ),
    (
        r"(?P<which>上个?|上一个?|下个?|下一个?|本|这个?|当)(?P<unit>月|季度)",
        lambda found, today: _current(
            CHINESE_UNITS[found["unit"]], today, CHINESE_SHIFTS[found["which"].replace("一个", "一")]
        ),
    ),
    (r"(?P<which>[今去明前本当])年", lambda found, today: _current("year", today, CHINESE_SHIFTS[found["which"]])),
    (rf"(?:最近|过去|近)(?P<count>{SIGN})(?P<unit>个?月|个?季度|天|日|周|个?星期|年)", _recent),
    (
        r"(?:(?:今|本)年(?P<unit>以来|至今|到现在)|年初至今)|(?P<month>本月|这个月)(?:以来|至今)|本季度(?:以来|至今)",
        lambda found, today: _to_date("month" if found["month"] else "quarter" if "季" in found[0] else "year", today),
    ),
)


def _number(month: str) -> int:
    if not 1 <= int(month) <= 12:
        raise ValueError(month)
    return int(month)
