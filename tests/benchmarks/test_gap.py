"""How far plans are from the best possible, over random nights of the sample depots.

``python -m pytest tests/benchmarks/test_gap.py -s`` prints the figures; a quarter of an hour on two cores.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from optimiser.planner import plan_night
from tests.benchmarks.random_nights import a_random_night

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("folder", "nights"), [("parcel-12", 200), ("bus-60", 100), ("last-mile-300", 20)])
def test_plans_are_near_their_bound(folder: str, nights: int) -> None:
    gaps, seconds = [], []
    for seed in range(nights):
        plan = plan_night(*a_random_night(folder, seed), created_at=NOW)
        gaps.append(100.0 * plan.solver.gap)
        seconds.append(plan.solver.seconds)
    median, high, most = np.percentile(gaps, [50, 95, 100])
    print(
        f"\n{folder}, {nights} nights: gap to the bound median {median:.3f} %, 95th percentile {high:.3f} %, "
        f"worst {most:.3f} %; set-points median {np.median(seconds):.2f} s, worst {max(seconds):.2f} s"
    )
    assert median <= 0.2
    assert high <= 0.35
