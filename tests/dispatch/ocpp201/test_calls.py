from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpp.v201.enums import Action

from dispatch.connection import CallRefusedError
from dispatch.ocpp201 import calls, transactions, variables
from dispatch.ocpp201.reports import Reports
from tests.dispatch.ocpp201.wire201_builders import NOW, a_validator

CODES = {
    "FormatViolation",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "TypeConstraintViolation",
}


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("BootNotification", calls.boot_answer(now=NOW, heartbeat_s=300)),
        ("Heartbeat", calls.heartbeat_answer({}, now=NOW)),
        ("Authorize", calls.authorize_answer(is_accepted=True)),
        ("Authorize", calls.authorize_answer(is_accepted=False)),
        ("TransactionEvent", calls.authorize_answer(is_accepted=False)),
        ("TransactionEvent", {}),
        ("NotifyEVChargingNeeds", calls.needs_answer()),
        ("NotifyEVChargingSchedule", calls.schedule_answer()),
        ("DataTransfer", calls.data_transfer_answer({"vendorId": "x"})),
        ("SignCertificate", calls.sign_answer()),
        ("ReportChargingProfiles", {}),
        ("NotifyReport", {}),
        ("NotifyChargingLimit", {}),
        ("ClearedChargingLimit", {}),
        ("MeterValues", {}),
        ("StatusNotification", {}),
        ("SecurityEventNotification", {}),
        *((action, {}) for action in sorted(calls.ACKNOWLEDGED)),
    ],
)
def test_every_answer_of_ours_passes_its_schema(action: str, answer: dict[str, Any]) -> None:
    a_validator(f"{action}Response").validate(json.loads(json.dumps(answer)))


def sampled(value: Any, **more: Any) -> dict[str, Any]:
    return {"value": value, **more}


@pytest.mark.parametrize(
    ("values", "field", "found"),
    [
        ([sampled(12345)], "energy_kwh", 12.345),
        ([sampled(12.345, unitOfMeasure={"unit": "kWh"})], "energy_kwh", 12.345),
        ([sampled(12.345, unitOfMeasure={"multiplier": 3})], "energy_kwh", 12.345),
        ([sampled(11040, measurand="Power.Active.Import")], "power_kw", 11.04),
        ([sampled("11040", measurand="Power.Active.Import", unitOfMeasure={"unit": "W"})], "power_kw", 11.04),
        (
            [sampled(55, measurand="SoC", unitOfMeasure={"unit": "Percent"}, location="EV")],
            "soc_percent",
            55.0,
        ),
        ([sampled(555, measurand="SoC", unitOfMeasure={"unit": "Percent"})], "soc_percent", None),
        (
            [
                sampled(n, measurand="Current.Import", phase=f"L{n}", unitOfMeasure={"unit": "A"})
                for n in (1, 2, 3)
            ],
            "current_a",
            3.0,
        ),
        (
            [
                sampled(16, measurand="Current.Import", phase="L1"),
                sampled(230, measurand="Voltage", phase="L1-N"),
            ],
            "power_kw",
            3.68,
        ),
        ([sampled(9, measurand="Power.Active.Import", location="Inlet")], "power_kw", None),
        ([sampled(9, measurand="Power.Active.Import", unitOfMeasure={"unit": "VA"})], "power_kw", None),
        ([sampled(9, measurand="Power.Active.Import", unitOfMeasure={"multiplier": 300})], "power_kw", None),
    ],
)
def test_meter_values_are_brought_to_one_form(values: list[Any], field: str, found: float | None) -> None:
    payload = {"evseId": 1, "meterValue": [{"timestamp": "2025-11-10T19:00:00Z", "sampledValue": values}]}
    events = calls.metered(payload, charger_id="CP1", received_at=NOW)
    read = [getattr(event.reading, field) for event in events]
    assert read == ([] if not events else [None if found is None else pytest.approx(found)])
    assert events or found is None


