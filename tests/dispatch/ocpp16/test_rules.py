"""What must not be sent in OCPP 1.6, and what the other requests look like; numbers of conformance cases in names."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from dispatch import dialect
from dispatch.connection import CallAnswer, Ending
from dispatch.ocpp16 import requests
from dispatch.station import (
    Outcome,
    ProfileFilter,
    ProfileKind,
    Purpose,
    SchedulePeriod,
    StationProfile,
    UnsendableError,
)
from tests.dispatch.ocpp16.test_requests import NOW, a_profile, on_the_wire


def a_result(status: str) -> CallAnswer:
    return CallAnswer(ending=Ending.RESULT, message_id="m", payload={"status": status})


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"purpose": Purpose.EXTERNAL}, "7.11"),
        (
            {"purpose": Purpose.STATION_MAX, "connector_id": 0, "kind": ProfileKind.RELATIVE},
            "cannot be Relative",
        ),
        ({"purpose": Purpose.STATION_MAX}, "3.13.1"),
        ({"purpose": Purpose.TX}, "5.16.1"),
        ({"purpose": Purpose.TX, "transaction_id": 1, "connector_id": 0}, "3.13.1"),
        ({"periods": (SchedulePeriod(start_s=5, limit=1.0),)}, "7.14"),
        ({"periods": (SchedulePeriod(start_s=0, limit=1.0, number_phases=0),)}, "1 to 3 phases"),
        ({"stack_level": -1}, "7.8"),
        ({"duration_s": 0}, "7.13"),
        ({"valid_from": NOW, "valid_to": NOW}, "7.8"),
    ],
)
def test_what_must_not_be_sent_is_refused_with_its_clause(changes: dict[str, Any], clause: str) -> None:
    with pytest.raises(UnsendableError, match=clause):
        requests.set_charging_profile(a_profile(**changes))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ProfileKind.ABSOLUTE, {"chargingProfileKind": "Absolute"}),
        (ProfileKind.DAILY, {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}),
        (ProfileKind.WEEKLY, {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"}),
        (ProfileKind.RELATIVE, {"chargingProfileKind": "Relative"}),
    ],
)
def test_v62_only_a_relative_profile_has_no_start(kind: ProfileKind, words: dict[str, str]) -> None:
    payload = json.loads(on_the_wire(requests.set_charging_profile(a_profile(kind=kind))))
    profile = payload["csChargingProfiles"]
    assert {key: profile[key] for key in words} == words
    assert ("recurrencyKind" in profile) == ("recurrencyKind" in words)
    assert ("startSchedule" in profile["chargingSchedule"]) == (kind is not ProfileKind.RELATIVE)


@pytest.mark.parametrize("purpose", [Purpose.TX_DEFAULT, Purpose.TX])
def test_v61_v62_an_absolute_profile_carries_every_time_that_it_has(purpose: Purpose) -> None:
    profile = a_profile(
        purpose=purpose,
        transaction_id=4 if purpose is Purpose.TX else None,
        duration_s=3600,
        valid_from=NOW,
        valid_to=NOW + timedelta(hours=1),
    )
    payload = json.loads(on_the_wire(requests.set_charging_profile(profile)))["csChargingProfiles"]
    assert payload.keys() >= {"validFrom", "validTo"}
    assert payload["chargingSchedule"].keys() >= {"startSchedule", "duration"}
    assert payload["chargingSchedule"]["chargingSchedulePeriod"][0]["startPeriod"] == 0
    assert ("transactionId" in payload) == (purpose is Purpose.TX)
    assert "recurrencyKind" not in payload


def test_v40_v64_a_remote_start_takes_a_tx_profile_without_transaction() -> None:
    profile = a_profile(purpose=Purpose.TX, stack_level=2)
    request = requests.remote_start_transaction(connector_id=1, id_tag="TAG", profile=profile)
    payload = json.loads(on_the_wire(request))
    assert (payload["connectorId"], payload["idTag"]) == (1, "TAG")
    sent = payload["chargingProfile"]
    assert (sent["chargingProfilePurpose"], sent["stackLevel"]) == ("TxProfile", 2)
    assert "transactionId" not in sent


def test_a_remote_start_needs_no_profile() -> None:
    payload = json.loads(on_the_wire(requests.remote_start_transaction(connector_id=1, id_tag="TAG")))
    assert payload == {"connectorId": 1, "idTag": "TAG"}


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(a_profile(), id="V65 of another purpose"),
        pytest.param(a_profile(purpose=Purpose.TX, transaction_id=5), id="with a transaction"),
        pytest.param(a_profile(purpose=Purpose.TX, connector_id=2), id="for another connector"),
    ],
)
def test_v65_a_remote_start_takes_no_other_profile(profile: StationProfile) -> None:
    with pytest.raises(UnsendableError):
        requests.remote_start_transaction(connector_id=1, id_tag="TAG", profile=profile)


@pytest.mark.parametrize(("connector_id", "id_tag"), [(0, "TAG"), (1, ""), (1, "x" * 21)])
def test_a_remote_start_needs_a_connector_and_a_tag(connector_id: int, id_tag: str) -> None:
    with pytest.raises(UnsendableError):
        requests.remote_start_transaction(connector_id=connector_id, id_tag=id_tag)


@pytest.mark.parametrize(
    ("wanted", "payload"),
    [
        pytest.param(ProfileFilter(), {}, id="V31 everything"),
        pytest.param(
            ProfileFilter(connector_id=1, purpose=Purpose.TX_DEFAULT),
            {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile"},
            id="V33",
        ),
        pytest.param(
            ProfileFilter(connector_id=0, purpose=Purpose.STATION_MAX, stack_level=0),
            {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 0},
            id="V67",
        ),
    ],
)
def test_v67_clearing_by_criteria_names_them_and_no_id(
    wanted: ProfileFilter, payload: dict[str, Any]
) -> None:
    assert json.loads(on_the_wire(requests.clear_charging_profiles(wanted))) == payload


def test_v32_v67_clearing_by_id_names_nothing_else() -> None:
    assert requests.clear_charging_profile(5).payload == {"id": 5}


def test_there_is_nothing_from_outside_to_be_cleared() -> None:
    with pytest.raises(UnsendableError, match=r"7\.11"):
        requests.clear_charging_profiles(ProfileFilter(purpose=Purpose.EXTERNAL))


def test_v44_a_composite_schedule_is_asked_for_in_a_unit_that_there_is() -> None:
    unknown: Any = "X"
    with pytest.raises(UnsendableError, match=r"errata 3\.24"):
        requests.get_composite_schedule(connector_id=1, duration_s=300, unit=unknown)


def test_the_other_requests_pass_their_schemas() -> None:
    assert json.loads(on_the_wire(requests.change_configuration("k", "v"))) == {"key": "k", "value": "v"}
    assert json.loads(on_the_wire(requests.reset())) == {"type": "Soft"}


@pytest.mark.parametrize(("key", "value"), [("", "v"), ("k" * 51, "v"), ("k", "v" * 501)])
def test_a_key_or_value_that_is_too_long_is_not_sent(key: str, value: str) -> None:
    with pytest.raises(UnsendableError, match=r"6\.9"):
        requests.change_configuration(key, value)


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        ("Accepted", Outcome.ACCEPTED, ""),
        ("RebootRequired", Outcome.ACCEPTED, "it holds after a reboot"),
        ("NotSupported", Outcome.REFUSED, "NotSupported"),
    ],
)
def test_a_key_that_needs_a_reboot_is_set(status: str, outcome: Outcome, reason: str) -> None:
    reply = requests.configuration_reply(a_result(status), at=NOW)
    assert (reply.outcome, reply.reason) == (outcome, reason)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(a_result("Rejected"), id="V63 V65 Rejected"),
        pytest.param(a_result("NotSupported"), id="NotSupported"),
        *(
            pytest.param(CallAnswer(ending=Ending.ERROR, message_id="m", code=code), id=code)
            for code in (
                "NotImplemented",
                "NotSupported",
                "InternalError",
                "ProtocolError",
                "SecurityError",
                "FormationViolation",
                "PropertyConstraintViolation",
                "OccurenceConstraintViolation",
                "OccurrenceConstraintViolation",
                "TypeConstraintViolation",
                "GenericError",
            )
        ),
    ],
)
def test_v07_v09_v63_every_refusal_is_the_same_outcome_with_its_reason(answer: CallAnswer) -> None:
    reply = dialect.reply(answer, at=NOW)
    assert reply.outcome is Outcome.REFUSED
    assert (answer.code or answer.payload["status"]) in reply.reason
