"""SoC from metered energy alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.occupants import occupants
from dispatch.overnight.energy import with_metered_energy
from dispatch.safety import Place
from dispatch.station import ChargerState, ConnectorState, LiveState, MeterReading, Transaction
from optimiser.depot import Depot, Policy
from optimiser.night import Night
from optimiser.plan import Plan
from tests.builders import a_depot, a_night, a_van, a_visit, at
from tests.dispatch.dispatch_builders import a_plan

VAN = a_van("V1")
CP1 = Place("CP1", 1)
NOW, STARTED = at("22:00"), at("18:00")


def a_site(
    *, planned_kw: float = 11.04, precondition_kwh: float = 0.0, departure: str = "07:42"
) -> tuple[Depot, Night, Plan]:
    """A van that comes with 30 % at 18:00 and is planned at one power from then on."""
    depot = a_depot(vehicles=[VAN], policy=Policy(precondition_minutes=30))
    visit = a_visit(
        "V1",
        arrival="18:00",
        departure=departure,
        arrival_soc_percent=30,
        required_soc_percent=80,
        precondition_kwh=precondition_kwh,
    )
    night = a_night(depot, visits=[visit])
    steps = dict.fromkeys(range(24, 40), planned_kw)
    return depot, night, a_plan(depot, night, power_kw={"V1": steps}, created_at=at("12:00"))


def told_percent(
    energy_kwh: float | None,
    *,
    made: tuple[Depot, Night, Plan] | None = None,
    meter_start_kwh: float | None = 100.0,
    soc_percent: float | None = None,
    read_at: str = "22:00",
) -> float | None:
    depot, night, plan = made or a_site()
    meter = MeterReading(
        at=at(read_at), received_at=NOW, energy_kwh=energy_kwh, power_kw=5.0, soc_percent=soc_percent
    )
    transaction = Transaction(
        transaction_id=7, id_tag="TAG-V1", started_at=STARTED, meter_start_kwh=meter_start_kwh
    )
    connector = ConnectorState(connector_id=1, transaction=transaction, meter=meter)
    state = ChargerState(charger_id="CP1", connected_since=STARTED, connectors=(connector,))
    live = LiveState(now=max(NOW, at(read_at)), chargers=(state,))
    there = occupants(depot, plan, live)
    new = with_metered_energy(live, there, depot=depot, night=night, plan=plan)
    return occupants(depot, plan, new)[CP1].soc_percent


def test_it_is_what_the_vehicle_should_have_come_with_and_what_it_was_charged_since() -> None:
    gained = 100.0 * 10.0 * VAN.charge_efficiency / VAN.battery_kwh
    assert told_percent(110.0) == pytest.approx(30.0 + gained)


@pytest.mark.parametrize(
    ("energy_kwh", "meter_start_kwh", "read_at"),
    [(None, 100.0, "22:00"), (110.0, None, "22:00"), (90.0, 100.0, "22:00"), (110.0, 100.0, "17:00")],
    ids=["no register", "no start", "a register that began anew", "a reading from before the session"],
)
def test_where_the_meter_says_nothing_nothing_is_told(
    energy_kwh: float | None, meter_start_kwh: float | None, read_at: str
) -> None:
    assert told_percent(energy_kwh, meter_start_kwh=meter_start_kwh, read_at=read_at) is None


def test_a_soc_that_was_told_stays() -> None:
    assert told_percent(110.0, soc_percent=55.0) == 55.0


def test_what_warms_the_vehicle_does_not_fill_its_battery() -> None:
    made = a_site(precondition_kwh=3.0, departure="22:20")
    cold = a_site(departure="22:20")
    warmed, as_it_is = told_percent(110.0, made=made), told_percent(110.0, made=cold)
    assert warmed is not None
    assert as_it_is is not None
    assert as_it_is - warmed == pytest.approx(100.0 * 3.0 / VAN.battery_kwh)


@given(energy_kwh=st.floats(100.0, 250.0), planned_kw=st.sampled_from([0.0, 4.14, 6.9, 11.04]))
def test_it_is_never_bolder_than_meter_or_plan(energy_kwh: float, planned_kw: float) -> None:
    found = told_percent(energy_kwh, made=a_site(planned_kw=planned_kw))
    per_kwh = 100.0 * VAN.charge_efficiency / VAN.battery_kwh
    assert found is not None
    assert 0.0 <= found <= 100.0
    assert found <= 30.0 + (energy_kwh - 100.0) * per_kwh + 1e-9
    assert found <= 30.0 + 4.0 * planned_kw * per_kwh + 1e-9
