"""Settings: where they come from, what a wrong one says, and that the template is true."""

import subprocess
import sys
from pathlib import Path

import pytest

from pilot import config
from pilot.errors import ConfigInvalid

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _env(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / ".env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    assert config.load(tmp_path / "none").web_server_port == 6006


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PORT", "9001")
    assert config.load(_env(tmp_path, "MODEL_PORT=9000\nWEB_SERVER_PORT=7000")).model_port == 9001


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffMODEL_PORT=9000\n",
        "MODEL_PORT=9000\r\nLLM_MODEL=x\r\n",
        "MODEL_PORT='9000'",
        'MODEL_PORT="9000"   ',
        "MODEL_PORT=9000   # why",
        "export MODEL_PORT=9000",
    ],
    ids=["bom", "crlf", "quotes", "trailing blanks", "comment", "export"],
)
def test_files_of_other_editors_are_read(tmp_path: Path, text: str) -> None:
    assert config.load(_env(tmp_path, text)).model_port == 9000


def test_every_wrong_key_is_named_in_one_message_without_secrets(tmp_path: Path) -> None:
    file = _env(tmp_path, "MODEL_PORT=abc\nSQL_TIMEOUT=soon\nWEB_PASSWORD=short1\n")
    with pytest.raises(ConfigInvalid) as caught:
        config.load(file)
    assert all(key in caught.value.message for key in ("MODEL_PORT", "SQL_TIMEOUT", "WEB_PASSWORD"))
    assert "integer" in caught.value.message
    assert "short1" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_file_that_is_not_text_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"UTF-8|cannot read"):
        config.load(_env(tmp_path, b"MODEL_PORT=\xff\xfe9000"))


@pytest.mark.parametrize(
    ("value", "language"), [("zh_CN:zh", "zh"), ("de_DE.UTF-8", "en"), ("en_US:en", "en"), ("zh", "zh")]
)
def test_the_language_of_a_desktop_is_understood(value: str, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", value)
    assert config.load(Path("none")).language == language


def test_secrets_do_not_show(tmp_path: Path) -> None:
    settings = config.load(_env(tmp_path, "LOCAL_DB_PASSWORD=tops3cret\nLLM_API_KEY=tops3cret"))
    assert "tops3cret" not in repr(settings)
    assert "tops3cret" not in str(settings.model_dump())


def test_keys_of_other_products_are_told_not_refused(tmp_path: Path) -> None:
    file = _env(tmp_path, "EXECUTE_LOCAL_COMMANDS=True\nMODEL_PORT=9000\n")
    assert config.load(file).model_port == 9000
    assert config.unknown_keys(file) == ["EXECUTE_LOCAL_COMMANDS"]


@pytest.mark.parametrize(("file", "argument"), [(".env.template", []), ("docs/settings.md", ["markdown"])])
def test_the_files_in_the_repository_are_what_the_code_prints(file: str, argument: list[str]) -> None:
    command = [sys.executable, "-m", "pilot.config", *argument]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ROOT / file).read_text(encoding="utf-8") == printed.stdout


def test_the_template_itself_loads(tmp_path: Path) -> None:
    everything = "\n".join(line.removeprefix("#") for line in config.template().splitlines() if line[1:2].isupper())
    assert config.load(_env(tmp_path, everything)) == config.load(tmp_path / "none")
