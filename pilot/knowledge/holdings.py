"""All that the library keeps in its folder, opened together: one process at a time. Blocking."""

import logging
from dataclasses import dataclass
from pathlib import Path

from pilot.errors import ConfigInvalid
from pilot.knowledge.catalog import Catalog
from pilot.knowledge.database import Database
from pilot.knowledge.dense import DenseIndexes
from pilot.knowledge.index import ChunkIndex
from pilot.knowledge.indexes import Indexes
from pilot.knowledge.lock import FolderLock
from pilot.knowledge.originals import Originals
from pilot.knowledge.scans import Scans
from pilot.knowledge.words import Words

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holdings:
    lock: FolderLock
    database: Database
    catalog: Catalog
    chunks: ChunkIndex
    indexes: Indexes
    words: Words
    dense: DenseIndexes
    originals: Originals
    scans: Scans

    def close(self) -> None:
        self.dense.close()
        self.database.close()
        self.lock.release()


def open_holdings(folder: Path, *, vector_store: str, embedder: str, chunk_size: int) -> Holdings:
    """Raises Conflict when another process has it, ConfigInvalid, DocumentError for a damaged file."""
    lock = FolderLock(folder / "lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        originals = Originals(folder / "originals")
    except OSError as error:
        raise ConfigInvalid(
            f"cannot write to {str(folder)!r}: {error.strerror}",
            remedy="Give this user the folder, or set another DATA_DIR.",
        ) from error
    try:
        return _opened(folder, lock, originals, vector_store, Database(folder / "library.sqlite"), embedder, chunk_size)
    except BaseException:
        lock.release()
        raise


def _opened(
    folder: Path, lock: FolderLock, originals: Originals, vector_store: str, database: Database, embedder: str,
    chunk_size: int,
) -> Holdings:  # fmt: skip
    """What a crash left unfinished starts over; what it left behind goes."""
    catalog, chunks = Catalog(database), ChunkIndex(database)
    indexes = Indexes(database, embedder=embedder, chunk_size=chunk_size)
    dense = DenseIndexes(folder / "vectors", vector_store, chunks, indexes)
    chunks.renew_terms()
    if unfinished := catalog.recover():
        logger.info("%d unfinished documents start over", unfinished)
    originals.sweep(catalog.originals())
    dense.sweep()
    return Holdings(lock, database, catalog, chunks, indexes, Words(database), dense, originals, Scans(database))
