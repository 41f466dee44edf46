"""The night shift: once a night it starts a run by itself, or goes on with last night's."""

import asyncio
import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta
from datetime import time as clock

from pilot.datasource.refusals import fault
from pilot.errors import InputInvalid, PilotError
from pilot.services.own import Own
from pilot.services.sources import Sources
from pilot.store.runs import Night, Wish

logger = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")  # local


class NightShift:
    def __init__(self, own: Own, sources: Sources) -> None:
        self._own = own
        self._sources = sources
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Watch the clock."""
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def settings(self) -> Night:
        return await asyncio.to_thread(self._own.store.night)

    async def set(self, night: Night) -> Night:
        """Raises InputInvalid for what is no time of day, NotFound for an unknown database."""
        for told in (night.begins, night.ends):
            if not TIME.fullmatch(told):
                raise fault(InputInvalid, "own_no_time", text=told)
        if night.on and not night.sources:
            raise fault(InputInvalid, "own_no_source")
        for name in night.sources:
            await self._sources.info(name)
        before = await self.settings()
        kept = replace(night, last=before.last, said=before.said, looked=before.looked)
        return await asyncio.to_thread(self._own.store.keep_night, kept)

    async def look(self, at: datetime) -> None:
        """What is to be done at this moment."""
        night = await self.settings()
        begins = _begun(night, at)
        if begins is None or night.looked == begins.isoformat() or await self._own.running():
            return
        ends = begins + _span(night)
        night = await asyncio.to_thread(self._own.store.keep_night, replace(night, looked=begins.isoformat(), said=""))
        runs = await self._own.runs()
        try:
            if runs and runs[0].night and runs[0].state == "stopped":
                run = await self._own.go_on(runs[0].id, until=ends)
            else:
                await self._refuse_few(night)
                wish = Wish(night.sources, mask=night.mask, release=True, memory_gib=night.memory_gib)
                run = await self._own.start(wish, night=True, until=ends)
            await asyncio.to_thread(self._own.store.keep_night, replace(night, last=run.id))
        except PilotError as error:
            said = str(error.details.get("reason", error.message))
            await asyncio.to_thread(self._own.store.keep_night, replace(night, said=said))

    async def _refuse_few(self, night: Night) -> None:
        """Raises InputInvalid where hardly anything was approved since the last run."""
        new = sum(each.new for each in (await self._own.material(night.sources)).sources)
        if new < night.fewest:
            raise fault(InputInvalid, "own_few_new")

    async def _watch(self) -> None:
        while True:
            try:
                await self.look(datetime.now())
            except PilotError as error:
                logger.warning("the night shift: %s", error.message)
            except Exception:  # a full disk today must not end all nights to come
                logger.exception("the night shift")
            await asyncio.sleep(LOOK_SECONDS)


def _begun(night: Night, at: datetime) -> datetime | None:
    """When the night began that this moment is in; None by day."""
    if not night.on:
        return None
    today = datetime.combine(at.date(), clock.fromisoformat(night.begins))
    return next((begun for begun in (today, today - timedelta(days=1)) if begun <= at < begun + _span(night)), None)


def _span(night: Night) -> timedelta:
    """Over midnight, too."""
    begins, ends = (datetime.combine(datetime.min, clock.fromisoformat(each)) for each in (night.begins, night.ends))
    return ends - begins if ends > begins else ends - begins + timedelta(days=1)
