"""The documents are true: their links lead somewhere, their settings and commands exist, every error is explained."""

import re
from pathlib import Path

import pytest

from pilot import errors
from pilot.config import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "models" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_of_the_repository(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_scripts_and_modules_in_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    scripts = re.findall(r"python ((?:pilot|benchmarks)/[\w/]+\.py)", text)
    modules = [name.replace(".", "/") for name in re.findall(r"python -m (pilot[\w.]*)", text)]
    assert [script for script in scripts if not (ROOT / script).is_file()] == []
    assert [name for name in modules if not ((ROOT / f"{name}.py").is_file() or (ROOT / name).is_dir())] == []


def test_the_settings_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"^([A-Z][A-Z_]+)=", text, re.MULTILINE)) <= known


def test_the_map_of_the_architecture_names_every_part() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    parts = {path.stem if path.is_file() else path.name for path in (ROOT / "pilot").iterdir()} - {
        "__init__",
        "__pycache__",
    }
    assert {part for part in parts if not re.search(rf"`{part}(\.py|/)`", text)} == set()


def test_the_tree_in_the_errors_module_is_complete() -> None:
    """Its docstring is what people read; it must not lag behind the classes."""
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"^[│├└─ ]*(\w+) +([a-z_]+(?:\.[a-z_]+)?) +\d{3}", errors.__doc__, re.MULTILINE))
    leaves = {kind.__name__: code for code, kind in errors.all_errors().items() if not kind.__subclasses__()}
    assert drawn == leaves
