"""An evening over MQTT from end to end: a broker, the gateway with charge points on real WebSockets, and ticks."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import aiomqtt
import numpy as np

from dispatch.gateway.companions import accompanied
from dispatch.mqtt import broker_of, listen
from dispatch.overnight.base_load import STALE
from dispatch.report import NightReport
from dispatch.station import Listener, LiveState
from optimiser.depot import Depot
from optimiser.links import MqttSettings
from optimiser.night import Night
from optimiser.plan import Plan
from tests.dispatch.mqtt.mosquitto_builders import Mosquitto
from tests.dispatch.overnight_builders import (
    EVENING,
    Rehearsal,
    a_gateway_for,
    charge_points,
    three_vans_tonight,
)

LIMIT_KW = 40.0
FORECAST_KW = 2.0
MOST_KW = 12.0
"""The most that the building is known for. [kW]"""


@dataclass(kw_only=True)
class Clock:
    """The depot's clock, which can be put ahead."""

    ahead: timedelta = timedelta(0)
    begun_s: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return EVENING + self.ahead + timedelta(seconds=time.monotonic() - self.begun_s)


@dataclass(kw_only=True)
class Evening:
    """A rehearsal, the clock that all share, and the site's meter."""

    night: Rehearsal
    clock: Clock
    broker: Mosquitto

    async def metered(
        self, base_load_kw: float, *, at: datetime | None = None, retain: bool = False
    ) -> LiveState:
        """Let the meter say what it shows, and wait until the gateway has heard it."""
        at = at or self.clock()
        payload = json.dumps({"value": 1000.0 * base_load_kw, "unit": "W", "time": at.isoformat()})
        async with aiomqtt.Client("127.0.0.1", self.broker.port) as meter:
            await meter.publish("building/power", payload, qos=1, retain=retain)
        return await self.night.until(lambda live: live.site is not None and live.site.at >= at)


def three_vans(mqtt: MqttSettings) -> tuple[Depot, Night, Plan]:
    depot, night, plan = three_vans_tonight(transformer_limit_kw=LIMIT_KW)
    site = replace(depot.site, base_load_max_kw=MOST_KW)
    return replace(depot, site=site, gateway=replace(depot.gateway, mqtt=mqtt)), night, plan


@asynccontextmanager
async def an_evening(folder: Path, broker: Mosquitto) -> AsyncIterator[Evening]:
    mqtt = MqttSettings(broker=f"127.0.0.1:{broker.port}", base_load_topic="building/power")
    made = three_vans(mqtt)
    clock = Clock()
    async with a_gateway_for(folder, made, clock=clock) as night:
        stations = night.gateway.stations
        assert isinstance(stations, Listener)

        async def hearing(listener: Listener) -> None:
            await listen(
                listener, broker=broker_of(mqtt, folder), depot=made[0], clock=clock, first_pause_s=0.05
            )

        async with (
            accompanied(stations, [hearing]),
            charge_points(made[0], made[1], night.gateway.ocpp),
        ):
            await night.until_all_are_metered()
            evening = Evening(night=night, clock=clock, broker=broker)
            await evening.metered(0.0, retain=True)  # kept, so that it is heard also by whoever comes later
            yield evening


def now_kw(report: NightReport) -> float:
    """The base load that is reckoned with in the step that is on."""
    return report.plan.site.base_load_kw[int(report.plan.horizon.position(report.at))]


def highest_kw(report: NightReport) -> float:
    """What is planned at most, charging and building together, from now on."""
    begin = int(report.plan.horizon.position(report.at))
    site = report.plan.site
    return float(max(np.array(site.charging_kw)[begin:] + np.array(site.base_load_kw)[begin:]))


async def test_more_base_load_is_followed_within_one_tick_and_less_lifts_no_limit(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with an_evening(tmp_path, mosquitto) as evening:
        calm = await evening.night.tick()
        assert now_kw(calm) == FORECAST_KW
        await evening.metered(31.0)
        busy = await evening.night.tick()
        assert now_kw(busy) >= 31.0
        assert highest_kw(busy) <= LIMIT_KW + 1e-6
        # The roof gives more than the building takes: no limit is lifted by it.
        await evening.metered(-25.0)
        sunny = await evening.night.tick()
        assert now_kw(sunny) == FORECAST_KW
        assert min(sunny.plan.site.base_load_kw) >= FORECAST_KW
        assert max(sunny.plan.site.limit_kw) <= LIMIT_KW


async def test_a_meter_that_falls_silent_costs_care_and_never_gives_power(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with an_evening(tmp_path, mosquitto) as evening:
        assert now_kw(await evening.night.tick()) == FORECAST_KW
        evening.clock.ahead += STALE + timedelta(seconds=5)
        silent = await evening.night.tick()
        assert now_kw(silent) >= MOST_KW
        assert highest_kw(silent) <= LIMIT_KW + 1e-6
        await evening.metered(2.0)
        assert now_kw(await evening.night.tick()) < MOST_KW


async def test_what_the_broker_has_kept_of_a_dead_meter_is_no_reading_of_now(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as meter:
        kept = {"value": 1.0, "unit": "kW", "time": (EVENING - timedelta(hours=5)).isoformat()}
        await meter.publish("building/power", json.dumps(kept), qos=1, retain=True)
    mqtt = MqttSettings(broker=f"127.0.0.1:{mosquitto.port}", base_load_topic="building/power")
    made = three_vans(mqtt)
    clock = Clock()
    async with a_gateway_for(tmp_path, made, clock=clock) as night:
        stations = night.gateway.stations
        assert isinstance(stations, Listener)

        async def hearing(listener: Listener) -> None:
            await listen(listener, broker=broker_of(mqtt, tmp_path), depot=made[0], clock=clock)

        async with (
            accompanied(stations, [hearing]),
            charge_points(made[0], made[1], night.gateway.ocpp),
        ):
            await night.until(lambda live: live.site is not None)
            await night.until_all_are_metered()
            assert now_kw(await night.tick()) >= MOST_KW
