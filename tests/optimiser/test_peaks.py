from __future__ import annotations

import numpy as np
import pytest

from optimiser.peaks import Peak
from optimiser.tariff import Demand


def a_peak(
    *,
    net_kw: list[float],
    so_far_kw: float = 0.0,
    intervals: tuple[tuple[int, int], ...] = ((0, 2), (2, 4)),
    charge_per_kw: float = 10.0,
) -> Peak:
    demand = Demand(name="peak", charge_per_kw=charge_per_kw, so_far_kw=so_far_kw, intervals=intervals)
    return Peak(demand, np.array(net_kw))


def test_an_interval_counts_by_its_mean() -> None:
    assert a_peak(net_kw=[2.0, 6.0, 1.0, 1.0]).mean_kw().tolist() == [4.0, 4.0, 1.0, 1.0]


def test_up_to_the_peak_that_is_paid_for_more_power_is_free() -> None:
    peak = a_peak(net_kw=[2.0, 6.0, 1.0, 1.0])
    assert peak.free_kw().tolist() == [0.0, 0.0, 6.0, 6.0]
    assert peak.extra_cost(np.full(4, 6.0)).tolist() == [30.0, 30.0, 0.0, 0.0]


def test_a_peak_of_the_billing_period_so_far_is_paid_for() -> None:
    peak = a_peak(net_kw=[2.0, 6.0, 1.0, 1.0], so_far_kw=9.0)
    assert peak.free_kw().tolist() == [10.0, 10.0, 16.0, 16.0]
    assert peak.highest_steps().tolist() == []


def test_the_highest_steps_are_those_of_the_dearest_interval() -> None:
    peak = a_peak(net_kw=[2.0, 6.0, 1.0, 1.0])
    assert peak.highest_steps().tolist() == [0, 1]
    peak.change(3, 8.0)
    assert peak.mean_kw().tolist() == [4.0, 4.0, 5.0, 5.0]
    assert peak.highest_steps().tolist() == [2, 3]


def test_what_has_been_paid_for_stays_paid_for_when_the_load_goes_down() -> None:
    peak = a_peak(net_kw=[2.0, 6.0, 1.0, 1.0])
    peak.change(0, 4.0)
    peak.change(0, -6.0)
    assert peak.paid_kw == pytest.approx(6.0)
    peak.set_net_load(np.zeros(4))
    assert peak.free_kw().tolist() == [12.0] * 4


def test_a_step_takes_what_leaves_its_interval_below_the_highest() -> None:
    peak = a_peak(net_kw=[2.0, 6.0, 1.0, 1.0])
    assert peak.takes(np.full(4, 5.0)).tolist() == [False, False, True, True]
    assert peak.takes(np.full(4, 6.0)).tolist() == [False, False, False, False]


def test_outside_a_demand_window_nothing_counts() -> None:
    peak = a_peak(net_kw=[50.0, 50.0, 3.0, 5.0], intervals=((2, 4),))
    assert peak.mean_kw().tolist() == [-np.inf, -np.inf, 4.0, 4.0]
    assert peak.extra_cost(np.full(4, 1.0)).tolist() == [0.0, 0.0, 5.0, 5.0]
    peak.change(0, 100.0)
    assert peak.paid_kw == 4.0
    assert peak.highest_steps().tolist() == [2, 3]


def test_a_last_interval_that_is_shorter_has_its_own_length() -> None:
    peak = a_peak(net_kw=[4.0, 4.0, 1.0], intervals=((0, 2), (2, 3)))
    assert peak.free_kw().tolist() == [0.0, 0.0, 3.0]
