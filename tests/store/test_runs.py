"""Runs as the data folder keeps them."""

from pathlib import Path

import pytest

from pilot.errors import NotFound
from pilot.store.runs import Runs, Wish


def test_a_run_that_another_version_wrote_does_not_hide_the_others(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    mine = runs.new(Wish(("Shop",)), base="base", instead="base")
    other = runs.new(Wish(("Shop",)), base="base", instead="base")
    (runs.place(other.id) / "run.json").write_text('{"id": "of another kind"}')
    assert [run.id for run in runs.all()] == [mine.id]
    with pytest.raises(NotFound):
        runs.run(other.id)


@pytest.mark.parametrize("name", ["..", ".", "", "../own", "a/../b", "/etc"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "own").mkdir()
    with pytest.raises(NotFound):
        Runs(tmp_path).place(name)
