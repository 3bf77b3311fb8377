from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimiser.depot import Charger
from optimiser.plan import Plan
from optimiser.planner import plan_night
from optimiser.profiles import ChargingProfile, Period, charging_profiles, compressed, merged
from tests.builders import a_bus, a_dc_connector, a_depot, a_night, a_van, a_visit

NOW = datetime(2025, 11, 10, 12, tzinfo=UTC)
START = datetime(2025, 11, 10, 18, tzinfo=UTC)
QUARTER = timedelta(minutes=15)

levels = st.lists(st.sampled_from([0.0, 4.14, 6.9, 11.04]), min_size=1, max_size=60)


def periods_of(levels_kw: list[float]) -> tuple[Period, ...]:
    return tuple(
        Period(
            start=START + number * QUARTER,
            end=START + (number + 1) * QUARTER,
            limit_kw=kw,
            limit_a=round(kw / 0.69, 1),
            phases=3,
        )
        for number, kw in enumerate(levels_kw)
    )


def limits_of(profile: ChargingProfile) -> list[float]:
    """The limit in every quarter of an hour."""
    limits = []
    at = profile.start
    while at < profile.end:
        limits.append(next(p.limit_kw for p in profile.periods if p.start <= at < p.end))
        at += QUARTER
    return limits


@given(levels)
def test_merging_changes_no_limit_and_leaves_no_equal_neighbours(levels_kw: list[float]) -> None:
    profile = ChargingProfile(charger_id="CP1", connector_id=1, periods=merged(periods_of(levels_kw)))
    assert limits_of(profile) == levels_kw
    pairs = zip(profile.periods, profile.periods[1:], strict=False)
    assert all(one.limit_kw != other.limit_kw and one.end == other.start for one, other in pairs)


@given(levels, st.integers(1, 12))
def test_compressing_never_raises_a_limit_and_keeps_to_the_count(levels_kw: list[float], count: int) -> None:
    profile = ChargingProfile(charger_id="CP1", connector_id=1, periods=merged(periods_of(levels_kw)))
    short = compressed(profile, count)
    assert len(short.periods) <= count
    assert all(a <= b for a, b in zip(limits_of(short), levels_kw, strict=True))
    assert (short.start, short.end) == (profile.start, profile.end)


@given(levels, st.integers(1, 12))
def test_what_compressing_loses_is_told_and_never_grows_with_more_periods(
    levels_kw: list[float], count: int
) -> None:
    profile = ChargingProfile(charger_id="CP1", connector_id=1, periods=merged(periods_of(levels_kw)))
    short = compressed(profile, count)
    assert short.lost_kwh == pytest.approx((sum(levels_kw) - sum(limits_of(short))) / 4.0)
    assert compressed(profile, count + 1).lost_kwh <= short.lost_kwh + 1e-9
    if count >= len(profile.periods):
        assert short == profile


@given(levels, st.integers(1, 12))
def test_merging_the_cheapest_neighbours_again_and_again_never_loses_less(
    levels_kw: list[float], count: int
) -> None:
    profile = ChargingProfile(charger_id="CP1", connector_id=1, periods=merged(periods_of(levels_kw)))
    assert compressed(profile, count).lost_kwh <= lost_by_merging_neighbours(levels_kw, count) + 1e-9


def lost_by_merging_neighbours(levels_kw: list[float], count: int) -> float:
    """Energy lost by a greedy way: always the pair of neighbours that loses the least. [kWh]"""
    runs: list[tuple[float, int]] = []
    for kw in levels_kw:
        runs = [*runs[:-1], (kw, runs[-1][1] + 1)] if runs and runs[-1][0] == kw else [*runs, (kw, 1)]
    lost = 0.0
    while len(runs) > count:
        losses = [
            abs(a - b) * (number_a if a > b else number_b) / 4.0
            for (a, number_a), (b, number_b) in pairwise(runs)
        ]
        at = losses.index(min(losses))
        lost += losses[at]
        (a, number_a), (b, number_b) = runs[at : at + 2]
        runs[at : at + 2] = [(min(a, b), number_a + number_b)]
    return lost


def test_periods_in_which_no_vehicle_is_planned_are_given_up_first() -> None:
    profile = ChargingProfile(
        charger_id="CP1", connector_id=1, periods=periods_of([11.04, 0.0, 4.14, 6.9, 4.14, 6.9])
    )
    assert limits_of(compressed(profile, 3)) == [11.04, 0.0, 4.14, 4.14, 4.14, 4.14]
    short = compressed(profile, 3, counted=[(START + 2 * QUARTER, START + 6 * QUARTER)])
    assert limits_of(short) == [0.0, 0.0, 4.14, 4.14, 4.14, 6.9]
    assert short.lost_kwh == pytest.approx((6.9 - 4.14) / 4.0)


