from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.accounting import account, assemble_plan, consumed_kwh, required_kwh
from optimiser.depot import Charger, Feeder, Policy
from optimiser.planner import UNSOLVED
from optimiser.tariff import DemandWindow, Tariff
from tests.builders import a_depot, a_horizon, a_night, a_van, a_visit, an_ac_connector

HORIZON = a_horizon(start="18:00", end="06:00")


def test_a_step_in_which_a_vehicle_is_there_partly_counts_for_that_part_in_energy_and_cost() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visits = [a_visit("V1", arrival="18:10", departure="06:00")]
    night = a_night(depot, visits=visits, price_per_kwh=0.4, horizon=HORIZON)
    power_kw = np.zeros((1, 48))
    power_kw[0, 0] = 9.0
    accounts = account(depot, night, power_kw)
    assert accounts.delivered_kwh == pytest.approx([9.0 * 0.9 * 5 / 60])
    assert accounts.cost.energy == pytest.approx(9.0 * 0.4 * 5 / 60)


def test_limits_and_the_peak_count_the_power_whole() -> None:
    depot = a_depot(vehicles=[a_van("V1")], tariff=Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=4.0))
    visits = [a_visit("V1", arrival="18:10", departure="06:00")]
    night = a_night(depot, visits=visits, base_load_kw=2.0, pv_kw=1.0, horizon=HORIZON)
    power_kw = np.zeros((1, 48))
    power_kw[0, 0] = 9.0
    accounts = account(depot, night, power_kw)
    assert accounts.charging_kw[0] == 9.0
    assert accounts.peak_kw == pytest.approx(10.0)
    assert accounts.cost.demand == pytest.approx(60.0)


def test_a_window_is_paid_for_its_own_peak_beside_that_of_all_hours() -> None:
    evening = DemandWindow(
        name="evening",
        days="all",
        from_minute=18 * 60,
        to_minute=21 * 60,
        charge_per_kw=3.0,
        peak_so_far_kw=5.0,
    )
    tariff = Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=4.0, demand_windows=(evening,))
    depot = a_depot(vehicles=[a_van("V1")], tariff=tariff)
    power_kw = np.zeros((1, 48))
    power_kw[0, [4, 30]] = 6.0, 9.0
    accounts = account(depot, a_night(depot, base_load_kw=2.0, horizon=HORIZON), power_kw)
    assert accounts.peak_kw == pytest.approx(11.0)
    assert accounts.cost.demand == pytest.approx(10.0 * (11.0 - 4.0) + 3.0 * (8.0 - 5.0))


def test_power_from_the_roof_beyond_the_base_load_costs_its_export_price() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(
        depot,
        base_load_kw=2.0,
        pv_kw=6.0,
        price_per_kwh=0.4,
        export_price_per_kwh=0.1,
        visits=[a_visit("V1")],
    )
    power_kw = np.zeros((1, 96))
    power_kw[0, 40] = 10.0
    assert account(depot, night, power_kw).cost.energy == pytest.approx((6.0 * 0.4 + 4.0 * 0.1) * 0.25)


def test_a_feeder_carries_what_hangs_below_it_and_below_its_children() -> None:
    feeders = (Feeder(id="main"), Feeder(id="hall", parent="main"))
    chargers = [
        Charger(id="CP1", feeder="main", connectors=(an_ac_connector(),)),
        Charger(id="CP2", feeder="hall", connectors=(an_ac_connector(),)),
    ]
    depot = a_depot(chargers=chargers, feeders=feeders)
    night = a_night(depot)
    power_kw = np.zeros((2, 96))
    power_kw[:, 40] = 5.0, 7.0
    plan = assemble_plan(
        depot, night, power_kw, solver=UNSOLVED, created_at=datetime(2025, 11, 10, tzinfo=UTC)
    )
    assert plan.feeders["main"].charging_kw[40] == pytest.approx(12.0)
    assert plan.feeders["hall"].charging_kw[40] == pytest.approx(7.0)
    assert plan.feeders["main"].limit_kw is None
    assert plan.site.charging_kw[40] == pytest.approx(12.0)


