"""TransactionEvent of OCPP 2.0.1 as events of a session: it begins, goes on, ends, and is metered on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ocpp.v201.enums import Action, TransactionEventEnumType

from dispatch.dialect import Desk
from dispatch.events import (
    Metered,
    StationEvent,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from dispatch.ocpp201.calls import authorize_answer, fields_of, id_tag
from dispatch.ocpp201.metering import readings
from dispatch.station import MeterReading


@dataclass(frozen=True, kw_only=True)
class TransactionMessage:
    """A TransactionEvent; ``connector_id`` is None where it does not name its EVSE, as it need do only once."""

    event_type: str
    transaction_id: str
    at: datetime
    connector_id: int | None
    id_tag: str | None
    state: str | None
    stopped_reason: str | None
    readings: tuple[MeterReading, ...]

    @property
    def is_end(self) -> bool:
        """Whether the session is over by this."""
        return bool(self.event_type == TransactionEventEnumType.ended.value)


def read(payload: Any, *, received_at: datetime) -> TransactionMessage:
    """Read a TransactionEvent. It may be hours old: a station that was offline sends what happened meanwhile."""
    fields = fields_of(payload, Action.transaction_event)
    info = fields.object("transactionInfo")
    evse = fields.optional_object("evse")
    return TransactionMessage(
        event_type=fields.text("eventType"),
        transaction_id=info.text("transactionId"),
        at=fields.instant("timestamp"),
        connector_id=None if evse is None else evse.natural("id"),
        id_tag=id_tag(fields),
        state=info.optional_text("chargingState"),
        stopped_reason=info.optional_text("stoppedReason"),
        readings=readings(fields.objects("meterValue"), received_at=received_at),
    )


@dataclass(frozen=True, kw_only=True)
class Known:
    """What was last told of a session that goes on: its token and its state."""

    id_tag: str | None
    state: str | None


def take(
    message: TransactionMessage, *, desk: Desk, now: datetime, known: dict[str, Known]
) -> dict[str, Any]:
    """Record what a TransactionEvent says and answer it. One that is told again changes nothing.

    ``known`` is kept between calls: a session that goes on is an event only where there is news of it.
    """
    started = next((t for t in desk.open_transactions() if t.transaction_id == message.transaction_id), None)
    if not desk.has_ended(message.transaction_id):
        for event in _events(message, started=started, charger_id=desk.charger_id, now=now, known=known):
            desk.record(event)
    return {} if message.id_tag is None else authorize_answer(is_accepted=desk.may_charge(message.id_tag))


def _events(
    message: TransactionMessage,
    *,
    started: TransactionStarted | None,
    charger_id: str,
    now: datetime,
    known: dict[str, Known],
) -> list[StationEvent]:
    connector_id = message.connector_id if started is None else started.connector_id
    events: list[StationEvent] = []
    if connector_id is not None:
        if not message.is_end:
            events += _going_on(
                message, connector_id, started=started, charger_id=charger_id, now=now, known=known
            )
        events += [
            Metered(
                charger_id=charger_id,
                received_at=now,
                connector_id=connector_id,
                transaction_id=message.transaction_id,
                reading=reading,
            )
            for reading in message.readings
        ]
    if message.is_end:
        known.pop(message.transaction_id, None)
        events.append(
            TransactionEnded(
                charger_id=charger_id,
                received_at=now,
                connector_id=connector_id,
                transaction_id=message.transaction_id,
                at=message.at,
                meter_stop_kwh=_register_kwh(message.readings, max),
                reason=message.stopped_reason,
            )
        )
    return events


def _going_on(
    message: TransactionMessage,
    connector_id: int,
    *,
    started: TransactionStarted | None,
    charger_id: str,
    now: datetime,
    known: dict[str, Known],
) -> list[StationEvent]:
    """A session that begins, or of which there is news. One that is heard of for the first time begins for us."""
    before = known.get(message.transaction_id)
    if before is None and started is not None:
        before = Known(id_tag=started.id_tag, state=None)
    tag = message.id_tag or (before.id_tag if before else None)
    state = message.state or (before.state if before else None)
    known[message.transaction_id] = Known(id_tag=tag, state=state)
    if started is None:
        return [
            TransactionStarted(
                charger_id=charger_id,
                received_at=now,
                connector_id=connector_id,
                transaction_id=message.transaction_id,
                id_tag=tag,
                at=message.at,
                meter_start_kwh=_register_kwh(message.readings, min),
            )
        ]
    if before == known[message.transaction_id]:
        return []
    return [
        TransactionUpdated(
            charger_id=charger_id,
            received_at=now,
            connector_id=connector_id,
            transaction_id=message.transaction_id,
            id_tag=tag,
            state=state,
            at=message.at,
        )
    ]


def _register_kwh(values: tuple[MeterReading, ...], pick: Callable[[list[float]], float]) -> float | None:
    """The meter's register at one end of a session. [kWh]"""
    registers = [reading.energy_kwh for reading in values if reading.energy_kwh is not None]
    return pick(registers) if registers else None
