"""Make the sample database: a shop that sells tea, coffee and kitchen things in five countries.

The same seed and day always make the same shop. Its orders end on that day, so that "last month" finds some.
"""

import random
import sqlite3
import unicodedata
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

SEED = 7
DAYS = 730
CUSTOMERS = 120
ORDERS = 1_500
FIRST_SIGNUPS = 365  # days before the first order
NEVER_ORDERS = 15  # every fifteenth customer only signed up

TABLES = """
CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, category_id INTEGER NOT NULL REFERENCES categories (id),
    price DECIMAL(10, 2) NOT NULL, stock INTEGER NOT NULL);
CREATE TABLE employees (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, title TEXT NOT NULL, salary DECIMAL(10, 2) NOT NULL,
    hire_date DATE NOT NULL, manager_id INTEGER REFERENCES employees (id));
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT NOT NULL, country TEXT NOT NULL,
    signup_date DATE NOT NULL);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id),
    employee_id INTEGER REFERENCES employees (id), order_date DATE NOT NULL, status TEXT NOT NULL,
    total_amount DECIMAL(10, 2) NOT NULL);
CREATE TABLE order_items (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id), quantity INTEGER NOT NULL,
    unit_price DECIMAL(10, 2) NOT NULL);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id), paid_on DATE NOT NULL,
    amount DECIMAL(10, 2) NOT NULL, method TEXT NOT NULL);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX items_by_order ON order_items (order_id);
"""

PRODUCTS: dict[str, list[tuple[str, float]]] = {
    "Tea": [("Longjing Green Tea", 18.5), ("Earl Grey", 9.9), ("Jasmine Pearls", 14.0), ("Assam Breakfast", 8.5),
            ("Tieguanyin Oolong", 22.0), ("Peppermint", 6.5)],
    "Coffee": [("Ethiopia Yirgacheffe", 15.9), ("Colombia Supremo", 13.5), ("Espresso Blend", 12.0),
               ("Decaf Brasil", 11.5), ("Sumatra Mandheling", 14.9)],
    "Teaware": [("Glass Teapot", 34.0), ("Gaiwan", 28.0), ("Tea Strainer", 7.5), ("Yixing Teapot", 89.0),
                ("Bamboo Tray", 42.0)],
    "Coffee Gear": [("Hand Grinder", 59.0), ("French Press", 36.0), ("Pour-over Dripper", 24.0),
                    ("Milk Frother", 19.0), ("Espresso Machine", 349.0)],
    "Cups": [("Porcelain Cup", 12.0), ("Double-wall Glass", 16.0), ("Travel Mug", 25.0), ("Matcha Bowl", 31.0)],
    "Sweets": [("Almond Biscuits", 5.9), ("Mooncake Box", 32.0), ("Dark Chocolate", 4.5), ("Candied Ginger", 6.9)],
    "Books": [("The Story of Tea", 27.0), ("Coffee at Home", 22.5)],
    "Gifts": [("Tea Sampler", 39.0), ("Coffee Sampler", 41.0), ("Gift Card", 50.0)],
}  # fmt: skip

PLACES = {
    "Germany": ["Berlin", "München", "Hamburg", "Köln"],
    "France": ["Paris", "Lyon", "Marseille"],
    "United Kingdom": ["London", "Manchester", "Edinburgh"],
    "China": ["上海", "北京", "深圳"],
    "United States": ["New York", "Chicago", "Seattle"],
}
FIRST = ["Anna", "Paul", "Emma", "Louis", "Olivia", "Noah", "Mia", "Liam", "Sofia", "Hugo", "Grace", "Felix", "Alice",
         "Oscar", "Clara", "Jack"]  # fmt: skip
LAST = ["Schmidt", "Weber", "Martin", "Bernard", "Smith", "Johnson", "Brown", "Taylor", "Fischer", "Dubois", "Walker",
        "Miller"]  # fmt: skip
SURNAMES, GIVEN = "王李张刘陈杨赵黄周吴", ["芳", "伟", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "子涵", "雨桐"]

STAFF = [("Helen Brandt", "Managing Director", 98_000.0), ("Tom Keller", "Head of Sales", 72_000.0),
         ("林悦", "Head of Purchasing", 70_500.0), ("Sara Lindqvist", "Sales Representative", 48_000.0),
         ("David Okafor", "Sales Representative", 46_500.0), ("陈晓明", "Sales Representative", 47_200.0),
         ("Julia Rossi", "Customer Service", 39_800.0), ("Mark Evans", "Warehouse Manager", 44_000.0),
         ("Nina Petrova", "Accountant", 52_000.0), ("赵静怡", "Marketing Manager", 55_400.0)]  # fmt: skip
