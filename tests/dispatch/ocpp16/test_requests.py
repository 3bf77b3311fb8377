from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import ocpp.v16
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from dispatch.dialect import Request
from dispatch.ocpp16 import requests
from dispatch.station import Purpose, SchedulePeriod, StationProfile

NOW = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)
SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"


@cache
def a_validator(name: str) -> Draft4Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig"), parse_float=Decimal)
    return Draft4Validator(schema)


def on_the_wire(request: Request) -> str:
    """The payload as text, after it has passed the schema of its action. Decimal, because 5.7 is no double."""
    text = request.text
    a_validator(request.action).validate(json.loads(text, parse_float=Decimal))
    assert "null" not in text
    return text


def a_profile(**changes: Any) -> StationProfile:
    fields: dict[str, Any] = {
        "profile_id": 7,
        "connector_id": 1,
        "purpose": Purpose.TX_DEFAULT,
        "stack_level": 0,
        "start": NOW,
        "unit": "A",
        "periods": (SchedulePeriod(start_s=0, limit=16.0, number_phases=3),),
    }
    return StationProfile(**fields | changes)


def periods_on_the_wire(profile: StationProfile) -> list[dict[str, Any]]:
    payload = json.loads(on_the_wire(requests.set_charging_profile(profile)))
    return list(payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"])


def test_a_profile_is_sent_whole_and_in_the_words_of_the_standard() -> None:
    profile = a_profile(
        purpose=Purpose.TX,
        transaction_id=42,
        stack_level=3,
        duration_s=3600,
        valid_from=NOW - timedelta(minutes=1),
        valid_to=NOW + timedelta(hours=12),
    )
    assert json.loads(on_the_wire(requests.set_charging_profile(profile))) == {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 7,
            "transactionId": 42,
            "stackLevel": 3,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "validFrom": "2025-11-10T19:29:00Z",
            "validTo": "2025-11-11T07:30:00Z",
            "chargingSchedule": {
                "duration": 3600,
                "startSchedule": "2025-11-10T19:30:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16, "numberPhases": 3}],
            },
        },
    }


def test_what_a_profile_does_not_have_is_left_out() -> None:
    payload = json.loads(on_the_wire(requests.set_charging_profile(a_profile())))
    profile = payload["csChargingProfiles"]
    assert not {"transactionId", "validFrom", "validTo", "recurrencyKind"} & profile.keys()
    assert "duration" not in profile["chargingSchedule"]


def test_a_direct_current_limit_names_no_phases() -> None:
    (period,) = periods_on_the_wire(a_profile(unit="W", periods=(SchedulePeriod(start_s=0, limit=45_000.0),)))
    assert period == {"startPeriod": 0, "limit": 45_000}


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        (5.7, "5.7"),
        (0.1 + 0.2, "0.3"),
        (5.76, "5.7"),
        (8.15, "8.1"),
        (5.699999999999999, "5.7"),
        (0.0, "0"),
        (0.09, "0"),
        (16.0, "16"),
        (11040.55, "11040.5"),
        (57 * 0.1, "5.7"),
    ],
)
def test_a_limit_is_cut_down_to_one_decimal_and_written_without_noise(limit: float, sent: str) -> None:
    text = on_the_wire(
        requests.set_charging_profile(a_profile(periods=(SchedulePeriod(start_s=0, limit=limit),)))
    )
    assert f'"limit":{sent}}}' in text


@given(limit=st.floats(min_value=0, max_value=1e6))
def test_a_limit_is_never_sent_higher_than_it_is(limit: float) -> None:
    (period,) = periods_on_the_wire(a_profile(periods=(SchedulePeriod(start_s=0, limit=limit),)))
    noise = 1e-8
    assert limit - 0.1 < period["limit"] <= limit + noise


def test_a_time_is_sent_in_utc_with_whole_seconds_and_z() -> None:
    berlin = datetime.fromisoformat("2025-11-10T20:30:00.987654+01:00")
    text = on_the_wire(requests.set_charging_profile(a_profile(start=berlin)))
    assert '"startSchedule":"2025-11-10T19:30:00Z"' in text


