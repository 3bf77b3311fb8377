"""What stands in a message, and what does not."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.mqtt.payloads import AHEAD, KILOWATTS, MOST_BYTES, MalformedError, Message, Quantity, quantity
from tests.dispatch.dispatch_builders import NOW


def read(payload: bytes | str, *, is_retained: bool = False, unit: str = "kW") -> Quantity:
    content = payload if isinstance(payload, bytes) else payload.encode()
    message = Message(topic="site", payload=content, is_retained=is_retained, arrived_at=NOW)
    return quantity(message, units=KILOWATTS, unit=unit)


def of_time(when: datetime) -> str:
    return json.dumps({"value": 18.4, "time": when.isoformat()})


def test_a_plain_number_is_of_now_and_in_the_unit_of_the_settings() -> None:
    assert (read("18.4").value, read(" 18.4\n").at) == (18.4, NOW)
    assert read("18400", unit="W").value == pytest.approx(18.4)
    assert read("-3").value == -3.0


def test_a_document_says_its_unit_and_its_time() -> None:
    found = read('{"value": 18400, "unit": "W", "time": "2025-11-10T18:50:00+01:00"}')
    assert found.value == pytest.approx(18.4)
    assert found.at == NOW - timedelta(minutes=10)


def test_what_the_broker_has_kept_counts_only_with_a_time_of_its_own_that_is_not_to_come() -> None:
    with pytest.raises(MalformedError, match="no time of its own"):
        read("18.4", is_retained=True)
    with pytest.raises(MalformedError, match="no time of its own"):
        read('{"value": 18.4}', is_retained=True)
    assert read(of_time(NOW - timedelta(days=3)), is_retained=True).at == NOW - timedelta(days=3)
    with pytest.raises(MalformedError, match="of a time to come"):
        read(of_time(NOW + AHEAD + timedelta(seconds=1)), is_retained=True)


@pytest.mark.parametrize(
    "payload",
    [
        "", "on", "18,4", "18.4 kW", "nan", "NaN", "Infinity", "true", "null", '"18.4"', "[18.4]", "{}",
        '{"value": "18.4"}', '{"value": true}', '{"value": 1e999}', '{"value": 1, "unit": "MW"}', '{"power": 18.4}',
        '{"value": 1, "time": 1762797000}', '{"value": 1, "time": "2025-11-10T18:50:00"}', '{"value": 1, "time": "soon"}',
        '{"value": 1, "colour": "red"}', b"\xff\xfe\x00", "1" * 400, "1" * (MOST_BYTES + 1), "[" * 3000,
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_malformed_and_never_more_than_that(payload: bytes | str) -> None:
    with pytest.raises(MalformedError):
        read(payload)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)), st.booleans())
def test_whatever_comes_is_a_finite_number_or_malformed(payload: bytes, is_retained: bool) -> None:  # noqa: FBT001
    try:
        found = read(payload, is_retained=is_retained)
    except MalformedError:
        return
    assert abs(found.value) < float("inf")
