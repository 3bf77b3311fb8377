from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimiser.compression import few_periods, periods_of
from optimiser.depot import Charger, Depot, Feeder, Policy
from optimiser.horizon import FloatArray
from optimiser.levels import Levels
from optimiser.problem import Problem, build_problem
from optimiser.segments import best_runs, least_of_runs, sums_of_runs
from optimiser.tariff import Tariff
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit, an_ac_connector

RELAXED = Policy(secure_against_forgetful=0)


def a_problem(*, vans: int = 2, price_per_kwh: float | FloatArray = 0.3, limit_kw: float = 43.0) -> Problem:
    depot = a_depot(
        vehicles=[a_van(f"V{number}") for number in range(vans)],
        transformer_limit_kw=limit_kw,
        policy=RELAXED,
    )
    return build_problem(depot, a_night(depot, price_per_kwh=price_per_kwh))


def powers_of(problem: Problem, *rows: Mapping[int, float]) -> FloatArray:
    """Powers (V, T) from levels in A by step; a van takes 0.69 kW per A."""
    power_kw = np.zeros((problem.visits, problem.steps))
    for row, amperes in enumerate(rows):
        for step, current_a in amperes.items():
            power_kw[row, step] = 0.69 * current_a
    return power_kw


def at_most(problem: Problem, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(problem.visits, count)


def simply_lowered(problem: Problem, power_kw: FloatArray, count: int) -> FloatArray:
    """Every visit in so many periods at the least of its own powers, the least energy lost."""
    result = power_kw.copy()
    for row, (kw, energy) in enumerate(zip(power_kw, problem.energy_per_kw(), strict=True)):
        least = least_of_runs(kw)
        for first, end in best_runs(sums_of_runs(kw * energy) - least * sums_of_runs(energy), count):
            result[row, first:end] = least[first, end - 1]
    return result


def missing_kwh(problem: Problem, power_kw: FloatArray, wanted_kw: FloatArray) -> float:
    """What visits miss of what they had or needed, whichever is less, all together. [kWh]"""
    energy = problem.energy_per_kw()
    wanted_kwh = np.minimum((energy * wanted_kw).sum(axis=1), problem.need_kwh)
    return float(np.clip(wanted_kwh - (energy * power_kw).sum(axis=1), 0.0, None).sum())


def test_periods_are_counted_over_the_whole_night() -> None:
    assert periods_of(np.array([[0.0, 4.0, 4.0, 0.0], [2.0, 2.0, 2.0, 2.0]])).tolist() == [3, 1]


def test_powers_in_few_enough_periods_stay_as_they_are() -> None:
    problem = a_problem()
    power_kw = powers_of(problem, {30: 16, 31: 16}, {40: 8})
    assert few_periods(problem, power_kw, at_most(problem, 3)).tolist() == power_kw.tolist()


def test_a_ragged_plan_becomes_a_flat_one_of_the_same_energy_and_money() -> None:
    problem = a_problem(vans=1)
    ragged = {step: 7 + step % 3 for step in range(30, 60)}
    power_kw = powers_of(problem, ragged)
    flat_kw = few_periods(problem, power_kw, at_most(problem, 5))
    assert periods_of(flat_kw)[0] <= 5
    assert missing_kwh(problem, flat_kw, power_kw) == pytest.approx(0.0, abs=1e-5)
    assert problem.money(flat_kw) <= problem.money(power_kw) * (1 + 1e-6)


def test_energy_goes_where_it_is_cheap() -> None:
    price_per_kwh = np.full(96, 0.4)
    price_per_kwh[50:60] = 0.1
    problem = a_problem(vans=1, price_per_kwh=price_per_kwh)
    power_kw = powers_of(problem, {step: 6 + step % 2 for step in range(30, 40)})
    cheap_kw = few_periods(problem, power_kw, at_most(problem, 3))
    assert set(np.flatnonzero(cheap_kw[0])) <= set(range(50, 60))
    assert problem.money(cheap_kw) < problem.money(power_kw) / 2


def test_a_peak_that_is_paid_for_is_not_passed() -> None:
    depot = a_depot(
        vehicles=[a_van("V1")], policy=RELAXED, tariff=Tariff(demand_charge_per_kw=20.0, peak_so_far_kw=3.0)
    )
    problem = build_problem(depot, a_night(depot))
    power_kw = powers_of(problem, {step: 6 + step % 3 for step in range(30, 62)})
    flat_kw = few_periods(problem, power_kw, at_most(problem, 3))
    assert flat_kw.max() <= power_kw.max() + 1e-9
    assert missing_kwh(problem, flat_kw, power_kw) == pytest.approx(0.0, abs=1e-5)


def test_who_comes_too_short_changes_places_with_another() -> None:
    """Two vans fill a limit without a gap; only if the one that is flat gives way can the other become flat."""
    problem = a_problem(limit_kw=2.0 + 0.69 * 22)
    limits = {"one": dict.fromkeys(range(30, 54), 8), "other": dict.fromkeys(range(30, 54), 14)}
    limits["one"] |= {step: 7 + step % 2 * 3 for step in range(30, 40)}
    limits["other"] |= {step: 22 - limits["one"][step] for step in range(30, 40)}
    power_kw = powers_of(problem, limits["one"], limits["other"])
    few_kw = few_periods(problem, power_kw, at_most(problem, 4))
    assert missing_kwh(problem, few_kw, power_kw) == pytest.approx(0.0, abs=1e-5)
    assert few_kw.sum(axis=0).max() <= 0.69 * 22 + 1e-6


# -- whatever the night ----------------------------------------------------------------------------------------


def a_mixed_depot(transformer_limit_kw: float, forgetful: int) -> Depot:
    feeder = Feeder(id="east", limit_kw=20.0, limit_per_phase_a=30.0)
    chargers = [
        Charger(id="CP1", feeder="east", connectors=(an_ac_connector(phase_map=("L2", "L3", "L1")),)),
        Charger(id="CP2", feeder="east", connectors=(an_ac_connector(),)),
        Charger(id="CP3", connectors=(an_ac_connector(current_step_a=0.5),)),
        Charger(id="CP4", connectors=(a_dc_connector(max_kw=50.0, min_kw=5.0),)),
    ]
    vehicles = [a_van("V1", ac_phases=1, max_ac_current_a=32.0), a_van("V2"), a_van("V3"), a_bus("B4")]
    return a_depot(
        vehicles=vehicles,
        chargers=chargers,
        feeders=[feeder],
        transformer_limit_kw=transformer_limit_kw,
        tariff=Tariff(demand_charge_per_kw=15.0, peak_so_far_kw=12.0),
        policy=Policy(secure_against_forgetful=forgetful),
    )


def within_limits(problem: Problem, power_kw: FloatArray, slack: float = 1e-5) -> bool:
    sums = all(bool((c.weight @ power_kw <= c.limit + slack).all()) for c in problem.capacities)
    secured = problem.security
    return sums and (secured is None or not list(secured.broken(power_kw, slack)))


def below_curve_and_full(problem: Problem, power_kw: FloatArray) -> bool:
    charged_kwh = np.cumsum(problem.energy_per_kw() * power_kw, axis=1)
    for row, curve in enumerate(problem.curves):
        if charged_kwh[row, -1] > problem.room_kwh[row] + 1e-5:
            return False
        if curve is not None:
            soc_percent = 100.0 * (problem.arrival_kwh[row] + charged_kwh[row]) / problem.battery_kwh[row]
            allowed_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
            drawing = power_kw[row] > 0
            if (power_kw[row] * problem.efficiency[row] > allowed_kw + 1e-5)[drawing].any():
                return False
    return True


def random_powers(problem: Problem, random: np.random.Generator) -> FloatArray:
    """Set-points within all limits, ragged."""
    levels = Levels(problem)
    power_kw = np.zeros((problem.visits, problem.steps))
    for row in random.permutation(problem.visits):
        for step in random.permutation(np.flatnonzero(levels.usable[row]))[:30]:
            before = power_kw[row, step]
            power_kw[row, step] = levels.kw[row, random.integers(levels.highest[row] + 1)]
            if not (within_limits(problem, power_kw, 0.0) and below_curve_and_full(problem, power_kw)):
                power_kw[row, step] = before
    return power_kw


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([25.0, 60.0, 140.0]), st.sampled_from([0, 1])
)
def test_no_limit_is_passed_no_period_too_many_and_no_energy_lost_that_lowering_alone_would_keep(
    seed: int, count: int, limit_kw: float, forgetful: int
) -> None:
    random = np.random.default_rng(seed)
    depot = a_mixed_depot(limit_kw, forgetful)
    visits = [
        a_visit(
            vehicle.id,
            charger_id=f"CP{number}",
            arrival=f"{random.integers(15, 23)}:{random.integers(60):02d}",
            departure=f"0{random.integers(2, 9)}:{random.integers(60):02d}",
            arrival_soc_percent=float(random.integers(10, 80)),
        )
        for number, vehicle in enumerate(depot.vehicles, start=1)
    ]
    price_per_kwh = np.round(random.uniform(-0.05, 0.5, 96), 2)
    pv_kw = np.clip(random.normal(0.0, 10.0, 96), 0.0, None)
    night = a_night(depot, visits=visits, price_per_kwh=price_per_kwh, pv_kw=pv_kw)
    problem = build_problem(depot, night)
    power_kw = random_powers(problem, random)

    few_kw = few_periods(problem, power_kw, at_most(problem, count))

    levels = Levels(problem)
    assert (periods_of(few_kw) <= count).all()
    assert within_limits(problem, few_kw)
    assert below_curve_and_full(problem, few_kw)
    assert not few_kw[~levels.usable].any()
    assert all(np.isclose(kw, levels.kw[row]).any() for row, powers in enumerate(few_kw) for kw in powers)
    lowered_kw = simply_lowered(problem, power_kw, count)
    assert missing_kwh(problem, few_kw, power_kw) <= missing_kwh(problem, lowered_kw, power_kw) + 1e-4
    peaks = [demand.peak_kw(powers.sum(axis=0) + problem.net_base_kw)
             for demand in problem.demands for powers in (few_kw, power_kw)]  # fmt: skip
    assert peaks[0] <= max(peaks[1], 12.0) + 1e-5


def test_a_night_without_visits_has_nothing_to_shorten() -> None:
    depot = a_depot()
    problem = build_problem(depot, a_night(depot, visits=[]))
    assert few_periods(problem, np.zeros((0, 96)), np.zeros(0, dtype=np.int64)).shape == (0, 96)


def test_each_visit_has_a_limit_of_its_own() -> None:
    problem = a_problem()
    ragged = {step: 7 + step % 3 for step in range(30, 60)}
    power_kw = powers_of(problem, ragged, ragged)
    few_kw = few_periods(problem, power_kw, np.array([3, 99]))
    assert periods_of(few_kw)[0] <= 3
    assert few_kw[1].tolist() == power_kw[1].tolist()
