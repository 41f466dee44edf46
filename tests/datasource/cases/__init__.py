"""Cases as data: statements for the guard, a new attack is a new paragraph.

A file is a list of paragraphs: a line `--- word: why`, then the statement to the next such line. In rejected.*.sql
the word is the reason that the guard must give; in allowed.*.sql there may be none.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from pilot.schema import Dialect

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    expected: str
    sql: str

    def __str__(self) -> str:
        return " ".join(self.sql.split())[:60]


def read(name: str) -> list[Case]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    paragraphs = re.split(r"^---(.*)\n", text, flags=re.MULTILINE)[1:]
    heads, bodies = paragraphs[::2], paragraphs[1::2]
    return [Case(head.partition(":")[0].strip(), body.rstrip("\n")) for head, body in zip(heads, bodies, strict=True)]


def shop(dialect: Dialect = "sqlite") -> list[str]:
    """The statements that make the shop. SQLite takes MySQL's spelling."""
    text = (FOLDER / "shop.sql").read_text(encoding="utf-8")
    if dialect in ("postgres", "duckdb"):
        text = text.replace("`", '"').replace("DATETIME", "TIMESTAMP")
    return [statement for statement in re.split(r";\n", text) if statement.strip()]
