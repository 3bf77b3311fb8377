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
    id_tag: str | None = None
    at: AwareDatetime
    meter_start_kwh: float | None = None


class TransactionUpdated(Event):
    """A session goes on, also one that was never seen to begin. ``state`` is OCPP's word, for people."""

    kind: Literal["transaction_updated"] = "transaction_updated"
    connector_id: int
    transaction_id: TransactionId
    id_tag: str | None = None
    state: str | None = None
    at: AwareDatetime


class TransactionEnded(Event):
    """A vehicle's session is over."""

    kind: Literal["transaction_ended"] = "transaction_ended"
    connector_id: int | None = None
    transaction_id: TransactionId
    at: AwareDatetime
    meter_stop_kwh: float | None = None
    reason: str | None = None


class Metered(Event):
    """A connector has measured."""

    kind: Literal["metered"] = "metered"
    connector_id: int
    transaction_id: TransactionId | None = None
    reading: MeterReading


class LimitedFromOutside(Event):
    """A system beside us limits a charger (connector 0) or a connector; it is no fault of the charger's."""

    kind: Literal["limited_from_outside"] = "limited_from_outside"
    connector_id: int
    source: str
    is_grid_critical: bool | None = None


class FreedFromOutside(Event):
    """The limit of a system beside us is gone."""

    kind: Literal["freed_from_outside"] = "freed_from_outside"
    connector_id: int
    source: str


class NeedsTold(Event):
    """A vehicle says what it needs (ISO 15118). Energy, power and current are those of the vehicle's own side."""

    kind: Literal["needs_told"] = "needs_told"
    connector_id: int
    energy_kwh: float | None = None
    departure: AwareDatetime | None = None
    soc_percent: float | None = None
    max_current_a: float | None = None
    min_current_a: float | None = None
    max_power_kw: float | None = None


class SecurityNoticed(Event):
    """Something that concerns a charger's security, in OCPP's word: it reports it, or the gateway notices it.

    The gateway notices FailedToAuthenticateAtCsms, InvalidChargingStationCertificate and, in its own word,
    DuplicateIdentity: a second socket in the name of a charger whose first one is alive.
    """

    kind: Literal["security_noticed"] = "security_noticed"
    what: str
    at: AwareDatetime | None = None
    detail: str | None = None


StationEvent = Annotated[
    Connected
    | Disconnected
    | Booted
    | StatusChanged
    | TransactionStarted
    | TransactionUpdated
    | TransactionEnded
    | Metered
    | LimitedFromOutside
    | FreedFromOutside
    | NeedsTold
    | SecurityNoticed,
    Field(discriminator="kind"),
]
