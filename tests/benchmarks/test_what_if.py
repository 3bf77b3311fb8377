"""A thousand nights of fifty vans on one core and on two: nights per second, and what the second core brings.

``python -m pytest tests/benchmarks/test_what_if.py -s`` prints the figures beside those to be reached;
``BENCHMARK_SHARE=0.1`` takes a tenth of the nights. Other work on the machine takes from the second core first: the
speed-up by the wall is asserted on a quiet machine only, that by the processors' time, as if they had nothing else
to do and the workers ended together, always.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

import pandas as pd
import pytest

from optimiser.sweep import Sweep, prepare
from tests.benchmarks.measuring import share_of
from tests.benchmarks.synthetic_nights import Case, a_synthetic_night

NIGHTS = 1000
VEHICLES = 50

SPEEDUP_TO_REACH = 1.8
SPEEDUP_NOW = 1.5
QUIET_LOAD = 0.5
"""Load average of the last minute up to which a machine is quiet."""
PER_SECOND_AND_CORE_TO_REACH = 15.0
PER_SECOND_AND_CORE_NOW = 8.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One sweep: its table, its time by the wall, and that of all its processes together."""

    table: pd.DataFrame
    wall_s: float
    cpu_s: float

    @property
    def per_core(self) -> float:
        """Nights for each second that a processor worked."""
        return len(self.table) / self.cpu_s


@pytest.mark.timeout(1800)
def test_a_thousand_nights_on_one_core_and_on_two() -> None:
    sweep = a_sweep(share_of(NIGHTS))
    load = os.getloadavg()[0]
    solved(sweep, workers=1, rows=4)  # what happens only once, happens now
    one, two = solved(sweep, workers=1), solved(sweep, workers=2)
    by_the_wall, by_processors = one.wall_s / two.wall_s, 2.0 * one.cpu_s / two.cpu_s

    print(f"\n{len(one.table)} nights of {VEHICLES} vans, load average {load:.1f}")
    for name, run in (("one core", one), ("two cores", two)):
        print(
            f"  {name:<10}{run.wall_s:>8.1f} s by the wall, {run.cpu_s:>7.1f} s of processors, "
            f"{len(run.table) / run.wall_s:>6.1f} nights/s, {run.per_core:>6.1f} nights/s and core"
        )
    print(
        f"  two cores are {by_the_wall:.2f} × as fast by the wall, {by_processors:.2f} × by processors' time; "
        f"to reach: {SPEEDUP_TO_REACH:g} ×"
    )
    print(f"  to reach: {PER_SECOND_AND_CORE_TO_REACH:g} nights/s and core")
    assert one.table.to_csv() == two.table.to_csv()
    assert two.per_core >= PER_SECOND_AND_CORE_NOW
    assert by_processors >= SPEEDUP_NOW
    if load <= QUIET_LOAD:
        assert by_the_wall >= SPEEDUP_NOW


def a_sweep(rows: int) -> Sweep:
    """Two transformer limits, with and without a demand charge, over as many draws as make so many rows."""
    depot, night = a_synthetic_night(Case(vehicles=VEHICLES, seed=3, demand_charge=True))
    visits = tuple(
        replace(visit, arrival_sd_minutes=20.0, arrival_soc_sd_percent=5.0) for visit in night.visits
    )
    limit_kw = depot.site.transformer_limit_kw
    changes = {
        "site.transformer_limit_kw": [limit_kw, 1.25 * limit_kw],
        "tariff.demand_charge_per_kw": [0.0, depot.tariff.demand_charge_per_kw],
    }
    return prepare(depot, replace(night, visits=visits), changes, seeds=max(1, rows // 4))


def solved(sweep: Sweep, *, workers: int, rows: int | None = None) -> Run:
    some = replace(sweep, combinations=sweep.combinations[:rows])
    before, began_s = os.times(), time.perf_counter()
    table = some.solve(cache=None, workers=workers, progress=lambda _: None)
    wall_s, after = time.perf_counter() - began_s, os.times()
    cpu_s = sum(after[:4]) - sum(before[:4])
    return Run(table=table, wall_s=wall_s, cpu_s=cpu_s)
