"""What a charging station tells us in OCPP 2.0.1, as neutral events and values, and what it is answered.

Readers take a payload as it came and raise :class:`dispatch.connection.CallRefusedError` for one that cannot be
read; times are the station's own.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ocpp.v201.enums import (
    Action,
    AuthorizationStatusEnumType,
    DataTransferStatusEnumType,
    GenericStatusEnumType,
    IdTokenEnumType,
    NotifyEVChargingNeedsStatusEnumType,
    RegistrationStatusEnumType,
)

from dispatch.events import (
    Booted,
    FreedFromOutside,
    LimitedFromOutside,
    Metered,
    NeedsTold,
    SecurityNoticed,
    StatusChanged,
)
from dispatch.ocpp201.metering import readings
from dispatch.payload import Codes, Fields, read_instant, read_number
from optimiser.horizon import format_instant

CODES = Codes(formation="FormatViolation", occurrence="OccurrenceConstraintViolation")
"""Error codes in the spelling of OCPP 2.0.1 Part 4 §4.3."""
NOTHING = Fields(values={}, where="BootNotification.chargingStation", codes=CODES)
"""A station that says nothing of itself."""
MOST_PERCENT = 100.0

ACKNOWLEDGED = frozenset(
    action.value
    for action in (
        Action.firmware_status_notification,
        Action.log_status_notification,
        Action.notify_customer_information,
        Action.notify_display_messages,
        Action.notify_event,
        Action.notify_monitoring_report,
        Action.publish_firmware_status_notification,
        Action.reservation_status_update,
    )
)
"""Notifications that are kept as raw messages and answered with nothing."""
KNOWN = frozenset(action.value for action in Action)
"""Every action there is: one that is known and not served is NotSupported, any other NotImplemented."""


def fields_of(payload: Any, action: Action) -> Fields:
    """The fields of a payload."""
    return Fields.of(payload, where=action.value, codes=CODES)


def booted(payload: Any, *, charger_id: str, received_at: datetime) -> Booted:
    """BootNotification. A station that does not say what it is has no model, and may boot all the same."""
    station = fields_of(payload, Action.boot_notification).optional_object("chargingStation") or NOTHING
    return Booted(
        charger_id=charger_id,
        received_at=received_at,
        vendor=station.optional_text("vendorName") or "",
        model=station.optional_text("model") or "",
        firmware=station.optional_text("firmwareVersion"),
    )


def status_changed(payload: Any, *, charger_id: str, received_at: datetime) -> tuple[StatusChanged, int]:
    """StatusNotification, and the socket of the EVSE that it is about. A time that is none is left out."""
    fields = fields_of(payload, Action.status_notification)
    event = StatusChanged(
        charger_id=charger_id,
        received_at=received_at,
        connector_id=fields.natural("evseId"),
        status=fields.text("connectorStatus"),
        at=read_instant(fields.values.get("timestamp")),
    )
    return event, fields.optional_integer("connectorId") or 0


def metered(payload: Any, *, charger_id: str, received_at: datetime) -> tuple[Metered, ...]:
    """MeterValues, one event for every instant of measurement. They belong to no session (J01)."""
    fields = fields_of(payload, Action.meter_values)
    connector_id = fields.natural("evseId")
    fields.require("meterValue")
    return tuple(
        Metered(charger_id=charger_id, received_at=received_at, connector_id=connector_id, reading=reading)
        for reading in readings(fields.objects("meterValue"), received_at=received_at)
    )


def limited(payload: Any, *, charger_id: str, received_at: datetime) -> LimitedFromOutside:
    """NotifyChargingLimit (K12)."""
    fields = fields_of(payload, Action.notify_charging_limit)
    limit = fields.object("chargingLimit")
    is_critical = limit.values.get("isGridCritical")
    return LimitedFromOutside(
        charger_id=charger_id,
        received_at=received_at,
        connector_id=fields.optional_integer("evseId") or 0,
        source=limit.text("chargingLimitSource"),
        is_grid_critical=is_critical if isinstance(is_critical, bool) else None,
    )


def freed(payload: Any, *, charger_id: str, received_at: datetime) -> FreedFromOutside:
    """ClearedChargingLimit (K13)."""
    fields = fields_of(payload, Action.cleared_charging_limit)
    return FreedFromOutside(
        charger_id=charger_id,
        received_at=received_at,
        connector_id=fields.optional_integer("evseId") or 0,
        source=fields.text("chargingLimitSource"),
    )


def needs_told(payload: Any, *, charger_id: str, received_at: datetime) -> NeedsTold:
    """NotifyEVChargingNeeds (K15). Energy is in Wh, currents in A, powers in W on the wire."""
    fields = fields_of(payload, Action.notify_ev_charging_needs)
    connector_id = fields.natural("evseId")
    needs = fields.object("chargingNeeds")
    ac, dc = needs.optional_object("acChargingParameters"), needs.optional_object("dcChargingParameters")

    def number(name: str, *, divided_by: int = 1) -> float | None:
        found = (read_number(side.values.get(name)) for side in (ac, dc) if side is not None)
        value = next((value for value in found if value is not None and value >= 0.0), None)
        return None if value is None else value / divided_by

    soc_percent = number("stateOfCharge")
    return NeedsTold(
        charger_id=charger_id,
        received_at=received_at,
        connector_id=connector_id,
        energy_kwh=number("energyAmount", divided_by=1000),
        departure=read_instant(needs.values.get("departureTime")),
        soc_percent=soc_percent if soc_percent is not None and soc_percent <= MOST_PERCENT else None,
        max_current_a=number("evMaxCurrent"),
        min_current_a=number("evMinCurrent"),
        max_power_kw=number("evMaxPower", divided_by=1000),
    )


def security_noticed(payload: Any, *, charger_id: str, received_at: datetime) -> SecurityNoticed:
    """SecurityEventNotification."""
    fields = fields_of(payload, Action.security_event_notification)
    return SecurityNoticed(
        charger_id=charger_id,
        received_at=received_at,
        what=fields.text("type"),
        at=read_instant(fields.values.get("timestamp")),
        detail=fields.optional_text("techInfo"),
    )


def id_tag(fields: Fields) -> str | None:
    """The tag in an idToken; None where there is none, or a session needs none (NoAuthorization)."""
    token = fields.optional_object("idToken")
    if token is None or token.optional_text("type") == IdTokenEnumType.no_authorization.value:
        return None
    return token.text("idToken") or None


def boot_answer(*, now: datetime, heartbeat_s: int) -> dict[str, Any]:
    """BootNotification is accepted; ``heartbeat_s`` is how often we want to hear from the station."""
    return {
        "currentTime": format_instant(now),
        "interval": heartbeat_s,
        "status": RegistrationStatusEnumType.accepted.value,
    }


def heartbeat_answer(payload: Any, *, now: datetime) -> dict[str, Any]:
    """Heartbeat: our clock. It says nothing, which some stations write as a list or as null."""
    fields_of(payload or {}, Action.heartbeat)
    return {"currentTime": format_instant(now)}


def authorize_answer(*, is_accepted: bool) -> dict[str, Any]:
    """Authorize, and a session's event with a token: whether it may charge."""
    status = AuthorizationStatusEnumType.accepted if is_accepted else AuthorizationStatusEnumType.invalid
    return {"idTokenInfo": {"status": status.value}}


def needs_answer() -> dict[str, Any]:
    """NotifyEVChargingNeeds: no profile is made for this alone, so the station goes by those that it has (K15)."""
    return {"status": NotifyEVChargingNeedsStatusEnumType.rejected.value}


def schedule_answer() -> dict[str, Any]:
    """NotifyEVChargingSchedule: it is within what the station holds, or the station would not pass it on (K17)."""
    return {"status": GenericStatusEnumType.accepted.value}


def data_transfer_answer(payload: Any) -> dict[str, Any]:
    """DataTransfer: we know no vendor's own messages."""
    fields_of(payload, Action.data_transfer).text("vendorId")
    return {"status": DataTransferStatusEnumType.unknown_vendor_id.value}


def sign_answer() -> dict[str, Any]:
    """SignCertificate: certificates are not made here."""
    return {"status": GenericStatusEnumType.rejected.value}
