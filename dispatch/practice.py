"""A commissioning to practise on: a simulated charge point that behaves as real ones do, on a clock that jumps.

What is tested, and how, is the product itself; only the charge point and its vehicles do not exist.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from dispatch.commissioning.course import Outcome, commission
from dispatch.journal import open_journal
from dispatch.lease import Writer, holding, this_process
from dispatch.rehearsal.keeper import Keeper
from dispatch.rehearsal.lines import Lines
from dispatch.rehearsal.reach import ReachableStations
from dispatch.rehearsal.virtual import run_virtually, virtual_clock
from dispatch.simulator.charge_point import ChargePoint, Timing
from dispatch.simulator.outlet import Stay
from dispatch.simulator.persona import Persona
from dispatch.simulator.personas import PERSONAS
from dispatch.simulator.wire16.machine import Machine16
from dispatch.simulator.wire201.machine import Machine201
from optimiser.depot import Charger, Connector, Depot, Site, Vehicle

BEGIN = datetime(2025, 11, 10, 9, 0, tzinfo=UTC)
CHARGER = "NEW01"
TIMING = Timing(tick_s=1.0, reconnect_s=5.0)
STARTING_S = 30.0
"""How long the charge point has to boot and its vehicles to begin. [s]"""
METER_INTERVAL_S = 60.0
MACHINES = {"1.6": Machine16, "2.0.1": Machine201}


def practise(
    persona: str = "honest", *, ocpp: Literal["1.6", "2.0.1"] = "1.6", connectors: int = 2, vehicles: int = 2
) -> Outcome:
    """Commission a simulated charge point of a persona by its name, with vehicles on its first connectors.

    Raises :class:`ValueError` for a persona that nobody knows.
    """
    if persona not in PERSONAS:
        raise ValueError(f"persona: found {persona!r}, allowed {', '.join(PERSONAS)}")
    # In a thread of its own: a notebook has a loop that runs already.
    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(_run, PERSONAS[persona].persona, ocpp, connectors, vehicles)
        return work.result()


def _run(persona: Persona, ocpp: str, connectors: int, vehicles: int) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return run_virtually(lambda: _commission(Path(folder), persona, ocpp, connectors, vehicles))


async def _commission(folder: Path, persona: Persona, ocpp: str, connectors: int, vehicles: int) -> Outcome:
    clock = _ordering(virtual_clock(BEGIN))
    depot = a_yard(ocpp=ocpp, connectors=connectors)
    lines, stations = Lines(), ReachableStations(kill=lambda: None)
    journal = open_journal("sqlite://", folder)
    machine = MACHINES[ocpp](
        charger=depot.chargers[0],
        stays={number: [_stay(number)] for number in range(1, vehicles + 1)},
        voltage_v=depot.site.voltage_v,
        persona=persona,
        meter_interval_s=METER_INTERVAL_S,
    )
    keeper = Keeper(depot, gear="memory", journal=journal, clock=clock, lines=lines, stations=stations)
    point = ChargePoint(machine, dial=lines.dial(machine), clock=clock, timing=TIMING)
    try:
        async with keeper.keeping(), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(point.run())
            await asyncio.sleep(STARTING_S)
            writer = this_process(Writer.DISPATCHER, "practice")
            async with holding(journal, writer, lasting=timedelta(days=1)) as leased:
                found = await commission(
                    depot,
                    depot.chargers[0],
                    plan=None,
                    journal=leased,
                    stations=stations,
                    folder=folder,
                    wait_s=STARTING_S,
                    say=lambda _: None,
                )
            running.cancel()
        return found
    finally:
        journal.close()


def a_yard(*, ocpp: str = "1.6", connectors: int = 2) -> Depot:
    """A site with one new charger and room enough for all it can draw."""
    places = tuple(
        Connector(id=number, phases=3, max_current_a=16.0, min_current_a=6.0)
        for number in range(1, connectors + 1)
    )
    return Depot(
        name="practice",
        timezone="Europe/Berlin",
        currency="EUR",
        site=Site(transformer_limit_kw=100.0, base_load_max_kw=5.0),
        chargers=(Charger(id=CHARGER, ocpp=ocpp, connectors=places),),
        vehicles=tuple(_van(number) for number in range(1, connectors + 1)),
    )


def _van(number: int) -> Vehicle:
    return Vehicle(
        id=f"V{number}",
        battery_kwh=200.0,
        max_ac_current_a=16.0,
        ac_phases=3,
        max_dc_kw=0.0,
        charge_efficiency=0.9,
        id_tag=f"TAG{number}",
    )


def _stay(number: int) -> Stay:
    return Stay(
        vehicle=_van(number),
        arrival=BEGIN - timedelta(minutes=1),
        departure=BEGIN + timedelta(hours=8),
        arrival_soc_percent=10.0,
    )


def _ordering(clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """A clock that never shows an instant twice: while virtual time stands still, events keep their order by it."""
    last = clock()

    def ordered() -> datetime:
        nonlocal last
        last = max(clock(), last + timedelta(microseconds=1))
        return last

    return ordered
