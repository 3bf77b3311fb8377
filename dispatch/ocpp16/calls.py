"""What a charge point tells us in OCPP 1.6, as neutral events and values, and what it is answered.

Readers take a payload as it came and raise :class:`dispatch.connection.CallRefusedError` for one that cannot be
read; times are the charge point's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp.v16.enums import Action, AuthorizationStatus, DataTransferStatus, RegistrationStatus

from dispatch.events import Booted, Metered, SecurityNoticed, StatusChanged
from dispatch.ocpp16.metering import readings
from dispatch.payload import Codes, Fields, read_instant
from dispatch.station import MeterReading
from optimiser.horizon import format_instant

ACKNOWLEDGED = frozenset(
    {
        Action.diagnostics_status_notification,
        Action.firmware_status_notification,
        Action.log_status_notification,
        Action.signed_firmware_status_notification,
    }
)
"""Notifications that are kept as raw messages and answered with nothing."""

CODES = Codes(formation="FormationViolation", occurrence="OccurenceConstraintViolation")
"""Error codes in the spelling of OCPP-J 1.6 §4.2.3."""


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """A vehicle's session has begun, and the charge point asks for the id of its transaction."""

    connector_id: int
    id_tag: str
    at: datetime
    meter_start_kwh: float


@dataclass(frozen=True, kw_only=True)
class StopRequest:
    """A vehicle's session is over; ``readings`` are the meter's over the session, where they were sent along."""

    transaction_id: int
    at: datetime
    meter_stop_kwh: float
    reason: str | None
    readings: tuple[MeterReading, ...]


def booted(payload: Any, *, charger_id: str, received_at: datetime) -> Booted:
    """BootNotification. A charge point that does not say what it is has no model, and may boot all the same."""
    fields = _fields(payload, Action.boot_notification)
    return Booted(
        charger_id=charger_id,
        received_at=received_at,
        vendor=fields.optional_text("chargePointVendor") or "",
        model=fields.optional_text("chargePointModel") or "",
        firmware=fields.optional_text("firmwareVersion"),
    )


def status_changed(payload: Any, *, charger_id: str, received_at: datetime) -> StatusChanged:
    """StatusNotification. Words that the standard does not know are kept, a time that is none is left out."""
    fields = _fields(payload, Action.status_notification)
    error_code = fields.text("errorCode")
    return StatusChanged(
        charger_id=charger_id,
        received_at=received_at,
        connector_id=fields.natural("connectorId"),
        status=fields.text("status"),
        error_code=error_code,
        at=read_instant(fields.values.get("timestamp")),
    )


def start_request(payload: Any) -> StartRequest:
    """StartTransaction. It may be hours old: a charge point that was offline sends what happened meanwhile."""
    fields = _fields(payload, Action.start_transaction)
    return StartRequest(
        connector_id=fields.natural("connectorId"),
        id_tag=fields.text("idTag"),
        at=fields.instant("timestamp"),
        meter_start_kwh=fields.integer("meterStart") / 1000.0,
    )


def stop_request(payload: Any, *, received_at: datetime) -> StopRequest:
    """StopTransaction, with its transactionData."""
    fields = _fields(payload, Action.stop_transaction)
    return StopRequest(
        transaction_id=fields.integer("transactionId"),
        at=fields.instant("timestamp"),
        meter_stop_kwh=fields.integer("meterStop") / 1000.0,
        reason=fields.optional_text("reason"),
        readings=readings(fields.objects("transactionData"), received_at=received_at),
    )


def metered(payload: Any, *, charger_id: str, received_at: datetime) -> tuple[Metered, ...]:
    """MeterValues, one event for every instant of measurement; a transaction id of 0 or below is none."""
    fields = _fields(payload, Action.meter_values)
    connector_id = fields.natural("connectorId")
    transaction_id = fields.optional_integer("transactionId")
    fields.require("meterValue")
    return tuple(
        Metered(
            charger_id=charger_id,
            received_at=received_at,
            connector_id=connector_id,
            transaction_id=transaction_id if transaction_id is not None and transaction_id > 0 else None,
            reading=reading,
        )
        for reading in readings(fields.objects("meterValue"), received_at=received_at)
    )


def security_noticed(payload: Any, *, charger_id: str, received_at: datetime) -> SecurityNoticed:
    """SecurityEventNotification (1.6 security whitepaper)."""
    fields = _fields(payload, Action.security_event_notification)
    return SecurityNoticed(
        charger_id=charger_id,
        received_at=received_at,
        what=fields.text("type"),
        at=read_instant(fields.values.get("timestamp")),
        detail=fields.optional_text("techInfo"),
    )


def id_tag(payload: Any) -> str:
    """Authorize: the tag that was shown."""
    return _fields(payload, Action.authorize).text("idTag")


def boot_answer(*, now: datetime, heartbeat_s: int) -> dict[str, Any]:
    """BootNotification is accepted; ``heartbeat_s`` is how often we want to hear from the charge point."""
    return {
        "currentTime": format_instant(now),
        "interval": heartbeat_s,
        "status": RegistrationStatus.accepted.value,
    }


def heartbeat_answer(payload: Any, *, now: datetime) -> dict[str, Any]:
    """Heartbeat: our clock. It says nothing, which some charge points write as a list or as null."""
    _fields(payload or {}, Action.heartbeat)
    return {"currentTime": format_instant(now)}


def authorize_answer(*, is_accepted: bool) -> dict[str, Any]:
    """Authorize: whether the tag may charge."""
    status = AuthorizationStatus.accepted if is_accepted else AuthorizationStatus.invalid
    return {"idTagInfo": {"status": status.value}}


def start_answer(*, transaction_id: int, is_accepted: bool) -> dict[str, Any]:
    """StartTransaction: its id, whether it may go on or not."""
    return {"transactionId": transaction_id, **authorize_answer(is_accepted=is_accepted)}


def data_transfer_answer(payload: Any) -> dict[str, Any]:
    """DataTransfer: we know no vendor's own messages."""
    _fields(payload, Action.data_transfer).text("vendorId")
    return {"status": DataTransferStatus.unknown_vendor_id.value}


def _fields(payload: Any, action: Action) -> Fields:
    return Fields.of(payload, where=action.value, codes=CODES)
