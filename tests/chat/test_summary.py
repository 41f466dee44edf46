"""Results as sentences, on real rows."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pilot.chat.summary import shown, summarise
from pilot.datasource.base import Cell, Datasource, Limits
from pilot.datasource.guard import check
from pilot.i18n import Texts
from pilot.schema import Schema
from tests.chat.cases_of import cases_of


@pytest.mark.parametrize("case", cases_of("summary"), ids=lambda case: case["sql"][:60])
def test_a_result_is_told_so(case: dict[str, Any], shop: Datasource, schema: Schema) -> None:
    most = case.get("rows", 100)
    statement = check(case["sql"], schema=schema, max_rows=most)
    rows = shop.run(statement, Limits(rows=most))
    assert summarise(rows, statement.tree, Texts("en"), schema=schema) == case["en"]
    assert summarise(rows, statement.tree, Texts("zh"), schema=schema) == case["zh"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1234567, "1,234,567"), (0.1 + 0.2, "0.3"), (Decimal("12.50"), "12.50"), (2.0, "2"), (-1234.5, "-1,234.50"),
        (0.00123, "0.00123"), (float("nan"), "nan"), (None, "nothing"), (True, "true"), (b"\x01\x02", "0x0102"),
        ("a\n b", "a b"), ("x" * 99, "x" * 59 + "…"), (datetime(2025, 1, 2, 3, 4), "2025-01-02 03:04:00"),
    ],
)  # fmt: skip
def test_a_cell_is_written_as_people_write_it(cell: Cell, text: str) -> None:
    assert shown(cell, Texts("en")) == text
