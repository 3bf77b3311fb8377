"""A night on a charging station of OCPP 2.0.1: what it tells of transactions, of itself, and when it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.connection import CallRefusedError
from dispatch.simulator.machine import Outgoing
from dispatch.simulator.persona import ExternalLimit, Persona
from dispatch.simulator.wire201.machine import Machine201
from tests.builders import a_bus, a_dc_connector, an_ac_connector
from tests.dispatch.simulator.simulator_builders import (
    NOW,
    a_profile_201,
    a_station,
    a_stay,
    after,
    sent,
    stamp,
)
from tests.dispatch.simulator.wire201.test_profiles import ask, in_transaction, put


def events(station: Machine201) -> list[dict[str, Any]]:
    return [payload for _, payload in sent(station, actions=["TransactionEvent"])]


def story(told: list[dict[str, Any]]) -> list[tuple[int, str, str, str]]:
    return [
        (
            event["seqNo"],
            event["eventType"],
            event["triggerReason"],
            event["transactionInfo"]["chargingState"],
        )
        for event in told
    ]


def values(meter_value: dict[str, Any]) -> dict[str, float]:
    return {f"{v['measurand']}{v.get('phase', '')}": v["value"] for v in meter_value["sampledValue"]}


def test_who_is_plugged_in_is_authorised_and_then_charges() -> None:
    station = a_station(a_stay(soc_percent=8.0))
    said = sent(station)
    assert [action for action, _ in said] == [
        "StatusNotification",
        "StatusNotification",
        "Authorize",
        "TransactionEvent",
        "TransactionEvent",
    ]
    assert [p["connectorStatus"] for a, p in said if a == "StatusNotification"] == ["Available", "Occupied"]
    told = [payload for action, payload in said if action == "TransactionEvent"]
    assert story(told) == [
        (0, "Started", "Authorized", "EVConnected"),
        (1, "Updated", "ChargingStateChanged", "Charging"),
    ]
    started = told[0]
    assert started["idToken"] == {"idToken": "TAG-V1", "type": "ISO14443"}
    assert started["evse"] == {"id": 1, "connectorId": 1}
    assert values(started["meterValue"][0]) == {"Energy.Active.Import.Register": 0.0}
    assert started["offline"] is False


def test_a_transaction_from_its_start_to_the_departure() -> None:
    station = a_station(a_stay(arrival_s=600.0, departure_s=4200.0))
    sent(station)
    put(station, a_profile_201([(0, 10.0), (1860, 0.0), (2460, 6.0)]))
    station.advance_to(after(1200.0))
    station.sample_meters(after(1200.0))
    station.advance_to(after(1860.0))
    station.advance_to(after(4200.0))
    told = events(station)
    assert story(told) == [
        (0, "Started", "Authorized", "EVConnected"),
        (1, "Updated", "ChargingStateChanged", "Charging"),
        (2, "Updated", "MeterValuePeriodic", "Charging"),
        (3, "Updated", "ChargingStateChanged", "SuspendedEVSE"),
        (4, "Ended", "EVCommunicationLost", "Idle"),
    ]
    assert len({event["transactionInfo"]["transactionId"] for event in told}) == 1
    assert values(told[2]["meterValue"][0]) == {
        "Power.Active.Import": 6900.0,
        "Current.ImportL1": 10.0,
        "Current.ImportL2": 10.0,
        "Current.ImportL3": 10.0,
        "Energy.Active.Import.Register": 1149.0,  # whole Wh, downwards
        "SoC": 51.6,
    }
    assert told[2]["numberOfPhasesUsed"] == 3
    ended = told[-1]
    assert ended["transactionInfo"]["stoppedReason"] == "EVDisconnected"
    # 20 min at 10 A, 10 min at 0 A, 30 min at 6 A on three phases: 2.3 + 2.07 kWh
    assert values(ended["meterValue"][0])["Energy.Active.Import.Register"] == pytest.approx(4370.0, abs=1.0)


def test_every_transaction_has_an_id_of_its_own() -> None:
    station, first = in_transaction()
    ask(station, "RequestStopTransaction", transactionId=first)
    token = {"idToken": "OTHER", "type": "Central"}
    second = ask(station, "RequestStartTransaction", idToken=token, remoteStartId=4)["transactionId"]
    assert second != first


def test_an_unknown_tag_gets_no_power_and_is_not_told_of() -> None:
    station = a_station(a_stay())
    refusal = {"idTokenInfo": {"status": "Invalid"}}
    while station.outbox:
        outgoing = station.outbox.popleft()
        if station.payload(outgoing) is not None:
            assert outgoing.action != "TransactionEvent"
            station.answered(outgoing, refusal if outgoing.action == "Authorize" else {}, NOW)
    station.advance_to(after(3600.0))
    assert station.outlets[1].register_kwh == 0.0


def test_a_tag_that_is_refused_at_the_start_ends_the_transaction() -> None:
    station = a_station(a_stay())
    heard = []
    while station.outbox:
        outgoing = station.outbox.popleft()
        payload = station.payload(outgoing)
        assert payload is not None
        heard.append(payload)
        is_start = payload.get("eventType") == "Started"
        status = "Blocked" if is_start else "Accepted"
        answer = {"idTokenInfo": {"status": status}} if is_start or outgoing.action == "Authorize" else {}
        station.answered(outgoing, answer, NOW)
    ended = heard[-1]
    assert (ended["eventType"], ended["triggerReason"]) == ("Ended", "Deauthorized")
    assert ended["transactionInfo"]["stoppedReason"] == "DeAuthorized"


def test_the_end_of_a_transaction_takes_its_profile() -> None:
    station, transaction_id = in_transaction()
    put(station, a_profile_201(profile_id=1))
    put(station, a_profile_201(profile_id=2, purpose="TxProfile", transactionId=transaction_id))
    assert ask(station, "RequestStopTransaction", transactionId="other") == {"status": "Rejected"}
    assert ask(station, "RequestStopTransaction", transactionId=transaction_id) == {"status": "Accepted"}
    assert [entry.profile_id for entry in station.smart.installed] == [1]
    assert events(station)[-1]["transactionInfo"]["stoppedReason"] == "Remote"


def remote_start(station: Machine201, **rest: Any) -> dict[str, Any]:
    token = {"idToken": "OTHER", "type": "Central"}
    return ask(station, "RequestStartTransaction", evseId=1, idToken=token, remoteStartId=4, **rest)


def test_a_remote_start_brings_its_profile() -> None:
    station, first = in_transaction()
    ask(station, "RequestStopTransaction", transactionId=first)
    events(station)
    profile = a_profile_201([(0, 7.0)], purpose="TxProfile")
    answer = remote_start(station, chargingProfile=profile)
    assert answer["status"] == "Accepted"
    assert station.outlets[1].drawn.current_a == pytest.approx(7.0)
    (held,) = station.smart.installed
    assert held.transaction_id == answer["transactionId"]
    started = events(station)[0]
    assert (started["triggerReason"], started["transactionInfo"]["remoteStartId"]) == ("RemoteStart", 4)
    assert remote_start(station) == {"status": "Rejected"}


@pytest.mark.parametrize(
    "profile",
    [
        a_profile_201(),
        a_profile_201(purpose="TxProfile", transactionId="x"),
        a_profile_201([(60, 7.0)], purpose="TxProfile"),
    ],
)
def test_a_remote_start_with_a_profile_that_is_wrong_is_refused(profile: dict[str, Any]) -> None:
    station, first = in_transaction()
    ask(station, "RequestStopTransaction", transactionId=first)
    assert remote_start(station, chargingProfile=profile)["status"] == "Rejected"  # K05.FR.02, FR.05
    assert not station.outlets[1].is_charging


def test_what_happens_without_connection_is_told_later_as_such() -> None:
    station = a_station(a_stay(departure_s=200.0))
    station.sample_meters(NOW)
    events(station)
    station.disconnected()
    station.reconnected(after(300.0))
    told = events(station)
    assert [(e["triggerReason"], e["timestamp"]) for e in told] == [
        ("MeterValuePeriodic", stamp(60)),
        ("MeterValuePeriodic", stamp(120)),
        ("MeterValuePeriodic", stamp(180)),
        ("EVCommunicationLost", stamp(200)),
    ]
    assert all(event["offline"] for event in told)
    assert [event["seqNo"] for event in told] == [3, 4, 5, 6]


def variable(component: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **rest}


def got(station: Machine201, *asked: dict[str, Any]) -> list[tuple[str, str | None]]:
    results = ask(station, "GetVariables", getVariableData=list(asked))["getVariableResult"]
    return [(result["attributeStatus"], result.get("attributeValue")) for result in results]


def test_variables_tell_what_the_station_takes() -> None:
    station = a_station(persona=Persona(max_periods=12, units=("A",)))
    assert got(
        station,
        variable("SmartChargingCtrlr", "RateUnit"),
        variable("smartchargingctrlr", "periodsperschedule"),
        variable("SmartChargingCtrlr", "Nonsense"),
        variable("Nonsense", "RateUnit"),
        variable("SmartChargingCtrlr", "RateUnit", attributeType="MaxSet"),
        {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "SupplyPhases"}},
    ) == [
        ("Accepted", "A"),
        ("Accepted", "12"),
        ("UnknownVariable", None),
        ("UnknownComponent", None),
        ("NotSupportedAttributeType", None),
        ("Accepted", "3"),
    ]


@pytest.mark.parametrize(
    ("component", "name", "value", "status"),
    [
        ("SampledDataCtrlr", "TxUpdatedInterval", "15", "Accepted"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "0", "Accepted"),
        ("OCPPCommCtrlr", "HeartbeatInterval", "-1", "Rejected"),
        ("SmartChargingCtrlr", "ProfileStackLevel", "99", "Rejected"),
        ("SmartChargingCtrlr", "Nonsense", "99", "UnknownVariable"),
        ("Nonsense", "Nonsense", "99", "UnknownComponent"),
    ],
)
def test_what_can_be_set(component: str, name: str, value: str, status: str) -> None:
    station = a_station()
    change = variable(component, name, attributeValue=value)
    (result,) = ask(station, "SetVariables", setVariableData=[change])["setVariableResult"]
    assert result["attributeStatus"] == status
    if status == "Accepted":
        assert got(station, variable(component, name)) == [("Accepted", value)]


def test_too_many_variables_at_once_are_an_error() -> None:
    with pytest.raises(CallRefusedError, match="OccurrenceConstraintViolation"):
        got(a_station(), *[variable("SmartChargingCtrlr", "RateUnit")] * 33)


def test_a_full_report_comes_in_parts() -> None:
    station = a_station(persona=Persona(max_profiles=7))
    sent(station)
    assert ask(station, "GetBaseReport", requestId=3, reportBase="FullInventory") == {"status": "Accepted"}
    reports = [payload for _, payload in sent(station)]
    assert [report["seqNo"] for report in reports] == list(range(len(reports)))
    assert [report["tbc"] for report in reports] == [True] * (len(reports) - 1) + [False]
    entries = [entry for report in reports for entry in report["reportData"]]
    (store,) = [entry for entry in entries if entry["variable"].get("instance") == "ChargingProfiles"]
    assert store["variableCharacteristics"]["maxLimit"] == 7
    ask(station, "GetBaseReport", requestId=4, reportBase="ConfigurationInventory")
    ((_, settings),) = sent(station)
    assert {entry["variable"]["name"] for entry in settings["reportData"]} == {
        "HeartbeatInterval",
        "TxUpdatedInterval",
    }
    assert ask(station, "GetBaseReport", requestId=5, reportBase="SummaryInventory") == {
        "status": "NotSupported"
    }


@pytest.mark.parametrize(
    "wanted", ["MeterValues", "StatusNotification", "BootNotification", "Heartbeat", "TransactionEvent"]
)
def test_a_triggered_message_is_sent(wanted: str) -> None:
    station, _ = in_transaction()
    answer = ask(station, "TriggerMessage", requestedMessage=wanted, evse={"id": 1, "connectorId": 1})
    assert answer == {"status": "Accepted"}
    ((action, payload),) = sent(station)
    assert action == wanted
    assert payload.get("triggerReason", "Trigger") == "Trigger"


def test_what_cannot_be_triggered_is_said() -> None:
    station = a_station()
    assert ask(station, "TriggerMessage", requestedMessage="SignV2GCertificate") == {
        "status": "NotImplemented"
    }
    assert ask(station, "TriggerMessage", requestedMessage="MeterValues", evse={"id": 5}) == {
        "status": "Rejected"
    }
    waiting = a_station(started=False)
    assert ask(waiting, "TriggerMessage", requestedMessage="MeterValues") == {"status": "Rejected"}


def test_a_reset_waits_until_nobody_charges_if_it_shall() -> None:
    station, transaction_id = in_transaction()
    assert ask(station, "Reset", type="OnIdle") == {"status": "Scheduled"}
    assert station.restart_reason is None
    ask(station, "RequestStopTransaction", transactionId=transaction_id)
    assert station.restart_reason == "ImmediateReset"
    assert ask(a_station(), "Reset", type="OnIdle") == {"status": "Accepted"}
    assert ask(a_station(), "Reset", type="Immediate", evseId=1)["status"] == "Rejected"


def test_a_limit_from_outside_is_told_held_and_let_go() -> None:
    station = a_station(
        a_stay(), persona=Persona(external_limit=ExternalLimit(limit_a=8.0, duration_s=900.0))
    )
    notified = dict(sent(station))["NotifyChargingLimit"]
    assert notified["chargingSchedule"][0]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.0}]
    put(station, a_profile_201([(0, 12.0)]))
    assert station.outlets[1].drawn.current_a == pytest.approx(8.0)
    station.advance_to(after(1800.0))
    assert station.outlets[1].drawn.current_a == pytest.approx(12.0)
    # 15 min at 8 A, 15 min at 12 A on three phases
    assert station.outlets[1].register_kwh == pytest.approx(0.69 * (8 + 12) / 4)
    said = dict(sent(station))
    assert said["ClearedChargingLimit"] == {"evseId": 0, "chargingLimitSource": "EMS"}
    assert said["TransactionEvent"]["triggerReason"] == "ChargingRateChanged"


def test_vehicles_with_needs_tell_them() -> None:
    station = a_station(a_stay(soc_percent=75.0), persona=Persona(announces_needs=True))
    needs = dict(sent(station))["NotifyEVChargingNeeds"]
    assert needs["chargingNeeds"]["acChargingParameters"] == {
        "energyAmount": 16000,
        "evMinCurrent": 6,
        "evMaxCurrent": 16,
        "evMaxVoltage": 230,
    }
    assert needs["chargingNeeds"]["departureTime"] == stamp(10 * 3600)
    running = station.outlets[1].transaction
    told = Outgoing(action="NotifyEVChargingNeeds", payload=needs, transaction=running)
    station.answered(told, {"status": "Rejected"}, NOW)
    assert station.outlets[1].is_charging  # the tag was not refused by that
    bus = a_station(a_stay(a_bus()), connectors=[a_dc_connector()], persona=Persona(announces_needs=True))
    assert dict(sent(bus))["NotifyEVChargingNeeds"]["chargingNeeds"]["requestedEnergyTransfer"] == "DC"


def test_a_single_phase_evse_is_told_as_such() -> None:
    station = a_station(connectors=[an_ac_connector(phases=1)])
    asked = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "SupplyPhases"}}
    assert got(station, asked) == [("Accepted", "1")]
