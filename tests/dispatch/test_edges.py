"""Edges at which connectors swap power, close to a limit and far from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.floors import targets
from dispatch.layers import Target
from dispatch.safety import Place
from optimiser.depot import Charger, Policy
from tests.builders import a_depot, a_horizon, a_night, a_visit, an_ac_connector, at
from tests.dispatch.dispatch_builders import a_plan, seconds

WAIT_S = 60
"""Clock error and the settling time of the policy."""
STEPS = 12


def planned(
    power_kw: Mapping[str, Mapping[int, float]], *, limit_kw: float, burden_kw: float | None = None
) -> tuple[Target, ...]:
    """Two vans that are there all night, in steps of two hours; the third connector may be a burden."""
    chargers = [Charger(id=f"CP{number}", connectors=(an_ac_connector(),)) for number in (1, 2, 3)]
    count = 2 if burden_kw is None else 3
    depot = a_depot(chargers=chargers[:count], transformer_limit_kw=limit_kw, policy=Policy(settle_s=30))
    visits = [
        a_visit(f"V{number}", charger_id=f"CP{number}", arrival="12:00", departure="11:59")
        for number in (1, 2)
    ]
    night = a_night(depot, visits=visits, horizon=a_horizon(step_minutes=120))
    burdens = None if burden_kw is None else {Place("CP3", 1): np.full(STEPS, burden_kw)}
    first, second, *_ = targets(
        depot, a_plan(depot, night, power_kw=power_kw, created_at=at("12:00")), burdens
    )
    return first, second


def limit_kw_at(target: Target, instant: datetime) -> float:
    return next(p.limit_kw for p in target.plan.periods if p.start <= instant < p.end)


def test_who_takes_over_power_close_to_a_limit_waits_until_it_is_free() -> None:
    first, second = planned({"V1": {4: 11.04}, "V2": {5: 11.04}}, limit_kw=15.0)
    assert limit_kw_at(first, at("22:00")) == 0.0
    assert limit_kw_at(second, at("22:00")) == 0.0
    assert limit_kw_at(second, at("22:00") + seconds(WAIT_S - 1)) == 0.0
    assert limit_kw_at(second, at("22:00") + seconds(WAIT_S)) == 11.04
    assert limit_kw_at(second, at("00:00") + seconds(WAIT_S)) == 0.0


def energy_kwh(target: Target) -> float:
    return sum(p.limit_kw * (p.end - p.start).total_seconds() for p in target.plan.periods) / 3600.0


def test_what_is_put_off_is_made_up_where_a_fall_may_come_later() -> None:
    powers = {"V1": {4: 11.04, 7: 6.9}, "V2": {5: 11.04, 6: 6.9}}
    first, second = planned(powers, limit_kw=15.0)
    unhindered, _ = planned({"V1": powers["V2"], "V2": {}}, limit_kw=15.0)
    assert limit_kw_at(second, at("22:00")) == 0.0
    assert limit_kw_at(second, at("00:00")) == 11.04  # beside a first that draws nothing then
    assert abs(energy_kwh(second) - energy_kwh(unhindered)) <= 11.04 / 3600.0
    assert limit_kw_at(first, at("00:00")) == 0.0


def test_nobody_is_given_back_what_there_is_no_room_for() -> None:
    _, second = planned({"V1": {4: 11.04, 6: 11.04}, "V2": {5: 11.04}}, limit_kw=15.0)
    assert limit_kw_at(second, at("00:00")) == 0.0
    assert energy_kwh(second) < 2 * 11.04


def test_a_connector_that_does_not_obey_takes_the_room_in_which_edges_could_meet() -> None:
    powers = {"V1": {4: 11.04, 7: 6.9}, "V2": {5: 11.04, 6: 6.9}}
    _, free = planned(powers, limit_kw=30.0, burden_kw=0.0)
    first, second = planned(powers, limit_kw=30.0, burden_kw=11.04)
    assert limit_kw_at(free, at("22:00")) == 11.04
    assert limit_kw_at(second, at("22:00")) == 0.0
    assert limit_kw_at(first, at("22:00")) == 0.0


def test_edges_stay_where_they_are_while_there_is_room_for_both() -> None:
    _, second = planned({"V1": {4: 11.04}, "V2": {5: 11.04}}, limit_kw=30.0)
    assert limit_kw_at(second, at("22:00")) == 11.04


ROWS = st.lists(st.sampled_from([0.0, 4.14, 6.9, 11.04]), min_size=STEPS, max_size=STEPS)


@settings(max_examples=60, deadline=None)
@given(first=ROWS, second=ROWS, error_s=st.integers(-WAIT_S, WAIT_S))
def test_clocks_may_differ_by_the_wait_without_passing_the_limit(
    first: list[float], second: list[float], error_s: int
) -> None:
    limit_kw = 17.0
    allowed_kw = limit_kw - 2.0
    power_kw = {
        "V1": dict(enumerate(first)),
        "V2": {step: kw if kw + first[step] <= allowed_kw else 0.0 for step, kw in enumerate(second)},
    }
    one, other = planned(power_kw, limit_kw=limit_kw)
    edges = {p.start for target in (one, other) for p in target.plan.periods}
    for edge in edges:
        for offset_s in (-WAIT_S, -1, 0, 1, WAIT_S):
            instant = edge + seconds(offset_s)
            if not at("12:00") <= instant < one.plan.end - seconds(WAIT_S):
                continue
            skewed = max(instant + seconds(error_s), other.plan.start)
            assert limit_kw_at(one, instant) + limit_kw_at(other, skewed) <= allowed_kw + 1e-6
