"""What happens at stations: the same events for every OCPP version, each with the station's and our own time.

``at`` is when it happened as the station says (replayed messages are old), ``received_at`` when it reached us.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from dispatch.station import MeterReading, TransactionId, Value


class Event(Value):
    """What every event has."""

    charger_id: str
    received_at: AwareDatetime


class Connected(Event):
    """A charger has opened its socket. Nothing is proven of what it has installed."""

    kind: Literal["connected"] = "connected"
    subprotocol: str


class Disconnected(Event):
    """A charger's socket is gone."""

    kind: Literal["disconnected"] = "disconnected"
    reason: str


class Booted(Event):
    """A charger says that it has started (or was asked to say so)."""

    kind: Literal["booted"] = "booted"
    vendor: str
    model: str
    firmware: str | None = None


class StatusChanged(Event):
    """A connector reports its state; connector 0 is the charger itself."""

    kind: Literal["status_changed"] = "status_changed"
    connector_id: int
    status: str
    error_code: str | None = None
    at: AwareDatetime | None = None


class TransactionStarted(Event):
    """A vehicle's session begins."""

    kind: Literal["transaction_started"] = "transaction_started"
    connector_id: int
    transaction_id: TransactionId
    id_tag: str
    at: AwareDatetime
    meter_start_kwh: float


class TransactionEnded(Event):
    """A vehicle's session is over."""

    kind: Literal["transaction_ended"] = "transaction_ended"
    connector_id: int | None = None
    transaction_id: TransactionId
    at: AwareDatetime
    meter_stop_kwh: float
    reason: str | None = None


class Metered(Event):
    """A connector has measured."""

    kind: Literal["metered"] = "metered"
    connector_id: int
    transaction_id: TransactionId | None = None
    reading: MeterReading


StationEvent = Annotated[
    Connected | Disconnected | Booted | StatusChanged | TransactionStarted | TransactionEnded | Metered,
    Field(discriminator="kind"),
]
