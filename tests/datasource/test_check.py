"""The door for machines: statements in, verdicts out, whatever the lines hold."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from pilot.datasource.check import main
from tests.datasource.cases import FOLDER


def _verdicts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, *flags: str) -> Any:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert main(list(flags)) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _lines(*statements: str) -> str:
    return "".join(json.dumps({"id": number, "sql": sql}) + "\n" for number, sql in enumerate(statements))


def test_without_a_schema_any_plain_table_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _lines("SELECT a FROM anything", "SELECT SLEEP(5)", "SELECT * FROM mysql.user")
    found = _verdicts(monkeypatch, capsys, text, "--dialect", "mysql")
    assert [(one["id"], one["verdict"]) for one in found] == [(0, "allow"), (1, "deny"), (2, "deny")]
    assert "SLEEP" in found[1]["reason"]
    assert found[0]["sql"] == "SELECT a FROM anything LIMIT 1001"


@pytest.mark.parametrize("how", ["file", "source"])
def test_a_schema_makes_names_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shop_file: Path, how: str
) -> None:
    flags = ["--schema", str(FOLDER / "shop.sql")] if how == "file" else ["--source", f"sqlite:///{shop_file}"]
    text = _lines("SELECT name FROM customers", "SELECT password FROM customers", "SELECT 1 FROM secret")
    found = _verdicts(monkeypatch, capsys, text, "--dialect", "sqlite", *flags)
    assert [one["verdict"] for one in found] == ["allow", "deny", "deny"]


def test_every_line_gets_an_answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = 'nonsense\n[]\n{"id": 5}\n{"id": 6, "sql": null}\n\n{"id": "x", "sql": ""}\n' + "[" * 100_000 + "\n"
    found = _verdicts(monkeypatch, capsys, text, "--dialect", "sqlite")
    assert [one["verdict"] for one in found] == ["deny"] * 6
    assert [one["id"] for one in found] == [None, None, None, 6, "x", None]
    assert all(one["reason"] for one in found)


def test_a_source_that_does_not_open_is_told_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--dialect", "sqlite", "--source", f"sqlite:///{tmp_path / 'gone.sqlite'}"])
    assert left.value.code == 2
    assert "gone.sqlite" in capsys.readouterr().err
