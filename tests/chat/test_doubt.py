"""What speaks against a statement although it runs: comparing what cannot be the same."""

from dataclasses import replace

import pytest
from sqlglot import exp

from pilot.chat.doubt import unlike_keys
from pilot.schema import Column, Schema, Table

COLUMNS = (
    Column("price", "REAL", "number"),
    Column("label", "TEXT", "text"),
    Column("sold", "BOOLEAN", "boolean"),
    Column("made", "DATE", "time"),
)
OLD = tuple(replace(column, name=f"old_{column.name}") for column in COLUMNS)
SCHEMA = Schema("sqlite", (Table("goods", COLUMNS), Table("old_goods", OLD)))


@pytest.mark.parametrize(
    ("one", "other", "doubted"),
    [("price", "label", True), ("label", "price", True), ("sold", "price", False), ("made", "label", False),
     ("price", "price", False)],
)  # fmt: skip
def test_a_number_looked_for_among_texts_is_doubted(one: str, other: str, doubted: bool) -> None:
    within = exp.select(f"old_{other}").from_("old_goods")
    statement = exp.select(one).from_("goods").where(exp.column(one).isin(query=within))
    assert bool(unlike_keys(statement, SCHEMA)) == doubted
