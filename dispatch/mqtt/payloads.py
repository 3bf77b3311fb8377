"""What stands in a message: a plain number, or a JSON object with value, unit and time. Pure.

A plain number counts from its arrival. One that the broker has kept (retained) may be of any age, and says nothing
without a time of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from dispatch.station import Instant

MOST_BYTES = 4096
"""A message that is longer is not looked at; one of ours has a hundred. [bytes]"""
AHEAD = timedelta(minutes=2)
"""How far a kept message may be ahead of our clock to be believed to be of now."""
KILOWATTS = {"kW": 1.0, "W": 0.001}
PERCENT = {"%": 1.0}


class MalformedError(ValueError):
    """A message that says nothing that can be used; the text says why, and has nothing of the message in it."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message as it came at ``arrived_at``; ``is_retained``: the broker has kept it for whoever comes."""

    topic: str
    payload: bytes
    is_retained: bool
    arrived_at: datetime


class Place(BaseModel):
    """Where a vehicle says that it stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    charger_id: str | None = None
    connector_id: int | None = Field(default=None, strict=True, ge=1)


class _Told(Place):
    value: float = Field(strict=True, allow_inf_nan=False)
    unit: str | None = None
    time: Instant | None = None


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A value in the unit that was asked for, and the instant of which it is true."""

    value: float
    at: AwareDatetime
    place: Place


def quantity(message: Message, *, units: dict[str, float], unit: str) -> Quantity:
    """The value of a message by ``units``, of which each has its factor; ``unit`` where it does not say one.

    Raises :class:`MalformedError`.
    """
    told = _told(message.payload)
    factor = units.get(told.unit or unit)
    if factor is None:
        raise MalformedError(f"its unit is none of {', '.join(units)}")
    at = told.time
    if at is None:
        if message.is_retained:
            raise MalformedError("it was kept by the broker and has no time of its own")
        at = message.arrived_at
    elif message.is_retained and at > message.arrived_at + AHEAD:
        raise MalformedError("it was kept by the broker and is of a time to come")
    place = Place(charger_id=told.charger_id, connector_id=told.connector_id)
    return Quantity(value=told.value * factor, at=at, place=place)


def _told(payload: bytes) -> _Told:
    if len(payload) > MOST_BYTES:
        raise MalformedError(f"it has more than {MOST_BYTES} bytes")
    try:
        found: Any = json.loads(payload, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise MalformedError("it is neither a number nor JSON") from None
    if isinstance(found, int | float) and not isinstance(found, bool):
        found = {"value": found}
    if not isinstance(found, dict):
        raise MalformedError("it is neither a number nor a JSON object")
    if isinstance(found.get("value"), int) and not isinstance(found["value"], bool):
        found["value"] = _as_float(found["value"])
    try:
        return _Told.model_validate(found)
    except ValidationError as error:
        fields = sorted({".".join(map(str, one["loc"]))[:40] for one in error.errors(include_input=False)})
        raise MalformedError(f"of its fields cannot be used: {', '.join(fields)}") from None


def _as_float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        raise MalformedError("its number is too large") from None


def _no_number(_text: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")
