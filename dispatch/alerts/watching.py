"""Watches over cron from a process that runs all night: minute after minute, whether ticks come to their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dispatch.alert import Cause
from dispatch.alerts.silence import cron_silence
from dispatch.alerts.telling import AT_ONCE, Teller, Told
from dispatch.journal import StoreAwayError
from dispatch.store.leases import Leases
from dispatch.store.ticks import TickBook

log = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often it is looked. [s]"""
OF_CRON = frozenset({Cause.CRON_SILENT})


@dataclass(frozen=True, kw_only=True)
class DueNight:
    """A night of which ticks are to be expected, and since when."""

    night: date
    since: datetime


@dataclass(frozen=True, kw_only=True)
class CronWatch:
    """Looks after cron. ``due`` says which night is on at an instant; ``begun_at`` is when the watch was set up."""

    teller: Teller
    due: Callable[[datetime], DueNight | None]
    clock: Callable[[], datetime]
    begun_at: datetime

    async def look(self) -> Told:
        """Look once, and tell what is due. Raises :class:`dispatch.journal.StoreAwayError`."""
        now, engine = self.clock(), self.teller.book.engine
        due, found = self.due(now), None
        if due is not None:
            found = cron_silence(
                TickBook(engine=engine).latest(),
                Leases(engine=engine).newest(),
                night=due.night,
                due_since=max(due.since, self.begun_at),
                every=timedelta(minutes=self.teller.depot.policy.tick_minutes),
                now=now,
                zone=self.teller.zone,
            )
        conditions = [] if found is None else [found]
        return await self.teller.tell(conditions, watched=OF_CRON, now=now, calm=AT_ONCE)

    async def run(self, *, every_s: float = EVERY_S) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                told = await self.look()
            except StoreAwayError as error:
                log.error("nobody watches over cron: %s", error)  # noqa: TRY400 - the store's fault
            else:
                for line in told.lines:
                    log.warning("%s", line)
