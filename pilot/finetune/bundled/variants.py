"""Sets of questions to measure with: over the held-out databases as they are, in other words, under other names, and
such as they do not answer. `evaluate` and `pilot.evaluation text2sql` read them.
"""

import json
import random
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp

from pilot.finetune.bundled.corpora import HELD_OUT, spider
from pilot.finetune.bundled.unanswerable import elsewhere
from pilot.model.text_to_sql.words import words_of

ASKED_ELSEWHERE = 200  # questions of one database, asked of another
BUSINESS = {
    "account": "acct", "address": "addr", "amount": "amt", "code": "cd", "country": "ctry", "customer": "cust",
    "date": "dt", "department": "dept", "description": "desc", "detail": "dtl", "details": "dtls", "employee": "emp",
    "id": "id", "invoice": "inv", "name": "nm", "number": "no", "order": "ord", "product": "prod", "quantity": "qty",
    "status": "sts", "student": "stud", "type": "typ", "year": "yr",
}  # fmt: skip
LONGEST_KEPT = 5  # letters of a word that is not shortened


def write(data: Path, out: Path) -> None:
    """plain.jsonl, synonyms.jsonl, unanswerable.jsonl over `databases/`, renamed.jsonl over `renamed/`."""
    names = json.loads((data / HELD_OUT).read_text(encoding="utf-8"))
    files = {name: data / "databases" / "spider" / f"{name}.sqlite" for name in names}
    files = {name: file for name, file in files.items() if file.exists()}
    for folder in (out / "databases", out / "renamed"):
        folder.mkdir(parents=True, exist_ok=True)
    plain = _questions(data / "spider_train.jsonl", files)
    _write(out / "plain.jsonl", plain)
    _write(out / "synonyms.jsonl", _questions(data / "spider_train_syn.jsonl", files))
    _write(out / "unanswerable.jsonl", _asked_elsewhere(data, list(files)))
    renamed: list[dict[str, Any]] = []
    for number, (name, file) in enumerate(sorted(files.items())):
        shutil.copyfile(file, out / "databases" / file.name)
        shutil.copyfile(file, out / "renamed" / file.name)
        names_of = Renaming.of(file, camel=number % 2 == 0)
        names_of.apply(out / "renamed" / file.name)
        renamed += [one | {"sql": names_of.sql(one["sql"])} for one in plain if one["db_id"] == name]
    _write(out / "renamed.jsonl", renamed)


@dataclass(frozen=True)
class Renaming:
    """New names as a business has them: custCtryCd, or tbl_cust with cust_ctry_cd. The same name is renamed alike."""

    tables: Mapping[str, str]  # lower case -> new
    columns: Mapping[str, str]

    @classmethod
    def of(cls, file: Path, *, camel: bool) -> "Renaming":
        tables = {table: _columns(file, table) for table in _tables(file)}
        columns = {column for owned in tables.values() for column in owned}
        return cls(_distinct(tables, camel=camel, prefix="" if camel else "tbl_"), _distinct(columns, camel=camel))

    def apply(self, file: Path) -> None:
        """Columns first: a table is known by its old name until then. Capitals alone make no other name."""
        with closing(sqlite3.connect(file)) as connection:
            for table in _tables(file):
                for column in _columns(file, table):
                    new = self.columns[column.lower()]
                    if new.lower() != column.lower():
                        connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{new}"')
                new = self.tables[table.lower()]
                if new.lower() != table.lower():
                    connection.execute(f'ALTER TABLE "{table}" RENAME TO "{new}"')
            connection.commit()

    def sql(self, sql: str) -> str:
        tree = sqlglot.parse_one(sql, read="sqlite")
        for table in list(tree.find_all(exp.Table)):
            table.this.set("this", self.tables.get(table.name.lower(), table.name))
        for column in list(tree.find_all(exp.Column)):
            if column.table:
                owner = column.args["table"]
                owner.set("this", self.tables.get(column.table.lower(), column.table))
            if isinstance(column.this, exp.Identifier):
                column.this.set("this", self.columns.get(column.name.lower(), column.name))
        return tree.sql(dialect="sqlite", identify=True)


def business_name(name: str, *, camel: bool, prefix: str = "") -> str:
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    words = [_shortened(word) for word in re.sub(r"[\W_]+", " ", parts).lower().split()]
    if camel:
        return prefix + words[0] + "".join(word.capitalize() for word in words[1:])
    return prefix + "_".join(words)


def _shortened(word: str) -> str:
    """By the usual way, else without its inner vowels."""
    if word in BUSINESS or len(word) <= LONGEST_KEPT:
        return BUSINESS.get(word, word)
    return word[0] + re.sub("[aeiou]", "", word[1:])[:4]


def _distinct(names: Iterable[str], *, camel: bool, prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted({name.lower(): name for name in names}.values()):
        new = business_name(name, camel=camel, prefix=prefix)
        new = next(one for one in (new, *(f"{new}{number}" for number in range(2, 100))) if one.lower() not in taken)
        taken.add(new.lower())
        found[name.lower()] = new
    return found


def _tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
        return [name for (name,) in connection.execute(query)]


def _columns(file: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _questions(file: Path, files: Mapping[str, Path]) -> list[dict[str, Any]]:
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [{key: line[key] for key in ("db_id", "question", "sql")} for line in lines if line["db_id"] in files]


def _asked_elsewhere(data: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """With a word in each that names what the other database has nothing for."""
    pairs = spider(data, held_out=True)
    by_name = {pair.name: pair.view for pair in pairs}
    asked = [(pair, other) for pair in pairs for other in names if other != pair.name]
    random.Random(1).shuffle(asked)
    lost = (
        {"db_id": other, "question": pair.question}
        for pair, other in asked
        if elsewhere(pair.query, pair.view, words_of(pair.question), by_name[other])
    )
    yield from islice(lost, ASKED_ELSEWHERE)


def _write(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
