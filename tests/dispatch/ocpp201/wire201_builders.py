"""Profiles, and the schemas of OCPP 2.0.1 that everything sent has to pass; every argument can be left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import ocpp.v201
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from dispatch.dialect import Request
from dispatch.station import ProfileKind, Purpose, SchedulePeriod, StationProfile

NOW = datetime(2025, 11, 10, 19, 30, tzinfo=UTC)
TX = "6b1ee9a2-3b0c-4d6f-8f6e-4dbd9b7c1a10"
SCHEMAS = Path(ocpp.v201.__file__).parent / "schemas"


@cache
def a_validator(name: str) -> Draft4Validator:
    return Draft4Validator(json.loads((SCHEMAS / f"{name}.json").read_text("utf-8-sig"), parse_float=Decimal))


def on_the_wire(request: Request) -> dict[str, Any]:
    """The payload after it has passed the schema of its action, and has no more than one decimal anywhere."""
    payload = json.loads(request.text, parse_float=Decimal)
    a_validator(f"{request.action}Request").validate(payload)
    assert "null" not in request.text
    assert "phaseToUse" not in request.text
    plain = json.loads(request.text, parse_float=one_decimal)
    return dict(plain)


def one_decimal(text: str) -> float:
    assert len(text.partition(".")[2]) == 1
    return float(text)


def an_answer(action: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    a_validator(f"{action}Response").validate(json.loads(json.dumps(payload)))
    return payload


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


def a_tx_profile(**changes: Any) -> StationProfile:
    return a_profile(**{"purpose": Purpose.TX, "transaction_id": TX} | changes)


instants = st.integers(min_value=10**9, max_value=4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC))
later = st.integers(min_value=4 * 10**9 + 1, max_value=5 * 10**9).map(
    lambda s: datetime.fromtimestamp(s, UTC)
)
tenths = st.integers(min_value=0, max_value=10**7).map(lambda count: count / 10)


@st.composite
def profiles(draw: st.DrawFn) -> StationProfile:
    """Every profile that may be installed."""
    purpose = draw(st.sampled_from([Purpose.STATION_MAX, Purpose.TX_DEFAULT, Purpose.TX]))
    kinds = set(ProfileKind) - ({ProfileKind.RELATIVE} if purpose is Purpose.STATION_MAX else set())
    starts = sorted(draw(st.sets(st.integers(min_value=1, max_value=86400), max_size=30)))
    phases = draw(st.sampled_from([None, 1, 3]))
    lowest = 1 if purpose is Purpose.TX else 0
    return StationProfile(
        profile_id=draw(st.integers(min_value=1, max_value=10**6)),
        connector_id=0 if purpose is Purpose.STATION_MAX else draw(st.integers(lowest, 9)),
        purpose=purpose,
        stack_level=draw(st.integers(min_value=0, max_value=9)),
        kind=draw(st.sampled_from(sorted(kinds))),
        start=draw(instants),
        duration_s=draw(st.none() | st.integers(min_value=1, max_value=10**6)),
        valid_from=draw(st.none() | instants),
        valid_to=draw(st.none() | later),
        unit=draw(st.sampled_from(["A", "W"])),
        periods=tuple(
            SchedulePeriod(start_s=start, limit=draw(tenths), number_phases=phases) for start in [0, *starts]
        ),
        transaction_id=draw(st.uuids().map(str)) if purpose is Purpose.TX else None,
    )
