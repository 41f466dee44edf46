"""From a folder of public questions to a packed model: a few steps, on real parts."""

import gzip
import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pilot.config import ROOT
from pilot.errors import NotFound
from pilot.finetune.bundled.calibrate import calibrate
from pilot.finetune.bundled.corpora import spider, wikisql
from pilot.finetune.bundled.evaluate import evaluate, report
from pilot.finetune.bundled.examples import IGNORED, Mixture, batches
from pilot.finetune.bundled.package import package
from pilot.finetune.bundled.train import Settings, train
from pilot.finetune.bundled.variants import write
from pilot.model.embeddings import find_encoder
from pilot.model.text_to_sql.features import Pieces, Reader
from pilot.model.text_to_sql.model import TextToSqlModel
from pilot.model.text_to_sql.target import KEYWORDS
from pilot.model.text_to_sql.weights import load_judgement, load_tokenizer

SINGER = [{"name": "id", "type": "INTEGER", "pk": True}, {"name": "Nm", "type": "TEXT", "description": "name"}]
SONG = [{"name": "singer_id", "type": "INTEGER"}, {"name": "title", "type": "TEXT"}]
SCHEMAS = [
    {
        "db_id": name,
        "tables": [{"name": "singer", "columns": SINGER}, {"name": "song", "columns": SONG}],
        "foreign_keys": [{"table": "song", "column": "singer_id", "ref_table": "singer", "ref_column": "id"}],
    }
    for name in ("stage", "hall")
]
OF_ANN = "SELECT T1.title FROM song AS T1 JOIN singer AS T2 ON T1.singer_id = T2.id WHERE T2.Nm = 'Ann'"
PAIRS = [
    {"db_id": "stage", "question": "How many singers are there?", "sql": "SELECT count(*) FROM singer"},
    {"db_id": "stage", "question": "Songs of Ann", "sql": OF_ANN},
    {"db_id": "stage", "question": "Titles", "sql": "SELECT title FROM (SELECT title FROM song)"},
    {"db_id": "hall", "question": "How many songs are there?", "sql": "SELECT count(*) FROM song"},
]  # fmt: skip
WIKI = {
    "question": "What is the Year of Ann?",
    "sql": "SELECT year FROM matches WHERE \"the name\" = 'Ann'",
    "table": "matches",
    "columns": [{"name": "the name", "type": "text"}, {"name": "year", "type": "number"}],
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    lines = "\n".join(map(json.dumps, PAIRS))
    (folder / "spider_train.jsonl").write_text(lines, encoding="utf-8")
    (folder / "spider_train_syn.jsonl").write_text("", encoding="utf-8")
    (folder / "schemas_spider_train.json").write_text(json.dumps(SCHEMAS), encoding="utf-8")
    (folder / "suggested_dev_db_ids.json").write_text('["hall"]', encoding="utf-8")
    with gzip.open(folder / "wikisql_train.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(WIKI) + "\n")
    made = folder / "databases" / "spider" / "hall.sqlite"
    made.parent.mkdir(parents=True)
    with closing(sqlite3.connect(made)) as connection:
        connection.executescript(
            "CREATE TABLE singer (id INTEGER, Nm TEXT); CREATE TABLE song (singer_id INTEGER, title TEXT);"
        )
    return folder


@pytest.fixture
def encoder() -> Path:
    return find_encoder("all-MiniLM-L6-v2", ROOT / "models")


def test_held_out_databases_are_not_trained_on(corpus: Path) -> None:
    assert [pair.question for pair in spider(corpus)] == ["How many singers are there?", "Songs of Ann"]
    assert [pair.question for pair in spider(corpus, held_out=True)] == ["How many songs are there?"]


def test_names_for_people_are_kept_beside_those_of_the_database(corpus: Path) -> None:
    pair = spider(corpus)[0]
    assert pair.view.columns[2].words == "name"
    assert pair.spoken.columns[2].words == "name"
    assert pair.view.columns[2].name == "Nm"


def test_a_table_of_wikisql(corpus: Path) -> None:
    (pair,) = wikisql(corpus, 5)
    assert pair.view.tables == ("matches",)
    assert pair.query.where[0].values == ("Ann",)


def test_pools_are_the_same_whenever_they_are_drawn(corpus: Path, encoder: Path) -> None:
    mixture = Mixture.open(corpus, Reader(Pieces(load_tokenizer(encoder)), most=230))
    assert mixture.pool(3, seed=1, size=64) == mixture.pool(3, seed=1, size=64)
    assert mixture.pool(3, seed=1, size=64) != mixture.pool(4, seed=1, size=64)


def test_targets_of_a_batch_are_those_of_its_examples(corpus: Path, encoder: Path) -> None:
    mixture = Mixture.open(corpus, Reader(Pieces(load_tokenizer(encoder)), most=230))
    pool = mixture.pool(0, seed=1, size=64)
    for _, targets in batches(pool, 16, random.Random(0))[:4]:
        lengths = (targets.next != IGNORED).sum(1).tolist()
        for said, following, length in zip(targets.said, targets.next, lengths, strict=True):
            assert int(said[0]) == KEYWORDS.index("BOS")
            assert torch.equal(said[1:length], following[: length - 1])
            assert int(following[length - 1]) == KEYWORDS.index("EOS")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_is_trained_resumed_packed_and_measured(corpus: Path, encoder: Path, tmp_path: Path) -> None:
    run, folder = tmp_path / "run", tmp_path / "model"
    settings = Settings(examples=16, batch=8, pool=8, device="cpu")
    train(corpus, encoder, run, replace(settings, examples=8))  # as if it had been stopped after a pool
    for _ in range(2):  # the second finds it done: nothing is trained again
        train(corpus, encoder, run, settings)
        assert [line["examples"] for line in _log(run)] == [8, 16]
    package(run, folder)
    model = TextToSqlModel.load(folder, encoder, torch.device("cpu"))
    sets = tmp_path / "sets"
    write(corpus, sets)
    judged = list(evaluate(sets / "plain.jsonl", sets / "databases", model))
    assert [one.question for one in judged] == ["How many songs are there?"]
    assert "of    1" in report(judged)
    assert "declines from" in calibrate(sets, encoder, folder)
    assert load_judgement(folder).declines_from > 0


def test_an_unfinished_run_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        package(tmp_path, tmp_path / "model")


def _log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
