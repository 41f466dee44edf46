"""Files, names and texts made to do harm: each ends with one sentence, or is read without harm."""

import asyncio
import json
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from pilot.errors import InputInvalid
from pilot.i18n import LANGUAGES, Texts
from pilot.knowledge import sentences
from pilot.knowledge.names import file_name, space_name
from pilot.knowledge.readers.child import MOST_CHARACTERS
from tests.knowledge import hostile, samples

ROOT = Path(__file__).resolve().parents[2]
CASES = {name: expected for name, _, expected in hostile.cases()}
NAMES: dict[str, Any] = json.loads(Path(__file__).with_name("names.json").read_text(encoding="utf-8"))
ACTIVE = ("<script", "onerror", "onload", "<iframe", "javascript:", "root:x:0")


@pytest.fixture(scope="module")
def became() -> dict[str, dict[str, Any]]:
    """What became of each, all read in one process under a reader's limits: it may write no file at all."""
    command = [sys.executable, "-m", "tests.knowledge.hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


def test_there_are_many_of_them() -> None:
    urls = json.loads(Path(__file__).with_name("urls.json").read_text(encoding="utf-8"))
    assert len(CASES) >= 80
    assert len(urls["not public"]) + len(urls["refused"]) + len(urls["invalid"]) >= 70


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_refused_with_a_sentence_or_read_without_harm(
    name: str, became: dict[str, dict[str, Any]]
) -> None:
    expected, found = CASES[name], became[name]
    if expected == "*":
        assert "said" in found or found["problem"]
    elif expected.startswith("="):
        assert expected[1:] in found["said"]
    else:
        assert found["problem"] == expected
    if "problem" in found:
        for language in LANGUAGES:
            said = sentences.problem(found["problem"], found["values"], Texts(language))
            assert said
            assert "{" not in said
            assert sentences.remedy(found["problem"], found["values"], Texts(language))
    if "html" in name:
        assert not any(sign in found.get("said", "") for sign in ACTIVE)


async def test_a_pdf_that_unpacks_without_end_costs_a_reader_only(tmp_path: Path) -> None:
    file = tmp_path / "bomb.pdf"
    file.write_bytes(endless_pdf())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pilot.knowledge.readers.child", str(file), "bomb.pdf", "600", "60",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert len(output) < 4 * MOST_CHARACTERS
    assert process.returncode != 0 or json.loads(output)


def endless_pdf() -> bytes:
    stream = zlib.compress(b"BT /F1 11 Tf (x) Tj ET " * 10_000_000, 9)
    plain = samples.pdf(["x"])
    start, end = plain.index(b"<< /Length"), plain.index(b"endstream")
    head = f"<< /Length {len(stream)} /Filter /FlateDecode >>\nstream\n".encode()
    return plain[:start] + head + stream + b"\n" + plain[end:]


@pytest.mark.parametrize(("name", "shown"), NAMES["files"])
def test_a_file_name_is_only_shown(name: str, shown: str) -> None:
    assert file_name(name) == shown


@pytest.mark.parametrize("name", NAMES["no spaces"])
def test_a_name_that_hides_something_is_none_for_a_space(name: str) -> None:
    with pytest.raises(InputInvalid):
        space_name(name)


@pytest.mark.parametrize("name", NAMES["spaces"])
def test_odd_names_of_spaces_are_names(name: str) -> None:
    assert space_name(name) == name.strip()
