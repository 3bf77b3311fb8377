"""The physics of a vehicle, calculated by hand and as laws."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.simulator.vehicle import UNLIMITED, Limit, PluggedVehicle, advance, draw
from optimiser.depot import ChargeCurve, Connector, Vehicle
from tests.builders import a_bus, a_dc_connector, a_van, an_ac_connector
from tests.dispatch.simulator.simulator_builders import plugged_in

DC_AT_OUTPUT = Connector(
    id=1, phases=0, max_kw=100.0, min_kw=10.0, conversion_efficiency=0.95, limit_side="output"
)


def test_a_van_at_ten_amperes_draws_ten_on_each_of_three_phases() -> None:
    drawn = draw(plugged_in(), Limit(current_a=10.0))
    assert (drawn.current_a, drawn.phases) == (10.0, 3)
    assert drawn.power_kw == pytest.approx(6.9)


def test_an_hour_at_ten_amperes_stores_what_the_charger_loses_nothing_of() -> None:
    # 10 A × 3 × 230 V × 1 h × 0.9 = 6.21 kWh on top of half of 64 kWh
    after_an_hour = advance(plugged_in(), Limit(current_a=10.0), 3600.0)
    assert after_an_hour.drawn_kwh == pytest.approx(6.9)
    assert after_an_hour.stored_kwh == pytest.approx(32.0 + 6.21)
    assert after_an_hour.soc_percent == pytest.approx(100.0 * 38.21 / 64.0)


def test_a_one_phase_van_on_three_phases_takes_one_phase_at_the_connectors_current() -> None:
    drawn = draw(plugged_in(a_van(ac_phases=1, max_ac_current_a=32.0)), UNLIMITED)
    assert drawn.current_a == pytest.approx(16.0)
    assert drawn.phases == 1
    assert drawn.power_kw == pytest.approx(3.68)


def test_the_vehicles_own_maximum_counts() -> None:
    assert draw(plugged_in(a_van(max_ac_current_a=13.0)), Limit(current_a=16.0)).current_a == pytest.approx(
        13.0
    )


def test_below_six_amperes_nothing_flows() -> None:
    assert draw(plugged_in(), Limit(current_a=5.9)).power_kw == 0.0
    assert draw(plugged_in(), Limit(current_a=6.0)).current_a == pytest.approx(6.0)


def test_a_vehicle_that_needs_more_than_six_amperes_waits_for_them() -> None:
    picky = plugged_in(replace(a_van(), min_current_a=8.0))
    assert draw(picky, Limit(current_a=7.0)).power_kw == 0.0
    assert draw(picky, Limit(current_a=8.0)).current_a == pytest.approx(8.0)


def test_a_limit_in_watts_is_the_total_of_the_phases_in_use() -> None:
    drawn = draw(plugged_in(), Limit(power_kw=6.9))
    assert drawn.current_a == pytest.approx(10.0)
    assert draw(plugged_in(a_van(ac_phases=1)), Limit(power_kw=2.3)).current_a == pytest.approx(10.0)


def test_a_limit_in_watts_at_the_minimum_current_charges() -> None:
    assert draw(plugged_in(), Limit(power_kw=4.14)).power_kw == pytest.approx(4.14)


def test_of_two_limits_the_lower_holds() -> None:
    assert draw(plugged_in(), Limit(current_a=16.0, power_kw=6.9)).power_kw == pytest.approx(6.9)


def test_a_vehicle_that_cannot_take_alternating_current_draws_none() -> None:
    assert draw(plugged_in(a_bus(), an_ac_connector()), UNLIMITED).power_kw == 0.0
    assert draw(plugged_in(a_van(), a_dc_connector()), UNLIMITED).power_kw == 0.0


def test_charging_ends_when_the_battery_is_full() -> None:
    # 6.4 kWh are missing, 7.111 kWh of grid energy at 11.04 kW: full after 38.6 minutes
    full = advance(plugged_in(soc_percent=90.0), UNLIMITED, 3600.0)
    assert full.is_full
    assert full.soc_percent == 100.0
    assert full.drawn_kwh == pytest.approx(6.4 / 0.9)
    assert draw(full, UNLIMITED).power_kw == 0.0
    nearly = advance(plugged_in(soc_percent=90.0), UNLIMITED, 2318.0)
    assert not nearly.is_full
    assert advance(nearly, UNLIMITED, 1.0).is_full


def test_a_bus_is_level_and_then_tapers_as_an_exponential() -> None:
    # 300 kWh, 150 kW into the battery up to 80 %, then straight down to 15 kW at 100 %.
    bus = plugged_in(a_bus(), a_dc_connector(max_kw=200.0), soc_percent=60.0)
    assert draw(bus, UNLIMITED).power_kw == pytest.approx(150.0)  # the vehicle's own maximum
    # From 240 kWh on dE/dt = 150 − 2.25 (E − 240), reached after 60 kWh at 150 × 0.9 = 135 kW; while the
    # curve is above 135 kW, up to 246.667 kWh, the vehicle's maximum holds: 66.667 kWh in 0.49383 h.
    half_an_hour = advance(bus, UNLIMITED, 1800.0)
    rest_h = 0.5 - (66 + 2 / 3) / 135.0
    assert half_an_hour.stored_kwh == pytest.approx(246 + 2 / 3 + 135.0 * -math.expm1(-2.25 * rest_h) / 2.25)


def test_a_tapering_battery_is_full_at_the_hour_the_formula_says() -> None:
    bus = plugged_in(a_bus(), a_dc_connector(max_kw=200.0), soc_percent=90.0)
    # At 90 % 82.5 kW, at 100 % 15 kW, 30 kWh apart: ln(15 / 82.5) / −2.25 per hour.
    full_after_s = math.log(82.5 / 15.0) / 2.25 * 3600.0
    assert not advance(bus, UNLIMITED, full_after_s - 1.0).is_full
    assert advance(bus, UNLIMITED, full_after_s + 1.0).is_full


def test_a_curve_that_fades_to_nothing_never_quite_fills_the_battery() -> None:
    fading = replace(
        a_bus(), charge_curve=ChargeCurve(id="x", soc_percent=(0.0, 50.0, 100.0), max_kw=(100.0, 100.0, 0.0))
    )
    later = advance(plugged_in(fading, a_dc_connector(), soc_percent=50.0), UNLIMITED, 24 * 3600.0)
    assert 99.0 < later.soc_percent <= 100.0


def test_a_limit_at_the_output_draws_its_losses_on_top() -> None:
    bus = plugged_in(a_bus(), DC_AT_OUTPUT, soc_percent=20.0)
    assert draw(bus, Limit(power_kw=50.0)).power_kw == pytest.approx(50.0 / 0.95)
    at_grid = plugged_in(a_bus(), replace(DC_AT_OUTPUT, limit_side="grid"), soc_percent=20.0)
    assert draw(at_grid, Limit(power_kw=50.0)).power_kw == pytest.approx(50.0)


def test_a_direct_current_limit_below_the_minimum_stops_but_the_taper_does_not() -> None:
    bus = plugged_in(a_bus(), DC_AT_OUTPUT, soc_percent=20.0)
    assert draw(bus, Limit(power_kw=9.0)).power_kw == 0.0
    nearly_full = plugged_in(
        replace(a_bus(), charge_curve=ChargeCurve(id="x", soc_percent=(0.0, 100.0), max_kw=(5.0, 5.0))),
        DC_AT_OUTPUT,
    )
    assert draw(nearly_full, UNLIMITED).power_kw == pytest.approx(5.0 / 0.9)


WARMING_KW = 4.0
"""2 kWh in half an hour."""
HALF_AN_HOUR_S = 1800.0


def warming(plugged: PluggedVehicle, *, consumed_kw: float = WARMING_KW) -> PluggedVehicle:
    return replace(plugged, consumed_kw=consumed_kw)


def test_a_vehicle_that_is_warmed_without_power_takes_it_from_its_battery() -> None:
    after_half_an_hour = advance(warming(plugged_in()), Limit(current_a=0.0), HALF_AN_HOUR_S)
    assert after_half_an_hour.stored_kwh == pytest.approx(32.0 - 2.0)
    assert after_half_an_hour.drawn_kwh == 0.0


def test_a_vehicle_that_is_warmed_while_it_charges_gains_the_rest() -> None:
    # 10 A bring 6.21 kW into the battery, 4 kW of them are taken out again.
    after_half_an_hour = advance(warming(plugged_in()), Limit(current_a=10.0), HALF_AN_HOUR_S)
    assert after_half_an_hour.stored_kwh == pytest.approx(32.0 + 0.5 * 2.21)
    assert after_half_an_hour.drawn_kwh == pytest.approx(0.5 * 6.9)


def test_a_full_vehicle_that_is_warmed_draws_what_that_takes() -> None:
    full = warming(plugged_in(soc_percent=100.0))
    assert draw(full, UNLIMITED).power_kw == pytest.approx(4.0 / 0.9)
    later = advance(full, UNLIMITED, HALF_AN_HOUR_S)
    assert later.is_full
    assert later.drawn_kwh == pytest.approx(2.0 / 0.9)


def test_an_empty_vehicle_has_nothing_to_be_warmed_with() -> None:
    # 1 % of 64 kWh lasts for 9.6 minutes.
    empty = advance(warming(plugged_in(soc_percent=1.0)), Limit(current_a=0.0), HALF_AN_HOUR_S)
    assert empty.stored_kwh == 0.0
    # 1 A more than the least brings less into the battery than is taken out: it stays empty, and all is drawn.
    fed = advance(warming(empty, consumed_kw=9.0), Limit(current_a=7.0), HALF_AN_HOUR_S)
    assert fed.stored_kwh == 0.0
    assert fed.drawn_kwh == pytest.approx(0.5 * 4.83)


def test_a_full_bus_that_is_warmed_faster_than_it_charges_falls_to_where_both_are_alike() -> None:
    # At 100 % it takes 15 kW, 2.25 kW more for every kWh below: 37.5 kW are as much as at 290 kWh, which it
    # comes nearer to by 1 − e^(−2.25 t).
    bus = warming(plugged_in(a_bus(), a_dc_connector(), soc_percent=100.0), consumed_kw=37.5)
    assert draw(bus, UNLIMITED).power_kw == pytest.approx(15.0 / 0.9)
    later = advance(bus, UNLIMITED, HALF_AN_HOUR_S)
    lost_kwh = 10.0 * -math.expm1(-2.25 * 0.5)
    assert later.stored_kwh == pytest.approx(300.0 - lost_kwh)
    assert later.drawn_kwh == pytest.approx((37.5 * 0.5 - lost_kwh) / 0.9)


def test_a_vehicle_falls_asleep_when_it_is_kept_waiting_and_is_woken_by_a_new_transaction() -> None:
    sleeper = replace(plugged_in(), sleeps_after_s=1200.0)
    nearly = advance(sleeper, Limit(current_a=5.0), 1199.0)
    assert draw(nearly, Limit(current_a=10.0)).current_a == pytest.approx(10.0)
    asleep = advance(nearly, Limit(current_a=0.0), 1.0)
    offered = advance(asleep, Limit(current_a=10.0), 3600.0)
    assert draw(offered, Limit(current_a=10.0)).power_kw == 0.0
    assert offered.stored_kwh == 32.0
    assert draw(offered.awake(), Limit(current_a=10.0)).current_a == pytest.approx(10.0)


def test_waiting_begins_anew_after_every_charge() -> None:
    sleeper = replace(plugged_in(), sleeps_after_s=1200.0)
    for limit_a in (0.0, 6.0, 0.0):
        sleeper = advance(sleeper, Limit(current_a=limit_a), 1000.0)
    assert not sleeper.is_asleep


LIMITS = st.builds(
    Limit,
    current_a=st.none() | st.floats(0.0, 40.0),
    power_kw=st.none() | st.floats(0.0, 200.0),
)
VEHICLES_ON_CONNECTORS = st.sampled_from(
    [
        (a_van(), an_ac_connector()),
        (a_van(ac_phases=1, max_ac_current_a=32.0), an_ac_connector(max_current_a=32.0)),
        (a_bus(), a_dc_connector()),
        (a_bus(), DC_AT_OUTPUT),
        (a_bus(tapers=False), DC_AT_OUTPUT),
    ]
)


@given(both=VEHICLES_ON_CONNECTORS, soc=st.floats(0.0, 100.0), limit=LIMITS, seconds=st.floats(0.0, 90_000.0))
def test_energy_in_the_battery_is_grid_energy_times_efficiency(
    both: tuple[Vehicle, Connector], soc: float, limit: Limit, seconds: float
) -> None:
    before = plugged_in(*both, soc_percent=soc)
    after = advance(before, limit, seconds)
    gained = after.stored_kwh - before.stored_kwh
    assert gained == pytest.approx(after.drawn_kwh * after.vehicle.charge_efficiency, abs=1e-9)
    assert gained >= 0.0
    assert after.stored_kwh <= after.vehicle.battery_kwh


@given(both=VEHICLES_ON_CONNECTORS, soc=st.floats(0.0, 100.0), limit=LIMITS, seconds=st.floats(1.0, 90_000.0))
def test_neither_power_nor_its_mean_is_above_the_limit(
    both: tuple[Vehicle, Connector], soc: float, limit: Limit, seconds: float
) -> None:
    plugged = plugged_in(*both, soc_percent=soc)
    drawn = draw(plugged, limit)
    mean_kw = advance(plugged, limit, seconds).drawn_kwh / (seconds / 3600.0)
    allowed = plugged.connector.full_power_kw(230.0)
    if limit.power_kw is not None:
        allowed = min(
            allowed, limit.power_kw * (plugged.connector.grid_per_limit if drawn.phases == 0 else 1.0)
        )
    if limit.current_a is not None:
        assert drawn.current_a <= limit.current_a + 1e-9
        allowed = min(allowed, limit.current_a * drawn.phases * 0.230)
    assert drawn.power_kw <= allowed + 1e-9
    assert mean_kw <= allowed + 1e-6


@given(
    both=VEHICLES_ON_CONNECTORS,
    soc=st.floats(0.0, 100.0),
    limit=LIMITS,
    first=st.floats(0.0, 20_000.0),
    second=st.floats(0.0, 20_000.0),
    consumed_kw=st.sampled_from([0.0, 4.0, 37.5, 200.0]),
)
def test_two_stretches_of_time_are_the_same_as_their_sum(
    *,
    both: tuple[Vehicle, Connector],
    soc: float,
    limit: Limit,
    first: float,
    second: float,
    consumed_kw: float,
) -> None:
    plugged = warming(plugged_in(*both, soc_percent=soc), consumed_kw=consumed_kw)
    at_once = advance(plugged, limit, first + second)
    in_two = advance(advance(plugged, limit, first), limit, second)
    assert in_two.stored_kwh == pytest.approx(at_once.stored_kwh, abs=1e-6)
    assert in_two.drawn_kwh == pytest.approx(at_once.drawn_kwh, abs=1e-6)
