"""Times of a question: hints for a model that reads them, days for one that does not, words for the reader."""

from datetime import date

import pytest

from pilot.chat.times import hints, notice, spelled_out
from pilot.dates import find
from pilot.i18n import Texts

TODAY = date(2026, 11, 21)


def test_a_model_is_told_the_days() -> None:
    said = find("revenue last quarter and orders since March 2026", TODAY)
    assert hints(said) == (
        '"last quarter" is from 2026-07-01 to 2026-09-30', '"March 2026" is from 2026-03-01 on'
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "spelled"),
    [
        ("revenue year to date", "revenue between 2026-01-01 and 2026-11-21"),
        ("orders in the year to date per country", "orders between 2026-01-01 and 2026-11-21 per country"),
        ("orders this month so far", "orders between 2026-11-01 and 2026-11-21"),
        ("revenue last quarter", "revenue last quarter"),
        ("revenue", "revenue"),
    ],
)
def test_the_bundled_model_reads_days(question: str, spelled: str) -> None:
    assert spelled_out(question, find(question, TODAY)) == spelled


def test_the_reader_is_told_what_counts_from_today() -> None:
    found = notice(find("revenue last quarter", TODAY), TODAY, Texts("en"))
    assert found
    assert Texts("en")(found.key, **found.values) == (
        "“last quarter” means 2026-07-01 to 2026-09-30 (today is 2026-11-21)"
    )


def test_what_is_plain_is_not_told() -> None:
    assert notice(find("revenue in March 2026", TODAY), TODAY, Texts("en")) is None
