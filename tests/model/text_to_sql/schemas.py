"""Schemas that the tests ask about, made from CREATE TABLE text as the model meets it."""

from pilot.prompts.text_to_sql import parse
from pilot.protocol import Message
from pilot.schema import Dialect, Schema

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, country TEXT, signup_date DATE);
CREATE TABLE "order" (id INTEGER PRIMARY KEY, customer_id INTEGER, "group" TEXT, ordered_at TIMESTAMP,
  total DECIMAL(10, 2), FOREIGN KEY (customer_id) REFERENCES customers (id));
CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER, product TEXT, quantity INTEGER, price DECIMAL(10, 2),
  FOREIGN KEY (order_id) REFERENCES "order" (id));
"""


def schema(text: str = SHOP, dialect: Dialect = "sqlite") -> Schema:
    products = {"sqlite": "SQLite", "mysql": "MySQL", "postgres": "PostgreSQL", "duckdb": "DuckDB"}
    system = Message(role="system", content=f"One {products[dialect]} SELECT statement.")
    return parse([system, Message(role="user", content=f"{text}\n\nQuestion: what?")]).schema
