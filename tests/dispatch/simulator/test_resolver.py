"""How a charge point reads its profiles: cases of OCPP 1.6 and its errata, and laws."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.simulator.grammar import instant
from dispatch.simulator.resolver import Installed, after_transaction, allowances_at, install, schedule
from dispatch.simulator.wire16.profiles import RULES, fits, read
from tests.dispatch.simulator.simulator_builders import NOW, a_profile, a_session, after, stamp

DAY_S = 24 * 3600


def installed(*profiles: dict[str, Any], connector_id: int = 1) -> tuple[Installed, ...]:
    """Profiles as accepted one after the other; the station's maximum is on connector 0."""
    stack: tuple[Installed, ...] = ()
    for profile in profiles:
        where = 0 if profile["chargingProfilePurpose"] == "ChargePointMaxProfile" else connector_id
        stack = install(stack, read(where, profile), rules=RULES)
    return stack


def limits(stack: tuple[Installed, ...], seconds: float = 0.0, **session: Any) -> set[float]:
    found = allowances_at(stack, a_session(**session), after(seconds), rules=RULES)
    return {allowance.limit for allowance in found}


def steps(stack: tuple[Installed, ...], *, duration_s: int = 3600, **session: Any) -> list[tuple[int, Any]]:
    stretches = schedule(stack, a_session(**session), start=NOW, duration_s=duration_s, rules=RULES)
    return [(s.start_s, min((a.limit for a in s.allowances), default=None)) for s in stretches]


def test_without_profiles_there_is_no_limit() -> None:
    assert limits(()) == set()
    assert steps(()) == [(0, None)]


def test_the_higher_stack_level_leads_whatever_its_value() -> None:
    low, high = a_profile([(0, 6.0)], profile_id=1, level=0), a_profile([(0, 32.0)], profile_id=2, level=3)
    assert limits(installed(low, high)) == {32.0}
    assert limits(installed(high, low)) == {32.0}


def test_the_lower_level_takes_over_where_the_higher_has_no_period() -> None:
    low = a_profile([(0, 6.0)], profile_id=1, level=0)
    high = a_profile([(0, 16.0)], profile_id=2, level=1, start_s=600.0, duration_s=900)
    assert steps(installed(low, high)) == [(0, 6.0), (600, 16.0), (1500, 6.0)]


def test_stacking_as_the_conformance_case_describes_it() -> None:
    # level 0: 6, 8 and 10 A from 0, 100 and 200 s for 400 s; level 1 for the first 150 s
    low = a_profile([(0, 6.0), (100, 8.0), (200, 10.0)], profile_id=1, level=0, start_s=0.0, duration_s=400)
    high = a_profile([(0, 7.0), (100, 9.0)], profile_id=2, level=1, start_s=0.0, duration_s=150)
    found = steps(installed(low, high), duration_s=500)
    assert found == [(0, 7.0), (100, 9.0), (150, 8.0), (200, 10.0), (400, None)]


def test_a_transaction_profile_overrules_the_default_of_any_level_and_value() -> None:
    default = a_profile([(0, 6.0)], profile_id=1, level=9)
    override = a_profile([(0, 32.0)], profile_id=2, level=0, purpose="TxProfile")
    assert limits(installed(default, override)) == {32.0}
    assert limits(installed(default, override), in_transaction=False) == {6.0}


def test_when_a_transaction_profile_is_over_the_default_holds_again() -> None:
    default = a_profile([(0, 6.0)], profile_id=1)
    override = a_profile([(0, 16.0)], profile_id=2, purpose="TxProfile", start_s=-60.0, duration_s=660)
    assert steps(installed(default, override)) == [(0, 16.0), (600, 6.0)]


def test_a_default_of_the_connector_replaces_that_of_connector_0_there_only() -> None:
    for_all = read(0, a_profile([(0, 10.0)], profile_id=1, level=5))
    for_one = read(1, a_profile([(0, 20.0)], profile_id=2, level=0))
    stack = (for_all, for_one)
    assert limits(stack, connector_id=1) == {20.0}
    assert limits(stack, connector_id=2) == {10.0}


