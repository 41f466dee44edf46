"""The vector stores of all indexes: opened at first use, made to agree with the library's file, renewed. Blocking."""

import logging
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from pilot.knowledge.index import ChunkIndex
from pilot.knowledge.indexes import Indexes
from pilot.knowledge.records import Index
from pilot.knowledge.vectors import VectorStore, vector_stores

logger = logging.getLogger(__name__)


class DenseIndexes:
    """Each index has a folder of its own, named in the library's file: what is in no such folder is nobody's."""

    def __init__(self, folder: Path, kind: str, chunks: ChunkIndex, indexes: Indexes) -> None:
        self._folder = folder
        self._kind = kind
        self._chunks = chunks
        self._indexes = indexes
        self._stores: dict[int, VectorStore] = {}
        self._turn = threading.Lock()

    def store(self, index: Index) -> VectorStore:
        """Opened at first use: importing it takes a second, reading it in another one for 100,000 chunks."""
        with self._turn:
            if index.number not in self._stores:
                self._stores[index.number] = self._open(index)
            return self._stores[index.number]

    def forget(self, index: Index) -> None:
        """Close it and delete its folder."""
        with self._turn:
            if store := self._stores.pop(index.number, None):
                store.close()
            self._delete(index.folder)

    def renew(self, index: Index, removed: int) -> Iterator[None]:
        """Fill another folder with what is there, so that no byte of `removed` vectors stays; a step at a time."""
        folder = secrets.token_hex(8)
        fresh = self._make(folder)
        for document, keys, vectors in self._chunks.vectors(index, batch=500):
            fresh.put(document, keys, vectors)
            yield
        with self._turn:
            old = self._stores.pop(index.number, None)
            if fresh.count() == self._chunks.count(index) and self._indexes.move(index, folder, removed):
                self._stores[index.number], folder = fresh, index.folder
            else:  # it has changed meanwhile: another time
                fresh.close()
            if old is not None:
                old.close()
            self._delete(folder)

    def sweep(self) -> None:
        """Delete the folders that no index names."""
        known = {index.folder for index in self._indexes.all()}
        for folder in self._folder.glob("*"):
            if folder.name not in known:
                self._delete(folder.name)

    def close(self) -> None:
        with self._turn:
            for store in self._stores.values():
                store.close()
            self._stores.clear()

    def _open(self, index: Index) -> VectorStore:
        """A damaged one is made anew from the library's file; one that a crash left behind follows it."""
        try:
            store = self._make(index.folder)
            for document in self._chunks.leftovers(index):
                self._follow(store, index, document)
            if store.count() == self._chunks.count(index):
                return store
            store.close()
        except Exception as error:  # noqa: BLE001 - here the process meets a store on disk that may be damaged
            logger.warning("a vector store is damaged and made anew: %s", error)
        folder = secrets.token_hex(8)  # the library behind the store may keep the damaged one open
        store = self._make(folder)
        for document, keys, vectors in self._chunks.vectors(index):
            store.put(document, keys, vectors)
        self._indexes.move(index, folder, self._removed(index))
        self._delete(index.folder)
        return store

    def _follow(self, store: VectorStore, index: Index, document: str) -> None:
        store.remove(document)
        for _, keys, vectors in self._chunks.vectors(index, document):
            store.put(document, keys, vectors)
        self._chunks.settle(index, document)

    def _removed(self, index: Index) -> int:
        return next((removed for worn, removed in self._indexes.worn() if worn.number == index.number), 0)

    def _make(self, folder: str) -> VectorStore:
        return vector_stores().get(self._kind)(self._folder / folder)

    def _delete(self, folder: str) -> None:
        shutil.rmtree(self._folder / folder, ignore_errors=True)
