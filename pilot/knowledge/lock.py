"""One process owns a folder. The lock is the kernel's: it falls with the process, however that ends."""

import fcntl
import os
from pathlib import Path

from pilot.errors import Conflict


class FolderLock:
    """Held from `acquire` to `release`. The file stays; only its lock counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._handle: int | None = None

    def acquire(self) -> None:
        """Raises Conflict, which names the file and the process that holds it."""
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(handle, 20).decode(errors="replace").strip() or "another"
            os.close(handle)
            raise Conflict(
                f"process {owner} already uses this folder: {str(self._file)!r} is locked",
                remedy="Stop that process, or set another DATA_DIR.", lock=str(self._file), process=owner,
            ) from None  # fmt: skip
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
