"""The files as they were added, under random names: what people call them is never a path."""

import hashlib
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pilot.errors import StorageFull
from pilot.knowledge.sentences import complaint


@dataclass(frozen=True)
class Original:
    """`token` is its name in the folder, `digest` tells its content."""

    token: str
    digest: str
    bytes: int


class Originals:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, data: bytes) -> Original:
        """On the disk when it returns. Raises StorageFull."""
        token = secrets.token_hex(16)
        try:
            with self.file(token).open("xb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            self.drop([token])
            raise complaint(StorageFull, "disk_full") from error
        return Original(token, hashlib.sha256(data).hexdigest(), len(data))

    def file(self, token: str) -> Path:
        return self._folder / token

    def drop(self, tokens: Iterable[str]) -> None:
        for token in tokens:
            self.file(token).unlink(missing_ok=True)

    def sweep(self, known: set[str]) -> None:
        """Remove what no document names: a crash came between the file and its row."""
        self.drop(file.name for file in self._folder.iterdir() if file.name not in known)
