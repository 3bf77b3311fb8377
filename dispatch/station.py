"""The one seam: what the dispatcher can ask of stations, whoever holds their sockets.

All values here are neutral: the same for OCPP 1.6 and 2.0.1, for the gateway in this package and for another
charge point management system. They cross the gateway's local API as JSON, so they are pydantic models.
Instants are aware; limits carry their unit beside them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

RateUnit = Literal["A", "W"]
TransactionId = int | str


class Value(BaseModel):
    """A frozen value that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Purpose(StrEnum):
    """What a profile is for; OCPP's purposes under neutral names."""

    STATION_MAX = "station_max"
    TX_DEFAULT = "tx_default"
    TX = "tx"


class SchedulePeriod(Value):
    """A limit from ``start_s`` seconds after the schedule's start until the next period.

    In A the limit is per phase, in W the total (OCPP 2.0.1 K01.FR.50/51). ``number_phases`` is None on DC.
    """

    start_s: int = Field(ge=0)
    limit: float
    number_phases: int | None = None


class StationProfile(Value):
    """A charging profile as it stands on a station, always Absolute and in UTC."""

    profile_id: int
    connector_id: int
    purpose: Purpose
    stack_level: int
    start: AwareDatetime
    duration_s: int | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None
    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    transaction_id: TransactionId | None = None


class Outcome(StrEnum):
    """How a request to a station ended. Everything but ACCEPTED leaves its effect unproven."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    NOT_CONNECTED = "not_connected"


class Reply(Value):
    """What came of one request. ``reason`` is for people; ``message_id`` finds the raw frames in the journal."""

    outcome: Outcome
    reason: str = ""
    message_id: str | None = None
    at: AwareDatetime


class CompositeSchedule(Value):
    """What a station says it will allow, as it says it: a step function from ``start`` for ``duration_s``."""

    connector_id: int
    start: AwareDatetime
    duration_s: int
    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]


class CompositeReply(Value):
    """An answer to a question for a composite schedule; ``schedule`` is None where none can be read."""

    reply: Reply
    schedule: CompositeSchedule | None = None


class MeterReading(Value):
    """What a connector measured at ``at`` (the sample's own time); None where the station did not say.

    ``power_kw`` is derived from current and voltage only where no power is reported; ``energy_kwh`` is the
    meter's register.
    """

    at: AwareDatetime
    received_at: AwareDatetime
    power_kw: float | None = None
    current_a: float | None = None
    energy_kwh: float | None = None
    soc_percent: float | None = None


class Transaction(Value):
    """A running transaction."""

    transaction_id: TransactionId
    id_tag: str | None = None
    started_at: AwareDatetime


class ConnectorState(Value):
    """What is known of one connector now. ``status`` is OCPP's word, for people."""

    connector_id: int
    status: str | None = None
    transaction: Transaction | None = None
    meter: MeterReading | None = None


class ChargerState(Value):
    """What is known of one charger now; ``connected_since`` is None while it is away."""

    charger_id: str
    connected_since: AwareDatetime | None = None
    booted_at: AwareDatetime | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    configuration: dict[str, str] = Field(default_factory=dict)
    connectors: tuple[ConnectorState, ...] = ()

    def connector(self, connector_id: int) -> ConnectorState:
        """The state of a connector; an empty one if nothing is known of it."""
        found = (state for state in self.connectors if state.connector_id == connector_id)
        return next(found, ConnectorState(connector_id=connector_id))


class LiveState(Value):
    """The whole depot as the holder of the sockets sees it; ``now`` is its clock, which the chargers share."""

    now: AwareDatetime
    chargers: tuple[ChargerState, ...]

    def charger(self, charger_id: str) -> ChargerState:
        """The state of a charger; an absent one if it was never seen."""
        found = (state for state in self.chargers if state.charger_id == charger_id)
        return next(found, ChargerState(charger_id=charger_id))


class StationsUnreachableError(ConnectionError):
    """The holder of the sockets itself cannot be reached."""


class Stations(Protocol):
    """The verbs. Each ends within a bounded time; what a charger does or fails to do is a reply, never raised.

    Raises :class:`StationsUnreachableError` where nobody holds the sockets.
    """

    async def live(self) -> LiveState:
        """The state of all chargers now."""

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile, replacing the one with the same id."""

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id; a station that has none of it has accepted."""

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now; it arrives in the live state."""

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
