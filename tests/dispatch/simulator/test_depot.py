"""A depot's charge points for a night, and all of them on one gateway."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest

from dispatch.simulator.depot import SimulationError, chosen_personas, machines, simulate
from dispatch.simulator.persona import Persona
from optimiser.depot import Charger
from optimiser.night import Night
from tests.builders import NIGHT, a_depot, a_horizon, a_van, a_visit, an_ac_connector
from tests.dispatch.simulator.gateway_builders import FAST, SteppedClock, a_gateway
from tests.dispatch.simulator.simulator_builders import NOW, a_profile, stamp


def two_vans() -> Night:
    horizon = a_horizon()
    nothing = np.zeros(horizon.steps)
    return Night(
        date=NIGHT,
        horizon=horizon,
        visits=(
            a_visit("V1", charger_id="CP1", arrival="17:50", arrival_soc_percent=40.0),
            a_visit("V2", charger_id="CP2", arrival="19:30", arrival_soc_percent=55.0),
        ),
        import_price_per_kwh=nothing,
        export_price_per_kwh=nothing,
        base_load_kw=nothing,
        site_limit_kw=nothing + 43.0,
        pv_kw=nothing,
    )


def test_every_charger_gets_its_visitors() -> None:
    first, second = machines(a_depot(), two_vans(), meter_interval_s=60.0, arrival_soc_percent={"V2": 8.0})
    assert [stay.vehicle.id for stay in first.outlets[1].stays] == ["V1"]
    assert [stay.arrival_soc_percent for stay in second.outlets[1].stays] == [8.0]


def test_only_the_chargers_named_are_built() -> None:
    (only,) = machines(a_depot(), two_vans(), meter_interval_s=60.0, charger_ids=["CP2"])
    assert only.charger.id == "CP2"


def test_everything_that_does_not_fit_is_named_at_once() -> None:
    with pytest.raises(SimulationError) as error:
        machines(
            a_depot(),
            two_vans(),
            meter_interval_s=60.0,
            charger_ids=["CP9"],
            personas={"CP8": Persona()},
            arrival_soc_percent={"V1": 140.0, "V9": 10.0},
        )
    assert str(error.value).splitlines() == [
        "charger CP9: not in this depot",
        "persona of CP8: no such charger",
        "arrival SoC of V9: no such visitor",
        "arrival SoC of V1: 140 %, 0 to 100 allowed",
    ]


def test_personas_are_chosen_by_name() -> None:
    chosen = chosen_personas(["CP1=refuses-all", "CP=2=honest"])
    assert chosen == {"CP1": Persona(refuses_profiles=True), "CP=2": Persona()}


def test_a_persona_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(SimulationError) as error:
        chosen_personas(["CP1", "CP2=angel"])
    first, second = str(error.value).splitlines()
    assert first == "persona 'CP1': not CHARGER=NAME"
    assert second.startswith("persona 'angel' of CP2: none of honest, power-only, ")


def test_every_charger_speaks_its_own_version() -> None:
    wired = (an_ac_connector(),)
    chargers = [Charger(id="CP1", connectors=wired), Charger(id="CP2", ocpp="2.0.1", connectors=wired)]
    both = machines(
        a_depot(vehicles=[a_van("V1"), a_van("V2")], chargers=chargers), two_vans(), meter_interval_s=60.0
    )
    assert [machine.subprotocol for machine in both] == ["ocpp1.6", "ocpp2.0.1"]


async def test_a_depot_on_a_gateway(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="dispatch.simulator")
    clock = SteppedClock()
    async with a_gateway(clock) as gateway:
        night = simulate(
            a_depot(),
            two_vans(),
            gateway_url=gateway.url,
            credentials={"CP1": "one"},
            arrival_soc_percent={"V1": 8.0},
            meter_interval_s=0.05,
            personas={"CP2": Persona(refuses_profiles=True)},
            clock=clock,
            timing=FAST,
        )
        task = asyncio.create_task(night)
        # 17:50 in Berlin was 70 minutes before the clock of this test, 19:30 is 30 minutes after it.
        assert (await gateway.wait_for("StartTransaction"))["timestamp"] == stamp(0)
        await gateway.wait_for("StatusNotification", charger_id="CP2", connectorId=1, status="Available")
        payload = {"connectorId": 1, "csChargingProfiles": a_profile()}
        assert await gateway.ask("SetChargingProfile", charger_id="CP2", **payload) == {"status": "Rejected"}
        clock.now = NOW.replace(hour=18, minute=30)
        start = await gateway.wait_for("StartTransaction", charger_id="CP2")
        assert start["timestamp"] == "2025-11-10T18:30:00Z"
        assert gateway.headers["CP1"] is not None
        assert gateway.headers["CP2"] is None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert "CP1 V1 plugged in at 8 %" in caplog.messages
    assert "CP2 V2 plugged in at 55 %" in caplog.messages
    assert "CP2 refused profile 1: it refuses all profiles" in caplog.messages


def test_a_simulated_charge_point_is_light_to_start() -> None:
    code = "import sys, dispatch.simulator.depot; print(*{'pandas', 'matplotlib', 'pulp', 'ocpp'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
