"""A simulated charge point with vehicles on it, and its commissioning, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispatch.commissioning.course import Outcome, commission
from dispatch.journal import Journal, open_journal
from dispatch.lease import Writer, holding, this_process
from dispatch.rehearsal.keeper import Keeper
from dispatch.rehearsal.lines import Lines
from dispatch.rehearsal.reach import ReachableStations
from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from dispatch.simulator.charge_point import ChargePoint, Timing
from dispatch.simulator.depot import machines
from dispatch.simulator.machine import Machine
from dispatch.simulator.persona import Persona
from dispatch.simulator.personas import PERSONAS
from dispatch.station import LiveState
from optimiser.depot import Charger, Depot
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector

BEGIN = datetime(2025, 11, 10, 18, 30, tzinfo=UTC)
TIMING = Timing(tick_s=1.0, reconnect_s=5.0)
Work = Callable[["Rig"], Awaitable[object]]


@dataclass(kw_only=True)
class Rig:
    """A gateway with charge points, in one loop."""

    depot: Depot
    folder: Path
    journal: Journal
    stations: ReachableStations
    machines: Mapping[str, Machine] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    async def commission(self, charger_id: str = "CP1", *, wait_s: float = 60.0) -> Outcome:
        async with holding(
            self.journal, this_process(Writer.DISPATCHER, "a test"), lasting=timedelta(days=1)
        ) as leased:
            return await commission(
                self.depot,
                self.depot.charger(charger_id),
                plan=None,
                journal=leased,
                stations=self.stations,
                folder=self.folder,
                wait_s=wait_s,
                say=self.said.append,
            )

    async def live(self) -> LiveState:
        return await self.stations.live()

    def held(self, charger_id: str = "CP1") -> set[int]:
        """The ids of what a charge point truly holds, foreign limits aside."""
        return {
            one.profile_id for one in self.machines[charger_id].smart.installed if one.purpose != "external"
        }


def a_yard(
    version: str, *, connectors: int = 2, transformer_limit_kw: float = 100.0, chargers: int = 1
) -> Depot:
    """Charge points with a van for each connector."""
    places = [an_ac_connector(number) for number in range(1, connectors + 1)]
    return a_depot(
        vehicles=[a_van(f"V{number}", battery_kwh=200.0) for number in range(1, chargers * connectors + 1)],
        chargers=[
            Charger(id=f"CP{number}", ocpp=version, connectors=tuple(places))
            for number in range(1, chargers + 1)
        ],
        transformer_limit_kw=transformer_limit_kw,
    )


@contextmanager
def _opened(folder: Path) -> Iterator[Journal]:
    journal = open_journal("sqlite://", folder)
    try:
        yield journal
    finally:
        journal.close()


def run_rig(
    folder: Path,
    work: Work,
    *,
    depot: Depot,
    personas: Mapping[str, Persona] | None = None,
    charging: Sequence[str] | None = None,
) -> object:
    """Do something with charge points in virtual time; ``charging`` are the vehicles that are there, None: all."""
    there = [vehicle.id for vehicle in depot.vehicles] if charging is None else list(charging)
    places = [(charger.id, connector.id) for charger, connector in depot.connectors()]
    by_place = dict(zip((vehicle.id for vehicle in depot.vehicles), places, strict=True))
    visits = [
        a_visit(one, charger_id=by_place[one][0], connector_id=by_place[one][1], arrival_soc_percent=5.0)
        for one in there
    ]
    night = a_night(depot, visits=visits)

    async def go(journal: Journal) -> object:
        clock = _ordered(virtual_clock(BEGIN))
        lines = Lines()
        stations = ReachableStations(kill=lambda: None)
        keeper = Keeper(depot, gear="memory", journal=journal, clock=clock, lines=lines, stations=stations)
        built = machines(depot, night, meter_interval_s=60.0, personas=dict(personas or {}))
        rig = Rig(
            depot=depot,
            folder=folder,
            journal=journal,
            stations=stations,
            machines={machine.charger.id: machine for machine in built},
        )
        async with keeper.keeping(), asyncio.TaskGroup() as tasks:
            points = [ChargePoint(one, dial=lines.dial(one), clock=clock, timing=TIMING) for one in built]
            running = [tasks.create_task(point.run()) for point in points]
            await asyncio.sleep(30.0)
            try:
                return await work(rig)
            finally:
                for task in running:
                    task.cancel()

    with _opened(folder) as journal:
        return run_virtually(lambda: go(journal))


def commissioned(
    folder: Path,
    persona: str | Persona,
    version: str,
    *,
    connectors: int = 2,
    charging: Sequence[str] | None = None,
) -> tuple[Outcome, set[int]]:
    """What commissioning a charge point comes to, and the ids of what is left on it."""
    found: list[tuple[Outcome, set[int]]] = []

    async def work(rig: Rig) -> None:
        outcome = await rig.commission()
        found.append((outcome, rig.held()))

    who = PERSONAS[persona].persona if isinstance(persona, str) else persona
    run_rig(
        folder,
        work,
        depot=a_yard(version, connectors=connectors),
        personas={"CP1": who},
        charging=charging,
    )
    return found[0]


def _ordered(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock that never shows an instant twice: while virtual time stands still, events keep their order by it."""
    last = clock()

    def ordered() -> datetime:
        nonlocal last
        last = max(clock(), last + timedelta(microseconds=1))
        return last

    return ordered


def with_persona(**switches: object) -> Persona:
    return replace(Persona(), **switches)  # type: ignore[arg-type]
