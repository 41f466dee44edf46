"""What in a statement does not fit the question's words."""

import pytest

from pilot.chat.doubt import unlike_keys
from pilot.chat.fit import fit
from pilot.datasource.guard import check
from pilot.schema import Schema

FITS = (
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price <= 20"),
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price = 20 OR price < 20"),
    ("products with at least 5 in stock", "SELECT name FROM products WHERE stock > 4"),
    ("products with no more than 5 in stock", "SELECT name FROM products WHERE 5 >= stock"),
    ("cities with more than one customer", "SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 1"),
    ("Which cities have several customers?", "SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 1"),
    ("orders over two thousand", "SELECT id FROM orders WHERE total_amount > 2000"),
    ("价格超过二十的产品", "SELECT name FROM products WHERE price > 20"),
    ("products dearer than the average", "SELECT name FROM products WHERE price > (SELECT AVG(price) FROM products)"),
    ("names of products in order of price", "SELECT name FROM products ORDER BY price"),
    ("the three cheapest products in ascending order", "SELECT name FROM products ORDER BY price LIMIT 3"),
    ("customers in alphabetical order", "SELECT name FROM customers ORDER BY name"),
    ("How many customers are there?", "SELECT COUNT(*) FROM customers"),
)
DOES_NOT = (
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price = 20"),
    ("products with at least 5 in stock", "SELECT name FROM products WHERE stock > 5"),
    ("cities with two or more customers", "SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 2"),
    ("orders of Anna", "SELECT id FROM orders WHERE customer_id = 1"),
    ("orders over 50", "SELECT id FROM orders WHERE total_amount > 70"),
    ("What is the price of the newest product?", "SELECT SUM(price) FROM products ORDER BY id DESC LIMIT 1"),
    ("products dearer than the average", "SELECT name FROM products WHERE price > (SELECT AVG(stock) FROM products)"),
    ("products from the cheapest to the dearest", "SELECT name FROM products ORDER BY price LIMIT 1"),
    ("names of products in order of price", "SELECT name FROM products ORDER BY stock"),
    ("customers in alphabetical order", "SELECT name FROM customers ORDER BY signup_date"),
)


@pytest.mark.parametrize(("question", "sql"), FITS)
def test_what_was_asked_fits(schema: Schema, question: str, sql: str) -> None:
    assert fit(question, check(sql, schema=schema, max_rows=1000).tree, schema) == 1


@pytest.mark.parametrize(("question", "sql"), DOES_NOT)
def test_what_says_something_else_fits_less(schema: Schema, question: str, sql: str) -> None:
    assert fit(question, check(sql, schema=schema, max_rows=1000).tree, schema) < 1


def test_names_are_not_looked_for_among_numbers(schema: Schema) -> None:
    unlike = check("SELECT name FROM customers EXCEPT SELECT customer_id FROM orders", schema=schema, max_rows=9)
    alike = check("SELECT id FROM customers EXCEPT SELECT customer_id FROM orders", schema=schema, max_rows=9)
    assert unlike_keys(unlike.tree, schema)
    assert not unlike_keys(alike.tree, schema)
