"""Answers as files to download. They lie in the folder of uploads, which sweeps itself."""

import uuid
from pathlib import Path

from anyio import to_thread

from pilot.chat.events import ChartSpec, Receipt
from pilot.datasource.base import Rows
from pilot.i18n import Texts
from pilot.web.export import Format, file_name, make


class Exports:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, suffix: Format, rows: Rows, receipt: Receipt, chart: ChartSpec | None, t: Texts) -> str:
        """The path of a file named after its question. Raises NotFound for a chart where none suits."""
        return await to_thread.run_sync(self._write, suffix, rows, receipt, chart, t)

    def keep(self, name: str, content: bytes) -> str:
        """The path of a file with this name."""
        folder = self._folder / uuid.uuid4().hex
        folder.mkdir(parents=True)
        file = folder / name
        file.write_bytes(content)
        return str(file)

    def _write(self, suffix: Format, rows: Rows, receipt: Receipt, chart: ChartSpec | None, t: Texts) -> str:
        content = make(suffix, rows, receipt, chart, t)
        return self.keep(file_name(receipt.question, suffix), content)