def read_back(payload: dict[str, Any]) -> StationProfile:
    """A profile from its payload, by the words of the standard, knowing nothing of how it was written."""
    profile = payload["csChargingProfiles"]
    schedule = profile["chargingSchedule"]
    assert profile["chargingProfileKind"] == "Absolute"
    purposes = {
        "ChargePointMaxProfile": Purpose.STATION_MAX,
        "TxDefaultProfile": Purpose.TX_DEFAULT,
        "TxProfile": Purpose.TX,
    }
    return StationProfile(
        profile_id=profile["chargingProfileId"],
        connector_id=payload["connectorId"],
        purpose=purposes[profile["chargingProfilePurpose"]],
        stack_level=profile["stackLevel"],
        start=schedule["startSchedule"],
        duration_s=schedule.get("duration"),
        valid_from=profile.get("validFrom"),
        valid_to=profile.get("validTo"),
        unit=schedule["chargingRateUnit"],
        periods=tuple(
            SchedulePeriod(start_s=p["startPeriod"], limit=p["limit"], number_phases=p.get("numberPhases"))
            for p in schedule["chargingSchedulePeriod"]
        ),
        transaction_id=profile.get("transactionId"),
    )


instants = st.integers(min_value=10**9, max_value=4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC))
later = st.integers(min_value=4 * 10**9 + 1, max_value=5 * 10**9).map(
    lambda s: datetime.fromtimestamp(s, UTC)
)
tenths = st.integers(min_value=0, max_value=10**7).map(lambda count: count / 10)


@st.composite
def profiles(draw: st.DrawFn) -> StationProfile:
    purpose = draw(st.sampled_from(sorted(set(Purpose) - {Purpose.EXTERNAL})))
    starts = sorted(draw(st.sets(st.integers(min_value=1, max_value=86400), max_size=30)))
    phases = draw(st.sampled_from([None, 1, 3]))
    return StationProfile(
        profile_id=draw(st.integers(min_value=1, max_value=10**6)),
        connector_id=0 if purpose is Purpose.STATION_MAX else draw(st.integers(min_value=1, max_value=9)),
        purpose=purpose,
        stack_level=draw(st.integers(min_value=0, max_value=9)),
        start=draw(instants),
        duration_s=draw(st.none() | st.integers(min_value=1, max_value=10**6)),
        valid_from=draw(st.none() | instants),
        valid_to=draw(st.none() | later),
        unit=draw(st.sampled_from(["A", "W"])),
        periods=tuple(
            SchedulePeriod(start_s=start, limit=draw(tenths), number_phases=phases) for start in [0, *starts]
        ),
        transaction_id=draw(st.integers(min_value=1)) if purpose is Purpose.TX else None,
    )


@given(profile=profiles())
def test_a_profile_that_was_sent_can_be_read_back_as_it_was(profile: StationProfile) -> None:
    assert read_back(json.loads(on_the_wire(requests.set_charging_profile(profile)))) == profile


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"periods": ()}, "start at 0 s"),
        ({"periods": (SchedulePeriod(start_s=60, limit=6.0),)}, "start at 0 s"),
        (
            {"periods": (SchedulePeriod(start_s=0, limit=6.0), SchedulePeriod(start_s=0, limit=7.0))},
            "must ascend",
        ),
        ({"periods": (SchedulePeriod(start_s=0, limit=-1.0),)}, "0 or above"),
        ({"periods": (SchedulePeriod(start_s=0, limit=float("nan")),)}, "0 or above"),
        ({"periods": (SchedulePeriod(start_s=0, limit=float("inf")),)}, "0 or above"),
        ({"purpose": Purpose.TX}, "needs an integer transaction id"),
        ({"purpose": Purpose.TX, "transaction_id": "uuid"}, "needs an integer transaction id"),
        ({"purpose": Purpose.TX, "transaction_id": 1, "connector_id": 0}, "needs a connector"),
        ({"transaction_id": 1}, "only a TxProfile"),
        ({"purpose": Purpose.STATION_MAX}, "for connector 0"),
    ],
)
def test_a_profile_that_16_does_not_know_is_an_error_of_ours(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        requests.set_charging_profile(a_profile(**changes))


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (requests.clear_charging_profile(7), {"id": 7}),
        (
            requests.get_composite_schedule(connector_id=1, duration_s=300, unit="W"),
            {"connectorId": 1, "duration": 300, "chargingRateUnit": "W"},
        ),
        (requests.get_configuration(["A", "B"]), {"key": ["A", "B"]}),
        (
            requests.trigger_meter_values(2),
            {"requestedMessage": "MeterValues", "connectorId": 2},
        ),
    ],
    ids=lambda value: value.action if isinstance(value, Request) else "",
)
def test_the_other_requests_pass_their_schemas(request_: Request, payload: dict[str, Any]) -> None:
    assert json.loads(on_the_wire(request_)) == payload
