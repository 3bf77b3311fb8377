from __future__ import annotations

from typing import Any

import pytest

from dispatch.connection import CallAnswer, Ending
from dispatch.dialect import Request, reply
from dispatch.ocpp201 import requests, variables
from dispatch.station import Outcome, ProfileFilter, Purpose, SchedulePeriod, UnsendableError
from tests.dispatch.ocpp201.wire201_builders import NOW, on_the_wire


def a_result(payload: Any) -> CallAnswer:
    return CallAnswer(ending=Ending.RESULT, message_id="m", payload=payload)


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (requests.clear_charging_profile(7), {"chargingProfileId": 7}),
        (
            requests.clear_charging_profiles(
                ProfileFilter(connector_id=1, purpose=Purpose.TX_DEFAULT, stack_level=0)
            ),
            {
                "chargingProfileCriteria": {
                    "evseId": 1,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "stackLevel": 0,
                }
            },
        ),
        (
            requests.get_composite_schedule(connector_id=1, duration_s=300, unit="W"),
            {"evseId": 1, "duration": 300, "chargingRateUnit": "W"},
        ),
        (
            requests.get_charging_profiles(9),
            {"requestId": 9, "chargingProfile": {"chargingLimitSource": ["EMS", "Other", "SO", "CSO"]}},
        ),
        (requests.trigger_meter_values(2), {"requestedMessage": "MeterValues", "evse": {"id": 2}}),
        (requests.trigger_boot(), {"requestedMessage": "BootNotification"}),
        (requests.reset(), {"type": "Immediate"}),
        (
            variables.set_variable("MeterValueSampleInterval", "60"),
            {
                "setVariableData": [
                    {
                        "component": {"name": "SampledDataCtrlr"},
                        "variable": {"name": "TxUpdatedInterval"},
                        "attributeValue": "60",
                    }
                ]
            },
        ),
        (
            variables.set_variable("SmartChargingCtrlr.Entries[ChargingProfiles]", "1"),
            {
                "setVariableData": [
                    {
                        "component": {"name": "SmartChargingCtrlr"},
                        "variable": {"name": "Entries", "instance": "ChargingProfiles"},
                        "attributeValue": "1",
                    }
                ]
            },
        ),
    ],
    ids=lambda value: value.action if isinstance(value, Request) else "",
)
def test_the_requests_pass_their_schemas(request_: Request, payload: dict[str, Any]) -> None:
    assert on_the_wire(request_) == payload


def test_the_question_for_the_configuration_passes_its_schema() -> None:
    data = on_the_wire(variables.get_variables(variables.ASKED))["getVariableData"]
    assert {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": "RateUnit"}} in data


@pytest.mark.parametrize(
    ("wanted", "clause"),
    [
        pytest.param(ProfileFilter(), "K10.FR.02", id="V30"),
        pytest.param(ProfileFilter(purpose=Purpose.EXTERNAL), "K10.FR.06", id="limits from outside"),
    ],
)
def test_not_everything_may_be_cleared(wanted: ProfileFilter, clause: str) -> None:
    with pytest.raises(UnsendableError, match=clause):
        requests.clear_charging_profiles(wanted)


def test_v45_the_question_for_profiles_has_a_criterion() -> None:
    assert requests.get_charging_profiles(1).payload["chargingProfile"]["chargingLimitSource"]


@pytest.mark.parametrize("key", ["", "NoSuchKey", ".x", "x."])
def test_a_key_that_is_no_variable_cannot_be_set(key: str) -> None:
    with pytest.raises(UnsendableError, match=r"Component\.Variable"):
        variables.set_variable(key, "1")


@pytest.mark.parametrize("tag", ["", "x" * 37])
def test_a_tag_that_is_no_token_cannot_begin_a_session(tag: str) -> None:
    with pytest.raises(UnsendableError, match="IdTokenType"):
        requests.id_token(tag)


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        pytest.param(
            a_result({"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}),
            Outcome.REFUSED,
            "Rejected: TxNotFound",
            id="V01",
        ),
        pytest.param(
            a_result(
                {
                    "status": "Rejected",
                    "statusInfo": {"reasonCode": "UnsupportedRateUnit", "additionalInfo": "A only"},
                }
            ),
            Outcome.REFUSED,
            "Rejected: UnsupportedRateUnit: A only",
            id="V05",
        ),
        pytest.param(
            a_result({"status": "Rejected", "statusInfo": 5}), Outcome.REFUSED, "Rejected", id="V06"
        ),
        pytest.param(a_result({"status": "Accepted"}), Outcome.ACCEPTED, "", id="V15"),
        *(
            pytest.param(
                CallAnswer(ending=Ending.ERROR, message_id="m", code=code, description="no"),
                Outcome.REFUSED,
                f"{code}: no",
                id=f"V08 {code}",
            )
            for code in (
                "NotSupported",
                "NotImplemented",
                "InternalError",
                "ProtocolError",
                "SecurityError",
                "FormatViolation",
                "FormationViolation",
                "PropertyConstraintViolation",
                "OccurrenceConstraintViolation",
                "OccurenceConstraintViolation",
                "TypeConstraintViolation",
                "GenericError",
                "MessageTypeNotSupported",
                "RpcFrameworkError",
                "AnythingElse",
            )
        ),
    ],
)
def test_every_refusal_is_one_outcome_with_its_reason(
    answer: CallAnswer, outcome: Outcome, reason: str
) -> None:
    result = reply(answer, at=NOW)
    assert (result.outcome, result.reason, result.message_id) == (outcome, reason, "m")


def test_v34_v35_a_profile_that_is_not_there_counts_as_removed() -> None:
    assert requests.clear_reply(a_result({"status": "Unknown"}), at=NOW).outcome is Outcome.ACCEPTED
    error = CallAnswer(ending=Ending.ERROR, message_id="m", code="Unknown", payload={"status": "Unknown"})
    assert requests.clear_reply(error, at=NOW).outcome is Outcome.REFUSED


def test_a_restart_that_waits_for_sessions_is_accepted() -> None:
    result = requests.reset_reply(a_result({"status": "Scheduled"}), at=NOW)
    assert (result.outcome, result.reason) == (Outcome.ACCEPTED, "it will when its sessions have ended")


SCHEDULE = {
    "evseId": 1,
    "duration": 3600,
    "scheduleStart": "2025-11-10T20:30:00.123+01:00",
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 900, "limit": 0.0},
        {"startPeriod": 0, "limit": 15.94, "numberPhases": 3, "phaseToUse": 1},
    ],
}


