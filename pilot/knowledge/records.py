"""What the library tells about itself: spaces, documents and passages. Pure values."""

from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["queued", "reading", "indexing", "ready", "failed"]


@dataclass(frozen=True)
class SpaceSettings:
    """What a space does otherwise than the product's settings; None where it follows them."""

    chunk_size: int | None = None
    top_size: int | None = None
    embedder: str | None = None


@dataclass(frozen=True)
class Space:
    """Documents that are searched together. `embedder`, `dimension` and `chunk_size` are those of the index that
    serves, once there is one; `reindexing` says how much of its successor is made, from 0 to 1.
    """

    id: str  # for everything outside the library's file
    number: int  # inside it
    name: str
    created_at: str  # ISO 8601, UTC
    documents: int = 0
    embedder: str = ""
    dimension: int = 0
    chunk_size: int = 0
    settings: SpaceSettings = SpaceSettings()
    reindexing: float | None = None


@dataclass(frozen=True)
class Index:
    """One way to cut and embed the documents of a space. The space's live one is searched; another may be in the
    making. `folder` is where its vectors lie.
    """

    number: int
    space: int
    embedder: str
    chunk_size: int
    dimension: int
    folder: str


@dataclass(frozen=True)
class DocumentRecord:
    """One document of a space. `problem` is a key of `readers.problems`, `reason` its sentence, `values` what the
    sentence names: why it failed or waits; of a ready one, what inside it could not be read.
    """

    id: str
    space: str
    name: str
    bytes: int
    state: State
    added_at: str
    progress: float = 0.0  # 0 to 1
    problem: str = ""
    reason: str = ""
    remedy: str = ""
    pages: int = 0
    chunks: int = 0
    source: str = ""  # its name, or the address that it came from
    pages_done: int = 0
    seconds_left: float | None = None  # while it is indexed
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Passage:
    """A chunk that was found. `start` and `stop` count characters in the text of its page; `score` is 0 to 1."""

    document: str
    document_id: str
    page: int | None
    section: str
    text: str
    score: float
    number: int
    start: int
    stop: int
    space: str = ""
