"""The one seam: what the dispatcher can ask of stations, whoever holds their sockets.

All values here are neutral: the same for OCPP 1.6 and 2.0.1, for the gateway in this package and for another
charge point management system. They cross the gateway's local API as JSON, so they are pydantic models.
Instants are aware; limits carry their unit beside them.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Protocol, Self, runtime_checkable

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

RateUnit = Literal["A", "W"]
TransactionId = int | str


class Value(BaseModel):
    """A frozen value that rejects unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Purpose(StrEnum):
    """What a profile is for; OCPP's purposes under neutral names.

    EXTERNAL is what a system beside us has put on a station: a station may report it, nobody here may send it.
    """

    STATION_MAX = "station_max"
    TX_DEFAULT = "tx_default"
    TX = "tx"
    EXTERNAL = "external"


class ProfileKind(StrEnum):
    """From when the periods of a profile count: from its start, again each day or week, or from the session's."""

    ABSOLUTE = "absolute"
    DAILY = "daily"
    WEEKLY = "weekly"
    RELATIVE = "relative"


class SchedulePeriod(Value):
    """A limit from ``start_s`` seconds after the schedule's start until the next period.

    In A the limit is per phase, in W the total (OCPP 2.0.1 K01.FR.50/51). ``number_phases`` is None on DC.
    """

    start_s: int = Field(ge=0)
    limit: float
    number_phases: int | None = None


class StationProfile(Value):
    """A charging profile as it stands on a station, in UTC.

    ``start`` of a RELATIVE one is the instant that it is reckoned from here; it is not sent, the station has its
    own. Of a DAILY or WEEKLY one it is the first of the instants at which its periods begin.
    """

    profile_id: int
    connector_id: int
    purpose: Purpose
    stack_level: int
    kind: ProfileKind = ProfileKind.ABSOLUTE
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


class ProfileFilter(Value):
    """Which profiles are meant: those that have all of what is given. Nothing given is every profile."""

    connector_id: int | None = None
    purpose: Purpose | None = None
    stack_level: int | None = None


class InstalledProfile(Value):
    """A profile that a station says it holds.

    ``profile`` is None where it cannot be said in the values used here; ``description`` then has the station's
    own words. ``source`` is who set it, in OCPP's word (CSO is us and our like).
    """

    profile_id: int
    connector_id: int
    source: str | None = None
    profile: StationProfile | None = None
    description: str = ""


class InstalledReply(Value):
    """What a station holds; ``profiles`` is None where it could not be read, empty where it holds none.

    Where ``reply`` says that the station was only half-way through, ``profiles`` are those that came.
    """

    reply: Reply
    profiles: tuple[InstalledProfile, ...] | None = None


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
    """A running transaction. ``meter_start_kwh`` is the meter's register when it began, where it was told."""

    transaction_id: TransactionId
    id_tag: str | None = None
    started_at: AwareDatetime
    meter_start_kwh: float | None = None


def _no_number(value: object) -> object:
    """A time as people and ISO 8601 write it: a number would be taken for seconds of 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and ":" not in value):
        raise ValueError("an instant such as 2025-11-10T17:50:00Z")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_no_number)]


class SiteReading(Value):
    """What the meter at the site's connection shows at ``at``, its own time. Grid-side kW, positive when drawn.

    ``site_kw`` is all that the site draws, chargers included; ``base_load_kw`` what it draws beside the chargers.
    One of the two is enough; where both are told, the base load is believed.
    """

    at: Instant
    site_kw: float | None = Field(default=None, strict=True, ge=-1e5, le=1e5, allow_inf_nan=False)
    base_load_kw: float | None = Field(default=None, strict=True, ge=-1e5, le=1e5, allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.site_kw is None and self.base_load_kw is None:
            raise ValueError("a reading has site_kw, base_load_kw or both")
        return self


class VehicleReading(Value):
    """What telematics say of a vehicle at ``at``, the vehicle's own time; where it is connected, if that is known."""

    vehicle_id: str
    at: Instant
    soc_percent: float | None = Field(default=None, strict=True, ge=0, le=100)
    charger_id: str | None = None
    connector_id: int | None = Field(default=None, strict=True, ge=1)


class ConnectorState(Value):
    """What is known of one connector now. ``status`` is OCPP's word, for people."""

    connector_id: int
    status: str | None = None
    transaction: Transaction | None = None
    meter: MeterReading | None = None


