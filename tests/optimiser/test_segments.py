from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.horizon import FloatArray
from optimiser.segments import best_runs, least_of_runs, sums_of_runs

rows = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=9).map(np.array)


def loss_below(level: FloatArray) -> FloatArray:
    """What every run loses at its least level."""
    return sums_of_runs(level) - least_of_runs(level) * sums_of_runs(np.ones(len(level)))


def every_cut(count: int, most: int) -> list[list[tuple[int, int]]]:
    cuts = [inner for number in range(min(most, count)) for inner in combinations(range(1, count), number)]
    return [list(zip((0, *inner), (*inner, count), strict=True)) for inner in cuts]


@given(rows)
def test_runs_have_the_least_and_the_sum_of_their_items(level: FloatArray) -> None:
    for first in range(len(level)):
        for last in range(first, len(level)):
            assert least_of_runs(level)[first, last] == level[first : last + 1].min()
            assert sums_of_runs(level)[first, last] == pytest.approx(level[first : last + 1].sum())


@given(rows, st.integers(1, 9))
def test_no_other_cut_into_as_many_runs_loses_less(level: FloatArray, most: int) -> None:
    loss = loss_below(level)

    def lost(runs: list[tuple[int, int]]) -> float:
        return sum(float(loss[first, end - 1]) for first, end in runs)

    runs = best_runs(loss, most)
    assert 1 <= len(runs) <= most
    assert (runs[0][0], runs[-1][1]) == (0, len(level))
    assert all(one[1] == other[0] for one, other in pairwise(runs))
    assert lost(runs) == pytest.approx(min(lost(cut) for cut in every_cut(len(level), most)), abs=1e-6)


def test_a_run_that_gains_nothing_is_not_made() -> None:
    assert best_runs(loss_below(np.array([7.0, 7.0, 0.0, 0.0, 7.0])), 5) == [(0, 2), (2, 4), (4, 5)]
