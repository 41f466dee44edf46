"""What makes sense in a query, and what a database would refuse or answer with nothing."""

import pytest

from pilot.finetune.bundled.from_sql import SqlReader
from pilot.model.text_to_sql.sound import Unsound, check
from pilot.model.text_to_sql.view import SchemaView
from tests.model.text_to_sql.schemas import schema

READER = SqlReader(SchemaView.of(schema()))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT name FROM customers INTERSECT SELECT * FROM customers",
        'SELECT * FROM customers INTERSECT SELECT * FROM "order"',
        "SELECT name FROM customers WHERE city = 'Rome' AND city = 'Oslo'",
    ],
)
def test_what_makes_no_sense(sql: str) -> None:
    with pytest.raises(Unsound):
        check(READER.read(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM customers WHERE city = 'Rome' INTERSECT SELECT * FROM customers WHERE name = 'Ann'",
        "SELECT name FROM customers WHERE city = 'Rome' OR city = 'Oslo'",
        "SELECT name FROM customers WHERE city = 'Rome' AND name = 'Ann'",
    ],
)
def test_what_makes_sense(sql: str) -> None:
    check(READER.read(sql))
