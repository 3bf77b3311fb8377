"""What a request to a charge point must look like, and the error it gets where it does not.

Written down here again, by hand, so that a strict charge point does not depend on the schemas that its
counterpart sends by.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dispatch.connection import CallRefusedError
from dispatch.simulator.resolver import instant

Shape = str | tuple[str, ...] | list[Any] | dict[str, Any]
"""``int``, ``text``, ``tenths`` (a number of at most one decimal), ``instant``, a choice of words, a list of one
shape, or the shapes of an object's properties, where a trailing ``?`` marks those that may be missing."""

PROFILE: Shape = {
    "chargingProfileId": "int",
    "transactionId?": "int",
    "stackLevel": "int",
    "chargingProfilePurpose": ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"),
    "chargingProfileKind": ("Absolute", "Recurring", "Relative"),
    "recurrencyKind?": ("Daily", "Weekly"),
    "validFrom?": "instant",
    "validTo?": "instant",
    "chargingSchedule": {
        "duration?": "int",
        "startSchedule?": "instant",
        "chargingRateUnit": ("A", "W"),
        "chargingSchedulePeriod": [{"startPeriod": "int", "limit": "tenths", "numberPhases?": "int"}],
        "minChargingRate?": "tenths",
    },
}

REQUESTS: Mapping[str, Shape] = {
    "SetChargingProfile": {"connectorId": "int", "csChargingProfiles": PROFILE},
    "ClearChargingProfile": {
        "id?": "int",
        "connectorId?": "int",
        "chargingProfilePurpose?": ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"),
        "stackLevel?": "int",
    },
    "GetCompositeSchedule": {"connectorId": "int", "duration": "int", "chargingRateUnit?": ("A", "W")},
    "GetConfiguration": {"key?": ["text"]},
    "ChangeConfiguration": {"key": "text", "value": "text"},
    "TriggerMessage": {
        "requestedMessage": (
            "BootNotification",
            "DiagnosticsStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "MeterValues",
            "StatusNotification",
        ),
        "connectorId?": "int",
    },
    "Reset": {"type": ("Hard", "Soft")},
    "RemoteStartTransaction": {"connectorId?": "int", "idTag": "text", "chargingProfile?": PROFILE},
    "RemoteStopTransaction": {"transactionId": "int"},
}
"""The requests a simulated charge point knows, by action."""


def check_request(action: str, payload: object) -> dict[str, Any]:
    """The payload of a request that can be read as it stands.

    Raises :class:`dispatch.connection.CallRefusedError` with the code of OCPP-J 1.6 §4.2.3 for what is wrong with it.
    """
    if action not in REQUESTS:
        raise CallRefusedError("NotImplemented", f"{action} is not known here")
    if not isinstance(payload, dict):
        raise CallRefusedError("FormationViolation", f"{action}: the payload is no object")
    _check(payload, REQUESTS[action], where=action)
    return payload


def _check(value: object, shape: Shape, *, where: str) -> None:
    if isinstance(shape, dict):
        _check_object(value, shape, where=where)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise CallRefusedError("TypeConstraintViolation", f"{where} is no list")
        for index, item in enumerate(value):
            _check(item, shape[0], where=f"{where}[{index}]")
    elif isinstance(shape, tuple):
        if value not in shape:
            raise CallRefusedError("PropertyConstraintViolation", f"{where}: {value!r} is none of {shape}")
    elif not _is_a(value, shape):
        raise CallRefusedError("TypeConstraintViolation", f"{where}: {value!r} is not of type {shape}")


def _check_object(value: object, shape: dict[str, Any], *, where: str) -> None:
    if not isinstance(value, dict):
        raise CallRefusedError("TypeConstraintViolation", f"{where} is no object")
    shapes = {name.removesuffix("?"): inner for name, inner in shape.items()}
    # OCPP 1.6 spells this code with one r, as do chargers that follow it to the letter.
    for name in shape:
        if not name.endswith("?") and name not in value:
            raise CallRefusedError("OccurenceConstraintViolation", f"{where}.{name} is missing")
    for name, inner in value.items():
        if name not in shapes:
            raise CallRefusedError("FormationViolation", f"{where}.{name} is not known")
        _check(inner, shapes[name], where=f"{where}.{name}")


def _is_a(value: object, kind: str) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "tenths":
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # By its decimal digits: as a double, 5.7 is no multiple of 0.1.
        return is_number and Decimal(str(value)) % Decimal("0.1") == 0
    return isinstance(value, str) and _is_instant(value)


def _is_instant(text: str) -> bool:
    try:
        instant(text)
    except ValueError:
        return False
    return True
