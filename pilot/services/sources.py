"""The databases that can be asked: those of the settings, those that were added, spreadsheets, and the sample."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from pilot.config import Settings
from pilot.datasource.catalog import Catalog, OpenSource, Origin, SourceInfo, source_name
from pilot.datasource.owner import OwnerWords
from pilot.datasource.owner_yaml import dump, load
from pilot.datasource.risks import risk_sentence
from pilot.datasource.shelf import Shelf
from pilot.errors import PilotError
from pilot.i18n import Language, Texts
from pilot.sample import shop
from pilot.schema import Schema

logger = logging.getLogger(__name__)

SAMPLE_SOURCE = "Sample shop"
CERTIFICATES = "certificates"  # folder of the data folder: who may vouch for a database server


class Sources:
    """The catalog of databases and the shelf of spreadsheets, off the event loop."""

    def __init__(self, catalog: Catalog, shelf: Shelf) -> None:
        self._catalog = catalog
        self._shelf = shelf
        self._shelving = threading.Lock()
        self.on_removed: list[Callable[[str], Awaitable[None]]] = []  # others forget it, too

    async def names(self) -> list[str]:
        """All, databases before the sample and spreadsheets behind it: whoever comes anew finds the first one chosen,
        which nobody's dropped file shall be. None is connected to.
        """
        return await asyncio.to_thread(self._names)

    def _names(self) -> list[str]:
        urls = self._catalog.urls()
        return sorted(self._catalog.names(), key=lambda name: name in urls and self._shelf.holds(urls[name]))

    async def list(self) -> list[SourceInfo]:
        return await asyncio.to_thread(self._catalog.list)

    async def info(self, name: str) -> SourceInfo:
        """Raises NotFound."""
        return await asyncio.to_thread(self._catalog.info, name)

    async def test(self, url: str) -> SourceInfo:
        """Connect and look, without keeping anything. Raises SourceRefused, SourceUnreachable."""
        return await asyncio.to_thread(self._catalog.test, url)

    async def add(self, name: str, url: str) -> SourceInfo:
        """Tests the connection first. Raises InputInvalid, Conflict, SourceRefused, SourceUnreachable."""
        return await asyncio.to_thread(self._catalog.add, name, url)

    async def add_file(self, file: str, content: bytes, *, name: str = "") -> SourceInfo:
        """A spreadsheet becomes a database that can only be read, called `name`, or else like the file.

        Raises InputInvalid, Conflict, SourceRefused.
        """
        return await asyncio.to_thread(self._add_file, file, content, name)

    async def refresh(self, name: str) -> SourceInfo:
        """Connect anew and read the tables again. Raises NotFound, SourceRefused, SourceUnreachable."""
        await self.open(name, refresh=True)
        return await self.info(name)

    async def remove(self, name: str) -> None:
        """Raises NotFound, or Conflict for one that the settings or the sample bring."""
        await asyncio.to_thread(self._remove, name)
        for forget in self.on_removed:
            await forget(name)

    async def schema(self, name: str, *, refresh: bool = False) -> Schema:
        return (await self.open(name, refresh=refresh)).schema

    async def words(self, name: str) -> str:
        """What its owner says of it, as YAML. Raises NotFound, SourceRefused, SourceUnreachable."""
        return dump((await self.open(name)).words)

    async def describe(self, name: str, words: OwnerWords | str, *, language: Language = "en") -> OpenSource:
        """Keep what its owner says of it. In YAML every name and figure is looked up; values are believed, so that
        words about a table that is gone for a while do not stand in the way. Raises NotFound, InputInvalid.
        """
        opened = await self.open(name)
        text, schema = (words, opened.whole) if isinstance(words, str) else (dump(words), None)
        read = await asyncio.to_thread(load, text, schema, Texts(language))
        return await asyncio.to_thread(self._catalog.describe, name, read)

    async def open(self, name: str, *, refresh: bool = False) -> OpenSource:
        return await asyncio.to_thread(lambda: self._catalog.open(name, refresh=refresh))

    def answered(self, name: str) -> None:
        """It has just answered: whatever was wrong with it is over."""
        self._catalog.answered(name)

    async def start(self) -> None:
        """Tell the log which accounts can do more than read, and clear away what a crash has left."""
        await asyncio.to_thread(self._tidy)
        texts = Texts("en")
        for info in await self.list():
            for risk in info.warnings:
                logger.warning("%s: %s %s", info.name, risk_sentence(risk, texts), " ".join(risk.grants))
            if info.error is not None:
                logger.warning("%s: %s. %s", info.name, info.error.message, info.error.remedy)

    async def close(self) -> None:
        await asyncio.to_thread(self._catalog.close)

    def _add_file(self, file: str, content: bytes, name: str) -> SourceInfo:
        with self._shelving:
            try:
                return self._catalog.add(name or self._free_name(file), self._shelf.put(content, file))
            except PilotError:
                self._shelf.keep_only(self._catalog.urls().values())
                raise

    def _remove(self, name: str) -> None:
        self._catalog.remove(name)
        self._tidy()

    def _tidy(self) -> None:
        with self._shelving:
            self._shelf.keep_only(self._catalog.urls().values())

    def _free_name(self, file: str) -> str:
        plain = source_name(Path(file).stem)
        taken, number, name = self._catalog.names(), 2, plain
        while name in taken:
            number, name = number + 1, f"{plain} {number}"
        return name


def sample_shop(settings: Settings) -> Path:
    """Where the sample database lies."""
    return settings.data_dir / "sample" / "shop.sqlite"


def make_sample_shop(settings: Settings) -> None:
    if not sample_shop(settings).exists():
        shop.make(sample_shop(settings), today=date.today())


def configured(settings: Settings) -> tuple[dict[str, tuple[sa.URL, Origin]], sa.URL | None]:
    """The sources that the settings bring: by name, and the server of which every database is one."""
    fixed: dict[str, tuple[sa.URL, Origin]] = {
        SAMPLE_SOURCE: (sa.URL.create("sqlite", database=str(sample_shop(settings))), "sample")
    }
    if not settings.local_db_host:
        return fixed, None
    password = settings.local_db_password.get_secret_value() if settings.local_db_password else None
    server = sa.URL.create(
        settings.local_db_type, settings.local_db_user or None, password,
        settings.local_db_host, settings.local_db_port,
        query={"sslmode": settings.local_db_sslmode}
        | ({"sslrootcert": settings.local_db_sslrootcert} if settings.local_db_sslrootcert else {}),
    )  # fmt: skip
    if not settings.local_db_name:
        return fixed, server
    return fixed | {settings.local_db_name: (server.set(database=settings.local_db_name), "settings")}, None
