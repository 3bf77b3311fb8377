from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dispatch.connection import CallRefusedError
from dispatch.ocpp16.calls import metered
from dispatch.station import MeterReading

RECEIVED = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)


def a_sample(value: Any, measurand: str | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, **({"measurand": measurand} if measurand else {}), **more}


def power(value: Any, **more: Any) -> dict[str, Any]:
    return a_sample(value, "Power.Active.Import", **more)


def current(value: Any, **more: Any) -> dict[str, Any]:
    return a_sample(value, "Current.Import", **more)


def read(*samples: dict[str, Any], timestamp: Any = "2025-11-10T19:29:00Z") -> tuple[MeterReading, ...]:
    payload = {"connectorId": 1, "meterValue": [{"timestamp": timestamp, "sampledValue": list(samples)}]}
    return tuple(e.reading for e in metered(payload, charger_id="CP1", received_at=RECEIVED))


def read_one(*samples: dict[str, Any], **more: Any) -> MeterReading:
    (reading,) = read(*samples, **more)
    return reading


@pytest.mark.parametrize(
    ("sample", "power_kw"),
    [
        (power("11040", unit="W"), 11.04),
        (power("11.04", unit="kW"), 11.04),
        (power(" 11040.0 "), 11.04),
        (power(11040, unit="w"), 11.04),
        (power("0"), 0.0),
    ],
)
def test_power_is_read_in_its_unit(sample: dict[str, Any], power_kw: float) -> None:
    assert read_one(sample).power_kw == power_kw


@pytest.mark.parametrize(
    ("sample", "energy_kwh"),
    [
        (a_sample("12345"), 12.345),
        (a_sample("12345", "Energy.Active.Import.Register", unit="Wh"), 12.345),
        (a_sample("12.345", "Energy.Active.Import.Register", unit="kWh"), 12.345),
    ],
)
def test_energy_is_the_default_and_in_wh(sample: dict[str, Any], energy_kwh: float) -> None:
    assert read_one(sample).energy_kwh == energy_kwh


def test_phases_are_summed_for_power_and_the_highest_counts_for_current() -> None:
    reading = read_one(
        power("3000", phase="L1"),
        power("2000", phase="L2-N"),
        power("1000", phase="L3"),
        current("13", phase="L1"),
        current("8.7", phase="L2"),
        current("4.3", phase="L3"),
        current("20", phase="N"),
    )
    assert (reading.power_kw, reading.current_a) == (6.0, 13.0)


def test_a_total_counts_where_it_does_not_agree_with_its_phases() -> None:
    reading = read_one(power("3000", phase="L1"), power("11000"), power("3000", phase="L2"))
    assert reading.power_kw == 11.0


def test_power_comes_from_current_and_voltage_only_where_none_is_given() -> None:
    samples = [
        current("10", phase="L1"),
        current("10", phase="L2"),
        a_sample("230", "Voltage", phase="L1-N"),
        a_sample("231", "Voltage"),
    ]
    assert read_one(*samples).power_kw == 4.61
    assert read_one(*samples, power("5000")).power_kw == 5.0


def test_a_current_without_phase_or_voltage_makes_no_power() -> None:
    assert read_one(current("10"), a_sample("230", "Voltage")).power_kw is None
    assert read_one(current("10", phase="L1")).power_kw is None
    assert read_one(current("10")).current_a == 10.0


@pytest.mark.parametrize(("value", "soc_percent"), [("80", 80.0), ("0", 0.0), ("101", None), ("-1", None)])
def test_a_state_of_charge_is_read_where_it_makes_sense(value: str, soc_percent: float | None) -> None:
    reading = read_one(a_sample(value, "SoC", unit="Percent", location="EV"), power("0"))
    assert reading.soc_percent == soc_percent


@pytest.mark.parametrize(
    ("timestamp", "at"),
    [
        ("2025-11-10T19:29:00Z", datetime(2025, 11, 10, 19, 29, tzinfo=UTC)),
        ("2025-11-10T20:29:00.123456+01:00", datetime(2025, 11, 10, 19, 29, 0, 123456, tzinfo=UTC)),
        ("2025-11-10T19:29:00", datetime(2025, 11, 10, 19, 29, tzinfo=UTC)),
        (None, RECEIVED),
        ("", RECEIVED),
        ("garbage", RECEIVED),
        (5, RECEIVED),
        ("0001-01-01T00:00:00+14:00", RECEIVED),
    ],
)
def test_the_time_is_that_of_the_sample_and_naive_times_are_utc(timestamp: Any, at: datetime) -> None:
    reading = read_one(power("1"), timestamp=timestamp)
    assert (reading.at, reading.received_at) == (at, RECEIVED)


def test_values_of_one_instant_make_one_reading_and_of_two_make_two() -> None:
    def value(at: str, sample: dict[str, Any]) -> dict[str, Any]:
        return {"timestamp": at, "sampledValue": [sample]}

    payload = {
        "connectorId": 2,
        "transactionId": 5,
        "meterValue": [
            value("2025-11-10T19:00:00Z", power("1000")),
            value("2025-11-10T20:00:00+01:00", a_sample("50", "SoC")),
            value("2025-11-10T19:01:00Z", power("2000")),
        ],
    }
    first, second = metered(payload, charger_id="CP1", received_at=RECEIVED)
    assert (first.connector_id, first.transaction_id) == (2, 5)
    assert (first.reading.power_kw, first.reading.soc_percent) == (1.0, 50.0)
    assert (second.reading.power_kw, second.reading.soc_percent) == (2.0, None)


@pytest.mark.parametrize(
    "sample",
    [
        power("junk"),
        power("NaN"),
        power("Infinity"),
        power("1e300"),
        power("1", unit="hp"),
        power("1", format="SignedData"),
        power("1", location="Inlet"),
        power(True),
        power({"a": 1}),
        a_sample("22", "Power.Offered"),
        a_sample("16", "Current.Offered"),
        a_sample("5", "Made.Up"),
        a_sample("20", "Temperature", unit="Celcius"),
    ],
    ids=repr,
)
def test_what_says_nothing_of_the_draw_makes_no_reading(sample: dict[str, Any]) -> None:
    assert read(sample) == ()


@pytest.mark.parametrize("transaction_id", [0, -1, None])
def test_a_transaction_of_0_is_none(transaction_id: int | None) -> None:
    payload = {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [{"timestamp": "2025-11-10T19:00:00Z", "sampledValue": [power("1")]}],
    }
    (event,) = metered(payload, charger_id="CP1", received_at=RECEIVED)
    assert event.transaction_id is None


@pytest.mark.parametrize(
    ("meter_value", "code"),
    [
        ({"timestamp": "2025-11-10T19:00:00Z"}, "OccurenceConstraintViolation"),
        ({"sampledValue": [{"unit": "W"}]}, "OccurenceConstraintViolation"),
        ({"sampledValue": {"value": "1"}}, "TypeConstraintViolation"),
        ({"sampledValue": [{"value": "1", "unit": 5}]}, "TypeConstraintViolation"),
    ],
)
def test_meter_values_of_the_wrong_shape_are_refused(meter_value: dict[str, Any], code: str) -> None:
    with pytest.raises(CallRefusedError) as caught:
        metered({"connectorId": 1, "meterValue": [meter_value]}, charger_id="CP1", received_at=RECEIVED)
    assert caught.value.code == code