def test_the_stations_maximum_always_holds_beside_the_rest() -> None:
    ceiling = a_profile([(0, 8.0)], profile_id=1, purpose="ChargePointMaxProfile")
    default = a_profile([(0, 16.0)], profile_id=2)
    assert limits(installed(ceiling, default)) == {8.0, 16.0}
    assert limits(installed(ceiling)) == {8.0}


def test_the_same_id_or_the_same_slot_replaces() -> None:
    first = a_profile([(0, 6.0)], profile_id=1, level=1)
    same_id = a_profile([(0, 7.0)], profile_id=1, level=2)
    same_slot = a_profile([(0, 8.0)], profile_id=9, level=1)
    assert len(installed(first, same_id)) == 1
    assert len(installed(first, same_slot)) == 1
    assert limits(installed(first, same_slot)) == {8.0}


def test_the_same_slot_of_another_connector_stays() -> None:
    stack = installed(a_profile(profile_id=1))
    stack = install(stack, read(2, a_profile(profile_id=2)), rules=RULES)
    assert len(stack) == 2


def test_a_replacement_for_tomorrow_leaves_a_gap_until_then() -> None:
    today = a_profile([(0, 6.0)], profile_id=1)
    tomorrow = a_profile([(0, 8.0)], profile_id=2, validFrom=stamp(DAY_S))
    assert limits(installed(today, tomorrow)) == set()


def test_valid_from_is_inclusive_and_valid_to_is_not() -> None:
    stack = installed(a_profile([(0, 6.0)], validFrom=stamp(100), validTo=stamp(200)))
    assert [limits(stack, seconds) for seconds in (99, 100, 199, 200)] == [set(), {6.0}, {6.0}, set()]


def test_before_its_start_an_absolute_schedule_limits_nothing() -> None:
    assert steps(installed(a_profile([(0, 6.0)], start_s=600.0))) == [(0, None), (600, 6.0)]


def test_without_duration_the_last_period_goes_on() -> None:
    assert limits(installed(a_profile([(0, 6.0), (60, 7.0)])), 30 * DAY_S) == {7.0}


def test_a_daily_schedule_comes_back_and_its_lower_stack_fills_the_rest() -> None:
    floor = a_profile([(0, 6.0)], profile_id=1, level=0)
    daily = a_profile(
        [(0, 10.0), (3600, 12.0)],
        profile_id=2,
        kind="Recurring",
        recurrencyKind="Daily",
        start_s=-3600.0,
        duration_s=7200,
    )
    found = steps(installed(floor, daily), duration_s=DAY_S + 3600)
    assert found == [(0, 12.0), (3600, 6.0), (DAY_S - 3600, 10.0), (DAY_S, 12.0)]


def test_a_weekly_schedule_longer_than_its_week_is_cut() -> None:
    week_s = 7 * DAY_S
    weekly = a_profile(
        [(0, 10.0), (week_s + 60, 12.0)], kind="Recurring", recurrencyKind="Weekly", start_s=0.0
    )
    assert limits(installed(weekly), week_s + 120) == {10.0}


def test_a_recurring_schedule_does_not_reach_back_before_its_start() -> None:
    daily = a_profile([(0, 10.0)], kind="Recurring", recurrencyKind="Daily", start_s=3600.0)
    assert limits(installed(daily), 0.0) == set()


def test_a_relative_schedule_counts_from_the_start_of_the_transaction() -> None:
    relative = a_profile([(0, 6.0), (1800, 10.0)], kind="Relative", start_s=None)
    assert steps(installed(relative), charging_since=after(-600.0)) == [(0, 6.0), (1200, 10.0)]


def test_an_absolute_schedule_without_a_start_does_too() -> None:
    headless = a_profile([(0, 6.0), (1800, 10.0)], start_s=None)
    assert steps(installed(headless), charging_since=after(-600.0)) == [(0, 6.0), (1200, 10.0)]


