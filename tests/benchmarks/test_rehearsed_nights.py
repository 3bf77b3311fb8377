"""What a rehearsed night of random faults costs: processor time per night, of the sample depots.

``python -m pytest -s tests/benchmarks/test_rehearsed_nights.py``; ``BENCHMARK_SHARE=0.1`` for a first look.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import mean, median

import pytest

from dispatch.checked import with_known_chargers
from dispatch.rehearsal.chaos import drawn_faults
from dispatch.rehearsal.trial import Setting, tried
from optimiser.inputs import load_folder
from optimiser.planner import plan_night
from tests.benchmarks.measuring import followed, share_of, timed

DATA = Path(__file__).parents[2] / "data"
NIGHTS = 20
SEED = 1


@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", ["parcel-12", "bus-60"])
def test_processor_time_of_a_random_night(name: str) -> None:
    depot, night = load_folder(DATA / name, "2025-11-10")
    known = with_known_chargers(depot)
    setting = Setting(depot=known, night=night, plan=plan_night(known, night, created_at=night.horizon.start))
    cpu_s = []
    for number in followed(range(share_of(NIGHTS))):
        faults = drawn_faults(setting, seed=SEED, number=number)
        verdict, elapsed = timed(partial(tried, setting, faults))
        assert not verdict.crashes
        cpu_s.append(elapsed.cpu_s)
    worst = max(range(len(cpu_s)), key=cpu_s.__getitem__)
    print(
        f"{name}: {len(cpu_s)} nights of seed {SEED}, {mean(cpu_s):.2f} s of processor time on average, "
        f"median {median(cpu_s):.2f} s, worst {cpu_s[worst]:.2f} s (night {worst})"
    )