def test_arrival_and_departure_are_told_as_they_are_also_beyond_the_horizon() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visit = a_visit("V1", arrival="17:00", departure="09:00")
    night = a_night(depot, visits=[visit], horizon=HORIZON)
    plan = assemble_plan(
        depot, night, np.zeros((1, 48)), solver=UNSOLVED, created_at=datetime(2025, 11, 10, tzinfo=UTC)
    )
    assert (plan.visits[0].arrival, plan.visits[0].departure) == (visit.arrival, visit.departure)
    assert plan.visits[0].shortfall_kwh == pytest.approx(32.0)
    assert not plan.visits[0].is_ready


def test_a_vehicle_that_arrives_with_enough_needs_nothing() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit("V1", arrival_soc_percent=95.0)])
    accounts = account(depot, night, np.zeros((1, 96)))
    assert accounts.required_kwh == pytest.approx([0.0])
    assert accounts.shortfall_kwh == pytest.approx([0.0])


def test_preconditioning_is_energy_that_a_vehicle_needs_as_well() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    assert required_kwh(depot, a_visit(precondition_kwh=4.0)) == pytest.approx(32.0 + 4.0)
    assert required_kwh(depot, a_visit(arrival_soc_percent=95.0, precondition_kwh=4.0)) == pytest.approx(0.8)
    assert required_kwh(depot, a_visit(arrival_soc_percent=99.0, precondition_kwh=4.0)) == 0.0


def test_the_soc_planned_is_that_at_departure_after_preconditioning() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit(precondition_kwh=4.8)])
    power_kw = np.zeros((1, 96))
    power_kw[0, 40] = 10.0
    accounts = account(depot, night, power_kw)
    assert accounts.planned_soc_percent == pytest.approx([40.0 + 100.0 * (2.25 - 4.8) / 64.0])
    assert accounts.shortfall_kwh == pytest.approx([32.0 + 4.8 - 2.25])


def test_a_battery_that_has_nothing_left_for_preconditioning_is_empty_and_not_below() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit(arrival_soc_percent=2.0, precondition_kwh=5.0)])
    assert account(depot, night, np.zeros((1, 96))).planned_soc_percent == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("minutes", "departure", "taken_kwh"),
    [
        (30, "06:00", [0.0, 0.0, 3.0, 6.0]),
        (60, "06:00", [1.5, 3.0, 4.5, 6.0]),
        (15, "05:45", [0.0, 0.0, 6.0, 6.0]),
        # It begins at 05:17 and at 05:20, within a step that cannot count it, for the battery may be full then.
        (40, "05:57", [0.0, 0.0, 6.0 * 28 / 40, 6.0]),
        (10, "05:30", [0.0, 0.0, 6.0, 6.0]),
    ],
)
def test_preconditioning_takes_constant_power_before_departure(
    minutes: int, departure: str, taken_kwh: list[float]
) -> None:
    depot = a_depot(vehicles=[a_van("V1")], policy=Policy(precondition_minutes=minutes))
    night = a_night(depot, visits=[a_visit(departure=departure, precondition_kwh=6.0)], horizon=HORIZON)
    consumed = consumed_kwh(depot, night)
    assert consumed.shape == (1, 48)
    assert consumed[0, :44] == pytest.approx(np.zeros(44))
    assert consumed[0, 44:] == pytest.approx(taken_kwh)


def test_a_visit_shorter_than_its_preconditioning_is_preconditioned_all_the_time() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visits = [a_visit(arrival="05:40", departure="06:00", precondition_kwh=2.0)]
    consumed = consumed_kwh(depot, a_night(depot, visits=visits, horizon=HORIZON))
    assert consumed[0, -2:] == pytest.approx([0.5, 2.0])


def test_what_is_consumed_before_and_after_the_night_is_left_there() -> None:
    depot = a_depot(vehicles=[a_van("V1"), a_van("V2")], policy=Policy(precondition_minutes=120))
    early = a_visit("V1", arrival="15:00", departure="19:00", precondition_kwh=8.0)
    late = a_visit("V2", charger_id="CP2", departure="07:00", precondition_kwh=8.0)
    consumed = consumed_kwh(depot, a_night(depot, visits=[early, late], horizon=HORIZON))
    assert consumed[0, :5] == pytest.approx([5.0, 6.0, 7.0, 8.0, 8.0])
    assert consumed[1, -5:] == pytest.approx([0.0, 1.0, 2.0, 3.0, 4.0])