def test_vehicles_on_different_phases_share_no_limit() -> None:
    one, *others = periods_of([3.68, 4.14, 0.0, 11.04])
    profile = ChargingProfile(
        charger_id="CP1", connector_id=1, periods=(replace(one, limit_a=16.0, phases=1), *others)
    )
    assert [(p.limit_kw, p.limit_a) for p in compressed(profile, 3).periods] == [
        (3.68, 16.0),
        (0.0, 0.0),
        (11.04, 16.0),
    ]
    assert [
        (p.limit_kw, p.limit_a) for p in compressed(replace(profile, periods=profile.periods[:2]), 1).periods
    ] == [(0.0, 0.0)]


def test_a_profile_that_lost_energy_says_so() -> None:
    profile = ChargingProfile(charger_id="CP1", connector_id=1, periods=periods_of([0.0, 11.04, 6.9, 0.0]))
    assert "lost" not in repr(profile)
    assert "lost              1.0 kWh for want of periods" in repr(compressed(profile, 3))


def test_compressing_gives_up_the_least_energy() -> None:
    profile = ChargingProfile(
        charger_id="CP1", connector_id=1, periods=merged(periods_of([0.0, 11.04, 11.04, 11.04, 6.9, 0.0]))
    )
    assert limits_of(compressed(profile, 3)) == [0.0, 11.04, 11.04, 11.04, 0.0, 0.0]


def a_van_plan(power_kw: float) -> tuple[Plan, ChargingProfile]:
    depot = a_depot(vehicles=[a_van("V1", ac_phases=1, max_ac_current_a=32.0)])
    night = a_night(depot)
    plan = plan_night(depot, night, created_at=NOW)
    powers = [0.0] * 96
    powers[40] = power_kw
    plan = replace(plan, visits=(replace(plan.visits[0], power_kw=tuple(powers)),))
    (profile,) = charging_profiles(plan)
    return plan, profile


def test_a_limit_in_amperes_is_per_phase_of_the_phases_that_are_used_and_cut_down() -> None:
    _, profile = a_van_plan(1.3247)
    assert [period.limit_kw for period in profile.periods] == [0.0, 1.324, 0.0]
    assert profile.periods[1].limit_a == pytest.approx(5.7)
    assert profile.periods[1].phases == 1


def test_a_connector_without_a_visit_is_allowed_nothing() -> None:
    depot = a_depot()
    night = a_night(depot, visits=[a_visit("V1", charger_id="CP1")])
    profiles = charging_profiles(plan_night(depot, night, created_at=NOW))
    assert [(p.charger_id, len(p.periods)) for p in profiles][1] == ("CP2", 1)
    assert profiles[1].periods[0].limit_kw == 0.0


def test_a_plan_stored_before_it_named_its_connectors_has_limits_in_power_alone() -> None:
    depot = a_depot()
    document = plan_night(depot, a_night(depot, visits=[a_visit("V1", charger_id="CP2")]), created_at=NOW)
    old = document.to_document()
    del old["connectors"]
    (profile,) = charging_profiles(Plan.from_document(old))
    assert (profile.charger_id, profile.start, profile.end) == (
        "CP2",
        document.horizon.start,
        document.horizon.end,
    )
    assert max(limits_of(profile)) == pytest.approx(max(document.visits[0].power_kw), abs=1e-3)


def test_a_dc_limit_has_no_amperes() -> None:
    chargers = [Charger(id="CP1", connectors=(a_dc_connector(),))]
    depot = a_depot(vehicles=[a_bus("B1")], chargers=chargers, transformer_limit_kw=400.0)
    night = a_night(depot, visits=[a_visit("B1")])
    (profile,) = charging_profiles(plan_night(depot, night, created_at=NOW))
    assert {(period.limit_a, period.phases) for period in profile.periods} == {(None, 0)}
    assert max(period.limit_kw for period in profile.periods) >= 10.0


def test_profiles_of_a_plan_are_its_powers_to_the_step() -> None:
    depot = a_depot()
    plan = plan_night(depot, a_night(depot), created_at=NOW)
    for visit, profile in zip(plan.visits, charging_profiles(plan), strict=True):
        assert limits_of(profile) == pytest.approx(visit.power_kw, abs=1e-3)
        assert all(limit <= kw + 1e-9 for limit, kw in zip(limits_of(profile), visit.power_kw, strict=True))
