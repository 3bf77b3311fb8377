"""A depot at work: folder, journal and the way to its stations in one hand, and the lease for whoever writes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dispatch import api, leftovers
from dispatch.journal import Journal
from dispatch.lease import Writer, holding, this_process
from optimiser.depot import Depot
from optimiser.inputs import InputError, Problem, load_folder, night_containing
from optimiser.night import Night
from optimiser.plan import Plan

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a command works with that speaks with a depot's chargers."""

    folder: Path
    depot: Depot
    journal: Journal
    stations: api.ApiStations

    async def planned_night(self, named: str | None) -> tuple[Night, Plan]:
        """A night by its date, or the one that contains the gateway's now, with its latest plan.

        Raises :class:`InputError`, also where no plan of it is stored, and
        :class:`dispatch.station.StationsUnreachableError`.
        """
        night: date | str | None = named
        if night is None:
            night = night_containing(self.depot, (await self.stations.live()).now)
        _, read = load_folder(self.folder, night)
        plan = self.journal.latest_plan(read.date)
        if plan is None:
            raise InputError([self.no_plan(read.date)])
        return read, plan

    def no_plan(self, night: date) -> Problem:
        """Says what is missing where a night was not planned."""
        return Problem(
            where=str(self.folder),
            found=f"no stored plan for the night of {night}",
            allowed=f"a night that has been planned: depot plan {self.folder} --night {night}",
        )

    @asynccontextmanager
    async def writing(self, doing: str) -> AsyncIterator[Journal]:
        """Be the one that writes, for as long as the block lasts; yields the journal to write under the lease.

        Raises :class:`dispatch.lease.LeaseHeldError` where somebody else is.
        """
        async with holding(self.journal, this_process(Writer.DISPATCHER, doing)) as leased:
            assert leased.lease_token is not None, "it is held"
            self.stations.write_under(leased.lease_token)
            await self.tidy(leased)
            yield leased

    async def tidy(self, journal: Journal) -> None:
        """Take away what commissionings that were killed have left on chargers, under the lease of ``journal``."""
        if leftovers.noted(self.folder):
            live = await self.stations.live()
            for line in await leftovers.take_away(self.folder, live, journal=journal, stations=self.stations):
                log.warning("%s", line)
