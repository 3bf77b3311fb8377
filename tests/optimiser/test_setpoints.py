from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.accounting import account
from optimiser.depot import Charger, Depot
from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram
from optimiser.night import Night
from optimiser.planner import plan_night
from optimiser.problem import build_problem
from optimiser.setpoints import set_points
from optimiser.tariff import Tariff
from tests.builders import a_depot, a_horizon, a_night, a_van, a_visit, an_ac_connector

HORIZON = a_horizon(start="18:00", end="06:00")
NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


def powers_of(depot: Depot, night: Night) -> FloatArray:
    problem = build_problem(depot, night)
    program = LinearProgram(problem)
    return set_points(problem, program, program.solve())


def test_a_power_is_zero_or_at_least_the_minimum_and_in_whole_steps() -> None:
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in range(1, 7)], transformer_limit_kw=20.0)
    amperes = powers_of(depot, a_night(depot)) / 0.69
    assert ((amperes == 0) | (amperes >= 6 - 1e-9)).all()
    assert np.allclose(amperes, np.round(amperes))


def test_vans_take_turns_where_the_flat_optimum_is_below_the_minimum_of_one() -> None:
    """The flat optimum of the night is 2.7 kW for two vans, of which one alone needs 4.14 kW."""
    depot = a_depot(tariff=Tariff(demand_charge_per_kw=20.0))
    visits = [
        a_visit(name, charger_id=charger, arrival="18:00", departure="06:00", arrival_soc_percent=65)
        for name, charger in (("V1", "CP1"), ("V2", "CP2"))
    ]
    night = a_night(depot, visits=visits, base_load_kw=0.0, horizon=HORIZON)
    power_kw = powers_of(depot, night)
    assert power_kw.sum(axis=0).max() == pytest.approx(4.14)
    assert account(depot, night, power_kw).shortfall_kwh == pytest.approx([0.0, 0.0])


def test_cutting_to_steps_passes_no_peak_that_is_paid_for() -> None:
    tariff = Tariff(demand_charge_per_kw=21.93, peak_so_far_kw=18.0)
    chargers = [
        Charger(id=f"CP{number}", connectors=(an_ac_connector(current_step_a=0.1),)) for number in range(1, 7)
    ]
    depot = a_depot(vehicles=[a_van(f"V{n}") for n in range(1, 7)], chargers=chargers, tariff=tariff)
    prices = np.random.default_rng(5).uniform(0.15, 0.35, 96)
    night = a_night(depot, price_per_kwh=prices)
    plan = plan_night(depot, night, created_at=NOW)
    assert plan.peak_kw <= 18.0 + 1e-6
    assert plan.solver.gap < 0.003


def test_a_vehicle_that_needs_nothing_is_given_nothing() -> None:
    depot = a_depot()
    visits = [a_visit("V1", charger_id="CP1"), a_visit("V2", charger_id="CP2", arrival_soc_percent=95.0)]
    assert powers_of(depot, a_night(depot, visits=visits))[1].max() == 0.0


def test_leeway_is_asked_for_needs_alone() -> None:
    depot = a_depot()
    visits = [a_visit("V1", charger_id="CP1"), a_visit("V2", charger_id="CP2", arrival_soc_percent=95.0)]
    needs_kwh = build_problem(depot, a_night(depot, visits=visits)).with_leeway().need_kwh
    assert needs_kwh == pytest.approx([32.0 + 0.69 * 0.9 / 4, 0.0])


def test_a_full_battery_is_not_overfilled_by_a_step() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visits = [a_visit("V1", arrival="18:00", departure="06:00", required_soc_percent=100.0)]
    night = a_night(depot, visits=visits, horizon=HORIZON)
    soc_percent = account(depot, night, powers_of(depot, night)).planned_soc_percent
    assert 99.75 <= soc_percent[0] <= 100.0


def test_more_than_needed_is_taken_where_the_grid_pays_for_it() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    prices = np.full(48, 0.30)
    prices[8:12] = -0.10
    visits = [
        a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=60, required_soc_percent=62)
    ]
    night = a_night(depot, visits=visits, price_per_kwh=prices, horizon=HORIZON)
    assert powers_of(depot, night)[0, 8:12] == pytest.approx(np.full(4, 11.04))


def test_a_minimum_that_fits_below_no_limit_is_a_shortfall_and_no_violation() -> None:
    depot = a_depot(vehicles=[a_van("V1")], transformer_limit_kw=5.0)
    night = a_night(depot, base_load_kw=2.0)
    plan = plan_night(depot, night, created_at=NOW)
    assert max(plan.visits[0].power_kw) == 0.0
    assert plan.shortfall_kwh == pytest.approx(32.0)


def test_under_a_peak_that_is_paid_for_a_plan_is_within_three_thousandths_of_its_bound() -> None:
    for vans in (8, 41):
        chargers = [
            Charger(id=f"CP{n}", connectors=(an_ac_connector(current_step_a=0.1),))
            for n in range(1, vans + 1)
        ]
        tariff = Tariff(demand_charge_per_kw=21.93, peak_so_far_kw=4.0 * vans)
        depot = a_depot(
            vehicles=[a_van(f"V{n}") for n in range(1, vans + 1)],
            chargers=chargers,
            transformer_limit_kw=200.0,
            tariff=tariff,
        )
        prices = np.repeat(np.random.default_rng(1).uniform(0.2, 0.3, 24), 4)
        visits = [
            a_visit(f"V{n}", charger_id=f"CP{n}", arrival_soc_percent=20.0 + n) for n in range(1, vans + 1)
        ]
        night = a_night(depot, visits=visits, price_per_kwh=prices)
        plan = plan_night(depot, night, created_at=NOW)
        assert plan.solver.gap < 0.003
        assert plan.shortfall_kwh == pytest.approx(0.0)
