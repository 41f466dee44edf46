"""Execution accuracy through the product path, against a model server that speaks the real protocol."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from pilot import config, errors
from pilot.evaluation.__main__ import main
from pilot.evaluation.exam import write
from pilot.evaluation.text2sql import Question, addresses, compared, gains, measured, read, report
from pilot.model.adapters.scripted import Reply
from pilot.services import Services
from pilot.store import Store
from tests.model.live import scripted, serving

ANSWERS = {
    "How many singers are there?": "SELECT COUNT(id) FROM singer",
    "Who is oldest?": "SELECT name FROM singer ORDER BY age LIMIT 1",
    "Which countries are there?": "SELECT DISTINCT country FROM singer ORDER BY country DESC",
    "Who sings?": "I do not know.",
    "Who works?": "SELECT name FROM staff",
}
QUESTIONS = [
    Question(id="1", db_id="concert", question="How many singers are there?", sql="SELECT COUNT(*) FROM singer"),
    Question(
        id="2", db_id="concert", question="Who is oldest?", sql="SELECT name FROM singer ORDER BY age DESC LIMIT 1"
    ),
    Question(id="3", db_id="concert", question="Which countries are there?", sql="SELECT DISTINCT country FROM singer"),
    Question(id="4", db_id="concert", question="Who sings?", sql="SELECT name FROM singer"),
    Question(id="5", db_id="office", question="Who works?"),
    Question(id="6", db_id="concert", question="Which countries are there?", sql="SELECT nothing FROM nowhere"),
]


@pytest.fixture
def databases(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "concert.sqlite") as concert:
        concert.execute("CREATE TABLE singer (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, country TEXT)")
        concert.executemany("INSERT INTO singer VALUES (?, ?, ?, ?)", [(1, "Ann", 30, "FR"), (2, "Bo", 41, "DE")])
    concert.close()
    (tmp_path / "office").mkdir()
    with sqlite3.connect(tmp_path / "office" / "office.sqlite") as office:
        office.execute("CREATE TABLE staff (name TEXT)")
    office.close()
    return tmp_path


@contextmanager
def product(folder: Path) -> Iterator[config.Settings]:
    """The settings of a product whose model knows the answers."""
    replies = [Reply(when=f"Question: {question}", text=text) for question, text in ANSWERS.items()]
    with serving(scripted(*replies)) as live:
        yield config.load(Path("none"), data_dir=folder / "data", model_server=live.url, sql_candidates=2)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[config.Settings]:
    with product(tmp_path) as found:
        yield found


async def test_each_question_is_answered_and_judged_by_its_rows(settings: config.Settings, databases: Path) -> None:
    judged = await measured(settings, addresses(databases=databases), QUESTIONS, progress=io.StringIO())
    assert [each.question.id for each in judged] == ["1", "2", "3", "4", "5", "6"]
    assert [each.right for each in judged] == [True, False, True, False, None, None]
    assert judged[0].sql == "SELECT COUNT(id) FROM singer"
    assert judged[3].problem.startswith("declined")
    assert "does not run" in judged[5].problem


async def test_the_report_says_accuracy_by_hardness_and_lists_what_failed(
    settings: config.Settings, databases: Path
) -> None:
    told = report(await measured(settings, addresses(databases=databases), QUESTIONS, progress=io.StringIO()), 1.0)
    assert "execution accuracy 50.0% (2 of 4)" in told
    assert "  easy    66.7% (2 of 3)" in told
    assert "  medium  0.0% (0 of 1)" in told
    assert "- 2 (concert) Who is oldest?" in told
    assert "not compared: 6" in told


async def test_a_database_that_is_not_there_is_said_before_anything_is_asked(
    settings: config.Settings, databases: Path
) -> None:
    for name in ("nowhere", "../concert"):
        with pytest.raises(errors.NotFound):
            await measured(settings, addresses(databases=databases), [Question(id="1", db_id=name, question="?")],
                           progress=io.StringIO())  # fmt: skip


async def test_each_step_can_be_left_out_to_see_its_worth(settings: config.Settings, databases: Path) -> None:
    found = await gains(settings, addresses(databases=databases), QUESTIONS[:4], progress=io.StringIO())
    assert set(found) == {"whole", "without values", "without vote", "without repair", "without times",
                          "without decline", "bare"}  # fmt: skip
    assert found["whole"] == 50
    assert "path_gain_points 0.0" in compared(found)


async def test_without_a_folder_the_products_own_databases_are_asked_and_nothing_is_kept(
    settings: config.Settings, databases: Path
) -> None:
    services = Services.open(settings)
    await services.sources.add("my singers", f"sqlite:///{databases / 'concert.sqlite'}")
    asked = [Question(id="1", db_id="my singers", question="How many singers are there?", sql="SELECT 2")]
    (judged,) = await measured(settings, None, asked, progress=io.StringIO())
    assert judged.right
    assert services.store.conversations() == []
    await services.close()


async def test_an_exam_is_made_of_approved_answers(settings: config.Settings, tmp_path: Path) -> None:
    out = tmp_path / "exam.jsonl"
    with pytest.raises(errors.NotFound, match="approved"):
        await write(settings, ["shop"], out)
    store = Store(settings.data_dir)
    store.approve("t1", "shop", "How many?", "SELECT 1", fingerprint="f", asked_on=date(2026, 11, 21))
    store.close()
    assert await write(settings, ["shop"], out) == 1
    assert read(out) == [Question(id="t1", db_id="shop", question="How many?", sql="SELECT 1")]


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text('{"id": 1, "db_id": "a", "question": "b"}\n\n{"id": 2}\n')
    with pytest.raises(errors.InputInvalid, match="line 3"):
        read(file)
    file.write_text('{"db_id": "a", "question": "b"}\n')
    assert read(file) == [Question(id="1", db_id="a", question="b")]


def test_the_command_says_in_one_line_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing.jsonl")
    assert main(["text2sql", "--questions", missing, "--databases", str(tmp_path), "--out", missing]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert capsys.readouterr().err.count("\n") <= 1
