"""Lets one night happen: gateway, dispatcher, charge points and vehicles in one loop of virtual time.

What is above the lines is the product itself; below them are simulated charge points. Nothing here judges.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from dispatch.connection import Frame
from dispatch.gateway import accepting
from dispatch.gateway.desk import Surroundings
from dispatch.gateway.live import LiveDepot
from dispatch.gateway.session import Session
from dispatch.gateway.sockets import SocketStations
from dispatch.journal import Journal, open_journal
from dispatch.overnight import tick
from dispatch.rehearsal.happened import Happened, Told
from dispatch.rehearsal.lines import Lines, memory_lines, socket_lines
from dispatch.rehearsal.scene import AWAY_IN_REBOOT, Scene, bounds
from dispatch.rehearsal.site import Watch
from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from dispatch.simulator.charge_point import ChargePoint, Timing
from dispatch.simulator.depot import machines
from dispatch.station import LiveState, Stations
from optimiser.depot import GatewaySettings
from optimiser.plan import Plan

Gear = Literal["memory", "sockets"]

METER_INTERVAL_S = 900.0
"""Between two meter readings of a charge point, as at many depots. [s]"""
DEBOUNCE_S = 5.0
"""How long a tick that an event calls for waits for more of the kind: chargers speak several times in a row. [s]"""
CALL_TIMEOUT_S = 30.0
TIMING = Timing(tick_s=METER_INTERVAL_S)
STORE = "sqlite://"
"""In memory: on a disk the night would be spent waiting for it, a commit for every message."""
RESTARTS = {"1.6": "Reboot", "2.0.1": "ImmediateReset"}
"""Why a session ends when its charger starts anew, in each version's word."""


def play(scene: Scene, plan: Plan, *, gear: Gear) -> Happened:
    """A night with its stored plan, from before the first arrival until after the last departure.

    In the gear ``sockets`` charge points dial in over WebSockets on loopback, in ``memory`` there is no network.
    What happens is the same.
    """
    return run_virtually(lambda: _Stage(scene, plan, gear=gear).play())


