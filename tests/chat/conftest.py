"""A real SQLite database, small enough to know by heart."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from pilot.datasource.source import SqlSource, connect
from pilot.datasource.values import ValueIndex
from pilot.schema import Schema

TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT, country TEXT, signup_date DATE);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT, price DECIMAL(10, 2), stock INTEGER);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), order_date DATE, status TEXT,
    total_amount DECIMAL(10, 2));
CREATE TABLE order_items (
    order_id INTEGER REFERENCES orders (id), product_id INTEGER REFERENCES products (id), quantity INTEGER);
CREATE TABLE employees (
    id INTEGER PRIMARY KEY, name TEXT, salary REAL, hired_on DATE, manager_id INTEGER REFERENCES employees (id));
INSERT INTO customers VALUES
    (1, 'Anna Schmidt', 'München', 'Germany', '2024-01-05'), (2, 'Paul Weber', 'Berlin', 'Germany', '2024-02-11'),
    (3, 'Emma Martin', 'Paris', 'France', '2024-03-20'), (4, '王芳', '上海', 'China', '2025-01-02');
INSERT INTO products VALUES
    (1, 'Green Tea', 'Tea', 18.5, 40), (2, 'Espresso', 'Coffee', 12, 0), (3, 'Teapot', 'Teaware', 34, 5);
INSERT INTO orders VALUES
    (1, 1, '2025-01-03', 'paid', 120.5), (2, 1, '2025-02-14', 'paid', 80), (3, 2, '2025-02-20', 'cancelled', 15),
    (4, 3, '2025-03-01', 'paid', 60);
INSERT INTO order_items VALUES (1, 1, 3), (1, 3, 1), (2, 2, 4), (3, 2, 1), (4, 3, 2);
INSERT INTO employees VALUES (1, 'Helen', 9000, '2020-01-01', NULL);
INSERT INTO employees VALUES (2, 'Tom', 5000, '2021-06-01', 1);
"""


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(TABLES)
    connection.close()
    return file


@pytest.fixture(scope="session")
def shop(shop_file: Path) -> Iterator[SqlSource]:
    source = connect(f"sqlite:///{shop_file}")
    yield source
    source.close()


@pytest.fixture(scope="session")
def schema(shop: SqlSource) -> Schema:
    return shop.reflect()


@pytest.fixture(scope="session")
def values(shop: SqlSource, schema: Schema) -> ValueIndex:
    return ValueIndex.build(shop, schema)
