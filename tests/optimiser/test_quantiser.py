from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser.depot import Charger, Feeder, Policy
from optimiser.horizon import FloatArray
from optimiser.levels import Levels
from optimiser.problem import Problem, build_problem
from optimiser.quantiser import Quantiser
from optimiser.tariff import DemandWindow, Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_horizon, a_night, a_van, a_visit, an_ac_connector

HORIZON = a_horizon(start="18:00", end="06:00")
ALL_NIGHT = a_visit("V1", arrival="18:00", departure="06:00", arrival_soc_percent=50, required_soc_percent=60)


def quantised(problem: Problem, chosen_kw: FloatArray) -> FloatArray:
    return Quantiser(problem, Levels(problem), chosen_kw, np.zeros(problem.visits)).run()


def amperes_at(problem: Problem, **steps_a: float) -> FloatArray:
    """Powers of the first visit, in A of three phases, by step: ``s3=7.5`` is 7.5 A in step 3."""
    chosen_kw = np.zeros((problem.visits, problem.steps))
    for name, current_a in steps_a.items():
        chosen_kw[0, int(name[1:])] = 0.69 * current_a
    return chosen_kw


def test_what_the_cut_took_is_given_back_where_it_is_cheapest() -> None:
    depot = a_depot(vehicles=[a_van("V1", charge_efficiency=1.0)])
    prices = np.full(48, 0.40)
    prices[:10] = 0.30
    prices[7] = 0.10
    problem = build_problem(depot, a_night(depot, visits=[ALL_NIGHT], price_per_kwh=prices, horizon=HORIZON))
    # Four steps of 9.3 A, 6.4 kWh: cut to 9 A they lack 0.2 kWh, which is two steps of 1 A.
    current_a = 6.4 / (4 * 0.69 * 0.25)
    power_kw = quantised(
        problem, amperes_at(problem, s0=current_a, s5=current_a, s7=current_a, s20=current_a)
    )
    assert power_kw[0, 7] == pytest.approx(0.69 * 11)
    assert problem.shortfall_kwh(power_kw) == pytest.approx([0.0])


def test_a_list_of_currents_is_kept_to() -> None:
    connector = replace(an_ac_connector(), allowed_currents_a=(6.0, 10.0, 16.0))
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(connector,))])
    problem = build_problem(depot, a_night(depot, visits=[ALL_NIGHT], horizon=HORIZON))
    power_kw = quantised(problem, amperes_at(problem, s0=15.0, s1=12.0, s2=7.0, s3=8.0))
    assert set(np.round(power_kw[0] / 0.69, 6)) <= {0.0, 6.0, 10.0, 16.0}
    assert problem.shortfall_kwh(power_kw) == pytest.approx([0.0])


def test_more_than_is_needed_is_taken_back_where_it_is_dearest() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    prices = np.full(48, 0.20)
    prices[2] = 0.50
    problem = build_problem(depot, a_night(depot, visits=[ALL_NIGHT], price_per_kwh=prices, horizon=HORIZON))
    power_kw = quantised(problem, amperes_at(problem, s0=16, s1=16, s2=16, s3=16))
    assert power_kw[0, 2] < power_kw[0, 0]
    assert problem.shortfall_kwh(power_kw) == pytest.approx([0.0])


def test_no_raise_passes_the_transformer_or_a_feeder() -> None:
    depot = a_depot(
        feeders=[Feeder(id="F1", limit_kw=6.9)],
        chargers=[Charger(id=name, feeder="F1", connectors=(an_ac_connector(),)) for name in ("CP1", "CP2")],
    )
    night = a_night(depot, base_load_kw=0.0)
    problem = build_problem(depot, night)
    power_kw = quantised(problem, np.zeros((2, 96)))
    assert power_kw.sum(axis=0).max() == pytest.approx(6.9)


def test_no_raise_passes_what_a_forgetful_charger_needs_in_reserve() -> None:
    depot = replace(a_depot(transformer_limit_kw=18.0), policy=Policy(secure_against_forgetful=1))
    problem = build_problem(depot, a_night(depot, base_load_kw=0.0))
    power_kw = quantised(problem, np.zeros((2, 96)))
    assert problem.security is not None
    assert power_kw.sum() > 0
    assert (problem.security.worst_kw(power_kw) <= 18.0 + 1e-6).all()


def test_no_raise_passes_a_charge_curve_or_a_full_battery() -> None:
    depot = a_depot(
        vehicles=[a_bus("B1")],
        chargers=[Charger(id="CP1", connectors=(a_dc_connector(),))],
        transformer_limit_kw=400.0,
    )
    visits = [a_visit("B1", arrival_soc_percent=70.0, required_soc_percent=100.0)]
    problem = build_problem(depot, a_night(depot, visits=visits))
    power_kw = quantised(problem, np.full((1, 96), 150.0) * problem.drawable)[0]
    soc_percent = 70.0 + np.cumsum(problem.energy_per_kw()[0] * power_kw) / 3.0
    assert (0.9 * power_kw <= np.interp(soc_percent, [0, 80, 100], [150, 150, 15]) + 1e-6).all()
    assert soc_percent[-1] <= 100.0 + 1e-6


def test_a_battery_is_not_filled_above_full_before_it_is_preconditioned() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    visit = a_visit("V1", arrival_soc_percent=95.0, required_soc_percent=100.0, precondition_kwh=6.0)
    problem = build_problem(depot, a_night(depot, visits=[visit]))
    power_kw = quantised(problem, np.zeros((1, 96)))
    charged_kwh = np.cumsum(problem.energy_per_kw()[0] * power_kw[0])
    assert (charged_kwh <= 3.2 + problem.consumed_kwh[0] + 1e-6).all()
    assert charged_kwh[-1] > 3.2


def test_shaving_lowers_a_peak_that_has_to_be_paid() -> None:
    depot = a_depot(vehicles=[a_van("V1")], tariff=Tariff(demand_charge_per_kw=50.0))
    problem = build_problem(depot, a_night(depot, visits=[ALL_NIGHT], base_load_kw=0.0, horizon=HORIZON))
    chosen_kw = amperes_at(problem, s0=16, s1=8, s2=8, s3=8, s4=8)
    power_kw = quantised(problem, chosen_kw)
    assert power_kw.max() < 0.69 * 12
    assert problem.shortfall_kwh(power_kw) == pytest.approx([0.0])


def test_what_is_missing_goes_outside_a_dear_demand_window() -> None:
    window = DemandWindow(
        name="evening", days="all", from_minute=18 * 60, to_minute=20 * 60, charge_per_kw=100.0
    )
    depot = a_depot(vehicles=[a_van("V1")], tariff=Tariff(demand_windows=(window,)))
    prices = np.full(48, 0.30)
    prices[:8] = 0.10
    problem = build_problem(depot, a_night(depot, visits=[ALL_NIGHT], price_per_kwh=prices, horizon=HORIZON))
    power_kw = quantised(problem, np.zeros((1, 48)))
    assert power_kw[0, :8].max() == 0.0
    assert problem.shortfall_kwh(power_kw) == pytest.approx([0.0])
