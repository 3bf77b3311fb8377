"""Simulated charge points on the real gateway: from plug-in over a limit to the meter that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch.gateway import Entrance, Gateway, running
from dispatch.gateway.server import ANY_PORT
from dispatch.journal import open_journal
from dispatch.simulator.depot import simulate
from dispatch.simulator.persona import Persona
from dispatch.station import ConnectorState, LiveState, Outcome, Purpose, SchedulePeriod, StationProfile
from optimiser.depot import GatewaySettings
from tests.builders import a_depot
from tests.dispatch.gateway_builders import TOKENS, hashed
from tests.dispatch.simulator.gateway_builders import FAST, WAIT_S, SteppedClock
from tests.dispatch.simulator.simulator_builders import NOW, after
from tests.dispatch.simulator.test_depot import two_vans


async def until(gateway: Gateway, fulfilled: Callable[[LiveState], bool]) -> LiveState:
    async with asyncio.timeout(WAIT_S):
        while True:
            state = await gateway.stations.live()
            if fulfilled(state):
                return state
            await asyncio.sleep(0.01)


def first(state: LiveState) -> ConnectorState:
    return state.charger("CP1").connector(1)


def draws(state: LiveState, power_kw: float) -> bool:
    meter = first(state).meter
    return meter is not None and meter.power_kw is not None and abs(meter.power_kw - power_kw) < 0.01


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_vehicle_is_plugged_in_limited_and_metered(tmp_path: Path, version: str) -> None:
    clock = SteppedClock()
    chargers = tuple(replace(charger, ocpp=version) for charger in a_depot().chargers)
    depot = replace(
        a_depot(chargers=chargers), gateway=GatewaySettings(listen="127.0.0.1:0", api="127.0.0.1:0")
    )
    passwords = {"CP1": "one", "CP2": "two"}
    journal = open_journal("sqlite:///depot.db", tmp_path)
    entrance = Entrance(listen=ANY_PORT, api=ANY_PORT, credentials=lambda: hashed(passwords))
    async with running(depot, journal, entrance=entrance, api_tokens=TOKENS, clock=clock) as gateway:
        night = simulate(
            depot,
            two_vans(),
            gateway_url=f"ws://{gateway.ocpp}",
            credentials=passwords,
            arrival_soc_percent={"V1": 8.0},
            meter_interval_s=0.02,
            personas={"CP2": Persona(refuses_profiles=True)},
            # Its own clock is a year off; the gateway's is what counts.
            clock=SteppedClock(NOW - timedelta(days=365)),
            timing=FAST,
        )
        task = asyncio.create_task(night)
        state = await until(gateway, lambda state: first(state).transaction is not None)
        transaction = first(state).transaction
        assert transaction is not None
        assert (transaction.id_tag, transaction.started_at) == ("TAG-V1", NOW)
        state = await until(gateway, lambda state: draws(state, 11.04))
        meter = first(state).meter
        assert meter is not None
        assert meter.soc_percent == 8.0

        profile = StationProfile(
            profile_id=7,
            connector_id=1,
            purpose=Purpose.TX,
            stack_level=1,
            start=after(-60),
            duration_s=3600,
            unit="A",
            periods=(SchedulePeriod(start_s=0, limit=10.0, number_phases=3),),
            transaction_id=transaction.transaction_id,
        )
        assert (await gateway.stations.set_profile("CP1", profile)).outcome is Outcome.ACCEPTED
        told = await gateway.stations.composite_schedule("CP1", connector_id=1, duration_s=600, unit="A")
        assert told.schedule is not None
        assert [(period.start_s, period.limit) for period in told.schedule.periods] == [(0, 10.0)]
        await until(gateway, lambda state: draws(state, 6.9))
        assert (await gateway.stations.clear_profile("CP1", 7)).outcome is Outcome.ACCEPTED
        await until(gateway, lambda state: draws(state, 11.04))

        await until(gateway, lambda state: state.charger("CP2").connector(1).status == "Available")
        connected_since = state.charger("CP1").connected_since
        assert (await gateway.stations.disconnect("CP1")).outcome is Outcome.ACCEPTED
        clock.now += timedelta(seconds=1)
        await until(
            gateway, lambda state: state.charger("CP1").connected_since not in {None, connected_since}
        )

        refused = await gateway.stations.set_profile(
            "CP2", profile.model_copy(update={"purpose": Purpose.TX})
        )
        assert refused.outcome is Outcome.REFUSED
        assert (await gateway.stations.live()).charger("CP1").configuration[
            "ChargingScheduleMaxPeriods"
        ] == "24"
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    journal.close()
