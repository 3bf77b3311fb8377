"""A schedule sent piece by piece: what holds now, exactly, and never more than planned later."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.window import REACH, window
from optimiser.profiles import ChargingProfile, Period
from tests.dispatch.dispatch_builders import NOW

QUARTER = timedelta(minutes=15)
HOURS = st.floats(-1.0, 8.0).map(lambda hours: NOW + timedelta(hours=hours))


def a_schedule(*levels_kw: float) -> ChargingProfile:
    """Levels of an hour each from now on."""
    hour = timedelta(hours=1)
    periods = tuple(
        Period(start=NOW + n * hour, end=NOW + (n + 1) * hour, limit_kw=kw, limit_a=kw / 0.69, phases=3)
        for n, kw in enumerate(levels_kw)
    )
    return ChargingProfile(charger_id="CP1", connector_id=1, periods=periods)


SCHEDULES = st.lists(st.sampled_from((0.0, 4.2, 6.9, 11.0)), min_size=1, max_size=8).map(
    lambda levels: a_schedule(*levels)
)


def levels_kw(profile: ChargingProfile) -> list[float]:
    return [period.limit_kw for period in profile.periods]


def test_what_fits_is_sent_whole_without_what_is_over() -> None:
    assert levels_kw(window(a_schedule(0, 11, 0), 2, at=NOW + 5 * QUARTER)) == [11, 0]


def test_after_the_piece_that_comes_next_nothing_is_allowed() -> None:
    found = window(a_schedule(11, 0, 11, 6.9, 0), 2, at=NOW)
    assert levels_kw(found) == [11, 0]
    assert found.end == NOW + timedelta(hours=5)


def test_one_period_lasts_as_long_as_its_level_does() -> None:
    schedule = a_schedule(0, 11, 6.9, 0)
    assert window(schedule, 1, at=NOW).end == schedule.end
    assert window(schedule, 1, at=NOW + timedelta(hours=1)).end == NOW + timedelta(hours=2)


def test_what_begins_before_the_next_ticks_is_not_left_out() -> None:
    soon = NOW + timedelta(hours=1) - REACH / 2
    assert levels_kw(window(a_schedule(0, 11, 6.9, 0), 2, at=soon)) == [0, 11]


@given(SCHEDULES, st.integers(1, 6), HOURS)
def test_a_window_never_allows_more_than_its_schedule(
    schedule: ChargingProfile, most: int, at: datetime
) -> None:
    found = window(schedule, most, at=at)
    assert len(found.periods) <= most
    for period in schedule.periods:
        for shown in found.periods:
            if shown.start < period.end and period.start < shown.end:
                assert shown.limit_kw <= period.limit_kw


@given(SCHEDULES, st.integers(1, 6), HOURS)
def test_a_window_holds_what_its_schedule_does_now(
    schedule: ChargingProfile, most: int, at: datetime
) -> None:
    now = [p.limit_kw for p in schedule.periods if p.start <= at < p.end]
    found = window(schedule, most, at=at)
    if now:
        assert [p.limit_kw for p in found.periods if p.start <= at < p.end] == now