class _Stage:
    """One night while it goes on."""

    def __init__(self, scene: Scene, plan: Plan, *, gear: Gear) -> None:
        self._scene, self._plan, self._gear = scene, plan, gear
        self._begin, self._end = bounds(scene)
        self._watch = Watch(begin=self._begin)
        self._heard: set[tuple[str, str, str]] = set()
        self._told: list[Told] = []
        self._points: dict[str, ChargePoint] = {}

    async def play(self) -> Happened:
        clock = virtual_clock(self._begin)
        journal = open_journal(STORE, Path())
        journal.save_plan(self._plan)
        try:
            async with self._gateway(journal, _ordering(clock)) as (lines, stations):
                await self._go_on(clock, journal, lines, stations)
            lost = len(self._heard - journal.frames_known())
        finally:
            journal.close()
        return Happened(
            scene=self._scene,
            plan=self._plan,
            begin=self._begin,
            end=self._end,
            record=self._watch.record(),
            departed=tuple(self._watch.departed),
            told=tuple(self._told),
            lost_entries=lost,
        )

    @asynccontextmanager
    async def _gateway(
        self, journal: Journal, clock: Callable[[], datetime]
    ) -> AsyncIterator[tuple[Lines, Stations]]:
        depot = self._scene.depot
        if self._gear == "sockets":
            passwords = {charger.id: secrets.token_hex(10) for charger in depot.chargers}
            settings = GatewaySettings(listen="127.0.0.1:0", api="127.0.0.1:0", security_profile=1)
            async with accepting(
                replace(depot, gateway=settings),
                journal,
                credentials=passwords,
                clock=clock,
                call_timeout_s=CALL_TIMEOUT_S,
                ping_s=None,
            ) as doors:
                yield Lines(open=socket_lines(doors.ocpp, passwords)), doors.stations
            return
        live = LiveDepot((charger.id for charger in depot.chargers), journal=journal, clock=clock)
        around = Surroundings(
            depot=depot, journal=journal, live=live, clock=clock, call_timeout_s=CALL_TIMEOUT_S
        )
        sessions: dict[str, Session] = {}
        async with asyncio.TaskGroup() as tasks:
            lines = Lines(open=memory_lines(around, sessions, tasks))
            yield lines, SocketStations(sessions=sessions, live_depot=live, clock=clock)
            live.close()

    async def _go_on(
        self, clock: Callable[[], datetime], journal: Journal, lines: Lines, stations: Stations
    ) -> None:
        """Everything that goes on at once, until the night is over."""
        night = self._scene.true_night()
        built = machines(
            self._scene.true_depot(),
            night,
            meter_interval_s=METER_INTERVAL_S,
            personas=dict(self._scene.personas),
            sleeps_after_s=self._scene.sleeps_after_s(),
        )
        async with asyncio.TaskGroup() as tasks:
            going = [
                tasks.create_task(self._happen(lines)),
                tasks.create_task(self._dispatch(journal, stations)),
            ]
            for machine in built:
                charger_id = machine.charger.id
                point = ChargePoint(
                    machine,
                    dial=lines.dial(machine),
                    clock=clock,
                    timing=TIMING,
                    on_frame=self._hears(charger_id),
                )
                self._points[charger_id] = point
                machine.on_charge = self._watch.on_charge(charger_id, _ahead(point))
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

    async def _happen(self, lines: Lines) -> None:
        """Cut, mend and restart when it is time."""
        happenings: list[tuple[datetime, str, Callable[[], None]]] = []
        for charger_id, span in self._scene.away:
            happenings.append((span.start, charger_id, _bound(lines.cut, charger_id)))
            happenings.append((span.end, charger_id, _bound(lines.mend, charger_id)))
        for at, charger_id in self._scene.reboots:
            point = self._points[charger_id]
            reason = RESTARTS[point.machine.charger.ocpp]
            happenings.append((at, charger_id, _bound(lines.bar, charger_id)))
            happenings.append((at, charger_id, _bound(point.restart, reason)))
            happenings.append((at + AWAY_IN_REBOOT, charger_id, _bound(lines.mend, charger_id)))
        for at, _, happening in sorted(happenings, key=lambda entry: entry[:2]):
            await _until(at, self._begin)
            happening()

    async def _dispatch(self, journal: Journal, stations: Stations) -> None:
        """Tick by the clock, and when somebody connects, comes or goes, as long as nobody is silent."""
        scene, loop = self._scene, asyncio.get_running_loop()
        every_s = scene.depot.policy.tick_minutes * 60.0
        next_s = every_s
        shape = _shape(await stations.live())
        while True:
            live = await stations.wait_for_change(
                after=(await stations.live()).now, timeout_s=max(0.0, next_s - loop.time())
            )
            is_due = loop.time() >= next_s
            if not is_due and _shape(live) == shape:
                continue
            if not is_due:
                await asyncio.sleep(DEBOUNCE_S)
            while next_s <= loop.time():
                next_s += every_s
            shape = _shape(await stations.live())
            now = self._begin + timedelta(seconds=loop.time())
            if any(span.holds(now) for span in scene.silences):
                continue
            self._told.append(await self._tick(now, journal, stations))

    async def _tick(self, now: datetime, journal: Journal, stations: Stations) -> Told:
        scene = self._scene
        night = next(night for since, night in reversed(scene.told) if since <= now)
        plan = journal.latest_plan(night.date) or self._plan
        report = await tick(scene.depot, night, plan, journal=journal, stations=stations)
        short = frozenset(visit.vehicle_id for visit in report.plan.visits if not visit.is_ready)
        return Told(at=now, short=short, sent=report.sent)


def _shape(live: LiveState) -> tuple[object, ...]:
    """What calls for a tick when it changes: who is connected or has booted, and whose session runs where."""
    return tuple(
        (
            state.connected_since,
            state.booted_at,
            tuple((c.connector_id, c.transaction and c.transaction.transaction_id) for c in state.connectors),
        )
        for state in live.chargers
    )


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


def _bound(do: Callable[[str], None], what: str) -> Callable[[], None]:
    return lambda: do(what)
