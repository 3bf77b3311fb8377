from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser.baselines import compare, minutes_above_limit, plug_and_charge
from optimiser.depot import Charger
from optimiser.tariff import Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit

FULL_KW = 3 * 16 * 0.230


def test_a_vehicle_draws_full_power_from_its_arrival_until_it_has_what_it_needs() -> None:
    depot = a_depot(vehicles=[a_van("V1", battery_kwh=64.0, charge_efficiency=0.9)])
    night = a_night(depot, visits=[a_visit(arrival="18:00", arrival_soc_percent=50, required_soc_percent=90)])

    visit = plug_and_charge(depot, night).visits[0]

    power_kw = np.array(visit.power_kw)
    first = 6 * 4
    whole_steps, rest = divmod(0.4 * 64.0 / 0.9, FULL_KW / 4)
    assert not power_kw[:first].any()
    assert power_kw[first : first + int(whole_steps)] == pytest.approx(FULL_KW)
    assert power_kw[first + int(whole_steps)] == pytest.approx(rest * 4, abs=1e-5)
    assert not power_kw[first + int(whole_steps) + 1 :].any()
    assert visit.planned_soc_percent == pytest.approx(90.0)


def test_a_vehicle_that_arrives_within_a_step_draws_only_after_it_has_arrived() -> None:
    depot = a_depot(vehicles=[a_van()])
    night = a_night(depot, visits=[a_visit(arrival="17:50", arrival_soc_percent=0, required_soc_percent=100)])

    plan = plug_and_charge(depot, night)

    partial = 5 * 4 + 3
    assert plan.visits[0].power_kw[partial] == pytest.approx(FULL_KW)
    assert plan.visits[0].delivered_kwh == pytest.approx(64.0)


def test_a_vehicle_that_arrives_with_enough_draws_nothing() -> None:
    depot = a_depot(vehicles=[a_van()])
    night = a_night(depot, visits=[a_visit(arrival_soc_percent=95, required_soc_percent=90)])

    plan = plug_and_charge(depot, night)

    assert sum(plan.visits[0].power_kw) == 0
    assert plan.visits[0].is_ready


def test_a_bus_slows_down_along_its_charge_curve() -> None:
    depot = a_depot(
        vehicles=[a_bus(battery_kwh=300.0)], chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))]
    )
    visit = a_visit("B1", arrival="20:00", arrival_soc_percent=80, required_soc_percent=99)
    night = a_night(depot, visits=[visit])

    plan = plug_and_charge(depot, night)

    power_kw = np.array(plan.visits[0].power_kw)
    drawn = power_kw[power_kw > 0]
    assert (np.diff(drawn) < 0).all()
    assert drawn[0] < 150.0  # grid side: the charger gives 150 kW at most, of which the battery takes 135
    # The battery gains dS/dt = curve(S)/300 kWh: 80 → 99 % on 150 kW → 15 kW takes ln(150/21.75)/2.25 hours,
    # less the time in which the charger and not the battery holds it back.
    steep_h = np.log(135.0 / 21.75) / 2.25
    level_h = (15.0 / 6.75) * 3.0 / 135.0
    assert drawn.size == int(np.ceil((steep_h + level_h) * 4))
    assert plan.visits[0].planned_soc_percent == pytest.approx(99.0)


def test_limits_are_passed_and_counted() -> None:
    vehicles = [a_van(f"V{n}") for n in range(1, 5)]
    depot = a_depot(vehicles=vehicles, transformer_limit_kw=30.0)
    night = a_night(
        depot,
        visits=[
            a_visit(v.id, charger_id=f"CP{n}", arrival="18:00", required_soc_percent=80)
            for n, v in enumerate(vehicles, start=1)
        ],
    )

    plan = plug_and_charge(depot, night)

    assert plan.peak_kw == pytest.approx(4 * FULL_KW + 2.0, abs=1e-5)
    assert minutes_above_limit(plan) == 15 * int(0.4 * 64 / 0.9 / (FULL_KW / 4))


def test_two_vehicles_that_share_a_step_on_a_connector_never_draw_together() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")])
    night = a_night(
        depot,
        visits=[
            a_visit("V2", charger_id="CP1", arrival="20:10", departure="06:00", arrival_soc_percent=40),
            a_visit("V1", charger_id="CP1", arrival="18:00", departure="20:05", arrival_soc_percent=10),
        ],
    )

    plan = plug_and_charge(depot, night)

    assert max(plan.site.charging_kw) == pytest.approx(FULL_KW, abs=1e-5)
    assert plan.visits[0].is_ready
    assert not plan.visits[1].is_ready


def test_a_vehicle_that_cannot_charge_here_is_short_and_not_an_error() -> None:
    depot = a_depot(vehicles=[replace(a_van(), max_ac_current_a=0.0)])

    plan = plug_and_charge(depot, a_night(depot))

    assert plan.visits[0].shortfall_kwh == pytest.approx(32.0)


def test_a_night_without_visits_is_only_base_load() -> None:
    depot = a_depot()

    plan = plug_and_charge(depot, a_night(depot, visits=[]))

    assert (plan.peak_kw, plan.cost.energy, plan.visits) == (2.0, 0.0, ())


def test_the_comparison_says_what_the_plan_saves() -> None:
    depot = a_depot(tariff=Tariff(demand_charge_per_kw=2.0))
    night = a_night(depot)
    baseline = plug_and_charge(depot, night)
    plan = replace(baseline, cost=replace(baseline.cost, total=baseline.cost.total - 5.0))

    figures = compare(plan, baseline)

    assert figures["name"] == "plug-and-charge"
    assert figures["saved"] == pytest.approx(5.0)
    assert figures["ready"] == 2
    assert figures["minutes_above_limit"] == 0
    assert figures["cost"]["total"] == pytest.approx(figures["cost"]["energy"] + figures["cost"]["demand"])
    assert figures["charging_kw"] == list(baseline.site.charging_kw)


def test_what_preconditioning_needs_is_charged_when_the_battery_has_room_for_it() -> None:
    depot = a_depot(vehicles=[a_van(charge_efficiency=1.0)])
    visit = a_visit(
        arrival="18:00",
        departure="07:45",
        arrival_soc_percent=95.0,
        required_soc_percent=100.0,
        precondition_kwh=4.0,
    )
    night = a_night(depot, visits=[visit])

    plan = plug_and_charge(depot, night)

    morning = 77  # 07:15, when half an hour of warming begins
    evening_kwh = sum(plan.visits[0].power_kw[:morning]) / 4
    assert evening_kwh == pytest.approx(3.2)
    assert plan.visits[0].power_kw[morning : morning + 2] == pytest.approx((8.0, 8.0))
    assert plan.visits[0].planned_soc_percent == pytest.approx(100.0)
    assert plan.visits[0].shortfall_kwh == 0.0


def test_a_vehicle_with_room_charges_what_preconditioning_needs_at_once() -> None:
    depot = a_depot(vehicles=[a_van(charge_efficiency=1.0)])
    night = a_night(depot, visits=[a_visit(required_soc_percent=60.0, precondition_kwh=4.0)])
    visit = plug_and_charge(depot, night).visits[0]
    assert visit.delivered_kwh == pytest.approx(0.2 * 64.0 + 4.0)
    assert not any(visit.power_kw[40:])
    assert visit.planned_soc_percent == pytest.approx(60.0)