def test_a_composite_schedule_is_read_as_the_station_says_it() -> None:
    answer = a_result({"status": "Accepted", "schedule": SCHEDULE, "extra": 1})
    schedule = requests.composite_reply(answer, at=NOW, connector_id=1, duration_s=5).schedule
    assert schedule is not None
    assert (schedule.start.replace(microsecond=0), schedule.duration_s, schedule.unit) == (NOW, 3600, "A")
    assert schedule.periods == (
        SchedulePeriod(start_s=0, limit=15.94, number_phases=3),
        SchedulePeriod(start_s=900, limit=0.0),
    )


def test_a_composite_schedule_without_periods_is_an_answer() -> None:
    answer = a_result({"status": "Accepted", "schedule": SCHEDULE | {"chargingSchedulePeriod": []}})
    schedule = requests.composite_reply(answer, at=NOW, connector_id=1, duration_s=5).schedule
    assert schedule is not None
    assert schedule.periods == ()


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        pytest.param({"status": "Rejected"}, Outcome.REFUSED, id="V42 V43"),
        pytest.param({"status": "Accepted"}, Outcome.ACCEPTED, id="without schedule"),
        pytest.param({"status": "Accepted", "schedule": []}, Outcome.ACCEPTED, id="no object"),
        pytest.param(
            {"status": "Accepted", "schedule": SCHEDULE | {"chargingSchedulePeriod": [{"startPeriod": 0}]}},
            Outcome.ACCEPTED,
            id="no limit in a period",
        ),
        pytest.param(
            {"status": "Accepted", "schedule": SCHEDULE | {"chargingRateUnit": "Amps"}},
            Outcome.ACCEPTED,
            id="no unit",
        ),
    ],
)
def test_v42_v43_a_composite_schedule_that_is_not_there_is_none(
    payload: dict[str, Any], outcome: Outcome
) -> None:
    result = requests.composite_reply(a_result(payload), at=NOW, connector_id=1, duration_s=5)
    assert (result.schedule, result.reply.outcome) == (None, outcome)


def a_value(
    name: str, value: Any, *, status: str = "Accepted", component: str = "SmartChargingCtrlr"
) -> dict[str, Any]:
    return {
        "attributeStatus": status,
        "attributeValue": value,
        "component": {"name": component},
        "variable": {"name": name},
    }


def test_variables_are_read_under_neutral_names() -> None:
    results = [
        a_value("RateUnit", "A,W"),
        a_value("profilestacklevel", "8"),
        a_value("PeriodsPerSchedule", 24),
        a_value("Phases3to1", "false", status="UnknownVariable"),
        a_value("Enabled", None),
        a_value("Available", "true"),
        {"attributeStatus": "Accepted"},
        "x",
    ]
    assert variables.values(a_result({"getVariableResult": results})) == {
        "ChargingScheduleAllowedChargingRateUnit": "A,W",
        "ChargeProfileMaxStackLevel": "8",
        "ChargingScheduleMaxPeriods": "24",
        "SmartChargingCtrlr.Available": "true",
    }


@pytest.mark.parametrize("payload", [None, [], {}, {"getVariableResult": 5}, {"getVariableResult": [None]}])
def test_an_answer_without_variables_says_nothing(payload: Any) -> None:
    assert variables.values(a_result(payload)) == {}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Accepted", Outcome.ACCEPTED),
        ("RebootRequired", Outcome.ACCEPTED),
        ("UnknownVariable", Outcome.REFUSED),
    ],
)
def test_a_variables_own_status_is_the_reply(status: str, outcome: Outcome) -> None:
    answer = variables.set_answer(a_result({"setVariableResult": [{"attributeStatus": status}]}))
    assert answer.payload["status"] == status
    assert (status != "Accepted") or reply(answer, at=NOW).outcome is outcome
