"""A model that knows nothing, held to the grammar: what it says to its end is SQL over the tables that are there."""

import threading

from pilot.datasource.guard import check
from pilot.datasource.lark import grammar
from pilot.model.adapters.causal import CausalAdapter
from pilot.protocol import StructuredOutputs
from pilot.schema import Column, Schema, Table
from tests.model.asking import ask, reason_of, text_of

TABLES = (
    Table("customers", (Column("id", "INTEGER", "number"), Column("city", "TEXT", "text"))),
    Table("orders", (Column("customer_id", "INTEGER", "number"), Column("ordered_at", "DATE", "time"))),
)
AT_ONCE = 6


def test_a_random_model_names_only_what_is_there(causal: CausalAdapter) -> None:
    schema = Schema("sqlite", TABLES)
    wanted = StructuredOutputs(grammar=grammar(schema))
    wish = ask(max_tokens=200, temperature=1.0, n=AT_ONCE, seed=11, structured_outputs=wanted)
    parts = list(causal.stream(wish, threading.Event()))
    whole = [text_of(parts, index) for index in range(AT_ONCE) if reason_of(parts, index) == "stop"]
    assert whole
    for sql in whole:
        used = check(sql, schema=schema, max_rows=10)  # the guard knows every name
        assert set(used.tables) <= {"customers", "orders"}
