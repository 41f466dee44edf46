"""A database whose owner has approved answers, as the product keeps them."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from pilot.config import BUNDLED_MODEL, ROOT, Settings, load
from pilot.services import Services

SOURCE = "concerts"
APPROVED = {
    "How many singers are there?": "SELECT COUNT(*) FROM singer",
    "How many songs are there?": "SELECT COUNT(*) FROM song",
    "Number of singers": "SELECT count(*) FROM Singer",
    "Which singers are from France?": "SELECT name FROM singer WHERE country = 'France'",
    "Which singers are from Norway?": "SELECT name FROM singer WHERE country = 'Norway'",
    "What is the average age of singers?": "SELECT AVG(age) FROM singer",
    "Who is the oldest singer?": "SELECT name FROM singer ORDER BY age DESC LIMIT 1",
    "Who is the youngest singer?": "SELECT name FROM singer ORDER BY age LIMIT 1",
    "How old is Ann Lee?": "SELECT age FROM singer WHERE name = 'Ann Lee'",
    "Songs of Ann Lee": "SELECT T2.title FROM singer AS T1 JOIN song AS T2 ON T1.id = T2.singer_id "
    "WHERE T1.name = 'Ann Lee'",
    "List all titles of songs": "SELECT title FROM song",
    "How many singers does each country have?": "SELECT country, COUNT(*) FROM singer GROUP BY country",
    "What are the names of singers by age?": "SELECT name FROM singer ORDER BY age",
    "Which countries are there?": "SELECT DISTINCT country FROM singer",
}


def make(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as database, database:
        database.executescript(
            "CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, country TEXT);"
            "CREATE TABLE song (id INTEGER PRIMARY KEY, singer_id INTEGER REFERENCES singer (id), title TEXT);"
            "INSERT INTO singer VALUES (1, 'Ann Lee', 30, 'France'), (2, 'Bo Ek', 41, 'Norway');"
            "INSERT INTO song VALUES (1, 1, 'Rain'), (2, 1, 'Snow'), (3, 2, 'Sun');"
        )
    return file


def models(folder: Path) -> Path:
    """Where models lie: the bundled one."""
    place = folder / "models"
    if not place.exists():
        place.mkdir()
        (place / BUNDLED_MODEL).symlink_to(ROOT / "models" / BUNDLED_MODEL)
    return place


async def product(folder: Path, url: str = "") -> Settings:
    """Its settings; `url` is its model server's, on this machine."""
    settings = load(
        folder / "none",
        data_dir=folder / "data",
        models_dir=models(folder),
        model_port=int(url.rpartition(":")[2]) if url else 1,
        sql_candidates=2,
    )
    services = Services.open(settings)
    await services.sources.add(SOURCE, f"sqlite:///{make(folder / 'concert.sqlite')}")
    for number, (question, sql) in enumerate(APPROVED.items()):
        services.store.approve(str(number), SOURCE, question, sql, fingerprint="", asked_on=date.today())
    await services.close()
    return settings
