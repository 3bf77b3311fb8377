"""Lets one night happen: gateway, dispatcher, charge points and vehicles in one loop of virtual time.

What is above the lines is the product itself; below them are simulated charge points. Nothing here judges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from dispatch.connection import Frame
from dispatch.journal import open_journal
from dispatch.rehearsal.cron import Cron
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.happenings import DispatcherKilled, ForeignProfile, GatewayKilled
from dispatch.rehearsal.keeper import Gear, Keeper
from dispatch.rehearsal.lines import Lines
from dispatch.rehearsal.overdraw import Overdraw, excused_since
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, Scene, bounds
from dispatch.rehearsal.site import Watch
from dispatch.rehearsal.site_meter import tell_readings
from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from dispatch.simulator.charge_point import ChargePoint, Timing
from dispatch.simulator.depot import machines
from optimiser.plan import Plan

METER_INTERVAL_S = 900.0
"""Between two meter readings of a charge point, as at many depots. [s]"""
TIMING = Timing(tick_s=METER_INTERVAL_S)
IN_MEMORY = "sqlite://"
"""On a disk the night would be spent waiting for it, a commit for every message."""
RESTARTS = {"1.6": "Reboot", "2.0.1": "ImmediateReset"}
"""Why a session ends when its charger starts anew, in each version's word."""


def play(scene: Scene, plan: Plan, *, gear: Gear, store: str = IN_MEMORY) -> Happened:
    """A night with its stored plan, from before the first arrival until after the last departure.

    In the gear ``sockets`` charge points dial in over WebSockets on loopback, in ``memory`` there is no network.
    What happens is the same. ``store`` is the URL of the journal, which is left there.
    """
    return run_virtually(lambda: _Stage(scene, plan, gear=gear).play(store))


class _Stage:
    """One night while it goes on."""

    def __init__(self, scene: Scene, plan: Plan, *, gear: Gear) -> None:
        self._scene, self._plan, self._gear = scene, plan, gear
        self._begin, self._end = bounds(scene)
        self._watch = Watch(begin=self._begin)
        self._heard: set[tuple[str, str, str]] = set()
        self._points: dict[str, ChargePoint] = {}
        self._overdraws: dict[str, Overdraw] = {}
        self._lines = Lines()

    async def play(self, store: str) -> Happened:
        clock = virtual_clock(self._begin)
        journal = open_journal(store, Path())
        journal.save_plan(self._plan)
        cron = Cron(self._scene, self._plan, journal=journal, begin=self._begin)
        keeper = Keeper(
            self._scene.depot,
            gear=self._gear,
            journal=journal,
            clock=_ordering(clock),
            lines=self._lines,
            stations=cron.stations,
        )
        try:
            async with keeper.keeping():
                await self._go_on(clock, cron, keeper)
            lost = len(self._heard - journal.frames_known())
        finally:
            journal.close()
        first_at = {
            charger_id: overdraw.first_at - self._points[charger_id].ahead
            for charger_id, overdraw in self._overdraws.items()
            if overdraw.first_at is not None
        }
        return Happened(
            scene=excused_since(self._scene, first_at),
            plan=self._plan,
            begin=self._begin,
            end=self._end,
            record=self._watch.record(),
            departed=tuple(self._watch.departed),
            slept=tuple(self._watch.slept),
            told=tuple(cron.told),
            lost_entries=lost,
            crashes=(*cron.crashes, *keeper.crashes),
        )

    async def _go_on(self, clock: Callable[[], datetime], cron: Cron, keeper: Keeper) -> None:
        """Everything that goes on at once, until the night is over."""
        built = machines(
            self._scene.true_depot(),
            self._scene.true_night(),
            meter_interval_s=METER_INTERVAL_S,
            personas=dict(self._scene.personas),
            sleeps_after_s=self._scene.sleeps_after_s(),
        )
        async with asyncio.TaskGroup() as tasks:
            going = [
                tasks.create_task(self._happen(cron, keeper)),
                tasks.create_task(cron.run()),
                tasks.create_task(tell_readings(self._scene, cron.stations, begin=self._begin)),
            ]
            for machine in built:
                charger_id = machine.charger.id
                point = ChargePoint(
                    machine,
                    dial=self._lines.dial(machine),
                    clock=clock,
                    timing=TIMING,
                    on_frame=self._hears(charger_id),
                )
                self._points[charger_id] = point
                machine.on_charge = self._watch.on_charge(charger_id, _ahead(point))
                if machine.persona.draws_more_than_it_tells:
                    self._overdraws[charger_id] = Overdraw(machine, then=machine.on_charge)
                    machine.on_charge = self._overdraws[charger_id].on_charge
                machine.on_leave = self._watch.on_leave(charger_id, _ahead(point))
                going.append(tasks.create_task(point.run(), name=charger_id))
            await _until(self._end, self._begin)
            for machine in built:  # what has happened since they last looked
                machine.advance_to(clock() + self._points[machine.charger.id].ahead)
            for task in going:
                task.cancel()

    def _hears(self, charger_id: str) -> Callable[[Frame], None]:
        """Notes what has come from the gateway: that, and what it answers, must be in the journal."""

        def heard(frame: Frame) -> None:
            if frame.direction == "in" and frame.message_id is not None:
                self._heard.add((charger_id, "out", frame.message_id))
                if not frame.text.startswith("[2"):
                    self._heard.add((charger_id, "in", frame.message_id))

        return heard

    async def _happen(self, cron: Cron, keeper: Keeper) -> None:
        """Let everything happen when it is time."""
        for at, _, happening in sorted(self._happenings(cron, keeper), key=lambda entry: entry[:2]):
            await _until(at, self._begin)
            happening()

    def _happenings(self, cron: Cron, keeper: Keeper) -> Iterator[tuple[datetime, str, Callable[[], None]]]:
        """What happens when, and to which charger."""
        scene, lines = self._scene, self._lines
        for charger_id, span in scene.away:
            yield span.start, charger_id, partial(lines.cut, charger_id)
            yield span.end, charger_id, partial(lines.mend, charger_id)
        for at, charger_id in scene.reboots:
            point = self._points[charger_id]
            yield at, charger_id, partial(lines.bar, charger_id)
            yield at, charger_id, partial(point.restart, RESTARTS[point.machine.charger.ocpp])
            yield at + AWAY_IN_REBOOT, charger_id, partial(lines.mend, charger_id)
        for happening in scene.happenings:
            match happening:
                case GatewayKilled(at=at, away=away):
                    yield at, "", partial(keeper.kill, away_s=away.total_seconds())
                case DispatcherKilled(at=at, request=request):
                    yield at, "", partial(cron.stations.end_at, request)
                case ForeignProfile(at=at, charger_id=charger_id):
                    point = self._points[charger_id]
                    yield at, charger_id, partial(point.meddle, level=happening.level, limit_kw=happening.kw)


def _ordering(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock that never shows an instant twice: while virtual time stands still, events keep their order by it."""
    last = clock()

    def ordered() -> datetime:
        nonlocal last
        last = max(clock(), last + timedelta(microseconds=1))
        return last

    return ordered


async def _until(instant: datetime, begin: datetime) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, (instant - begin).total_seconds() - loop.time()))


def _ahead(point: ChargePoint) -> Callable[[], timedelta]:
    return lambda: point.ahead
