"""Imports point down the layers (docs/architecture.md), and nothing heavy comes in where it must not."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "schema", "registry", "protocol", "log", "config", "i18n", "numbers", "dates", "abbreviations",
     "synonyms"),
    ("prompts", "store", "client", "sample"),
    ("model", "datasource", "knowledge"),
    ("chat",),
    ("services",),
    ("evaluation",),
    ("finetune", "web"),
    ("server",),
)  # fmt: skip
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
WITHOUT_MODEL = ("services", "chat", "knowledge", "web", "evaluation")
FILES = sorted((ROOT / "pilot").rglob("*.py"))


def _part(module: str) -> str:
    return module.split(".")[1] if module.startswith("pilot.") else ""


def _imports(file: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found += [(f"{base}.{alias.name}" if base == "pilot" else base, node.lineno) for alias in node.names]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down(file: Path) -> None:
    here = _part(".".join(file.relative_to(ROOT).with_suffix("").parts)).removesuffix(".py")
    if here in ("__init__", ""):
        return
    assert here in LEVEL, f"pilot/{here} has no layer: add it to LAYERS and docs/architecture.md"
    for module, line in _imports(file):
        there = _part(module)
        if there in ("", here, "__version__"):
            continue
        assert there in LEVEL, f"{file}:{line} imports {module}, which has no layer"
        ground = LEVEL[here] == 0  # the ground layer is ordered as LAYERS lists it
        allowed = (
            LAYERS[0].index(there) < LAYERS[0].index(here)
            if ground and LEVEL[there] == 0
            else LEVEL[there] < LEVEL[here]
        )
        assert allowed, f"{file}:{line}: {here} (layer {LEVEL[here]}) imports {there} (layer {LEVEL[there]})"
        if here in WITHOUT_MODEL:
            assert there != "model", f"{file}:{line}: {here} must not import the model"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_only_config_reads_the_environment(file: Path) -> None:
    """A door may set variables that libraries read; no other code reads any."""
    if file.name == "config.py":
        return
    readers = {"environ", "getenv"}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        name = node.attr if isinstance(node, ast.Attribute) else ""
        if name in readers and "server" not in file.parts:
            pytest.fail(f"{file}:{getattr(node, 'lineno', 0)} reads the environment")


@pytest.mark.slow
def test_the_web_process_imports_no_weights() -> None:
    code = (
        "import sys; import pilot.web.app, pilot.services;"
        "bad = {'torch', 'transformers', 'sentence_transformers', 'peft', 'bitsandbytes'} & set(sys.modules);"
        "sys.exit(f'imported: {bad}' if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
