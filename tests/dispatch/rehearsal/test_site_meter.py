"""What the gateway hears of the building, minute by minute, in a night on a virtual clock."""

from __future__ import annotations

import asyncio
from datetime import datetime, time, timedelta

from dispatch.rehearsal.faults import BaseLoad, MeterLost
from dispatch.rehearsal.scene import Scene
from dispatch.rehearsal.site_meter import tell_readings
from dispatch.rehearsal.virtual import run_virtually
from dispatch.station import SiteReading, StationsUnreachableError, VehicleReading
from tests.builders import at
from tests.dispatch.rehearsal.rehearsal_builders import a_scene

BEGIN = at("20:00")


class Hearer:
    """Hears everything but what is told while it is away."""

    def __init__(self, *, away: tuple[datetime, datetime] = (BEGIN, BEGIN)) -> None:
        self.heard: list[SiteReading] = []
        self._away = away

    async def tell_site(self, reading: SiteReading) -> None:
        if self._away[0] <= reading.at < self._away[1]:
            raise StationsUnreachableError("there is no gateway")
        self.heard.append(reading)

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        raise AssertionError(f"nobody tells of {reading.vehicle_id}")


def heard_in(scene: Scene, *, minutes: float, hearer: Hearer | None = None) -> list[tuple[int, float | None]]:
    """Minute after 20:00 and kW of every reading."""
    hearer = hearer or Hearer()

    async def night() -> None:
        telling = asyncio.ensure_future(tell_readings(scene, hearer, begin=BEGIN))
        await asyncio.sleep(minutes * 60.0 - 1.0)
        telling.cancel()

    run_virtually(night)
    return [(int((one.at - BEGIN) / timedelta(minutes=1)), one.base_load_kw) for one in hearer.heard]


def test_every_minute_it_is_told_what_the_building_draws() -> None:
    scene = a_scene(BaseLoad(at=time(20, 2), kw=20, minutes=2))
    assert heard_in(scene, minutes=5) == [(0, 2.0), (1, 2.0), (2, 22.0), (3, 22.0), (4, 2.0)]


def test_a_meter_that_is_lost_tells_nothing() -> None:
    scene = a_scene(MeterLost(at=time(20, 1), minutes=3))
    assert [minute for minute, _ in heard_in(scene, minutes=6)] == [0, 4, 5]


def test_what_nobody_is_there_to_hear_is_not_told_again() -> None:
    hearer = Hearer(away=(at("20:01"), at("20:03")))
    assert [minute for minute, _ in heard_in(a_scene(), minutes=5, hearer=hearer)] == [0, 3, 4]
