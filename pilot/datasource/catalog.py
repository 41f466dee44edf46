"""The named databases that questions can be asked of: the sample, those of the settings, those that people added.

Blocking; callers cross over by a thread. Each source is connected and read on first use, then kept.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from pilot.datasource.owner import OwnerWords, apply
from pilot.datasource.owner_yaml import dump, load
from pilot.datasource.refusals import fault
from pilot.datasource.risks import Risk
from pilot.datasource.source import SqlSource, connect, databases
from pilot.datasource.values import ValueIndex
from pilot.errors import Conflict, InputInvalid, NotFound, SourceError, SourceRefused
from pilot.i18n import Texts
from pilot.schema import Schema
from pilot.store import Store

Origin = Literal["sample", "settings", "added"]
FRESH_SECONDS = 600.0  # a schema older than this is looked at again at the next question, read again if it changed
VALUES_SECONDS = 6 * 3600.0  # the same for cell values, which take longer to read
FAILED_SECONDS = 10.0  # a list does not ask a dead server again before
LISTED_AT_ONCE = 8
NEVER: tuple[float, SourceError | None] = (float("-inf"), None)
NAME_CHARS = 80
NAME = re.compile(rf"\w[\w .\-]{{0,{NAME_CHARS - 1}}}")


@dataclass(frozen=True)
class SourceInfo:
    """What people may see of a source. `url` never holds the password."""

    name: str
    origin: Origin
    url: str
    dialect: str
    warnings: tuple[Risk, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True)
class OpenSource:
    """A connected source with what is known of it. `values` finds cells that a question mentions."""

    name: str
    datasource: SqlSource
    whole: Schema  # as the database tells it: for its owner alone
    words: OwnerWords
    schema: Schema  # as everyone may see it: with the owner's words, without what he hides
    values: ValueIndex
    warnings: tuple[Risk, ...]
    read_at: float  # monotonic seconds
    values_at: float


class Catalog:
    """`fixed` are the sources that nobody adds by hand, by name; `server` is a database server of which every
    database becomes a source; `certificates` is the folder of the files that a URL may name in `sslrootcert`.
    """

    def __init__(
        self,
        store: Store,
        *,
        fixed: Mapping[str, tuple[sa.URL, Origin]],
        server: sa.URL | None = None,
        certificates: Path | None = None,
    ) -> None:
        self._store = store
        self._fixed = dict(fixed)
        self._server = server
        self._on_server: list[str] | None = None
        self._certificates = certificates
        self._open: dict[str, OpenSource] = {}
        self._failed: dict[str, tuple[float, SourceError | None]] = {}  # when and how, by name or host
        self._lock = threading.RLock()  # held for moments; who connects holds the lock of that source alone
        self._locks: dict[str, threading.RLock] = defaultdict(threading.RLock)

    def urls(self) -> dict[str, sa.URL]:
        """Where each is, with passwords."""
        return {name: url for name, (url, _) in self._known().items()}

    def names(self) -> list[str]:
        """All sources, the sample last; none is connected to."""
        known = self._known()
        return sorted(known, key=lambda name: (known[name][1] == "sample", name))

    def list(self) -> list[SourceInfo]:
        """All sources, the sample last. One that does not answer is there with its error."""
        with ThreadPoolExecutor(LISTED_AT_ONCE) as pool:  # dead servers are waited for side by side
            return list(pool.map(self.info, self.names()))

    def info(self, name: str) -> SourceInfo:
        """Raises NotFound."""
        url, origin = self._known_one(name)
        shown = url.render_as_string(hide_password=True)
        try:
            source = self._listed(name)
        except SourceError as error:
            return SourceInfo(name, origin, shown, url.get_backend_name(), error=error)
        return SourceInfo(name, origin, shown, source.datasource.dialect, source.warnings)

    def test(self, url: str) -> SourceInfo:
        """Connect and look, without keeping anything. Raises SourceRefused, SourceUnreachable."""
        source = self._first("", url)
        source.datasource.close()
        shown = sa.make_url(url).render_as_string(hide_password=True)
        return SourceInfo("", "added", shown, source.datasource.dialect, source.warnings)

    def add(self, name: str, url: str) -> SourceInfo:
        """Connect first, then keep. Raises InputInvalid, Conflict, SourceRefused, SourceUnreachable."""
        name = name.strip()
        if not NAME.fullmatch(name):
            raise fault(InputInvalid, "name", name=name)
        with self._locks[name]:
            if name in self._known():
                raise fault(Conflict, "name_taken", name=name)
            opened = self._first(name, url)
            self._store.add_source(name, url)
            self._open[name] = opened
        return self.info(name)

    def _first(self, name: str, url: str) -> OpenSource:
        """Raises SourceRefused, SourceUnreachable."""
        opened = _read(name, connect(url, certificates=self._certificates), OwnerWords())
        if opened.whole.tables or opened.datasource.url.database:
            return opened
        opened.datasource.close()
        known = databases(url, certificates=self._certificates)
        raise fault(SourceRefused, "no_database", known=", ".join(known) or "-")

    def remove(self, name: str) -> None:
        """Raises NotFound, Conflict for a source that the settings or the sample bring."""
        _, origin = self._known_one(name)
        if origin != "added":
            raise fault(Conflict, "not_removable", name=name)
        with self._locks[name]:
            self._store.delete_source(name)
            self._close(name)

    def open(self, name: str, *, refresh: bool = False) -> OpenSource:
        """Connected, its schema not older than FRESH_SECONDS. Raises NotFound, SourceRefused, SourceUnreachable."""
        url, _ = self._known_one(name)
        with self._locks[name]:
            found = self._open.get(name)
            stale = found is not None and time.monotonic() - found.read_at > FRESH_SECONDS
            if found is not None and not refresh and not stale:
                return found
            try:
                # a refresh connects anew: a file may be another one by now
                datasource = (
                    connect(url, certificates=self._certificates) if found is None or refresh else found.datasource
                )
                known = None if refresh else found
                self._open[name] = _read(name, datasource, known.words if known else self._words(name), known)
            except SourceError as error:
                self._failed[name] = (time.monotonic(), error)
                raise
            if found is not None and found.datasource is not datasource:
                found.datasource.close()
            self._failed.pop(name, None)
            return self._open[name]

    def answered(self, name: str) -> None:
        """It works: a failure that is still remembered is over."""
        self._failed.pop(name, None)

    def describe(self, name: str, words: OwnerWords) -> OpenSource:
        """Keep what its owner says of it. Raises NotFound, SourceRefused, SourceUnreachable."""
        with self._locks[name]:
            found = self.open(name)
            self._store.keep_owner_words(name, dump(words))
            self._open[name] = _described(found, words)
            return self._open[name]

    def close(self) -> None:
        for name in tuple(self._open):
            with self._locks[name]:
                self._close(name)

    def _words(self, name: str) -> OwnerWords:
        return load(self._store.owner_words(name), None, Texts("en"))

    def _listed(self, name: str) -> OpenSource:
        failed_at, error = self._failed.get(name, NEVER)
        if error is not None and time.monotonic() - failed_at < FAILED_SECONDS:
            raise error
        return self.open(name)

    def _known_one(self, name: str) -> tuple[sa.URL, Origin]:
        known = self._known()
        if name not in known:
            raise fault(NotFound, "unknown", name=name, known=", ".join(known))
        return known[name]

    def _known(self) -> dict[str, tuple[sa.URL, Origin]]:
        with self._lock:
            added: dict[str, tuple[sa.URL, Origin]] = {
                row.name: (sa.make_url(row.url), "added") for row in self._store.sources()
            }
            return added | self._discovered() | self._fixed

    def _discovered(self) -> dict[str, tuple[sa.URL, Origin]]:
        """The server's databases; while it does not answer, one entry under its host's name that shows the error."""
        if self._server is None:
            return {}
        if self._on_server is None:
            host = str(self._server.host)
            failed_at, _ = self._failed.get(host, NEVER)
            try:
                if time.monotonic() - failed_at > FAILED_SECONDS:
                    self._on_server = databases(self._server, certificates=self._certificates)
            except SourceError as error:
                self._failed[host] = (time.monotonic(), error)
        if self._on_server is None:
            return {str(self._server.host): (self._server, "settings")}
        return {name: (self._server.set(database=name), "settings") for name in self._on_server}

    def _close(self, name: str) -> None:
        if source := self._open.pop(name, None):
            source.datasource.close()


def source_name(text: str) -> str:
    """A name that `add` takes, made of any."""
    return re.sub(r"[^\w .\-]+|^[^\w]+", " ", text).strip()[:NAME_CHARS].strip() or "spreadsheet"


def _read(name: str, datasource: SqlSource, words: OwnerWords, known: OpenSource | None = None) -> OpenSource:
    """Anew, or of what is known already only what has changed."""
    now = time.monotonic()
    try:
        whole = datasource.reflect(known.whole if known else None)
        schema = apply(words, whole)
        fresh = known is not None and known.whole.fingerprint() == whole.fingerprint()
        if known is not None and fresh and now - known.values_at < VALUES_SECONDS:
            return replace(known, whole=whole, schema=schema, read_at=now)
        values = ValueIndex.build(datasource, schema, silent=words.silent)
        return OpenSource(name, datasource, whole, words, schema, values, tuple(datasource.warnings()), now, now)
    except SourceError:
        datasource.close()
        raise


def _described(found: OpenSource, words: OwnerWords) -> OpenSource:
    """Cells are read again only where others may be read now."""
    schema, before = apply(words, found.whole), found.words
    columns = [(table.name, column.name) for table in found.whole.tables for column in table.columns]
    same = all(words.silent(*place) == before.silent(*place) for place in columns)
    values = found.values if same else ValueIndex.build(found.datasource, schema, silent=words.silent)
    return replace(found, words=words, schema=schema, values=values)