def test_a_status_without_time_and_in_words_of_its_own_is_taken() -> None:
    payload = {"evseId": 1, "connectorStatus": "Sleeping", "timestamp": "garbage"}
    event, socket = calls.status_changed(payload, charger_id="CP1", received_at=NOW)
    assert (event.connector_id, event.status, event.at, socket) == (1, "Sleeping", None, 0)


def test_an_event_of_a_session_is_read_with_its_own_time() -> None:
    message = transactions.read(
        {
            "eventType": "Ended",
            "timestamp": "2025-11-10T16:00:00.123+01:00",
            "transactionInfo": {"transactionId": "t", "stoppedReason": "Local", "x": 1},
        },
        received_at=NOW,
    )
    assert message.at == datetime(2025, 11, 10, 15, 0, 0, 123000, tzinfo=UTC)
    assert (message.connector_id, message.id_tag, message.stopped_reason) == (None, None, "Local")


def test_a_report_of_variables_has_neutral_names_and_the_most_profiles() -> None:
    entries = {
        "component": {"name": "SmartChargingCtrlr"},
        "variable": {"name": "Entries", "instance": "ChargingProfiles"},
        "variableAttribute": [{"value": "2"}],
        "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False, "maxLimit": 12.0},
    }
    target = {
        "component": {"name": "X"},
        "variable": {"name": "Y"},
        "variableAttribute": [{"type": "Target", "value": "1"}, {"type": "Actual", "value": "3"}],
    }
    report = calls.fields_of({"reportData": [entries, target]}, Action.notify_report)
    assert variables.reported(report) == {
        "SmartChargingCtrlr.Entries[ChargingProfiles]": "2",
        "MaxChargingProfilesInstalled": "12",
        "X.Y": "3",
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS: dict[str, Any] = {
    "chargingStation": {"vendorName": "V", "model": "M"},
    "evseId": 1,
    "evse": {"id": 1},
    "connectorId": 1,
    "connectorStatus": "Available",
    "timestamp": "2025-11-10T16:00:00Z",
    "eventType": "Started",
    "transactionInfo": {"transactionId": "t"},
    "idToken": {"idToken": "T", "type": "Central"},
    "meterValue": [{"sampledValue": [{"value": 1}]}],
    "chargingLimit": {"chargingLimitSource": "SO"},
    "chargingLimitSource": "SO",
    "chargingNeeds": {"acChargingParameters": {"energyAmount": 5}},
    "requestId": 1,
    "chargingProfile": [{"id": 1}],
    "reportData": [
        {"component": {"name": "C"}, "variable": {"name": "V"}, "variableAttribute": [{"value": "1"}]}
    ],
    "type": "x",
}
READERS: list[Callable[[Any], object]] = [
    lambda payload: calls.booted(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.status_changed(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.metered(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.limited(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.freed(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.needs_told(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.security_noticed(payload, charger_id="CP1", received_at=NOW),
    lambda payload: transactions.read(payload, received_at=NOW),
    lambda payload: variables.reported(calls.fields_of(payload, Action.notify_report)),
    lambda payload: Reports().take(
        calls.fields_of(payload, Action.report_charging_profiles), received_at=NOW
    ),
]


@given(
    changes=st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values, max_size=2),
    inner=st.dictionaries(
        st.sampled_from(
            ["value", "unitOfMeasure", "phase", "measurand", "location", "id", "chargingSchedule"]
        ),
        json_values,
    ),
    reader=st.sampled_from(READERS),
)
def test_a_payload_is_read_or_refused_and_nothing_else(
    changes: dict[str, Any], inner: dict[str, Any], reader: Callable[[Any], object]
) -> None:
    payload = FIELDS | {"meterValue": [{"sampledValue": [inner]}], "chargingProfile": [inner]} | changes
    code = None
    try:
        reader(payload)
    except CallRefusedError as refusal:
        code = refusal.code
    assert code is None or code in CODES
