"""The bundled model's training ends early: it keeps what was best, also over a kill."""

from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.finetune.bundled import own
from pilot.finetune.bundled.own import OWN, tune
from pilot.finetune.examples import Example
from pilot.finetune.run import Run
from pilot.model.embeddings import find_encoder
from pilot.prompts.text_to_sql import TextToSql, render
from pilot.schema import Column, Schema, Table
from tests.finetune.concert import APPROVED

COLUMNS = {"id": "INTEGER", "name": "TEXT", "age": "INTEGER", "country": "TEXT"}
SINGER = Table("singer", tuple(Column(name, type_, "text") for name, type_ in COLUMNS.items()))
ENDS = replace(OWN, batch=2, epochs=4, patience=2, keep_back=0.3, device="cpu")
pytestmark = pytest.mark.slow


@pytest.fixture
def examples() -> list[Example]:
    schema = Schema("sqlite", (SINGER,))
    return [
        Example(tuple(render(TextToSql(question, schema))), sql, family=sql)
        for question, sql in APPROVED.items()
        if "song" not in sql
    ][:8]


@pytest.fixture
def base() -> Path:
    return ROOT / "models" / BUNDLED_MODEL


def test_it_ends_when_what_was_kept_back_is_answered_no_better_and_takes_the_best(
    base: Path, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([0.5, 0.3, 0.4, 0.6, 0.1])
    monkeypatch.setattr(own, "_loss", lambda *_: next(told))
    written: list[Path] = []
    write = own._write

    def keep(folder: Path, *those: object) -> None:
        write(folder, *those)  # type: ignore[arg-type]
        save_file(load_file(folder / "model.safetensors"), tmp_path / f"{len(written)}.safetensors")
        written.append(folder)

    monkeypatch.setattr(own, "_write", keep)
    encoder = find_encoder("all-MiniLM-L6-v2", ROOT / "models")
    result = tune(base, encoder, examples, tmp_path / "run", replace(ENDS, epochs=8))
    run = Run(tmp_path / "run")
    losses = [line["kept_loss"] for line in run.figures() if "kept_loss" in line]
    assert losses == [0.5, 0.3, 0.4, 0.6]  # two rounds without gain
    assert len(written) == 2
    best, taken = load_file(tmp_path / "1.safetensors"), load_file(result / "model.safetensors")
    assert all(bool((best[name] == taken[name]).all()) for name in best)
    assert not run.checkpoints.exists()


def test_without_patience_everything_is_learnt_to_the_end(base: Path, examples: list[Example], tmp_path: Path) -> None:
    encoder = find_encoder("all-MiniLM-L6-v2", ROOT / "models")
    tune(base, encoder, examples, tmp_path / "run", replace(ENDS, epochs=1, patience=0))
    figures = Run(tmp_path / "run").figures()
    assert [line["step"] for line in figures] == list(range(1, 8))  # 8 examples are 60 % of what is seen: 13 of 2 each
    assert not any("kept_loss" in line for line in figures)


def test_what_cannot_be_kept_back_is_told(
    base: Path, examples: list[Example], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alike = [replace(example, family="one") for example in examples]
    with caplog.at_level("WARNING"):
        tune(base, find_encoder("all-MiniLM-L6-v2", ROOT / "models"), alike, tmp_path / "run", replace(ENDS, epochs=1))
    assert "cannot stop early" in caplog.text
