"""Which model the LLM server's door begins with: LLM_MODEL, or what was released in its place."""

from pathlib import Path

from pilot.config import BUNDLED_MODEL, ROOT, load
from pilot.server.llmserver import wanted
from pilot.store.runs import Release, Runs
from pilot.store.tables import now


def test_a_release_is_served_after_a_restart_until_it_is_gone(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    mine = f"{BUNDLED_MODEL}-2026-01-02-1"
    for name in (BUNDLED_MODEL, mine):
        (models / name).symlink_to(ROOT / "models" / BUNDLED_MODEL)
    settings = load(tmp_path / "none", data_dir=tmp_path / "data", models_dir=models)
    assert wanted(settings).name == BUNDLED_MODEL
    runs = Runs(settings.data_dir)
    runs.keep_releases([Release(mine, "2026-01-02-1", BUNDLED_MODEL, now())])
    assert wanted(settings).name == mine
    assert wanted(settings.model_copy(update={"llm_model": "scripted"})).name == "scripted"  # the owner chose another
    (models / mine).unlink()
    assert wanted(settings).name == BUNDLED_MODEL
