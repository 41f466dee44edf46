"""What in a statement does not fit the question's words, and what only seems not to."""

import pytest

from pilot.chat.doubt import unlike_keys
from pilot.chat.fit import fit
from pilot.datasource.guard import check
from pilot.schema import Schema

FITS = (
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price <= 20"),
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price = 20 OR price < 20"),
    ("products with at least 5 in stock", "SELECT name FROM products WHERE stock > 4"),
    ("products with at least 5 in stock", "SELECT name FROM products WHERE NOT stock < 5"),
    ("products with no more than 5 in stock", "SELECT name FROM products WHERE 5 >= stock"),
    (
        "customers with at most 2 orders",
        "SELECT id FROM customers WHERE NOT id IN (SELECT customer_id FROM orders GROUP BY 1 HAVING COUNT(*) > 2)",
    ),
    (
        "customers with at most 2 orders",
        "SELECT id FROM customers EXCEPT SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) > 2",
    ),
    (
        "customers with at most 2 orders",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) = 1 OR COUNT(*) = 2",
    ),
    ("customers with at most one order", "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) = 1"),
    (
        "paid orders of customers with more than one",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING MAX(id) = 1 AND COUNT(*) >= 2",
    ),
    (
        "customers whose orders are all at most 50",
        "SELECT customer_id FROM orders GROUP BY 1 HAVING SUM(CASE WHEN total_amount > 50 THEN 1 ELSE 0 END) = 0",
    ),
    # one or the other
    ("products with stock above 30 or below 10", "SELECT name FROM products WHERE stock > 30 OR stock < 10"),
    (
        "products with stock above 30 or below 10",
        "SELECT name FROM products WHERE stock > 30 UNION SELECT name FROM products WHERE stock < 10",
    ),
    ("products that cost more than 30 or less than 15", "SELECT name FROM products WHERE price > 30 OR price < 15"),
    ("products with stock above 30 or below the average", "SELECT name FROM products WHERE stock > 30"),
    ("products with less than 3 sales or more than 3 in stock", "SELECT name FROM products WHERE stock > 3"),
    (
        "Who had at most 3 orders, and which products have more than 3 in stock?",
        "SELECT name FROM products WHERE stock > 3",
    ),
    # numbers that are not written as digits, or not said
    ("products kept for more than 2 hours", "SELECT name FROM products WHERE stock > 120"),
    ("customers of last year", "SELECT name FROM customers WHERE signup_date >= 2025"),
    ("products of the 1990s", "SELECT name FROM products WHERE stock >= 1990 AND stock < 2000"),
    (
        "How many orders in Q2?",
        "SELECT COUNT(*) FROM products WHERE stock >= 4 AND stock <= 6",
    ),
    ("orders of March", "SELECT name FROM products WHERE stock = 3"),
    ("products with more than twenty in stock", "SELECT name FROM products WHERE stock > 20"),
    ("products on the third floor", "SELECT name FROM products WHERE stock = 3"),
    (
        "customers who ordered more than once",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) >= 2",
    ),
    (
        "Who ordered in both 2024 and 2025?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(DISTINCT status) = 2",
    ),
    ("How many orders were shipped?", "SELECT COUNT(*) FROM orders WHERE status = 3"),
    ("How many large orders are there?", "SELECT COUNT(*) FROM orders WHERE total_amount > 1000"),
    ("and only those from Berlin?", "SELECT id FROM orders WHERE total_amount > 100 AND status = 'Berlin'"),
    ("Welche Produkte kosten mehr als zwanzig Euro?", "SELECT name FROM products WHERE price > 20"),
    ("价格超过二十的产品", "SELECT name FROM products WHERE price > 20"),
    ("products that cost less than 1 euro 50", "SELECT name FROM products WHERE price < 1.5"),
    # negations, and ranks
    (
        "Which customers have not placed more than 2 orders?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) <= 2",
    ),
    (
        "Which customers haven’t placed more than 2 orders?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) <= 2",
    ),
    ("Which products do not cost more than 20?", "SELECT name FROM products WHERE price <= 20"),
    (
        "customers without more than 2 orders",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) <= 2",
    ),
    (
        "Which customers have no more than 2 orders?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(*) <= 2",
    ),
    ("none with more than 5", "SELECT name FROM products WHERE stock <= 5"),
    ("all products except those with more than 5 in stock", "SELECT name FROM products WHERE stock <= 5"),
    ("products ranked higher than 5", "SELECT name FROM products WHERE stock < 5"),
    # orders
    ("How many customers are there?", "SELECT COUNT(*) FROM customers"),
    ("What is the highest price?", "SELECT MAX(price) FROM products ORDER BY price DESC LIMIT 1"),
    ("How many products are there?", "SELECT COUNT(*) AS n FROM products ORDER BY n LIMIT 1"),
    ("What is the total stock?", "SELECT SUM(stock) FROM products ORDER BY id"),
    ("cities by number of customers", "SELECT city, COUNT(*) AS n FROM customers GROUP BY city ORDER BY n"),
    ("names of products sorted by price", "SELECT name, price AS p FROM products ORDER BY p"),
    ("customers in alphabetical order, then by date", "SELECT name FROM customers ORDER BY name, signup_date"),
    ("the three cheapest products in ascending order", "SELECT name FROM products ORDER BY price LIMIT 3"),
    (
        "What is the bestselling product ordered by customers?",
        "SELECT product_id FROM order_items GROUP BY product_id ORDER BY SUM(quantity) DESC LIMIT 1",
    ),
    (
        "Which product has been ordered more than any other?",
        "SELECT product_id FROM order_items GROUP BY product_id ORDER BY SUM(quantity) DESC LIMIT 1",
    ),
    ("the first of the products from the newest to the oldest", "SELECT name FROM products ORDER BY id DESC LIMIT 1"),
    ("a flight from Budapest to Bucharest", "SELECT name FROM products ORDER BY id LIMIT 1"),
    # averages
    ("products dearer than the average", "SELECT name FROM products WHERE price > (SELECT AVG(price) FROM products)"),
    (
        "Who spent more than the average?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING SUM(total_amount) > (SELECT AVG(t) FROM "
        "(SELECT SUM(total_amount) AS t FROM orders GROUP BY customer_id) AS x)",
    ),
    (
        "Who has the most orders?",
        "SELECT customer_id FROM orders GROUP BY customer_id HAVING COUNT(id) = (SELECT MAX(n) FROM "
        "(SELECT COUNT(id) AS n FROM orders GROUP BY customer_id) AS x)",
    ),
    (
        "products with more stock than the average price",
        "SELECT name FROM products WHERE stock > (SELECT AVG(price) FROM products)",
    ),
    (
        "orders since the first signup",
        "SELECT id FROM orders WHERE order_date >= (SELECT MIN(signup_date) FROM customers)",
    ),
)
DOES_NOT = (
    ("Which products cost 20 or less?", "SELECT name FROM products WHERE price = 20"),
    ("products with at least 5 in stock", "SELECT name FROM products WHERE stock > 5"),
    ("products with no more than 5 in stock", "SELECT name FROM products WHERE 5 < stock"),
    ("products with fewer than 5 in stock", "SELECT name FROM products WHERE stock > 5 AND category = 'Tea'"),
    ("cities with two or more customers", "SELECT city FROM customers GROUP BY city HAVING COUNT(*) > 2"),
    (
        "How many have more than 2 orders?",
        "SELECT COUNT(*) FROM (SELECT customer_id FROM orders GROUP BY customer_id HAVING  COUNT(*) >= 2) AS x",
    ),
    ("What is the price of the newest product?", "SELECT SUM(price) FROM products ORDER BY id DESC LIMIT 1"),
    ("products dearer than the average", "SELECT name FROM products WHERE price > (SELECT AVG(stock) FROM products)"),
    ("products from the cheapest to the dearest", "SELECT name FROM products ORDER BY price LIMIT 1"),
    ("List the products, from the newest to the oldest.", "SELECT name FROM products ORDER BY id DESC LIMIT 1"),
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
