"""What people say of time."""

from datetime import date

import pytest

from pilot.dates import find, period

TODAY = date(2026, 11, 21)  # a Saturday


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01", "2025-01-01"),
        ("year 2024", "2024-01-01", "2025-01-01"),
        ("1990s", "1990-01-01", "2000-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2024/2/9", "2024-02-09", "2024-02-10"),
        ("2024-02-29 10:30", "2024-02-29", "2024-03-01"),
        ("March 2024", "2024-03-01", "2024-04-01"),
        ("dec. 2023", "2023-12-01", "2024-01-01"),
        ("Sept 2023", "2023-09-01", "2023-10-01"),
        ("2024 May", "2024-05-01", "2024-06-01"),
        ("March 5, 2024", "2024-03-05", "2024-03-06"),
        ("5th of March 2024", "2024-03-05", "2024-03-06"),
        ("Q4 2025", "2025-10-01", "2026-01-01"),
        ("October", "2026-10-01", "2026-11-01"),
        ("December", "2025-12-01", "2026-01-01"),
        ("today", "2026-11-21", "2026-11-22"),
        ("yesterday", "2026-11-20", "2026-11-21"),
        ("this week", "2026-11-16", "2026-11-23"),
        ("last week", "2026-11-09", "2026-11-16"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("the previous quarter", "2026-07-01", "2026-10-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("last 30 days", "2026-10-23", "2026-11-22"),
        ("past two weeks", "2026-11-08", "2026-11-22"),
        ("last 6 months", "2026-05-21", "2026-11-22"),
        ("the last 3 years", "2023-11-21", "2026-11-22"),
    ],
)
def test_times_as_days(text: str, start: str, end: str) -> None:
    found = period(text, TODAY)
    assert found is not None
    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


@pytest.mark.parametrize(
    "text",
    ["", "Berlin", "31", "2024-13", "2024-02-30", "Feb 30, 2024", "last many days", "last 999999 years", "last 0 days"],
)
def test_what_is_no_time(text: str) -> None:
    assert period(text, TODAY) is None


def test_the_last_month_of_a_short_month() -> None:
    found = period("last 1 month", date(2026, 3, 31))
    assert found is not None
    assert found.start == date(2026, 2, 28)


def test_last_month_in_january() -> None:
    found = period("last month", date(2026, 1, 15))
    assert found is not None
    assert (found.start, found.end) == (date(2025, 12, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("year to date", "2026-01-01", "2026-11-22"),
        ("YTD", "2026-01-01", "2026-11-22"),
        ("this month so far", "2026-11-01", "2026-11-22"),
        ("so far this quarter", "2026-10-01", "2026-11-22"),
        ("Q3", "2026-07-01", "2026-10-01"),
        ("2024年", "2024-01-01", "2025-01-01"),
        ("2024年3月", "2024-03-01", "2024-04-01"),
        ("十月", "2026-10-01", "2026-11-01"),
        ("2024年3月5日", "2024-03-05", "2024-03-06"),
        ("2025年第四季度", "2025-10-01", "2026-01-01"),
        ("昨天", "2026-11-20", "2026-11-21"),
        ("上周", "2026-11-09", "2026-11-16"),
        ("上个月", "2026-10-01", "2026-11-01"),
        ("上个季度", "2026-07-01", "2026-10-01"),
        ("去年", "2025-01-01", "2026-01-01"),
        ("最近30天", "2026-10-23", "2026-11-22"),
        ("近三个月", "2026-08-21", "2026-11-22"),
        ("今年以来", "2026-01-01", "2026-11-22"),
        ("年初至今", "2026-01-01", "2026-11-22"),
    ],
)
def test_more_times_as_days(text: str, start: str, end: str) -> None:
    found = period(text, TODAY)
    assert found is not None
    assert (found.start.isoformat(), found.end.isoformat()) == (start, end)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("revenue since March", [("March", "since")]),
        ("orders in 2024 and 2025", [("2024", "in"), ("2025", "in")]),
        ("orders last quarter per country", [("last quarter", "in")]),
        ("revenue year to date", [("year to date", "in")]),
        ("orders before March 5, 2024, please", [("March 5, 2024", "before")]),
        ("customers who joined after 2022", [("2022", "after")]),
        ("How many orders were there in the last 30 days?", [("the last 30 days", "in")]),
        ("products over 2000", []),
        ("which 2000 orders may be late", []),
        ("last names of customers", []),
        ("the first 5 products", []),
        ("上个月有多少订单", [("上个月", "in")]),
        ("三月以来的收入", [("三月", "since")]),
        ("2024年之前的订单", [("2024年", "before")]),
        ("今年以来的销售额是多少", [("今年以来", "in")]),
    ],
)
def test_times_are_found_in_a_question(question: str, said: list[tuple[str, str]]) -> None:
    assert [(each.text, each.relation) for each in find(question, TODAY)] == said
