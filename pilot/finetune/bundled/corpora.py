"""Public questions with SQL, as pairs over a SchemaView: Spider's training set, its synonym variant, WikiSQL.

The folder is laid out as in `DATA.md`: one JSON object a line, {"db_id", "question", "sql"}.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pilot.finetune.bundled.from_sql import SqlReader, Unsupported
from pilot.model.text_to_sql.query import Query
from pilot.model.text_to_sql.view import SchemaView
from pilot.prompts.text_to_sql import kind_of
from pilot.schema import Column, ForeignKey, Schema, Table

HELD_OUT = "suggested_dev_db_ids.json"
SPIDER = ("spider_train.jsonl", "spider_train_syn.jsonl")


@dataclass(frozen=True)
class Pair:
    """`spoken` is the same schema under the names that its authors gave for people; `name` is the database's."""

    name: str
    question: str
    query: Query
    view: SchemaView
    spoken: SchemaView


def spider(folder: Path, *, held_out: bool = False) -> list[Pair]:
    """Pairs of the databases to train on, or of those held out."""
    aside = set(json.loads((folder / HELD_OUT).read_text(encoding="utf-8")))
    raw = json.loads((folder / "schemas_spider_train.json").read_text(encoding="utf-8"))
    views = {one["db_id"]: _views(one) for one in raw if (one["db_id"] in aside) == held_out}
    lines = [line for name in SPIDER for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    return list(_pairs(map(json.loads, lines), views))


def wikisql(folder: Path, most: int) -> list[Pair]:
    """The first `most`: its one-table questions are alike."""
    found: list[Pair] = []
    with gzip.open(folder / "wikisql_train.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            one |= {"db_id": "", "tables": [{"name": one["table"], "columns": one["columns"]}], "foreign_keys": []}
            found.extend(_pairs(iter([one]), {"": _views(one)}))
            if len(found) >= most:
                break
    return found


def schema_of(raw: Mapping[str, Any]) -> Schema:
    """`raw` as in schemas_spider_train.json."""
    tables = []
    for table in raw["tables"]:
        columns = tuple(_column(column) for column in table["columns"])
        keys = tuple(
            ForeignKey((key["column"],), key["ref_table"], (key["ref_column"],))
            for key in raw["foreign_keys"]
            if key["table"].lower() == table["name"].lower()
        )
        tables.append(Table(table["name"], columns, keys))
    return Schema("sqlite", tuple(tables))


def _column(raw: Mapping[str, Any]) -> Column:
    return Column(raw["name"], raw["type"], kind_of(raw["type"]), primary_key=bool(raw.get("pk")))


def _views(raw: Mapping[str, Any]) -> tuple[SchemaView, SchemaView]:
    view = SchemaView.of(schema_of(raw))
    tables = [table.get("description", "").lower() for table in raw["tables"]]
    columns = ["", *(column.get("description", "").lower() for table in raw["tables"] for column in table["columns"])]
    spoken = replace(
        view,
        table_words=tuple(said or words for said, words in zip(tables, view.table_words, strict=True)),
        columns=tuple(
            replace(column, words=said or column.words) for said, column in zip(columns, view.columns, strict=True)
        ),
    )
    return view, spoken


def _pairs(lines: Iterator[Mapping[str, Any]], views: Mapping[str, tuple[SchemaView, SchemaView]]) -> Iterator[Pair]:
    for line in lines:
        if line["db_id"] not in views:
            continue
        view, spoken = views[line["db_id"]]
        try:
            yield Pair(line["db_id"], line["question"], SqlReader(view).read(line["sql"]), view, spoken)
        except Unsupported:
            continue  # self-joins, queries in FROM: one in a hundred