class ChargerState(Value):
    """What is known of one charger now; ``connected_since`` is None while it is away.

    ``clock_ahead_s`` is how far its clock is ahead of everybody's, found at ``clock_found_at``: whoever holds its socket
    puts all instants into its time and back. [s]

    ``configuration`` has OCPP 1.6's keys also for what other versions call by another name; what 1.6 does not
    know stands under ``Component.Variable``.
    """

    charger_id: str
    connected_since: AwareDatetime | None = None
    booted_at: AwareDatetime | None = None
    clock_ahead_s: float = 0.0
    clock_found_at: AwareDatetime | None = None
    vendor: str | None = None
    model: str | None = None
    firmware: str | None = None
    configuration: dict[str, str] = Field(default_factory=dict)
    connectors: tuple[ConnectorState, ...] = ()

    def connector(self, connector_id: int) -> ConnectorState:
        """The state of a connector; an empty one if nothing is known of it."""
        for state in self.connectors:
            if state.connector_id == connector_id:
                return state
        return ConnectorState(connector_id=connector_id)


class LiveState(Value):
    """The whole depot as the holder of the sockets sees it; ``now`` is its clock, which the chargers share.

    ``site`` is the latest reading of the site's meter, None where there was none yet; ``vehicles`` the latest that
    telematics have told of each vehicle.
    """

    now: AwareDatetime
    chargers: tuple[ChargerState, ...]
    site: SiteReading | None = None
    vehicles: tuple[VehicleReading, ...] = ()

    def charger(self, charger_id: str) -> ChargerState:
        """The state of a charger; an absent one if it was never seen."""
        for state in self.chargers:
            if state.charger_id == charger_id:
                return state
        return ChargerState(charger_id=charger_id)


class StationsUnreachableError(ConnectionError):
    """The holder of the sockets itself cannot be reached."""


class LeaseLostError(RuntimeError):
    """Somebody else writes to the depot's chargers now: nothing may be sent under an older lease."""


class UnsendableError(ValueError):
    """What was asked must not be sent to any charger of its OCPP version; the message has every reason and clause."""


@runtime_checkable
class Listener(Protocol):
    """Takes in what others than chargers tell of the depot: it comes back in the live state.

    What is older than what is known already changes nothing. Raises :class:`StationsUnreachableError`.
    """

    async def tell_site(self, reading: SiteReading) -> None:
        """What the meter at the site's connection shows."""

    async def tell_vehicle(self, reading: VehicleReading) -> None:
        """What a vehicle's telematics say."""


class Stations(Protocol):
    """The verbs. Each ends within a bounded time; what a charger does or fails to do is a reply, never raised.

    Raises :class:`StationsUnreachableError` where nobody holds the sockets, :class:`UnsendableError` for what must
    not be sent, :class:`LeaseLostError` for what somebody sends who may not write any more.
    """

    async def live(self) -> LiveState:
        """The state of all chargers now."""

    async def set_profile(self, charger_id: str, profile: StationProfile) -> Reply:
        """Install a profile, replacing the one with the same id."""

    async def clear_profile(self, charger_id: str, profile_id: int) -> Reply:
        """Remove a profile by its id; a station that has none of it has accepted."""

    async def clear_profiles(self, charger_id: str, wanted: ProfileFilter) -> Reply:
        """Remove every profile that a filter means; a station that has none of them has accepted."""

    async def installed_profiles(self, charger_id: str) -> InstalledReply:
        """Ask what the station holds. OCPP 1.6 has no way to ask: its stations are REFUSED with that reason."""

    async def composite_schedule(
        self, charger_id: str, *, connector_id: int, duration_s: int, unit: RateUnit
    ) -> CompositeReply:
        """Ask what the station will allow from now on."""

    async def configure(self, charger_id: str, key: str, value: str) -> Reply:
        """Set a configuration key, by the name that ``ChargerState.configuration`` has for it."""

    async def start_transaction(
        self, charger_id: str, *, connector_id: int, id_tag: str, profile: StationProfile | None = None
    ) -> Reply:
        """Ask the station to begin a session; ``profile`` is for it, a TX one without transaction id."""

    async def reset(self, charger_id: str) -> Reply:
        """Ask the station to end its sessions in good order and start anew."""

    async def disconnect(self, charger_id: str) -> Reply:
        """Close the station's socket; it goes on with what it holds, and comes again by itself."""

    async def trigger_meter_values(self, charger_id: str, *, connector_id: int) -> Reply:
        """Ask for a meter reading now; it arrives in the live state."""

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The live state as soon as an event later than ``after`` has arrived, or when the time is over."""
