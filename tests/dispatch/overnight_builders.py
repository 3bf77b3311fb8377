"""A small depot's night with a real gateway and simulated charge points on real WebSockets, on loopback."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from dispatch.address import Address
from dispatch.api import ApiStations
from dispatch.gateway import Gateway
from dispatch.journal import Journal
from dispatch.lease import Writer, holding, this_process
from dispatch.overnight import tick
from dispatch.report import NightReport, Row
from dispatch.safety import Place
from dispatch.simulator.charge_point import Timing
from dispatch.simulator.depot import simulate
from dispatch.simulator.persona import Persona
from dispatch.station import LiveState
from optimiser.depot import Depot, Policy
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planner import plan_night
from tests.builders import NIGHT, a_depot, a_night, a_van, a_visit
from tests.dispatch.gateway_builders import TOKEN, a_gateway, a_journal, a_listening_depot, passwords

EVENING = datetime(2025, 11, 10, 20, 0, tzinfo=UTC)
QUICK = Timing(tick_s=0.1, reconnect_s=0.1, reconnect_max_s=0.2)
PATIENCE_S = 20.0


def three_vans_tonight(*, transformer_limit_kw: float = 40.0) -> tuple[Depot, Night, Plan]:
    """Three vans that all come home at 17:50 and are planned for the cheap end of the night."""
    depot = a_depot(
        vehicles=[a_van(f"V{number}") for number in (1, 2, 3)],
        transformer_limit_kw=transformer_limit_kw,
        policy=Policy(settle_s=0),
    )
    depot = a_listening_depot(depot)
    visits = [
        a_visit(f"V{number}", charger_id=f"CP{number}", arrival_soc_percent=60, required_soc_percent=80)
        for number in (1, 2, 3)
    ]
    prices = np.where(np.arange(96) < 48, 0.40, 0.20)  # cheap from midnight on
    night = a_night(depot, visits=visits, price_per_kwh=prices)
    return depot, night, plan_night(depot, night, created_at=EVENING - timedelta(hours=10))


@dataclass(kw_only=True)
class Rehearsal:
    """A running gateway with its charge points, and the dispatcher's way to them."""

    depot: Depot
    night: Night
    journal: Journal
    gateway: Gateway
    stations: ApiStations

    async def tick(self) -> NightReport:
        plan = self.journal.latest_plan(NIGHT)
        assert plan is not None
        async with holding(self.journal, this_process(Writer.DISPATCHER, "a tick")) as leased:
            assert leased.lease_token is not None
            self.stations.write_under(leased.lease_token)
            return await tick(self.depot, self.night, plan, journal=leased, stations=self.stations)

    async def until(self, wanted: Callable[[LiveState], bool]) -> LiveState:
        """The live state once it is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            live = await self.stations.live()
            while not wanted(live):
                live = await self.stations.wait_for_change(after=live.now, timeout_s=1.0)
            return live

    async def until_all_are_metered(self, charger_ids: Collection[str] | None = None) -> None:
        """Wait for a meter reading of every vehicle."""
        awaited = charger_ids or [charger.id for charger in self.depot.chargers]
        await self.until(lambda live: all(_is_metered(live, charger_id) for charger_id in awaited))


@asynccontextmanager
async def a_rehearsal(
    folder: Path,
    made: tuple[Depot, Night, Plan],
    *,
    personas: Mapping[str, Persona] | None = None,
    arrival_soc_percent: Mapping[str, float] | None = None,
    charger_ids: Collection[str] | None = None,
    call_timeout_s: float = 10.0,
    begin: datetime = EVENING,
) -> AsyncIterator[Rehearsal]:
    """The evening of a night: gateway, charge points with their vehicles, all connected and metered once."""
    depot, night, _ = made
    async with (
        a_gateway_for(folder, made, clock=a_clock(begin), call_timeout_s=call_timeout_s) as rehearsal,
        charge_points(
            depot,
            night,
            rehearsal.gateway.ocpp,
            personas=personas,
            arrival_soc_percent=arrival_soc_percent,
            charger_ids=charger_ids,
        ),
    ):
        await rehearsal.until_all_are_metered(charger_ids)
        yield rehearsal


@asynccontextmanager
async def a_gateway_for(
    folder: Path,
    made: tuple[Depot, Night, Plan],
    *,
    clock: Callable[[], datetime],
    call_timeout_s: float = 10.0,
) -> AsyncIterator[Rehearsal]:
    """The gateway alone, with the plan in its journal."""
    depot, night, plan = made
    journal = a_journal(folder)
    if journal.latest_plan(NIGHT) is None:
        journal.save_plan(plan)
    try:
        async with (
            a_gateway(folder, depot, journal=journal, clock=clock, call_timeout_s=call_timeout_s) as gateway,
            ApiStations(gateway.api, token=TOKEN) as stations,
        ):
            yield Rehearsal(depot=depot, night=night, journal=journal, gateway=gateway, stations=stations)
    finally:
        journal.close()


@asynccontextmanager
async def charge_points(
    depot: Depot,
    night: Night,
    where: Address,
    *,
    personas: Mapping[str, Persona] | None = None,
    arrival_soc_percent: Mapping[str, float] | None = None,
    charger_ids: Collection[str] | None = None,
) -> AsyncIterator[None]:
    """Simulated charge points that dial in to an address, whoever listens there."""
    async with asyncio.TaskGroup() as tasks:
        simulation = tasks.create_task(
            simulate(
                depot,
                night,
                gateway_url=f"ws://{where}",
                credentials=passwords(depot),
                charger_ids=charger_ids,
                arrival_soc_percent=arrival_soc_percent,
                personas=personas,
                meter_interval_s=0.5,
                timing=QUICK,
            )
        )
        try:
            yield
        finally:
            simulation.cancel()


def a_free_address() -> Address:
    """An address on loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Address(host="127.0.0.1", port=listener.getsockname()[1])


def a_clock(begin: datetime) -> Callable[[], datetime]:
    """A clock that begins at an instant and goes on from there."""
    begun = time.monotonic()
    return lambda: begin + timedelta(seconds=time.monotonic() - begun)


def row_of(report: NightReport, charger_id: str) -> Row:
    return next(row for row in report.rows if row.place == Place(charger_id, 1))


def _is_metered(live: LiveState, charger_id: str) -> bool:
    state = live.charger(charger_id).connector(1)
    return state.transaction is not None and state.meter is not None
