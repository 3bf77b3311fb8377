from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser.depot import ChargeCurve, Charger
from optimiser.lp import LinearProgram
from optimiser.problem import build_problem
from optimiser.tariff import Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_horizon, a_night, a_van, a_visit

HORIZON = a_horizon(start="18:00", end="06:00")


def test_the_cheapest_hours_are_taken_first() -> None:
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)])
    prices = np.full(48, 0.40)
    prices[20:24] = 0.10
    visits = [
        a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=50, required_soc_percent=60)
    ]
    night = a_night(depot, visits=visits, price_per_kwh=prices, horizon=HORIZON)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.power_kw[0, 20:24].sum() * 0.25 == pytest.approx(6.4)
    assert optimum.money == pytest.approx(0.64)


def test_a_demand_charge_flattens_the_night() -> None:
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)], tariff=Tariff(demand_charge_per_kw=100.0))
    visits = [
        a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=50, required_soc_percent=80)
    ]
    night = a_night(depot, visits=visits, base_load_kw=0.0, horizon=HORIZON)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.power_kw.max() == pytest.approx(19.2 / 12)


def test_a_peak_that_is_already_paid_for_costs_nothing_more() -> None:
    tariff = Tariff(demand_charge_per_kw=100.0, peak_so_far_kw=10.0)
    depot = a_depot(vehicles=[a_van("V1")], tariff=tariff)
    night = a_night(depot, base_load_kw=2.0, horizon=HORIZON)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.power_kw.sum(axis=0).max() == pytest.approx(8.0)
    assert optimum.money == pytest.approx(0.3 * optimum.power_kw.sum() * 0.25)


def test_a_base_load_above_the_peak_so_far_is_paid_whatever_is_charged() -> None:
    tariff = Tariff(demand_charge_per_kw=10.0, peak_so_far_kw=1.0)
    depot = a_depot(vehicles=[a_van("V1")], tariff=tariff)
    visits = [a_visit("V1", arrival_soc_percent=90.0, required_soc_percent=50.0)]
    night = a_night(depot, visits=visits, base_load_kw=4.0, horizon=HORIZON)
    assert LinearProgram(build_problem(depot, night)).solve().money == pytest.approx(30.0)


def test_a_billing_interval_of_an_hour_averages_four_quarters() -> None:
    tariff = Tariff(demand_charge_per_kw=100.0, billing_interval_minutes=60)
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)], tariff=tariff)
    prices = np.full(48, 0.30)
    prices[::4] = 0.10
    visits = [
        a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=50, required_soc_percent=80)
    ]
    night = a_night(depot, visits=visits, price_per_kwh=prices, base_load_kw=0.0, horizon=HORIZON)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    hourly_kw = optimum.power_kw[0].reshape(12, 4)
    assert hourly_kw.mean(axis=1) == pytest.approx(np.full(12, 1.6))
    assert hourly_kw[:, 0] == pytest.approx(np.full(12, 6.4))


def test_what_cannot_be_served_is_shared_out_by_priority() -> None:
    depot = a_depot(transformer_limit_kw=3.0)
    visits = [
        a_visit("V1", charger_id="CP1", arrival_soc_percent=0, priority=1.0),
        a_visit("V2", charger_id="CP2", arrival_soc_percent=0, priority=5.0),
    ]
    night = a_night(depot, visits=visits, base_load_kw=0.0)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.shortfall_kwh[1] == pytest.approx(57.6 - 0.9 * optimum.power_kw[1].sum() * 0.25, abs=1.0)
    assert optimum.shortfall_kwh[1] < optimum.shortfall_kwh[0]
    assert optimum.power_kw.sum(axis=0).max() == pytest.approx(3.0)


def test_least_harm_is_bought_as_cheaply_as_it_can_be() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    prices = np.linspace(0.4, 0.2, 48)
    visits = [
        a_visit("V1", arrival="18:00", departure="20:00", arrival_soc_percent=0, required_soc_percent=90)
    ]
    night = a_night(depot, visits=visits, price_per_kwh=prices, horizon=HORIZON)
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.shortfall_kwh == pytest.approx([57.6 - 2 * 11.04 * 0.9])


def test_money_is_never_lost_to_ending_early() -> None:
    depot = a_depot()
    night = a_night(depot, price_per_kwh=np.random.default_rng(3).uniform(0.1, 0.4, 96))
    program = LinearProgram(build_problem(depot, night))
    optimum = program.solve()
    assert optimum.money == pytest.approx(program.bound(program.problem, optimum.shortfall_kwh), rel=1e-4)