def test_the_end_of_a_transaction_takes_its_profiles_only() -> None:
    stack = installed(a_profile(profile_id=1), a_profile(profile_id=2, purpose="TxProfile"))
    stack = install(stack, read(2, a_profile(profile_id=3, purpose="TxProfile")), rules=RULES)
    left = after_transaction(stack, 1)
    assert [entry.profile_id for entry in left] == [1, 3]


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({}, []),
        ({"id": 1, "connectorId": 2, "stackLevel": 9}, [2, 3]),
        ({"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile"}, [3]),
        ({"stackLevel": 0}, [2]),
        ({"chargingProfilePurpose": "TxProfile"}, [1, 2, 3]),
    ],
)
def test_clearing_follows_its_criteria(criteria: dict[str, Any], left: list[int]) -> None:
    stack = installed(a_profile(profile_id=1, level=0), a_profile(profile_id=2, level=1))
    stack = install(stack, read(2, a_profile(profile_id=3, level=0)), rules=RULES)
    assert [entry.profile_id for entry in stack if not fits(entry, criteria)] == left


def test_an_offset_on_the_wire_is_read() -> None:
    assert instant("2025-11-10T19:00:00+01:00") == NOW
    assert instant("2025-11-10T18:00:00.900Z") == NOW
    with pytest.raises(ValueError, match="offset"):
        instant("2025-11-10T18:00:00")


SECONDS = st.integers(-7200, 2 * DAY_S)
PERIODS = st.dictionaries(st.integers(1, DAY_S), st.integers(0, 320), max_size=4).map(
    lambda later: [(0, 16.0), *((start, limit / 10) for start, limit in sorted(later.items()))]
)


@st.composite
def profiles(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    rest: dict[str, Any] = {}
    if kind == "Recurring":
        rest["recurrencyKind"] = draw(st.sampled_from(["Daily", "Weekly"]))
    for key in ("validFrom", "validTo"):
        if draw(st.booleans()):
            rest[key] = stamp(draw(SECONDS))
    return a_profile(
        draw(PERIODS),
        profile_id=draw(st.integers(1, 50)),
        level=draw(st.integers(0, 3)),
        purpose=draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])),
        kind=kind,
        start_s=None if kind == "Relative" else draw(SECONDS),
        duration_s=draw(st.none() | st.integers(1, 2 * DAY_S)),
        **rest,
    )


@given(
    sent=st.lists(st.tuples(st.integers(0, 2), profiles()), max_size=6),
    in_transaction=st.booleans(),
    seconds=st.floats(0.0, 2.0 * DAY_S, exclude_max=True),
)
def test_the_limit_at_an_instant_is_that_of_the_schedule_there(
    sent: list[tuple[int, dict[str, Any]]], *, in_transaction: bool, seconds: float
) -> None:
    stack: tuple[Installed, ...] = ()
    for connector_id, profile in sent:
        stack = install(stack, read(connector_id, profile), rules=RULES)
    session = a_session(in_transaction=in_transaction, charging_since=NOW - timedelta(minutes=5))
    stretches = schedule(stack, session, start=NOW, duration_s=2 * DAY_S, rules=RULES)
    held = [stretch for stretch in stretches if stretch.start_s <= seconds][-1]
    assert held.allowances == allowances_at(stack, session, after(seconds), rules=RULES)
    assert stretches[0].start_s == 0
    assert all(a.allowances != b.allowances for a, b in pairwise(stretches))


@given(sent=st.lists(profiles(), max_size=8))
def test_no_two_installed_profiles_share_an_id_or_a_slot(sent: list[dict[str, Any]]) -> None:
    stack = installed(*sent)
    ids = [entry.profile_id for entry in stack]
    slots = [(e.connector_id, e.purpose, e.level) for e in stack]
    assert len(set(ids)) == len(ids)
    assert len(set(slots)) == len(slots)
