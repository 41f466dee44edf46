"""Write a trained run as a model folder that Pilot serves."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from pilot.config import BUNDLED_MODEL
from pilot.errors import NotFound
from pilot.model.text_to_sql.network import Shape


def package(run: Path, folder: Path) -> None:
    """Weights and config.json; the model card is written by hand. Raises NotFound while the run is not finished."""
    weights = run / "model.safetensors"
    if not weights.exists():
        raise NotFound(f"{run} holds no finished model", remedy="Train to the end first.")
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": BUNDLED_MODEL, **asdict(Shape())}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    save_file(load_file(weights), folder / "model.safetensors", metadata={"format": "pt"})
