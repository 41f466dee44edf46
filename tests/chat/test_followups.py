"""Follow-ups that need no model: what becomes of the statement before, and what is said of it."""

from datetime import date
from typing import Any

import pytest

from pilot.chat.followups import Before, asks_share, read
from pilot.datasource.base import Datasource, Limits
from pilot.datasource.guard import check
from pilot.datasource.values import ValueIndex
from pilot.i18n import LANGUAGES, Language, Texts
from pilot.schema import Schema
from tests.chat.cases_of import cases_of

TODAY = date(2026, 11, 21)
ROWS = 100
CASES = cases_of("followups")


def follow(schema: Schema, values: ValueIndex, case: dict[str, Any], language: Language = "en") -> Any:
    before = Before(case["before"], check(case["ran"], schema=schema, max_rows=ROWS).shown)
    return read(case["asked"], before, schema, values, TODAY, Texts(language))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_a_follow_up_changes_the_statement_before(schema: Schema, values: ValueIndex, case: dict[str, Any]) -> None:
    found = follow(schema, values, case)
    assert (found.sql if found else None) == case["sql"]


@pytest.mark.parametrize("case", [case for case in CASES if case["sql"]], ids=lambda case: case["case"])
def test_what_comes_of_it_passes_the_guard_and_runs(
    shop: Datasource, schema: Schema, values: ValueIndex, case: dict[str, Any]
) -> None:
    found = follow(schema, values, case)
    shop.run(check(found.sql, schema=schema, max_rows=ROWS), Limits(seconds=5, rows=ROWS))
    for language in LANGUAGES:
        told = follow(schema, values, case, language).meaning
        assert all(told)


@pytest.mark.parametrize(
    ("asked", "whether"),
    [
        ("as a percentage", True), ("In percent?", True), ("and as a share of the total", True), ("用百分比表示", True),
        ("What percentage of orders is paid?", False), ("per month", False), ("as a percentage per country", False),
        ("", False),
    ],
)  # fmt: skip
def test_a_share_alone_is_known(asked: str, whether: bool) -> None:
    assert asks_share(asked) is whether
