"""The measured nights are what they are said to be: limits bind, nearly every night can be served.

``python -m pytest tests/benchmarks/test_synthetic_nights.py -s``; a minute on one core.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from optimiser.inputs import load_folder
from optimiser.lp import LinearProgram
from optimiser.problem import build_problem
from tests.benchmarks.bare_lp import SETTINGS, bare_model
from tests.benchmarks.synthetic_folder import write_synthetic_folder
from tests.benchmarks.synthetic_nights import Case, a_synthetic_night, every_tariff


def test_a_case_is_always_the_same_night() -> None:
    case = Case(vehicles=50, seed=3, prices="three-level", demand_charge=True)
    (depot, night), (again, same) = a_synthetic_night(case), a_synthetic_night(case)
    assert depot == again
    assert night.visits == same.visits
    assert (night.import_price_per_kwh == same.import_price_per_kwh).all()


def test_a_seed_is_the_same_fleet_under_every_tariff() -> None:
    fleets = [a_synthetic_night(case) for case in every_tariff(20, [5])]
    assert all(night.visits == fleets[0][1].visits for _, night in fleets)
    assert all(depot.feeders == fleets[0][0].feeders for depot, _ in fleets)
    assert len({tuple(night.import_price_per_kwh) for _, night in fleets}) == 4


@pytest.mark.parametrize(("vehicles", "feeders"), [(20, 1 + 1 + 1), (50, 1 + 2 + 4), (1000, 1 + 4 + 20)])
def test_cables_hang_in_a_tree(vehicles: int, feeders: int) -> None:
    depot, _ = a_synthetic_night(Case(vehicles=vehicles, seed=0))
    assert len(depot.feeders) == feeders
    assert all(len(depot.feeder_path(charger)) == 3 for charger in depot.chargers)


@pytest.mark.parametrize("vehicles", [20, 200])
def test_limits_bind_for_some_hours_and_nearly_every_night_can_be_served(vehicles: int) -> None:
    served, binding = [], []
    for seed in range(40):
        depot, night = a_synthetic_night(Case(vehicles=vehicles, seed=seed, alike=seed % 2 == 1))
        optimum = LinearProgram(build_problem(depot, night)).solve()
        site_kw = optimum.power_kw.sum(axis=0) + night.base_load_kw
        served.append(optimum.shortfall_kwh.sum() <= 0.001 * sum(v.battery_kwh for v in depot.vehicles))
        binding.append(float((site_kw >= night.site_limit_kw - 0.01).sum() * night.horizon.step_h))
    print(
        f"\n{vehicles} vans: {100 * np.mean(served):.0f} % of nights served; the transformer binds for "
        f"{np.median(binding):.1f} h ({min(binding):.1f} to {max(binding):.1f})"
    )
    assert np.mean(served) >= 0.9
    assert np.median(binding) >= 1.0


@pytest.mark.parametrize("vehicles", [20, 100])
def test_the_bare_program_finds_the_optimum_of_the_planners(vehicles: int) -> None:
    for case in every_tariff(vehicles, range(4)):
        depot, night = a_synthetic_night(case)
        optimum = LinearProgram(build_problem(depot, night)).solve()
        for name, options in SETTINGS.items():
            bare = bare_model(depot, night).solve(options, time_limit_s=60.0)
            assert bare is not None, f"{name}: {case}"
            assert np.isclose(bare.shortfall_kwh.sum(), optimum.shortfall_kwh.sum(), atol=1e-4), str(case)
            # The planner may pay a trifle for charging early rather than late.
            assert np.isclose(bare.money, optimum.money, rtol=1e-4), str(case)


def test_a_night_written_as_a_folder_is_read_as_the_same_night(tmp_path: Path) -> None:
    depot, night = a_synthetic_night(Case(vehicles=50, seed=1, demand_charge=True, day=date(2025, 11, 10)))
    read, read_night = load_folder(write_synthetic_folder(tmp_path, depot, night), "2025-11-10")
    assert replace(read, site=replace(read.site, base_load_kw=0.0)) == depot
    assert read_night.visits == night.visits
    assert np.allclose(read_night.import_price_per_kwh, night.import_price_per_kwh, atol=1e-12)
    assert np.allclose(read_night.base_load_kw, night.base_load_kw, atol=1e-12)
    assert (read_night.site_limit_kw == night.site_limit_kw).all()
