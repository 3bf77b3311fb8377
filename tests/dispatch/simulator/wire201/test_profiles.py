"""What a strict charging station of OCPP 2.0.1 takes, clears and tells; every answer is held against the schemas."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.connection import CallRefusedError
from dispatch.simulator.persona import ExternalLimit, Persona
from dispatch.simulator.wire201.machine import Machine201
from tests.builders import a_bus, a_dc_connector, a_van, an_ac_connector
from tests.dispatch.simulator.simulator_builders import (
    NOW,
    a_profile_201,
    a_station,
    a_stay,
    after,
    check_schema,
    sent,
    stamp,
)


def ask(station: Machine201, action: str, at_s: float = 0.0, **payload: Any) -> dict[str, Any]:
    answer = station.handle(action, payload, after(at_s))
    check_schema(f"{action}Response", answer, version="2.0.1")
    return answer


def put(station: Machine201, profile: dict[str, Any], *, evse_id: int = 1, at_s: float = 0.0) -> str:
    """The reason why a profile is refused, or that it is accepted."""
    answer = ask(station, "SetChargingProfile", at_s, evseId=evse_id, chargingProfile=profile)
    return str(answer.get("statusInfo", {}).get("reasonCode", answer["status"]))


def composite(station: Machine201, at_s: float = 0.0, **request: Any) -> dict[str, Any]:
    payload = {"evseId": 1, "duration": 3600, "chargingRateUnit": "A", **request}
    return ask(station, "GetCompositeSchedule", at_s, **payload)


def periods(answer: dict[str, Any]) -> list[tuple[int, float]]:
    assert answer["status"] == "Accepted"
    return [(p["startPeriod"], p["limit"]) for p in answer["schedule"]["chargingSchedulePeriod"]]


def ids(station: Machine201) -> list[int]:
    return [entry.profile_id for entry in station.smart.installed]


def in_transaction(**kwargs: Any) -> tuple[Machine201, str]:
    """A station on which a transaction runs, and the id of that."""
    station = a_station(a_stay(), **kwargs)
    sent(station)
    transaction = station.outlets[1].transaction
    assert transaction is not None
    return station, str(transaction.transaction_id)


def a_tx_profile(transaction_id: str, **rest: Any) -> dict[str, Any]:
    return a_profile_201(purpose="TxProfile", transactionId=transaction_id, **rest)


TWO_SCHEDULES = a_profile_201()
TWO_SCHEDULES["chargingSchedule"] *= 2
ONE_OF_THREE = a_profile_201(number_phases=1)
ON_PHASE_TWO = a_profile_201(number_phases=1)
ON_PHASE_TWO["chargingSchedule"][0]["chargingSchedulePeriod"][0]["phaseToUse"] = 2
ON_PHASE_TWO_OF_THREE = a_profile_201()
ON_PHASE_TWO_OF_THREE["chargingSchedule"][0]["chargingSchedulePeriod"][0]["phaseToUse"] = 2


@pytest.mark.parametrize(
    ("profile", "evse_id", "reason"),
    [
        (a_profile_201(), 9, "UnknownEvse"),  # K01.FR.28
        (a_profile_201(purpose="TxProfile", transactionId="x"), 0, "InvalidProfile"),  # FR.16
        (a_profile_201(purpose="TxProfile", transactionId="x"), 1, "UnknownTxId"),  # FR.33
        (a_profile_201(purpose="TxProfile"), 1, "MissingParam"),  # FR.03
        (a_profile_201(purpose="ChargingStationMaxProfile"), 1, "InvalidProfile"),
        (
            a_profile_201(purpose="ChargingStationMaxProfile", kind="Relative", start_s=None),
            0,
            "InvalidProfile",
        ),  # FR.38
        (a_profile_201(purpose="ChargingStationExternalConstraints"), 0, "InvalidProfile"),  # FR.22
        (a_profile_201([(60, 10.0)]), 1, "InvalidSchedule"),  # FR.31
        (a_profile_201([(0, 10.0), (120, 9.0), (60, 8.0)]), 1, "InvalidSchedule"),  # FR.35
        (a_profile_201(start_s=None), 1, "InvalidSchedule"),  # FR.40
        (a_profile_201(kind="Recurring", recurrencyKind="Daily", start_s=None), 1, "InvalidSchedule"),
        (a_profile_201(kind="Recurring"), 1, "InvalidProfile"),
        (a_profile_201(kind="Relative"), 1, "InvalidSchedule"),  # FR.41
        (TWO_SCHEDULES, 1, "InvalidSchedule"),  # FR.34
        (ONE_OF_THREE, 1, "InvalidSchedule"),  # FR.43
        (ON_PHASE_TWO, 1, "InvalidSchedule"),  # FR.20, FR.48
        (ON_PHASE_TWO_OF_THREE, 1, "InvalidSchedule"),  # FR.19
        (a_profile_201(validFrom=stamp(60), validTo=stamp(60)), 1, "InvalidProfile"),
        (a_profile_201([(0, 8.15)]), 1, "InvalidSchedule"),
        (a_profile_201([(0, -1.0)]), 1, "InvalidSchedule"),
        (a_profile_201([(60 * n, 10.0) for n in range(25)]), 1, "InvalidSchedule"),
        (a_profile_201(duration_s=0), 1, "InvalidSchedule"),
        (a_profile_201(level=9), 1, "InvalidStackLevel"),
    ],
)
def test_what_the_clauses_forbid_is_rejected_with_its_reason(
    profile: dict[str, Any], evse_id: int, reason: str
) -> None:
    station, _ = in_transaction()
    assert put(station, profile, evse_id=evse_id) == reason
    assert station.smart.installed == ()


def test_what_the_clauses_allow_is_taken() -> None:
    station, transaction_id = in_transaction()
    good = [
        (1, a_profile_201([(60 * n, 5.7) for n in range(24)], profile_id=1, level=8)),
        (0, a_profile_201(profile_id=2, level=0)),
        (0, a_profile_201(profile_id=3, purpose="ChargingStationMaxProfile")),
        (1, a_profile_201(profile_id=4, level=2, unit="W")),
        (1, a_profile_201(profile_id=5, level=3, kind="Recurring", recurrencyKind="Weekly")),
        (1, a_profile_201(profile_id=6, level=4, kind="Relative", start_s=None)),
        (1, a_tx_profile(transaction_id, profile_id=7)),
        (1, a_profile_201(profile_id=8, level=5, customData={"vendorId": "x"})),
    ]
    assert [put(station, profile, evse_id=evse_id) for evse_id, profile in good] == ["Accepted"] * 8


def test_a_transaction_profile_without_a_transaction_is_rejected() -> None:
    assert put(a_station(), a_tx_profile("x")) == "TxNotFound"  # K01.FR.09


def test_a_unit_that_is_not_offered_is_rejected_and_never_amperes_on_direct_current() -> None:
    assert put(a_station(persona=Persona(units=("A",))), a_profile_201(unit="W")) == "UnsupportedRateUnit"
    bus_charger = a_station(connectors=[a_dc_connector()])
    assert put(bus_charger, a_profile_201(unit="A")) == "UnsupportedRateUnit"
    assert put(bus_charger, a_profile_201(unit="W", number_phases=3)) == "Accepted"  # K01.FR.44


def test_a_station_that_switches_phases_takes_fewer_of_them() -> None:
    station = a_station(persona=Persona(switches_phases=True))
    assert put(station, ONE_OF_THREE) == "Accepted"
    assert put(station, ON_PHASE_TWO) == "Accepted"
    assert put(station, ON_PHASE_TWO_OF_THREE) == "InvalidSchedule"
    assert put(a_station(connectors=[an_ac_connector(phases=1)]), ONE_OF_THREE) == "Accepted"


def test_the_same_id_replaces_and_the_same_slot_under_another_id_does_not() -> None:
    station = a_station()
    assert put(station, a_profile_201([(0, 6.0)], profile_id=5)) == "Accepted"
    assert put(station, a_profile_201([(0, 8.0)], profile_id=5, level=2)) == "Accepted"  # K01.FR.05
    assert put(station, a_profile_201(profile_id=6, level=2)) == "DuplicateProfile"  # K01.FR.06
    assert [(e.profile_id, e.level) for e in station.smart.installed] == [(5, 2)]


def test_profiles_that_are_never_valid_together_share_a_slot() -> None:
    station = a_station()
    assert put(station, a_profile_201(profile_id=1, validTo=stamp(600))) == "Accepted"
    assert put(station, a_profile_201([(0, 6.0)], profile_id=2, validFrom=stamp(600))) == "Accepted"
    assert periods(composite(station)) == [(0, 10.0), (600, 6.0)]


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_a_default_for_all_and_one_for_an_evse_need_two_levels(first: int, second: int) -> None:
    station = a_station()
    assert put(station, a_profile_201(profile_id=1), evse_id=first) == "Accepted"
    assert put(station, a_profile_201(profile_id=2), evse_id=second) == "DuplicateProfile"  # K01.FR.52, 53
    assert put(station, a_profile_201(profile_id=2, level=2), evse_id=second) == "Accepted"


def test_two_transaction_profiles_need_two_levels() -> None:
    station, transaction_id = in_transaction()
    assert put(station, a_tx_profile(transaction_id, profile_id=1)) == "Accepted"
    assert put(station, a_tx_profile(transaction_id, profile_id=2)) == "DuplicateProfile"  # K01.FR.39
    assert put(station, a_tx_profile(transaction_id, profile_id=1)) == "Accepted"


def test_a_full_store_takes_replacements_only() -> None:
    station = a_station(persona=Persona(max_profiles=1))
    assert put(station, a_profile_201(profile_id=1)) == "Accepted"
    assert put(station, a_profile_201(profile_id=2, level=2)) == "OutOfStorage"
    assert put(station, a_profile_201([(0, 7.0)], profile_id=1)) == "Accepted"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"evseId": "1"}, "TypeConstraintViolation"),
        ({"surprise": 1}, "FormatViolation"),
        ({"chargingProfile": {}}, "OccurrenceConstraintViolation"),
        ({"chargingProfile": a_profile_201([])}, "OccurrenceConstraintViolation"),
        ({"chargingProfile": a_profile_201(purpose="ChargePointMaxProfile")}, "PropertyConstraintViolation"),
        ({"chargingProfile": a_profile_201(transactionId="x" * 37)}, "PropertyConstraintViolation"),
        ({"chargingProfile": a_profile_201(validFrom="soon")}, "TypeConstraintViolation"),
    ],
)
def test_what_gets_an_error(change: dict[str, Any], code: str) -> None:
    payload = {"evseId": 1, "chargingProfile": a_profile_201(), **change}
    with pytest.raises(CallRefusedError) as refused:
        a_station().handle("SetChargingProfile", payload, NOW)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        ({"chargingProfileId": 1}, [2, 3]),
        ({"chargingProfileId": 9}, [1, 2, 3]),
        ({"chargingProfileCriteria": {"evseId": 1, "chargingProfilePurpose": "TxDefaultProfile"}}, [3]),
        ({"chargingProfileCriteria": {"stackLevel": 1}}, [2, 3]),
        ({"chargingProfileCriteria": {"evseId": 0}}, [1, 2]),
        ({"chargingProfileCriteria": {"chargingProfilePurpose": "TxProfile"}}, [1, 2, 3]),
    ],
)
def test_clearing_follows_its_criteria(request_: dict[str, Any], left: list[int]) -> None:
    station = a_station()
    put(station, a_profile_201(profile_id=1, level=1))
    put(station, a_profile_201(profile_id=2, level=2))
    put(station, a_profile_201(profile_id=3, level=3), evse_id=0)
    status = ask(station, "ClearChargingProfile", **request_)["status"]
    assert ids(station) == left
    assert status == ("Unknown" if len(left) == 3 else "Accepted")


def test_clearing_everything_takes_a_criterion() -> None:
    with pytest.raises(CallRefusedError, match=r"K10\.FR\.02"):
        ask(a_station(), "ClearChargingProfile")


def test_what_comes_from_outside_stays_when_all_is_cleared() -> None:
    station = a_station(persona=Persona(external_limit=ExternalLimit(limit_a=8.0, duration_s=900.0)))
    everything: dict[str, Any] = {"chargingProfileCriteria": {}}
    assert ask(station, "ClearChargingProfile", **everything) == {"status": "Unknown"}  # K10.FR.08, 09
    assert put(station, a_profile_201(profile_id=-1, level=2)) == "InvalidProfile"
    assert periods(composite(station)) == [(0, 8.0)]


def told(station: Machine201, **request: Any) -> list[dict[str, Any]]:
    """The reports that follow a GetChargingProfiles."""
    sent(station)
    answer = ask(station, "GetChargingProfiles", requestId=7, **request)
    reports = [payload for _, payload in sent(station)]
    assert answer["status"] == ("Accepted" if reports else "NoProfiles")
    return reports


def test_profiles_are_reported_as_they_were_sent_in_several_messages() -> None:
    station = a_station()
    profiles = [a_profile_201(profile_id=n, level=n) for n in range(1, 7)]
    assert {put(station, profile) for profile in profiles} == {"Accepted"}
    reports = told(station, chargingProfile={"chargingProfilePurpose": "TxDefaultProfile"})
    assert [profile for report in reports for profile in report["chargingProfile"]] == profiles
    assert [report["tbc"] for report in reports] == [True, False]
    assert {(r["requestId"], r["evseId"], r["chargingLimitSource"]) for r in reports} == {(7, 1, "CSO")}


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({"evseId": 0, "chargingProfile": {"chargingLimitSource": ["CSO"]}}, [3]),  # K09.FR.05
        ({"evseId": 1, "chargingProfile": {"chargingLimitSource": ["CSO", "EMS"]}}, [1, 2]),
        ({"chargingProfile": {"chargingProfileId": [2, 3, 99]}}, [3, 2]),
        ({"chargingProfile": {"stackLevel": 1}}, [1]),
        ({"chargingProfile": {"chargingLimitSource": ["EMS"]}}, [-1]),
        ({"chargingProfile": {"chargingProfilePurpose": "TxProfile"}}, []),
        ({"evseId": 9, "chargingProfile": {"stackLevel": 1}}, []),
    ],
)
def test_who_asks_for_profiles_gets_those_that_fit(request_: dict[str, Any], found: list[int]) -> None:
    station = a_station(persona=Persona(external_limit=ExternalLimit(limit_a=8.0, duration_s=900.0)))
    put(station, a_profile_201(profile_id=1, level=1))
    put(station, a_profile_201(profile_id=2, level=2))
    put(station, a_profile_201(profile_id=3, level=3), evse_id=0)
    reports = told(station, **request_)
    assert [profile["id"] for report in reports for profile in report["chargingProfile"]] == found


def test_who_asks_for_no_profile_in_particular_gets_an_error() -> None:
    with pytest.raises(CallRefusedError, match=r"K09\.FR\.03"):
        ask(a_station(), "GetChargingProfiles", requestId=1, chargingProfile={})


def test_without_profiles_the_hardware_is_told() -> None:
    answer = composite(a_station())
    assert periods(answer) == [(0, 16.0)]
    assert (answer["schedule"]["evseId"], answer["schedule"]["scheduleStart"]) == (1, stamp(0))


@pytest.mark.parametrize("request_", [{"evseId": 7}, {"chargingRateUnit": "W"}])  # K08.FR.05, FR.07
def test_a_schedule_that_cannot_be_told_is_rejected(request_: dict[str, Any]) -> None:
    station = a_station(persona=Persona(units=("A",)))
    assert composite(station, **request_) == {"status": "Rejected"}


def test_purposes_and_levels_come_together_in_the_composite_schedule() -> None:
    station, transaction_id = in_transaction()
    put(station, a_profile_201([(0, 12.0)], profile_id=1, purpose="ChargingStationMaxProfile"), evse_id=0)
    put(station, a_profile_201([(0, 6.0)], profile_id=2, level=1), evse_id=0)
    put(station, a_profile_201([(0, 8.0)], profile_id=3, level=2, start_s=0.0, duration_s=1200))
    put(station, a_tx_profile(transaction_id, profile_id=4, start_s=0.0, duration_s=600) | {"stackLevel": 0})
    assert periods(composite(station)) == [(0, 10.0), (600, 8.0), (1200, 6.0)]


def test_the_fewest_phases_of_all_that_lead_make_watts_of_amperes() -> None:
    station = a_station(persona=Persona(switches_phases=True))
    put(station, a_profile_201([(0, 16.0)], profile_id=1, purpose="ChargingStationMaxProfile"), evse_id=0)
    put(station, a_profile_201([(0, 10.0)], profile_id=2, number_phases=1))
    answer = composite(station, chargingRateUnit="W")
    assert periods(answer) == [(0, 2300.0)]
    assert answer["schedule"]["chargingSchedulePeriod"][0]["numberPhases"] == 1


def test_evse_0_is_the_sum_under_the_stations_maximum() -> None:
    vans = (a_stay(), a_stay(a_van("V2")))
    station = a_station(*vans, connectors=[an_ac_connector(1), an_ac_connector(2)])
    put(station, a_profile_201([(0, 10.0), (660, 6.0)], profile_id=1), evse_id=0)
    put(station, a_profile_201([(0, 18.0)], profile_id=2, purpose="ChargingStationMaxProfile"), evse_id=0)
    assert periods(composite(station, evseId=0)) == [(0, 18.0), (600, 12.0)]
    assert [outlet.drawn.current_a for outlet in station.outlets.values()] == pytest.approx([9.0, 9.0])


def test_a_bus_is_limited_at_the_chargers_output() -> None:
    station = a_station(a_stay(a_bus()), connectors=[a_dc_connector()])
    put(station, a_profile_201([(0, 50000.0)], unit="W", number_phases=None))
    assert station.outlets[1].drawn.power_kw == pytest.approx(50.0)


def test_clearing_a_default_leaves_the_transaction_without_one() -> None:
    station, _ = in_transaction()
    put(station, a_profile_201([(0, 6.0)]))  # K01.FR.32: a running transaction follows at once
    assert station.outlets[1].drawn.current_a == pytest.approx(6.0)
    ask(station, "ClearChargingProfile", chargingProfileId=1)
    assert station.outlets[1].drawn.current_a == pytest.approx(16.0)
