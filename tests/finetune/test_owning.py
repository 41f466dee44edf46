"""`python -m pilot.finetune examples` and `plan`, as their owner types them."""

import json
from pathlib import Path

import pytest

from pilot.evaluation.text2sql import read as read_questions
from pilot.finetune.__main__ import main
from pilot.finetune.examples import read, refuse_overlap
from tests.finetune.concert import APPROVED, SOURCE, product


@pytest.fixture
async def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings = await product(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("MODELS_DIR", str(settings.models_dir))
    return tmp_path


@pytest.mark.slow
def test_examples_and_an_exam_are_written_that_the_other_commands_read(
    owner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn, exam = owner / "learn.jsonl", owner / "exam.jsonl"
    assert main(["examples", "--source", SOURCE, "--learn", str(learn), "--exam", str(exam)]) == 0
    assert "no family on both sides" in capsys.readouterr().out
    learnt, asked = read(learn), read_questions(exam)
    assert len(learnt) + len(asked) == len(APPROVED)
    assert {question.db_id for question in asked} == {SOURCE}
    refuse_overlap(learnt, [])
    assert main(["examples", "--source", "nowhere", "--learn", str(learn), "--exam", str(exam)]) == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_plan_is_one_line_of_json_also_where_there_is_none(owner: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert owner.exists()
    assert main(["plan", "--base", "pilot-text-to-sql", "--count", "50"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["fits"]
    assert told["needs_bytes"] > 1e9
    assert main(["plan", "--base", "scripted", "--count", "50"]) == 0
    assert "cannot be fine-tuned" in json.loads(capsys.readouterr().out.splitlines()[-1])["error"]["message"]