SELLERS = (4, 5, 6)  # ids of the sales representatives

METHODS = ["credit card", "bank transfer", "PayPal", "Alipay"]


def make(file: Path, *, today: date) -> None:
    """Write the database whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".making")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished)
    try:
        connection.executescript(TABLES)
        with connection:
            _fill(connection, random.Random(SEED), today)
    finally:
        connection.close()
    unfinished.replace(file)


def _fill(connection: sqlite3.Connection, chance: random.Random, today: date) -> None:
    start = today - timedelta(days=DAYS)
    products: list[tuple[int, str, int, float, int]] = []
    for category, (name, goods) in enumerate(PRODUCTS.items(), 1):
        connection.execute("INSERT INTO categories VALUES (?, ?)", (category, name))
        for product, price in goods:
            stock = 0 if chance.random() < 0.1 else chance.randint(3, 250)
            products.append((len(products) + 1, product, category, price, stock))
    connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?)", products)
    connection.executemany("INSERT INTO employees VALUES (?, ?, ?, ?, ?, ?)", _employees(chance, start))
    customers = list(_customers(chance, start))
    connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?)", customers)
    popularity = [chance.uniform(1, 6) for _ in products]
    item = payment = 0
    for number, day in enumerate(sorted(start + timedelta(days=chance.randrange(DAYS)) for _ in range(ORDERS)), 1):
        known = [id_ for id_, *_, signup in customers if signup <= day.isoformat() and id_ % NEVER_ORDERS]
        customer = known[int(len(known) * chance.random() ** 1.6)]
        basket = set(chance.choices(products, weights=popularity, k=chance.choice((1, 1, 2, 2, 3, 4))))
        lines = [(number, product[0], chance.choice((1, 1, 1, 2, 2, 3, 6)), product[3]) for product in sorted(basket)]
        total = round(sum(quantity * price for _, _, quantity, price in lines), 2)
        status = _status(chance, (today - day).days)
        seller = chance.choice((*SELLERS, None))
        connection.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", (number, customer, seller, day.isoformat(),
                                                                            status, total))  # fmt: skip
        for line in lines:
            item += 1
            connection.execute("INSERT INTO order_items VALUES (?, ?, ?, ?, ?)", (item, *line))
        if status in ("shipped", "delivered"):
            payment += 1
            paid = min(today, day + timedelta(days=chance.randrange(6))).isoformat()
            connection.execute("INSERT INTO payments VALUES (?, ?, ?, ?, ?)", (payment, number, paid, total,
                                                                               chance.choice(METHODS)))  # fmt: skip


def _employees(chance: random.Random, start: date) -> Iterator[tuple[object, ...]]:
    for number, (name, title, salary) in enumerate(STAFF, 1):
        hired = start - timedelta(days=chance.randrange(30, 3000))
        manager = None if number == 1 else 2 if number in SELLERS else 1
        yield number, name, title, salary, hired.isoformat(), manager


def _customers(chance: random.Random, start: date) -> Iterator[tuple[int, str, str | None, str, str, str]]:
    for number in range(1, CUSTOMERS + 1):
        country = chance.choice(list(PLACES))
        if country == "China":
            name = chance.choice(SURNAMES) + chance.choice(GIVEN)
            email: str | None = f"customer{number}@example.cn"
        else:
            name = f"{chance.choice(FIRST)} {chance.choice(LAST)}"
            plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace(" ", ".")
            email = f"{plain}{number}@example.com"
        since = round(number / CUSTOMERS * (DAYS + FIRST_SIGNUPS - 20))  # in the order of their ids
        signup = start + timedelta(days=since - FIRST_SIGNUPS)
        yield (number, name, None if chance.random() < 0.05 else email, chance.choice(PLACES[country]), country,
               signup.isoformat())  # fmt: skip


def _status(chance: random.Random, age: int) -> str:
    """Old orders are done with; young ones are on their way."""
    if chance.random() < 0.05:
        return "cancelled"
    if age > 14:
        return "returned" if chance.random() < 0.04 else "delivered"
    return "shipped" if age > 4 else "pending"
