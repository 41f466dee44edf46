"""The spreadsheets that people dropped, each as a DuckDB file in a folder of its own.

A file is read in a process of its own, which costs neither memory nor time of ours when it is hostile or broken.
Blocking; callers cross over by a thread.
"""

import json
import logging
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa

import pilot
from pilot.datasource.refusals import fault
from pilot.errors import SourceRefused

logger = logging.getLogger(__name__)

SECONDS = 300.0  # for one file
SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")


class Shelf:
    """The files made of spreadsheets, each in a folder of its own."""

    def __init__(self, folder: Path, *, max_mb: int) -> None:
        self._folder = folder
        self._max_mb = max_mb

    def put(self, content: bytes, name: str) -> str:
        """The URL of a new file made of `content`, which people call `name`. Raises SourceRefused."""
        if len(content) > self._max_mb * 1_000_000:
            raise fault(
                SourceRefused, "spreadsheet_heavy", name=name, count=len(content) // 1_000_000, limit=self._max_mb
            )
        place = self._folder / uuid.uuid4().hex
        place.mkdir(parents=True)
        dropped = place / "dropped"
        dropped.write_bytes(content)
        return _load_in_child(dropped, name, place)

    def holds(self, url: sa.URL) -> bool:
        """Whether this source is one of the files."""
        return url.get_backend_name() == "duckdb" and Path(url.database or "").parent.parent == self._folder

    def keep_only(self, urls: Iterable[sa.URL]) -> None:
        """Delete every file that none of these sources is."""
        used = {Path(url.database or "").parent.name for url in urls}
        for place in self._folder.glob("*"):
            if place.name not in used:
                shutil.rmtree(place, ignore_errors=True)


def _load_in_child(dropped: Path, name: str, folder: Path) -> str:
    root = Path(pilot.__file__).resolve().parent.parent
    command = [sys.executable, "-P", "-m", "pilot.datasource.spreadsheet", str(dropped), name, str(folder)]
    # an environment of its own: the child needs no secret of ours. -P: no module beside the working folder
    environment = {"PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=SECONDS, check=False)
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise fault(SourceRefused, "spreadsheet_slow", name=name, seconds=SECONDS) from None
    except ValueError:  # killed for its memory or its time
        logger.info("a spreadsheet was not read: %s", done.stderr.decode(errors="replace")[-500:])
        raise fault(SourceRefused, "spreadsheet_large", name=name) from None
    if "url" in answer:
        return str(answer["url"])
    raise fault(SourceRefused, answer.pop("reason"), **answer)
