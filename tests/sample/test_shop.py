"""The sample database."""

import sqlite3
from datetime import date
from pathlib import Path

from pilot.sample import shop

TODAY = date(2026, 6, 30)


def _dump(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def test_the_same_day_makes_the_same_shop(tmp_path: Path) -> None:
    shop.make(tmp_path / "a.sqlite", today=TODAY)
    shop.make(tmp_path / "b.sqlite", today=TODAY)
    assert _dump(tmp_path / "a.sqlite") == _dump(tmp_path / "b.sqlite")


def test_the_shop_is_consistent(tmp_path: Path) -> None:
    shop.make(tmp_path / "shop.sqlite", today=TODAY)
    connection = sqlite3.connect(tmp_path / "shop.sqlite")
    try:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        wrong_totals = connection.execute(
            "SELECT count(*) FROM orders WHERE abs(total_amount - (SELECT sum(quantity * unit_price) FROM order_items"
            " WHERE order_id = orders.id)) > 0.005"
        ).fetchone()
        assert wrong_totals == (0,)
        early = "SELECT count(*) FROM orders JOIN customers c ON c.id = customer_id WHERE order_date < signup_date"
        assert connection.execute(early).fetchone() == (0,)
        newest, oldest = connection.execute("SELECT max(order_date), min(order_date) FROM orders").fetchone()
        assert "2026-06-01" < newest <= "2026-06-30"
        assert oldest < "2024-08-01"
    finally:
        connection.close()


def test_an_interrupted_making_leaves_no_database(tmp_path: Path) -> None:
    (tmp_path / "shop.making").write_bytes(b"half of a database")
    shop.make(tmp_path / "shop.sqlite", today=TODAY)
    assert [file.name for file in tmp_path.iterdir()] == ["shop.sqlite"]
