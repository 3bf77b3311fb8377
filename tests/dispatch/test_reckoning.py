"""How full a vehicle is by now, after a reading of a while ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pytest

from dispatch.evidence import Command, Layer
from dispatch.occupants import Occupant
from dispatch.overnight.reckoning import reckoned
from dispatch.safety import Place, Wiring
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    MeterReading,
    StationProfile,
    Transaction,
)
from optimiser.depot import Connector, Vehicle
from tests.builders import NIGHT, a_bus, a_dc_connector, a_van, an_ac_connector
from tests.dispatch.dispatch_builders import NOW, a_profile, seconds

PLACE = Place("CP1", 1)
HOUR_AGO = NOW - seconds(3600)


def now_percent(
    limits: Sequence[tuple[int, float]],
    *,
    age_s: float = 900.0,
    read_percent: float | None = 50.0,
    read_kw: float | None = None,
    vehicle: Vehicle | None = None,
    connector: Connector | None = None,
    accepted_at: datetime = HOUR_AGO,
) -> float | None:
    """SoC now of a vehicle under limits (seconds from an hour ago, A or W), read a while ago."""
    vehicle, connector = vehicle or a_van(battery_kwh=64.0), connector or an_ac_connector()
    transaction = Transaction(transaction_id=1, started_at=HOUR_AGO)
    at = NOW - seconds(age_s)
    meter = MeterReading(at=at, received_at=at, power_kw=read_kw, soc_percent=read_percent)
    state = ConnectorState(connector_id=1, transaction=transaction, meter=meter)
    live = LiveState(now=NOW, chargers=(ChargerState(charger_id="CP1", connectors=(state,)),))
    occupant = Occupant(place=PLACE, vehicle=vehicle, transaction=transaction, soc_percent=read_percent)
    phases = None if connector.is_dc else vehicle.ac_phases
    wiring = Wiring(place=PLACE, connector=connector, voltage_v=230.0, vehicle_phases=phases)
    profile = a_profile(start=HOUR_AGO, limits=limits, unit="W" if connector.is_dc else "A")
    command = accepted(profile, accepted_at)
    found = reckoned(live, {PLACE: occupant}, {PLACE: wiring}, {PLACE: [command]}, settle_s=30.0)
    told = found.charger("CP1").connector(1).meter
    assert told is not None
    return told.soc_percent


def accepted(profile: StationProfile, at: datetime) -> Command:
    return Command(
        id=1, night=NIGHT, at=at, charger_id="CP1", layer=Layer.PLAN, profile=profile, answered_at=at
    )


def gained(power_kw: float, *, hours: float = 0.25, battery_kwh: float = 64.0) -> float:
    return 100.0 * power_kw * 0.9 * hours / battery_kwh


def test_a_vehicle_has_taken_what_its_limit_let_it_take_since_its_reading() -> None:
    assert now_percent([(0, 16.0)]) == pytest.approx(50.0 + gained(11.04))
    assert now_percent([(0, 10.0)]) == pytest.approx(50.0 + gained(6.9))


def test_an_edge_between_reading_and_now_counts_from_its_instant() -> None:
    assert now_percent([(0, 16.0), (3600 - 300, 0.0)]) == pytest.approx(50.0 + gained(11.04, hours=1 / 6))


def test_under_its_least_current_nothing_is_taken() -> None:
    assert now_percent([(0, 5.0)]) == 50.0


def test_who_takes_less_than_it_may_is_taken_to_go_on_so() -> None:
    assert now_percent([(0, 16.0)], read_kw=0.0) == 50.0
    assert now_percent([(0, 16.0)], read_kw=4.0) == pytest.approx(50.0 + gained(4.0))
    assert now_percent([(0, 16.0)], read_kw=11.0) == pytest.approx(50.0 + gained(11.04))


def test_before_its_last_profile_came_no_more_is_taken_than_at_the_reading() -> None:
    later = NOW - seconds(300)
    found = now_percent([(0, 16.0)], read_kw=0.0, accepted_at=later)
    assert found == pytest.approx(50.0 + gained(11.04, hours=1 / 12))


def test_nobody_is_taken_to_have_charged_for_long_without_a_reading() -> None:
    assert now_percent([(0, 16.0)], age_s=3600.0) == pytest.approx(50.0 + gained(11.04, hours=0.5))


def test_a_battery_takes_less_as_it_fills_and_nothing_when_it_is_full() -> None:
    bus, fast = a_bus(battery_kwh=300.0), a_dc_connector()
    near_full = now_percent([(0, 150_000.0)], vehicle=bus, connector=fast, read_percent=95.0)
    assert near_full is not None
    assert 95.0 + gained(15.0, battery_kwh=300.0) < near_full < 95.0 + gained(60.0, battery_kwh=300.0)
    assert now_percent([(0, 16.0)], read_percent=99.9) == 100.0


def test_a_reading_of_now_and_one_without_soc_stay_as_they_are() -> None:
    assert now_percent([(0, 16.0)], age_s=0.0) == 50.0
    assert now_percent([(0, 16.0)], read_percent=None) is None
