"""Two readings of OCPP 1.6 held against each other: the dispatcher's engine and the charge point's resolver."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import composite
from dispatch.connection import CallAnswer, Ending
from dispatch.ocpp16 import requests
from dispatch.simulator.resolver import Installed, allowances_at, install
from dispatch.simulator.wire16.profiles import RULES, read
from dispatch.station import Purpose, SchedulePeriod, StationProfile
from tests.dispatch.simulator.simulator_builders import (
    NOW,
    a_machine,
    a_session,
    a_stay,
    after,
    check_schema,
    sent,
)

HOURS = st.integers(-4 * 60, 20 * 60).map(lambda minutes: after(60.0 * minutes))


@st.composite
def station_profiles(draw: st.DrawFn) -> StationProfile:
    purpose = draw(st.sampled_from([Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX]))
    connector_id = {Purpose.STATION_MAX: 0, Purpose.TX: 1}.get(purpose)
    valid_from = draw(st.none() | HOURS)
    valid_to = draw(st.none() | HOURS.filter(lambda end: valid_from is None or end > valid_from))
    later = draw(st.dictionaries(st.integers(1, 40_000), st.integers(0, 320), max_size=5))
    steps = [(0, draw(st.integers(0, 320))), *sorted(later.items())]
    return StationProfile(
        profile_id=draw(st.integers(1, 30)),
        connector_id=draw(st.integers(0, 1)) if connector_id is None else connector_id,
        purpose=purpose,
        stack_level=draw(st.integers(0, 4)),
        start=draw(HOURS),
        duration_s=draw(st.none() | st.integers(1, 60_000)),
        valid_from=valid_from,
        valid_to=valid_to,
        unit=draw(st.sampled_from(["A", "W"])),
        periods=tuple(
            SchedulePeriod(start_s=start_s, limit=tenths / 10, number_phases=3) for start_s, tenths in steps
        ),
        transaction_id=1 if purpose is Purpose.TX else None,
    )


def as_installed(profiles: list[StationProfile]) -> tuple[tuple[StationProfile, ...], tuple[Installed, ...]]:
    """The profiles that are left when all are sent in turn, as neutral values and as they went over the wire."""
    stack: tuple[Installed, ...] = ()
    by_id: dict[int, StationProfile] = {}
    for profile in profiles:
        payload = requests.set_charging_profile(profile).payload
        check_schema("SetChargingProfile", payload)
        entry = read(payload["connectorId"], payload["csChargingProfiles"])
        stack = install(stack, entry, rules=RULES)
        by_id[profile.profile_id] = profile
    return tuple(by_id[entry.profile_id] for entry in stack), stack


@given(
    profiles=st.lists(station_profiles(), max_size=8),
    transaction=st.booleans(),
    seconds=st.integers(-20_000, 90_000),
)
def test_both_find_the_same_limit_in_force(
    profiles: list[StationProfile], *, transaction: bool, seconds: int
) -> None:
    neutral, stack = as_installed(profiles)
    ours = composite.effective_limit(
        neutral, transaction_id=1 if transaction else None, instant=after(seconds)
    )
    theirs = allowances_at(stack, a_session(in_transaction=transaction), after(seconds), rules=RULES)
    watts = [allowance.limit * (690.0 if allowance.unit == "A" else 1.0) for allowance in theirs]
    assert (None if ours is None else ours.watts()) == pytest.approx(min(watts, default=None))


@given(profiles=st.lists(station_profiles(), min_size=1, max_size=5))
def test_what_a_charge_point_tells_is_what_the_dispatcher_expects(profiles: list[StationProfile]) -> None:
    neutral, stack = as_installed(profiles)
    machine = a_machine(a_stay())
    sent(machine)
    machine.smart.installed = stack
    request = requests.get_composite_schedule(connector_id=1, duration_s=36_000, unit="W")
    payload = machine.handle(request.action, request.payload, NOW)
    check_schema("GetCompositeScheduleResponse", payload)
    answer = CallAnswer(ending=Ending.RESULT, message_id="1", payload=payload)
    told = requests.composite_reply(answer, at=NOW, connector_id=1, duration_s=36_000).schedule
    end = NOW + timedelta(seconds=36_000)
    expected = composite.effective(neutral, transaction_id=1, start=NOW, end=end)
    if all(segment.limit is None for segment in expected):
        assert told is None
        return
    assert told is not None
    assert told.start == NOW
    for segment in expected:
        at_s = (segment.start - NOW).total_seconds()
        if at_s >= told.duration_s:
            break
        found = [period.limit for period in told.periods if period.start_s <= at_s][-1]
        # Without a limit the charge point tells what its hardware gives: 16 A on three phases.
        full_w = 11_040.0
        assert abs(found - (full_w if segment.limit is None else segment.limit.watts())) < 0.1
