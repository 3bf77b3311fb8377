from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimiser.depot import Charger
from optimiser.levels import Levels
from optimiser.problem import build_problem
from tests.builders import a_depot, a_night, a_van, a_visit, an_ac_connector


def levels_of(*, current_step_a: float = 1.0, allowed_currents_a: tuple[float, ...] = ()) -> Levels:
    connector = replace(an_ac_connector(current_step_a=current_step_a), allowed_currents_a=allowed_currents_a)
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(connector,))])
    return Levels(build_problem(depot, a_night(depot)))


def test_level_zero_is_nothing_and_level_one_the_minimum_current() -> None:
    levels = levels_of()
    assert levels.kw[0, :3] == pytest.approx([0.0, 6 * 0.69, 7 * 0.69])
    assert levels.lowest_kw == pytest.approx([6 * 0.69])
    assert levels.highest_kw == pytest.approx([16 * 0.69])
    assert levels.highest.tolist() == [11]


@pytest.mark.parametrize("current_step_a", [0.1, 0.5, 1.0])
def test_a_cut_is_at_or_below_and_less_than_a_step_below(current_step_a: float) -> None:
    levels = levels_of(current_step_a=current_step_a)
    power_kw = np.linspace(6 * 0.69, 11.04, 96)[None, :]
    cut_kw = levels.power_kw(levels.cut(power_kw))
    assert (cut_kw <= power_kw + 1e-6).all()
    assert (cut_kw > power_kw - current_step_a * 0.69).all()


def test_a_power_below_the_minimum_is_cut_to_nothing() -> None:
    levels = levels_of()
    assert levels.cut(np.full((1, 96), 6 * 0.69 - 0.01)).max() == 0


def test_a_power_that_is_a_level_but_for_noise_stays_that_level() -> None:
    levels = levels_of()
    assert levels.cut(np.full((1, 96), 10 * 0.69 - 1e-9)).tolist() == [[5] * 96]


def test_a_list_of_currents_has_those_levels_and_no_others() -> None:
    levels = levels_of(allowed_currents_a=(6.0, 10.0, 16.0))
    assert levels.kw[0] == pytest.approx([0.0, 4.14, 6.9, 11.04, 11.04])
    amperes = np.array([5.9, 6.0, 9.9, 10.0, 15.9, 16.0] * 16)[None, :]
    assert levels.cut(amperes * 0.69)[0, :6].tolist() == [0, 1, 1, 2, 2, 3]


def test_a_vehicle_that_needs_more_than_its_connector_gives_has_no_level_to_use() -> None:
    connector = an_ac_connector(min_current_a=20.0)
    depot = a_depot(vehicles=[a_van("V1")], chargers=[Charger(id="CP1", connectors=(connector,))])
    levels = Levels(build_problem(depot, a_night(depot)))
    assert levels.highest.tolist() == [0]
    assert not levels.usable.any()
    assert levels.cut(np.full((1, 96), 11.04)).max() == 0


def test_only_steps_in_which_the_vehicle_is_there_can_be_used() -> None:
    depot = a_depot(vehicles=[a_van("V1")])
    night = a_night(depot, visits=[a_visit("V1", arrival="18:00", departure="19:00")])
    assert np.flatnonzero(Levels(build_problem(depot, night)).usable[0]).tolist() == [24, 25, 26, 27]


def test_bounds_hold_a_visit_between_its_lowest_and_highest_level_where_it_is_on() -> None:
    levels = levels_of()
    on = np.zeros((1, 96), dtype=np.bool_)
    on[0, 40] = True
    lower_kw, upper_kw = levels.bounds_kw(on)
    assert (lower_kw[0, 40], upper_kw[0, 40]) == pytest.approx((4.14, 11.04))
    assert lower_kw.sum() + upper_kw.sum() == pytest.approx(4.14 + 11.04)
