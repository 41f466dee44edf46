"""The bundled model, loaded once."""

import pytest

from pilot.config import BUNDLED_MODEL, ROOT
from pilot.model.base import LoadOptions
from pilot.model.text_to_sql.adapter import TextToSqlAdapter


@pytest.fixture(scope="session")
def bundled() -> TextToSqlAdapter:
    models = ROOT / "models"
    options = LoadOptions(models_dir=models, device="cpu")
    return TextToSqlAdapter.load(BUNDLED_MODEL, models / BUNDLED_MODEL, options)
