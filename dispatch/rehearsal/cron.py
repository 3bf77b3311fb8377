"""The dispatcher in a rehearsed night: the product's own loop of ticks, which may crash or be killed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from dispatch.journal import Journal
from dispatch.lease import this_process
from dispatch.overnight import tick
from dispatch.overnight.base_load import SiteWatch
from dispatch.overnight.loop import Loop, Pace
from dispatch.rehearsal.crashes import last_words
from dispatch.rehearsal.happened import Told
from dispatch.rehearsal.reach import ReachableStations
from dispatch.rehearsal.scene import Scene
from dispatch.report import Leaving
from dispatch.store.leases import Leases, Writer
from optimiser.plan import Plan

START_S = 1.0
"""How long after everything else the dispatcher begins: what happens on a full minute has happened before it. [s]"""


LASTING = timedelta(days=3)
"""How long its lease lasts: no night is longer, and nothing in it waits for a lease to run out."""


class Cron:
    """Ticks for as long as the night goes on, but where nobody is to tick.

    ``begin`` is what the clock shows at the loop's 0. ``told`` is what the ticks said that came to their end,
    ``crashes`` the last words of those that ended by an error of their own.
    """

    def __init__(self, scene: Scene, plan: Plan, *, journal: Journal, begin: datetime) -> None:
        self.stations = ReachableStations(kill=self.kill)
        self.told: list[Told] = []
        self.crashes: list[str] = []
        self._scene, self._first_plan, self._begin = scene, plan, begin
        self._journal = journal
        self._leased: Journal | None = None
        self._plan: Plan | None = plan
        self._doubted: Mapping[Leaving, datetime] = {}
        self._ticking: asyncio.Task[object] | None = None

    def kill(self) -> None:
        """End the dispatcher with the tick that is under way, wherever it is: the next one takes a newer lease."""
        self._leased, self._doubted = None, {}
        if self._ticking is not None:
            self._ticking.cancel()

    async def run(self) -> None:
        """Tick until cancelled."""
        await asyncio.sleep(START_S)
        every_s = self._scene.depot.policy.tick_minutes * 60.0
        watch = SiteWatch()
        await Loop(
            stations=self.stations,
            tick=self._tick,
            pace=Pace(every_s=every_s, patience_s=math.inf),
            stop=asyncio.Event(),
            say=lambda _: None,
            watched=lambda live: watch.looked(live, self._plan),
            crashed=lambda error: self.crashes.append(f"the tick of {self._clock()}: {last_words(error)}"),
        ).run()

    async def _tick(self) -> None:
        scene, now = self._scene, self._now()
        if any(span.holds(now) for span in scene.silences):
            return
        self._ticking = asyncio.current_task()
        night = next(night for since, night in reversed(scene.told) if since <= now)
        # What a tick says at its end is what it has stored; one that has ended before may have stored a plan as well.
        plan, self._plan = self._plan or self._journal.latest_plan(night.date) or self._first_plan, None
        self._leased = self._leased or self._under_a_lease()
        report = await tick(
            scene.depot,
            night,
            plan,
            journal=self._leased,
            stations=self.stations,
            looks_anew=False,
            doubted=self._doubted,
        )
        short = {visit.vehicle_id for visit in report.plan.visits if not visit.is_ready}
        short |= {risk.vehicle_id for risk in report.risks}
        self.told.append(Told(at=now, short=frozenset(short), sent=report.sent))
        self._plan, self._doubted, self._ticking = report.plan, report.doubted, None

    def _under_a_lease(self) -> Journal:
        """The journal for a dispatcher that begins; the one before it was killed and has given nothing back."""
        leases = Leases(engine=self._journal.engine)
        lease = leases.take(
            this_process(Writer.DISPATCHER, "depot rehearse"),
            now=self._now(),
            lasting=LASTING,
            is_gone=lambda _: True,
        )
        return replace(self._journal, lease_token=lease.token)

    def _now(self) -> datetime:
        return self._begin + timedelta(seconds=asyncio.get_running_loop().time())

    def _clock(self) -> str:
        return f"{self._scene.night.horizon.local(self._now()):%H:%M}"
