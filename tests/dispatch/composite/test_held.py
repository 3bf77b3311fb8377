"""Stacks of profiles resolved by OCPP 1.6's rules."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dispatch.composite import effective, effective_limit, equivalent, limit_at, profile_edges
from dispatch.composite.held import FORESIGHT
from dispatch.station import ProfileKind, Purpose, StationProfile
from tests.dispatch.dispatch_builders import NOW, a_profile, seconds

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def value_at(
    profiles: list[StationProfile], instant: datetime, *, transaction_id: int | None = None
) -> float | None:
    limit = effective_limit(profiles, transaction_id=transaction_id, instant=instant)
    return None if limit is None else limit.value


def test_a_period_holds_from_its_start_until_the_next_one_and_the_last_until_the_duration_is_over() -> None:
    profile = a_profile(limits=[(0, 16.0), (600, 8.0)], duration_s=900)
    limits = [limit_at(profile, NOW + seconds(s)) for s in (-1, 0, 599, 600, 899, 900)]
    assert [None if limit is None else limit.value for limit in limits] == [None, 16, 16, 8, 8, None]


def test_valid_from_is_included_and_valid_to_is_not() -> None:
    profile = a_profile(valid_from=NOW + HOUR, valid_to=NOW + 2 * HOUR)
    assert limit_at(profile, NOW + HOUR - seconds(1)) is None
    assert limit_at(profile, NOW + HOUR) is not None
    assert limit_at(profile, NOW + 2 * HOUR) is None


def test_no_profile_is_no_limit_and_not_a_number() -> None:
    assert effective_limit([], transaction_id=None, instant=NOW) is None


def test_the_highest_stack_level_with_a_period_leads_whatever_its_value() -> None:
    floor = a_profile(profile_id=1, stack_level=0, limits=[(0, 6.0)])
    plan = a_profile(profile_id=2, stack_level=1, limits=[(0, 16.0)], duration_s=3600)
    assert value_at([floor, plan], NOW) == 16
    assert value_at([floor, plan], NOW + HOUR) == 6


def test_a_tx_profile_takes_the_place_of_every_default_for_its_own_transaction_only() -> None:
    default = a_profile(profile_id=1, stack_level=9, limits=[(0, 6.0)])
    override = a_profile(
        profile_id=2, purpose=Purpose.TX, transaction_id=7, limits=[(0, 32.0)], duration_s=3600
    )
    assert value_at([default, override], NOW, transaction_id=7) == 32
    assert value_at([default, override], NOW, transaction_id=8) == 6
    assert value_at([default, override], NOW) == 6
    assert value_at([default, override], NOW + HOUR, transaction_id=7) == 6


def test_a_default_of_the_connector_takes_the_place_of_one_for_all_connectors() -> None:
    for_all = a_profile(profile_id=1, connector_id=0, stack_level=5, limits=[(0, 6.0)])
    own = a_profile(profile_id=2, stack_level=0, limits=[(0, 10.0)])
    assert value_at([for_all, own], NOW) == 10
    assert value_at([for_all], NOW) == 6


def test_the_stations_maximum_is_never_passed_also_in_another_unit() -> None:
    maximum = a_profile(
        profile_id=1, connector_id=0, purpose=Purpose.STATION_MAX, unit="W", limits=[(0, 6900.0)]
    )
    default = a_profile(profile_id=2, limits=[(0, 16.0)])
    assert value_at([maximum, default], NOW) == 6900
    assert value_at([maximum], NOW) == 6900


def test_a_stack_is_a_row_of_segments_without_gaps_and_without_equal_neighbours() -> None:
    floor = a_profile(profile_id=1, limits=[(0, 6.0)])
    plan = a_profile(
        profile_id=2, stack_level=1, limits=[(0, 6.0), (600, 16.0)], duration_s=1200, valid_to=NOW + seconds(1200)
    )  # fmt: skip
    segments = effective([floor, plan], transaction_id=None, start=NOW + seconds(60))
    assert [(s.start - NOW, s.limit and s.limit.value) for s in segments] == [
        (seconds(60), 6.0),
        (seconds(600), 16.0),
        (seconds(1200), 6.0),
    ]
    assert [s.end for s in segments] == [NOW + seconds(600), NOW + seconds(1200), None]


def test_profiles_that_differ_only_in_the_past_are_equivalent() -> None:
    one = a_profile(start=NOW - HOUR, limits=[(0, 16.0), (3600, 8.0)])
    other = a_profile(start=NOW - 2 * HOUR, limits=[(0, 10.0), (7200, 8.0)])
    assert equivalent(one, other, since=NOW)
    assert not equivalent(one, other, since=NOW - seconds(1))


def test_profiles_at_different_levels_or_with_different_ends_are_not_equivalent() -> None:
    assert not equivalent(a_profile(stack_level=0), a_profile(stack_level=1), since=NOW)
    assert not equivalent(a_profile(), a_profile(duration_s=3600), since=NOW)
    assert not equivalent(a_profile(number_phases=3), a_profile(number_phases=1), since=NOW)


def test_what_is_asked_from_outside_is_never_passed() -> None:
    outside = {"purpose": Purpose.EXTERNAL}
    default = a_profile(profile_id=1, limits=[(0, 32.0)])
    of_station = a_profile(profile_id=2, connector_id=0, limits=[(0, 20.0)]).model_copy(update=outside)
    of_connector = a_profile(profile_id=3, limits=[(0, 25.0)]).model_copy(update=outside)
    assert value_at([default, of_station, of_connector], NOW) == 20
    assert value_at([default, of_connector], NOW) == 25


def test_a_daily_profile_comes_again_and_is_told_for_two_weeks() -> None:
    daily = a_profile(start=NOW - 3 * DAY, limits=[(0, 16.0), (3600, 8.0)], duration_s=7200).model_copy(
        update={"kind": ProfileKind.DAILY}
    )
    assert [value_at([daily], NOW + offset) for offset in (-4 * DAY, HOUR, 2 * HOUR, DAY)] == [
        None,
        8,
        None,
        16,
    ]
    segments = effective([daily], transaction_id=None, start=NOW)
    assert [s.limit and s.limit.value for s in segments[:4]] == [16, 8, None, 16]
    assert segments[-1].start == NOW + FORESIGHT
    assert (segments[-1].end, segments[-1].limit) == (None, None)
    edges = profile_edges(daily, since=NOW)
    assert {segment.start for segment in segments} <= edges
    assert min(edges) == NOW
    assert equivalent(daily, daily.model_copy(update={"start": NOW - DAY}), since=NOW)


LIMITS = st.lists(
    st.tuples(st.integers(0, 7200), st.floats(0, 32)), min_size=1, max_size=6, unique_by=lambda item: item[0]
).map(lambda rows: [(0, rows[0][1]), *sorted((start, limit) for start, limit in rows if start > 0)])


@given(
    limits=st.lists(LIMITS, min_size=1, max_size=3),
    durations=st.lists(st.none() | st.integers(1, 9000), min_size=3, max_size=3),
    offset_s=st.integers(0, 10_000),
)
def test_segments_say_the_same_as_asking_for_every_instant(
    limits: list[list[tuple[int, float]]], durations: list[int | None], offset_s: int
) -> None:
    stack = [
        a_profile(profile_id=i, stack_level=i, limits=rows, duration_s=durations[i])
        for i, rows in enumerate(limits)
    ]
    instant = NOW + seconds(offset_s)
    segments = effective(stack, transaction_id=None, start=NOW)
    held = next(s for s in segments if s.start <= instant and (s.end is None or instant < s.end))
    assert held.limit == effective_limit(stack, transaction_id=None, instant=instant)
