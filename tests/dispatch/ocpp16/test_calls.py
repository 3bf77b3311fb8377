from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.connection import CallRefusedError
from dispatch.ocpp16 import calls
from tests.dispatch.ocpp16.test_requests import a_validator

NOW = datetime(2025, 11, 10, 19, 30, 12, 345678, tzinfo=UTC)
CODES = {
    "FormationViolation",
    "OccurenceConstraintViolation",
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
        ("StartTransaction", calls.start_answer(transaction_id=1, is_accepted=False)),
        ("DataTransfer", calls.data_transfer_answer({"vendorId": "x"})),
        ("StopTransaction", {}),
        ("MeterValues", {}),
        ("StatusNotification", {}),
        ("FirmwareStatusNotification", {}),
        ("DiagnosticsStatusNotification", {}),
    ],
)
def test_every_answer_of_ours_passes_its_schema(action: str, answer: dict[str, Any]) -> None:
    a_validator(f"{action}Response").validate(json.loads(json.dumps(answer)))


def test_our_clock_is_told_in_whole_seconds() -> None:
    assert calls.heartbeat_answer({}, now=NOW) == {"currentTime": "2025-11-10T19:30:12Z"}


def test_a_start_is_read_with_its_own_time_and_in_kwh() -> None:
    request = calls.start_request(
        {"connectorId": 1, "idTag": "TAG", "meterStart": 12345.0, "timestamp": "2025-11-10T16:00:00", "x": 1}
    )
    assert request == calls.StartRequest(
        connector_id=1,
        id_tag="TAG",
        at=datetime(2025, 11, 10, 16, tzinfo=UTC),
        meter_start_kwh=12.345,
    )


@pytest.mark.parametrize("timestamp", [None, "", "garbage", 5])
def test_a_status_without_time_and_in_words_of_its_own_is_taken(timestamp: Any) -> None:
    event = calls.status_changed(
        {"connectorId": 0, "errorCode": "Weird", "status": "Sleeping", "timestamp": timestamp},
        charger_id="CP1",
        received_at=NOW,
    )
    assert (event.status, event.error_code, event.at) == ("Sleeping", "Weird", None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = {
    "chargePointVendor": "a",
    "chargePointModel": "b",
    "connectorId": 1,
    "errorCode": "NoError",
    "status": "Available",
    "timestamp": "2025-11-10T16:00:00Z",
    "idTag": "x",
    "meterStart": 0,
    "meterStop": 0,
    "transactionId": 1,
    "meterValue": [{"sampledValue": [{"value": "1"}]}],
    "transactionData": [{"sampledValue": [{"value": "1"}]}],
}
READERS: list[Callable[[Any], object]] = [
    lambda payload: calls.booted(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.status_changed(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.metered(payload, charger_id="CP1", received_at=NOW),
    lambda payload: calls.stop_request(payload, received_at=NOW),
    calls.start_request,
    calls.id_tag,
]


@given(
    changes=st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values, max_size=2),
    sample=st.dictionaries(
        st.sampled_from(["value", "unit", "phase", "measurand", "location", "format"]), json_values
    ),
    reader=st.sampled_from(READERS),
)
def test_a_payload_is_read_or_refused_and_nothing_else(
    changes: dict[str, Any], sample: dict[str, Any], reader: Callable[[Any], object]
) -> None:
    meter_value = [{"sampledValue": [sample]}]
    payload = FIELDS | {"meterValue": meter_value, "transactionData": meter_value} | changes
    code = None
    try:
        reader(payload)
    except CallRefusedError as refusal:
        code = refusal.code
    assert code is None or code in CODES
