"""What others than chargers tell: the site's meter and telematics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from pydantic import ValidationError

from dispatch.events import Connected
from dispatch.gateway.live import LiveDepot
from dispatch.gateway.sockets import SocketStations
from dispatch.station import SiteReading, VehicleReading
from tests.dispatch.gateway_builders import a_journal

NOW = datetime(2025, 11, 10, 20, tzinfo=UTC)


def stations(tmp_path: Path) -> SocketStations:
    live = LiveDepot(["CP1"], journal=a_journal(tmp_path), clock=lambda: NOW)
    return SocketStations(sessions={}, live_depot=live, clock=lambda: NOW)


async def test_the_latest_reading_of_the_site_is_known_whatever_comes_after_it(tmp_path: Path) -> None:
    told = stations(tmp_path)
    assert (await told.live()).site is None
    latest = SiteReading(at=NOW - timedelta(seconds=10), site_kw=12.0)
    await told.tell_site(latest)
    await told.tell_site(SiteReading(at=NOW - timedelta(seconds=70), site_kw=30.0))
    assert (await told.live()).site == latest


async def test_a_meter_whose_clock_is_ahead_does_not_hide_its_later_readings(tmp_path: Path) -> None:
    told = stations(tmp_path)
    await told.tell_site(SiteReading(at=NOW + timedelta(hours=3), base_load_kw=4.0))
    await told.tell_site(SiteReading(at=NOW + timedelta(seconds=1), base_load_kw=9.0))
    assert (await told.live()).site == SiteReading(at=NOW, base_load_kw=9.0)


async def test_a_reading_wakes_who_waits_for_a_change(tmp_path: Path) -> None:
    told = stations(tmp_path)
    waiting = asyncio.create_task(told.wait_for_change(after=NOW - timedelta(seconds=1), timeout_s=60.0))
    await asyncio.sleep(0)
    await told.tell_site(SiteReading(at=NOW, site_kw=1.0))
    assert (await waiting).site is not None


async def test_telematics_are_kept_by_vehicle_the_latest_of_each(tmp_path: Path) -> None:
    told = stations(tmp_path)
    first = VehicleReading(vehicle_id="V1", at=NOW - timedelta(hours=1), soc_percent=20.0)
    later = VehicleReading(vehicle_id="V1", at=NOW, soc_percent=25.0, charger_id="CP1", connector_id=1)
    other = VehicleReading(vehicle_id="V2", at=NOW, soc_percent=70.0)
    for reading in (first, later, first, other):
        await told.tell_vehicle(reading)
    assert (await told.live()).vehicles == (later, other)


def test_a_reading_that_says_nothing_is_none() -> None:
    with pytest.raises(ValidationError, match="site_kw, base_load_kw or both"):
        SiteReading(at=NOW)
    with pytest.raises(ValidationError):
        SiteReading(at=NOW, site_kw=float("nan"))


async def test_who_looks_between_an_event_and_its_entry_in_the_journal_is_woken_by_it(tmp_path: Path) -> None:
    """The event is older than the look, and becomes known after it."""
    ticking = count()
    live = LiveDepot(
        ["CP1"], journal=a_journal(tmp_path), clock=lambda: NOW + timedelta(milliseconds=next(ticking))
    )
    live.record(Connected(charger_id="CP1", received_at=NOW, subprotocol="ocpp1.6"))
    seen = live.state()
    assert seen.charger("CP1").connected_since is None
    woken = await live.wait_for_change(after=seen.now, timeout_s=10.0)
    assert woken.charger("CP1").connected_since == NOW
