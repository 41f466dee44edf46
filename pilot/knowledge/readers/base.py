"""The contract of a reader."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from pilot.knowledge.document import Document

Packed = tuple[str, Callable[[], bytes]]  # a file inside a file: its name, and how to get at it


class Reader(ABC):
    """Reads one format. Runs in a process of its own, under limits of memory and time: it may be slow or crash."""

    @abstractmethod
    def read(self, data: bytes, name: str) -> Document:
        """The text of `data`, in reading order; `name` is for messages only, never a path.

        Raises DocumentUnreadable (see `problems.unreadable`) when the file is locked, damaged or of another format.
        """


class Container(Reader):
    """A file of files."""

    @abstractmethod
    def files(self, data: bytes) -> Iterator[Packed]:
        """Those inside, always in the same order; one is unpacked when it is asked for, while the iterator lives.

        Raises what `read` raises.
        """