def test_among_equal_prices_a_vehicle_ends_early() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit("V1", arrival="18:00")], horizon=HORIZON)
    power_kw = LinearProgram(build_problem(depot, night)).solve().power_kw[0]
    first_idle = int(np.argmin(power_kw > 1e-6))
    assert first_idle > 0
    assert (power_kw[first_idle:] < 1e-6).all()


def test_the_charge_curve_holds_at_the_energy_after_every_step() -> None:
    depot = a_depot(
        vehicles=[a_bus("B1")],
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))],
        transformer_limit_kw=400.0,
    )
    visits = [
        a_visit("B1", arrival="18:00", departure="21:00", arrival_soc_percent=50, required_soc_percent=100)
    ]
    night = a_night(depot, visits=visits, horizon=HORIZON)
    power_kw = LinearProgram(build_problem(depot, night)).solve().power_kw[0]
    soc_percent = 50.0 + np.cumsum(0.9 * power_kw * 0.25) / 3.0
    curve_kw = np.interp(soc_percent, [0, 80, 100], [150, 150, 15])
    assert (0.9 * power_kw <= curve_kw + 1e-6).all()
    assert soc_percent[-1] > 98.0


def test_a_curve_that_is_level_below_the_charger_holds_on_its_level_part() -> None:
    curve = ChargeCurve(id="c", soc_percent=(0.0, 80.0, 100.0), max_kw=(50.0, 50.0, 15.0))
    depot = a_depot(
        vehicles=[replace(a_bus("B1"), charge_curve=curve)],
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))],
        transformer_limit_kw=400.0,
    )
    visits = [
        a_visit("B1", arrival="18:00", departure="20:00", arrival_soc_percent=0, required_soc_percent=70)
    ]
    optimum = LinearProgram(build_problem(depot, a_night(depot, visits=visits, horizon=HORIZON))).solve()
    assert (0.9 * optimum.power_kw <= 50.0 + 1e-6).all()
    assert optimum.shortfall_kwh == pytest.approx([210.0 - 100.0])


def test_a_bus_that_preconditioning_finds_empty_is_planned_all_the_same() -> None:
    depot = a_depot(
        vehicles=[a_bus("B1")],
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))],
        transformer_limit_kw=1.0,
    )
    visits = [a_visit("B1", arrival_soc_percent=1.0, required_soc_percent=50.0, precondition_kwh=10.0)]
    optimum = LinearProgram(build_problem(depot, a_night(depot, visits=visits))).solve()
    assert optimum.shortfall_kwh[0] > 100.0


def test_where_selling_brings_more_than_buying_costs_a_roof_is_not_sold_and_bought_at_once() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    pv_kw, price = np.zeros(96), np.full(96, 0.3)
    pv_kw[60:68], price[60:68] = 22.0, -0.2
    visits = [a_visit("V1", required_soc_percent=70.0)]
    night = a_night(depot, visits=visits, price_per_kwh=price, pv_kw=pv_kw, base_load_kw=2.0)
    program = LinearProgram(build_problem(depot, night))
    assert program.solve().money == pytest.approx(0.0, abs=1e-6)


def test_a_van_without_a_phase_cannot_charge() -> None:
    depot = a_depot(vehicles=[a_van("V1", ac_phases=0)])
    optimum = LinearProgram(build_problem(depot, a_night(depot, visits=[a_visit("V1")]))).solve()
    assert optimum.shortfall_kwh == pytest.approx([32.0])


def test_power_from_the_roof_costs_what_selling_it_would_have_brought() -> None:
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)])
    visits = [
        a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=50, required_soc_percent=60)
    ]
    pv_kw = np.zeros(48)
    pv_kw[8:12] = 8.4
    night = a_night(
        depot, visits=visits, pv_kw=pv_kw, base_load_kw=2.0, export_price_per_kwh=0.08, horizon=HORIZON
    )
    optimum = LinearProgram(build_problem(depot, night)).solve()
    assert optimum.power_kw[0, 8:12] == pytest.approx(np.full(4, 6.4))
    assert optimum.money == pytest.approx(6.4 * 0.08)


def test_bounds_that_cost_some_harm_cost_no_more_than_they_must() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visits = [a_visit("V1", arrival="18:00", departure="06:00")]
    problem = build_problem(depot, a_night(depot, visits=visits, horizon=HORIZON))
    program = LinearProgram(problem)
    program.solve()
    upper_kw = np.zeros_like(problem.present)
    upper_kw[0, :4] = 11.04
    program.aim_at(problem)
    polished = program.within((np.zeros_like(upper_kw), upper_kw))
    assert polished is not None
    assert polished.power_kw[0, :4] == pytest.approx(np.full(4, 11.04))
    assert polished.shortfall_kwh == pytest.approx([32.0 - 11.04 * 0.9])
