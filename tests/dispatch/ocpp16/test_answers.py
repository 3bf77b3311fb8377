from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import dialect
from dispatch.connection import CallAnswer, Ending
from dispatch.ocpp16 import requests
from dispatch.station import CompositeReply, Outcome, RateUnit, SchedulePeriod

NOW = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)


def a_result(payload: Any) -> CallAnswer:
    return CallAnswer(ending=Ending.RESULT, message_id="m", payload=payload)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (a_result({"status": "Accepted"}), Outcome.ACCEPTED, ""),
        (a_result({"status": "accepted ", "extra": 1}), Outcome.ACCEPTED, ""),
        (a_result({"status": "Rejected"}), Outcome.REFUSED, "Rejected"),
        (a_result({"status": "NotSupported"}), Outcome.REFUSED, "NotSupported"),
        (a_result({"status": None}), Outcome.REFUSED, "answered without a status"),
        (a_result(None), Outcome.REFUSED, "answered without a status"),
        (
            CallAnswer(ending=Ending.ERROR, message_id="m", code="FormatViolation", description="x\x00"),
            Outcome.REFUSED,
            "FormatViolation: x?",
        ),
        (CallAnswer(ending=Ending.ERROR, message_id="m"), Outcome.REFUSED, ""),
        (
            CallAnswer(ending=Ending.NO_ANSWER, description="no answer within 30 s"),
            Outcome.NO_ANSWER,
            "no answer within 30 s",
        ),
        (CallAnswer(ending=Ending.NOT_CONNECTED, description="away"), Outcome.NOT_CONNECTED, "away"),
    ],
)
def test_every_ending_becomes_one_reply(answer: CallAnswer, outcome: Outcome, reason: str) -> None:
    reply = dialect.reply(answer, at=NOW)
    assert (reply.outcome, reply.reason, reply.message_id, reply.at) == (
        outcome,
        reason,
        answer.message_id,
        NOW,
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("Accepted", Outcome.ACCEPTED), ("Unknown", Outcome.ACCEPTED), ("Rejected", Outcome.REFUSED)],
)
def test_a_profile_that_is_not_there_counts_as_removed(status: str, outcome: Outcome) -> None:
    assert requests.clear_reply(a_result({"status": status}), at=NOW).outcome is outcome


def a_composite(payload: Any) -> CompositeReply:
    return requests.composite_reply(a_result(payload), at=NOW, connector_id=1, duration_s=3600)


def an_accepted(*, unit: Any = "A", periods: Any = ({"startPeriod": 0, "limit": 6},), **more: Any) -> Any:
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": list(periods), "duration": 1800, **more}
    return {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2025-11-10T19:31:00.5Z",
        "chargingSchedule": schedule,
    }


def test_a_composite_schedule_is_read_as_the_charger_says_it() -> None:
    periods = [
        {"startPeriod": 900, "limit": 5.7, "numberPhases": 3, "vendor": "x"},
        {"startPeriod": 0, "limit": 16},
        {"startPeriod": 1200.0, "limit": -1, "numberPhases": -1},
    ]
    schedule = a_composite(an_accepted(periods=periods, minChargingRate=0, vendor=[1])).schedule
    assert schedule is not None
    assert schedule.start == datetime(2025, 11, 10, 19, 31, 0, 500000, tzinfo=UTC)
    assert (schedule.duration_s, schedule.unit) == (1800, "A")
    assert schedule.periods == (
        SchedulePeriod(start_s=0, limit=16.0),
        SchedulePeriod(start_s=900, limit=5.7, number_phases=3),
        SchedulePeriod(start_s=1200, limit=-1.0),
    )


def test_a_composite_schedule_in_another_unit_than_asked_keeps_its_unit() -> None:
    units: list[RateUnit] = ["A", "W"]
    for unit in units:
        schedule = a_composite(an_accepted(unit=unit)).schedule
        assert schedule is not None
        assert schedule.unit == unit


@pytest.mark.parametrize(
    ("given_s", "read_s"),
    [(None, 3600), (0, 3600), (-5, 3600), ("x", 3600), (8638204825007, 31536000), (60.0, 60)],
)
def test_a_duration_that_makes_no_sense_is_the_one_that_was_asked_for(given_s: Any, read_s: int) -> None:
    schedule = a_composite(an_accepted(duration=given_s)).schedule
    assert schedule is not None
    assert schedule.duration_s == read_s
    assert schedule.start + timedelta(seconds=schedule.duration_s) > NOW


def test_without_a_start_the_schedule_begins_when_it_came() -> None:
    payload = an_accepted()
    del payload["scheduleStart"]
    schedule = a_composite(payload).schedule
    assert schedule is not None
    assert schedule.start == NOW
    payload["chargingSchedule"]["startSchedule"] = "2025-11-10T19:00:00"
    schedule = a_composite(payload).schedule
    assert schedule is not None
    assert schedule.start == NOW - timedelta(minutes=30)


@pytest.mark.parametrize(
    "payload",
    [
        {"status": "Accepted"},
        {"status": "Accepted", "chargingSchedule": None},
        {"status": "Accepted", "chargingSchedule": []},
        {"status": "Accepted", "chargingSchedule": {}},
        an_accepted(periods=["x"]),
        an_accepted(periods=[{"startPeriod": 0}]),
        an_accepted(periods=[{"startPeriod": -1, "limit": 6}]),
        an_accepted(periods=[{"startPeriod": 0, "limit": float("nan")}]),
        an_accepted(periods=[{"startPeriod": 0, "limit": 10**400}]),
        an_accepted(unit="kW"),
        an_accepted(unit=["A"]),
        an_accepted(unit=None),
    ],
    ids=repr,
)
def test_an_accepted_answer_without_a_schedule_to_read_is_said_to_be_one(payload: Any) -> None:
    reply = a_composite(payload)
    assert reply.schedule is None
    assert reply.reply.outcome is Outcome.ACCEPTED
    assert "without a schedule" in reply.reply.reason


def test_an_empty_list_of_periods_is_kept_as_what_was_said() -> None:
    reply = a_composite(an_accepted(periods=[]))
    assert reply.schedule is not None
    assert reply.schedule.periods == ()


def test_a_refused_composite_schedule_is_a_refusal_even_with_a_schedule_in_it() -> None:
    reply = a_composite(an_accepted() | {"status": "Rejected"})
    assert (reply.reply.outcome, reply.schedule) == (Outcome.REFUSED, None)


@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "status",
                        "chargingSchedule",
                        "chargingSchedulePeriod",
                        "limit",
                        "configurationKey",
                        "key",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_no_answer_whatsoever_raises(payload: Any) -> None:
    a_composite(payload)
    requests.clear_reply(a_result(payload), at=NOW)
    requests.configuration(a_result(payload))
    if isinstance(payload, dict):
        a_composite(payload | {"status": "Accepted"})


def test_configuration_values_are_read_by_key_in_our_spelling() -> None:
    payload = {
        "configurationKey": [
            {"key": "CHARGINGSCHEDULEMAXPERIODS", "readonly": True, "value": 24},
            {"key": "SupportedFeatureProfiles", "value": "Core,SmartCharging"},
            {"key": "MaxChargingProfilesInstalled"},
            {"value": "x"},
            5,
        ],
        "unknownKey": ["ConnectorSwitch3to1PhaseSupported"],
    }
    assert requests.configuration(a_result(payload)) == {
        "ChargingScheduleMaxPeriods": "24",
        "SupportedFeatureProfiles": "Core,SmartCharging",
    }
