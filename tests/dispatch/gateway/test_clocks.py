"""A charger's clock is known where two of its words agree, and profiles are sent and read in its own time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.events import Metered, StationEvent, StatusChanged, TransactionEnded, TransactionStarted
from dispatch.gateway.clocks import ALIKE, APART, NEGLIGIBLE, ChargerClock
from dispatch.station import (
    CompositeReply,
    CompositeSchedule,
    InstalledProfile,
    InstalledReply,
    MeterReading,
    Outcome,
    Reply,
    SchedulePeriod,
)
from tests.dispatch.dispatch_builders import NOW, a_profile

HOUR = timedelta(hours=1)


def a_status(at: datetime, *, received_at: datetime = NOW) -> StatusChanged:
    return StatusChanged(charger_id="CP1", connector_id=1, status="Available", at=at, received_at=received_at)


def a_meter(at: datetime, *, received_at: datetime) -> Metered:
    reading = MeterReading(at=at, received_at=received_at, power_kw=3.0)
    return Metered(charger_id="CP1", connector_id=1, reading=reading, received_at=received_at)


def an_answer(start: datetime, *, at: datetime = NOW) -> CompositeReply:
    schedule = CompositeSchedule(
        connector_id=1, start=start, duration_s=60, unit="A", periods=(SchedulePeriod(start_s=0, limit=16),)
    )
    return CompositeReply(reply=Reply(outcome=Outcome.ACCEPTED, at=at), schedule=schedule)


def a_clock_ahead_by(ahead: timedelta) -> ChargerClock:
    clock = ChargerClock()
    clock.hear(a_status(NOW + ahead))
    clock.hear_answer(an_answer(NOW + ahead))
    return clock


@pytest.mark.parametrize("minutes", [-60, -3, -1, 1, 3, 60])
def test_a_status_and_an_answer_that_agree_tell_the_clock(minutes: int) -> None:
    ahead = timedelta(minutes=minutes)
    clock = ChargerClock()
    assert not clock.hear(a_status(NOW + ahead))
    assert clock.hear_answer(an_answer(NOW + ahead))
    assert clock.ahead == ahead


def test_two_answers_tell_the_clock_once_they_are_far_enough_apart() -> None:
    clock = ChargerClock()
    assert not clock.hear_answer(an_answer(NOW + HOUR))
    assert not clock.hear_answer(an_answer(NOW + HOUR + APART / 2, at=NOW + APART / 2))
    assert clock.hear_answer(an_answer(NOW + HOUR + APART, at=NOW + APART))
    assert clock.ahead == HOUR


def test_what_a_charger_sends_again_after_an_hour_offline_says_nothing_of_its_clock() -> None:
    clock = ChargerClock()
    for number in range(6):
        sampled_at = NOW - HOUR + number * timedelta(minutes=10)
        clock.hear(a_meter(sampled_at, received_at=NOW + number * timedelta(seconds=1)))
        clock.hear(a_status(sampled_at, received_at=NOW + number * timedelta(seconds=1)))
    clock.hear_answer(an_answer(NOW + timedelta(seconds=7), at=NOW + timedelta(seconds=7)))
    assert clock.ahead == timedelta(0)


def test_a_meter_that_is_always_late_does_not_move_a_clock_that_answers_right() -> None:
    clock = ChargerClock()
    for number in range(4):
        at = NOW + number * timedelta(minutes=15)
        clock.hear(a_meter(at - timedelta(seconds=45), received_at=at))
        clock.hear_answer(an_answer(at, at=at))
    assert clock.ahead == timedelta(0)


def test_a_clock_that_is_set_right_is_known_to_be_right_again() -> None:
    clock = a_clock_ahead_by(HOUR)
    later = NOW + timedelta(minutes=5)
    assert not clock.hear_answer(an_answer(later, at=later))
    assert clock.hear(a_status(later, received_at=later))
    assert clock.ahead == timedelta(0)


@given(st.timedeltas(-NEGLIGIBLE + timedelta(seconds=1), NEGLIGIBLE - timedelta(seconds=1)))
def test_a_few_seconds_are_nothing(ahead: timedelta) -> None:
    assert a_clock_ahead_by(ahead).ahead == timedelta(0)


def test_an_answer_by_another_clock_than_the_known_one_is_left_as_it_is() -> None:
    clock = a_clock_ahead_by(HOUR)
    other = an_answer(NOW + HOUR + 2 * ALIKE)
    assert clock.true_answer(other) == other


def test_an_answer_by_the_known_clock_begins_now() -> None:
    schedule = a_clock_ahead_by(HOUR).true_answer(an_answer(NOW + HOUR)).schedule
    assert schedule is not None
    assert schedule.start == NOW


def test_a_profile_is_sent_in_the_chargers_time_and_listed_in_true_time() -> None:
    clock = a_clock_ahead_by(-HOUR)
    profile = a_profile(valid_from=NOW, valid_to=NOW + 8 * HOUR)
    sent = clock.to_its_time(profile)
    assert (sent.start, sent.valid_from, sent.valid_to) == (
        profile.start - HOUR,
        NOW - HOUR,
        NOW + 7 * HOUR,
    )
    held = InstalledProfile(profile_id=sent.profile_id, connector_id=1, profile=sent)
    reply = InstalledReply(reply=Reply(outcome=Outcome.ACCEPTED, at=NOW), profiles=(held,))
    listed = clock.true_list(reply).profiles
    assert listed is not None
    assert listed[0].profile == profile


@pytest.mark.parametrize(
    "event",
    [
        a_meter(NOW + HOUR, received_at=NOW),
        a_status(NOW + HOUR),
        TransactionEnded(charger_id="CP1", transaction_id=7, at=NOW + HOUR, received_at=NOW),
    ],
)
def test_an_event_is_put_back_to_when_it_was(event: StationEvent) -> None:
    true = a_clock_ahead_by(HOUR).true_event(event)
    at = true.reading.at if isinstance(true, Metered) else getattr(true, "at", None)
    assert at == NOW


def test_the_begin_of_a_session_keeps_the_time_by_which_it_is_told_again() -> None:
    started = TransactionStarted(
        charger_id="CP1", connector_id=1, transaction_id=7, at=NOW + HOUR, received_at=NOW
    )
    assert a_clock_ahead_by(HOUR).true_event(started) == started
