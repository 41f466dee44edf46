"""What a rehearsal shows is what would be kept, to the last digit."""

from decimal import Decimal

from pilot.datasource.guard_write import check_write
from pilot.datasource.writes import Rehearsal
from pilot.i18n import Texts
from pilot.schema import Column, Schema, Table
from pilot.web.rehearsals import rehearsal

GOODS = Table("goods", (Column("id", "INTEGER", "number", primary_key=True), Column("price", "DECIMAL", "number")))


def test_numbers_are_shown_as_they_would_be_kept() -> None:
    write = check_write("UPDATE goods SET price = 2 WHERE id = 1", schema=Schema("sqlite", (GOODS,)), shown_rows=5)
    found = Rehearsal(write, 2, ("id", "price"), ((1, 18.4), (2, None)), ((1, Decimal("18.44")), (2, 123456.5)), ())
    html = rehearsal(found, Texts("en"))
    assert "<del>18.4</del> → <ins>18.44</ins>" in html
    assert "<ins>123456.5</ins>" in html
