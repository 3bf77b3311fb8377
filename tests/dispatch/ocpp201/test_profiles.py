from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from dispatch.ocpp201 import profiles as subject
from dispatch.ocpp201.calls import CODES
from dispatch.payload import Fields
from dispatch.station import (
    InstalledProfile,
    ProfileKind,
    Purpose,
    SchedulePeriod,
    StationProfile,
    UnsendableError,
)
from tests.dispatch.ocpp201.wire201_builders import (
    NOW,
    TX,
    a_profile,
    a_tx_profile,
    on_the_wire,
    profiles,
)

HOUR = timedelta(hours=1)


def read_back(payload: dict[str, Any]) -> InstalledProfile:
    fields = Fields.of(payload["chargingProfile"], where="", codes=CODES)
    return subject.read_profile(fields, connector_id=payload["evseId"], source="CSO", received_at=NOW)


def test_a_profile_is_sent_whole_and_in_the_words_of_the_standard() -> None:
    profile = a_tx_profile(stack_level=3, duration_s=3600, valid_from=NOW - HOUR, valid_to=NOW + 12 * HOUR)
    assert on_the_wire(subject.set_charging_profile(profile)) == {
        "evseId": 1,
        "chargingProfile": {
            "id": 7,
            "stackLevel": 3,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "validFrom": "2025-11-10T18:30:00Z",
            "validTo": "2025-11-11T07:30:00Z",
            "transactionId": TX,
            "chargingSchedule": [
                {
                    "id": 7,
                    "startSchedule": "2025-11-10T19:30:00Z",
                    "duration": 3600,
                    "chargingRateUnit": "A",
                    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3}],
                }
            ],
        },
    }


@given(profile=profiles())
def test_every_profile_passes_the_schema_and_is_read_back_as_it_was(profile: StationProfile) -> None:
    installed = read_back(on_the_wire(subject.set_charging_profile(profile)))
    start = NOW if profile.kind is ProfileKind.RELATIVE else profile.start
    assert installed.profile == profile.model_copy(update={"start": start})
    assert (installed.profile_id, installed.connector_id) == (profile.profile_id, profile.connector_id)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ProfileKind.DAILY, {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}),
        (ProfileKind.WEEKLY, {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"}),
        (ProfileKind.ABSOLUTE, {"chargingProfileKind": "Absolute"}),
        (ProfileKind.RELATIVE, {"chargingProfileKind": "Relative"}),
    ],
)
def test_v13_v14_only_a_relative_profile_has_no_start(kind: ProfileKind, words: dict[str, str]) -> None:
    profile = on_the_wire(subject.set_charging_profile(a_profile(kind=kind)))["chargingProfile"]
    assert {key: profile[key] for key in words} == words
    assert ("recurrencyKind" in profile) == ("recurrencyKind" in words)
    assert ("startSchedule" in profile["chargingSchedule"][0]) == (kind is not ProfileKind.RELATIVE)


@given(profile=profiles())
def test_v26_v27_v29_a_profile_names_no_phase_to_use_and_has_one_schedule(profile: StationProfile) -> None:
    request = subject.set_charging_profile(profile)
    assert "phaseToUse" not in request.text
    assert len(request.payload["chargingProfile"]["chargingSchedule"]) == 1


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        pytest.param({"connector_id": 0, "purpose": Purpose.TX, "transaction_id": TX}, "K01.FR.16", id="V02"),
        pytest.param({"purpose": Purpose.TX}, "K01.FR.03", id="V04"),
        pytest.param({"purpose": Purpose.TX, "transaction_id": 5}, "K01.FR.03", id="V04 number"),
        pytest.param({"purpose": Purpose.TX, "transaction_id": "x" * 37}, "K01.FR.03", id="V04 long"),
        pytest.param({"periods": (SchedulePeriod(start_s=60, limit=6.0),)}, "K01.FR.31", id="V10"),
        pytest.param({"periods": ()}, "K01.FR.31", id="V10 none"),
        pytest.param(
            {"periods": tuple(SchedulePeriod(start_s=s, limit=6.0) for s in (0, 60, 30))},
            "K01.FR.35",
            id="V11",
        ),
        pytest.param(
            {"periods": tuple(SchedulePeriod(start_s=s, limit=6.0) for s in (0, 0))},
            "K01.FR.35",
            id="V11 same",
        ),
        pytest.param(
            {"purpose": Purpose.STATION_MAX, "connector_id": 0, "kind": ProfileKind.RELATIVE},
            "K01.FR.38",
            id="V12",
        ),
        pytest.param({"purpose": Purpose.EXTERNAL, "connector_id": 0}, "K01.FR.22", id="V25"),
        pytest.param({"purpose": Purpose.STATION_MAX}, "for EVSE 0", id="maximum of an EVSE"),
        pytest.param({"transaction_id": TX}, "only a TxProfile", id="default with a transaction"),
        pytest.param({"periods": (SchedulePeriod(start_s=0, limit=-1.0),)}, "0 or above", id="negative"),
        pytest.param({"periods": (SchedulePeriod(start_s=0, limit=float("nan")),)}, "0 or above", id="nan"),
        pytest.param({"periods": (SchedulePeriod(start_s=0, limit=float("inf")),)}, "0 or above", id="inf"),
        pytest.param(
            {"periods": (SchedulePeriod(start_s=0, limit=6.0, number_phases=4),)}, "1 to 3", id="four phases"
        ),
        pytest.param(
            {"periods": tuple(SchedulePeriod(start_s=s, limit=6.0) for s in range(1025))}, "1024", id="many"
        ),
        pytest.param({"stack_level": -1}, "stack level", id="level"),
        pytest.param({"duration_s": 0}, "duration", id="no time"),
        pytest.param({"valid_from": NOW, "valid_to": NOW}, "K01.FR.36/37", id="never valid"),
        pytest.param({"connector_id": -1}, "EVSE id", id="no EVSE"),
    ],
)
def test_what_must_not_be_sent_is_refused_with_its_clause(changes: dict[str, Any], clause: str) -> None:
    with pytest.raises(UnsendableError, match=clause):
        subject.set_charging_profile(a_profile(**changes))


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = a_profile(purpose=Purpose.TX, connector_id=0, periods=())
    with pytest.raises(UnsendableError) as refused:
        subject.set_charging_profile(wrong)
    assert all(clause in str(refused.value) for clause in ("FR.31", "FR.16", "FR.03"))


