"""Files of ``depot preview`` for tests; every argument can be left out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dispatch.preview import PreviewError, Question, read_questions

NOON = "2025-11-10T12:00:00Z"
"""A Monday, and the start of everything that says no other."""
HOUR = 3600
DAY = 24 * HOUR

STATION_MAX = {"1.6": "ChargePointMaxProfile"}


def a_profile(
    purpose: str = "TxDefaultProfile",
    *,
    ocpp: str = "1.6",
    evse: int = 1,
    level: int = 0,
    kind: str = "Absolute",
    start: str | None = NOON,
    limits: Sequence[tuple[int, float]] = ((0, 16),),
    phases: int | None = None,
    unit: str = "A",
    duration: int | None = None,
    recurrency: str | None = None,
    valid: tuple[str | None, str | None] = (None, None),
    transaction: int | str | None = None,
    profile_id: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """An installed profile in wire form; ``limits`` are (startPeriod, limit), keys of None are left out.

    ``StationMax`` is the station's maximum by the word of the version.
    """
    if purpose == "StationMax":
        purpose, evse = STATION_MAX.get(ocpp, "ChargingStationMaxProfile"), 0
    schedule = some(
        startSchedule=None if kind == "Relative" else start,
        duration=duration,
        chargingRateUnit=unit,
        chargingSchedulePeriod=[
            some(startPeriod=begin, limit=limit, numberPhases=phases) for begin, limit in limits
        ],
    )
    is_16 = ocpp == "1.6"
    profile = some(
        stackLevel=level,
        chargingProfilePurpose=purpose,
        chargingProfileKind=kind,
        recurrencyKind=recurrency or ("Daily" if kind == "Recurring" else None),
        validFrom=valid[0],
        validTo=valid[1],
        transactionId=transaction,
        chargingSchedule=schedule if is_16 else [{"id": 1, **schedule}],
        **more,
    )
    profile["chargingProfileId" if is_16 else "id"] = profile_id
    return {"connectorId" if is_16 else "evseId": evse, "profile": profile}


def a_question(
    *profiles: Mapping[str, Any],
    ocpp: str = "1.6",
    evse: int = 1,
    start: str = NOON,
    duration: int = DAY,
    unit: str = "A",
    transactions: Sequence[Mapping[str, Any]] = (),
    simulate: bool = True,
    station: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is asked of a stack, of EVSE 1 with an imagined transaction, if nothing else is said."""
    return some(
        ocpp=ocpp,
        station={"nrOfEvses": 2} if station is None else dict(station),
        profiles=list(profiles),
        transactions=list(transactions),
        simulateTransaction=simulate,
        request={"connectorOrEvseId": evse, "start": start, "duration": duration, "unit": unit},
        options=options,
    )


def some(**keys: Any) -> dict[str, Any]:
    """The keys that have a value."""
    return {key: value for key, value in keys.items() if value is not None}


def read(question: Mapping[str, Any]) -> Question:
    """The question as it is read; one that cannot be read fails the test."""
    found = read_questions(json.dumps(question))
    assert isinstance(found, Question), found
    return found


def told(question: Mapping[str, Any]) -> list[tuple[int, float | None, int | None]]:
    """The periods of the answer: (startPeriod, limit, numberPhases)."""
    document = read(question).document()
    return [(p["startPeriod"], p["limit"], p["numberPhases"]) for p in document["periods"]]


def limits(question: Mapping[str, Any]) -> list[tuple[int, float | None]]:
    """The periods of the answer: (startPeriod, limit)."""
    return [(start, limit) for start, limit, _ in told(question)]


def fault(question: Any) -> str:
    """What is said of a question that cannot be read."""
    found = read_questions(json.dumps(question))
    assert isinstance(found, PreviewError), found
    return str(found)
