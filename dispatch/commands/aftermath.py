"""What follows a tick: that it has come to its end is written down, and people are told what needs them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from dispatch.alert import Alert, Cause, Condition
from dispatch.alerts import Told, teller_of
from dispatch.alerts.arising import OF_TICKS, conditions_of
from dispatch.journal import Journal
from dispatch.remembered import JITTER
from dispatch.report import NightReport
from dispatch.site import Site
from dispatch.station import Stations
from dispatch.store.ticks import TickBook, TickEnd
from optimiser.cli import ExitCode
from optimiser.depot import Depot


class LookForForeign(Protocol):
    """Looks for profiles that are not ours; see :func:`dispatch.audit.foreign.look_for_foreign`."""

    async def __call__(
        self,
        depot: Depot,
        report: NightReport,
        *,
        open_alerts: Sequence[Alert],
        journal: Journal,
        stations: Stations,
    ) -> list[Condition]:
        """What is foreign after a tick."""


class Aftermath:
    """What follows the ticks of one run of a command.

    Foreign profiles are looked for once in a tick's time: in a loop most ticks are called for by somebody who comes
    home.
    """

    def __init__(self, site: Site, look_for_foreign: LookForForeign) -> None:
        self._site = site
        self._look_for_foreign = look_for_foreign
        self._looked_at: datetime | None = None

    async def follow(self, depot: Depot, found: NightReport, *, code: ExitCode, summary: str) -> Told:
        """Write down that a tick has come to its end, and tell what it has found.

        Raises :class:`dispatch.journal.StoreAwayError` and :class:`dispatch.station.StationsUnreachableError`.
        """
        site = self._site
        end = TickEnd(night=found.plan.night, at=found.at, exit_code=int(code), summary=summary)
        TickBook(engine=site.journal.engine).ended(end)
        teller = teller_of(depot, site.folder, site.journal)
        conditions, watched = conditions_of(found), OF_TICKS
        if self._is_time(found.at, every=timedelta(minutes=depot.policy.tick_minutes)):
            conditions += await self._look_for_foreign(
                depot,
                found,
                open_alerts=teller.book.open(),
                journal=site.journal,
                stations=site.stations,
            )
            watched = watched | {Cause.FOREIGN}
            self._looked_at = found.at
        return await teller.tell(conditions, watched=watched, now=found.at, calm=teller.calm)

    def _is_time(self, now: datetime, *, every: timedelta) -> bool:
        return self._looked_at is None or now - self._looked_at >= every - JITTER