@pytest.mark.parametrize(("limit", "sent"), [(8.15, 8.1), (5.76, 5.7), (57 * 0.1, 5.7), (0.1 + 0.2, 0.3)])
def test_v57_a_limit_is_cut_down_to_one_decimal(limit: float, sent: float) -> None:
    request = subject.set_charging_profile(a_profile(periods=(SchedulePeriod(start_s=0, limit=limit),)))
    (schedule,) = on_the_wire(request)["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": sent}]


def test_v40_a_remote_start_takes_a_tx_profile_without_transaction() -> None:
    request = subject.request_start_transaction(
        connector_id=1,
        id_token={"idToken": "TAG", "type": "Central"},
        remote_start_id=5,
        profile=a_profile(purpose=Purpose.TX),
    )
    payload = on_the_wire(request)
    assert payload["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    assert "transactionId" not in payload["chargingProfile"]
    assert (payload["evseId"], payload["remoteStartId"]) == (1, 5)


@pytest.mark.parametrize(
    ("profile", "clause"),
    [
        (a_profile(), "F01.FR.11"),
        (a_tx_profile(), "K05.FR.02"),
        (a_profile(purpose=Purpose.TX, connector_id=2), "EVSE of the session"),
        (a_profile(purpose=Purpose.TX, periods=()), "K01.FR.31"),
    ],
)
def test_v40_a_remote_start_takes_no_other_profile(profile: StationProfile, clause: str) -> None:
    with pytest.raises(UnsendableError, match=clause):
        subject.request_start_transaction(
            connector_id=1, id_token={"idToken": "TAG", "type": "Central"}, remote_start_id=5, profile=profile
        )


@pytest.mark.parametrize(
    ("profile", "held", "clause"),
    [
        pytest.param(a_profile(profile_id=2), a_profile(), "K01.FR.06", id="V16"),
        pytest.param(
            a_profile(profile_id=2, valid_from=NOW),
            a_profile(valid_to=NOW),
            None,
            id="V17 one after the other",
        ),
        pytest.param(
            a_profile(profile_id=2, valid_to=NOW), a_profile(valid_from=NOW), None, id="V17 the other way"
        ),
        pytest.param(
            a_profile(profile_id=2, valid_from=NOW),
            a_profile(valid_to=NOW + HOUR),
            "K01.FR.06",
            id="V17 an hour in common",
        ),
        pytest.param(a_profile(profile_id=2, connector_id=2), a_profile(), None, id="another EVSE"),
        pytest.param(a_profile(profile_id=2, stack_level=1), a_profile(), None, id="V60 another level"),
        pytest.param(a_tx_profile(profile_id=2), a_tx_profile(), "K01.FR.39", id="V18"),
        pytest.param(
            a_tx_profile(profile_id=2, transaction_id="t2"), a_tx_profile(), None, id="another session"
        ),
        pytest.param(
            a_tx_profile(periods=(SchedulePeriod(start_s=0, limit=6.0),)), a_tx_profile(), None, id="V19"
        ),
        pytest.param(a_profile(periods=(SchedulePeriod(start_s=0, limit=6.0),)), a_profile(), None, id="V15"),
        pytest.param(a_profile(profile_id=2, connector_id=0), a_profile(), "K01.FR.52", id="V20"),
        pytest.param(a_profile(profile_id=2), a_profile(connector_id=0), "K01.FR.53", id="V21"),
        pytest.param(
            a_profile(profile_id=2),
            a_profile(purpose=Purpose.STATION_MAX, connector_id=0),
            None,
            id="another purpose",
        ),
    ],
)
def test_what_a_station_holds_stands_in_the_way_of_its_like(
    profile: StationProfile, held: StationProfile, clause: str | None
) -> None:
    found = subject.conflicts(profile, [held])
    assert found == [] if clause is None else clause in found[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"chargingSchedule": []},
        {"chargingSchedule": "x"},
        {"chargingProfileKind": "Dynamic"},
        {"chargingProfilePurpose": "PriorityCharging"},
        {"stackLevel": "x"},
        {"recurrencyKind": "Daily"},
    ],
)
def test_a_profile_that_has_no_neutral_words_is_reported_in_its_own(changes: dict[str, Any]) -> None:
    payload = on_the_wire(subject.set_charging_profile(a_profile()))
    payload["chargingProfile"] |= changes
    installed = read_back(payload)
    assert installed.profile is None
    assert str(next(iter(changes))) in installed.description


def test_what_an_outside_system_has_set_is_read_as_that() -> None:
    payload = on_the_wire(subject.set_charging_profile(a_profile()))
    payload["chargingProfile"] |= {"id": -3, "chargingProfilePurpose": "ChargingStationExternalConstraints"}
    installed = read_back(payload)
    assert installed.profile_id == -3
    assert installed.profile is not None
    assert installed.profile.purpose is Purpose.EXTERNAL
