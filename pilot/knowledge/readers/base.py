"""The contract of a reader."""

from abc import ABC, abstractmethod

from pilot.knowledge.document import Document


class Reader(ABC):
    """Reads one format. Runs in a process of its own, under limits of memory and time: it may be slow or crash."""

    @abstractmethod
    def read(self, data: bytes, name: str) -> Document:
        """The text of `data`, in reading order; `name` is for messages only, never a path.

        Raises DocumentUnreadable (see `problems.unreadable`) when the file is locked, damaged or of another format.
        """
