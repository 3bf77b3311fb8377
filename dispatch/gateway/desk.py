"""What a dialect may ask of the gateway on behalf of one charger: who may charge, what is known, where to record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.credentials import is_secret_key
from dispatch.events import StationEvent, TransactionStarted
from dispatch.gateway.clocks import ChargerClock
from dispatch.gateway.counting import Counting
from dispatch.gateway.live import Clock, LiveDepot
from dispatch.journal import Journal
from dispatch.station import TransactionId
from optimiser.depot import Depot


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all sessions share."""

    depot: Depot
    journal: Journal
    live: LiveDepot
    clock: Clock
    call_timeout_s: float
    counting: Counting = field(default_factory=Counting)


@dataclass(frozen=True, kw_only=True)
class SocketDesk:
    """Implements :class:`dispatch.dialect.Desk`."""

    charger_id: str
    surroundings: Surroundings
    its_clock: ChargerClock

    @property
    def answer_timeout_s(self) -> float:
        """How long the charger may take for what it sends after an answer. [s]"""
        return self.surroundings.call_timeout_s

    def now(self) -> datetime:
        """The clock that the chargers share."""
        return self.surroundings.clock()

    def record(self, event: StationEvent) -> None:
        """Write an event down, in true time, before its message is answered, then take it in."""
        live = self.surroundings.live
        if self.its_clock.hear(event):
            live.clock_found(self.charger_id, self.its_clock.ahead)
        live.record(self.its_clock.true_event(event))

    def configured(self, configuration: Mapping[str, str]) -> None:
        """Take in what the charger says of its configuration, beside what it has said before; no password."""
        shown = {key: value for key, value in configuration.items() if not is_secret_key(key)}
        self.surroundings.live.configured(self.charger_id, shown)

    def may_charge(self, id_tag: str) -> bool:
        """Whether a tag is accepted: those of the depot's vehicles always, strangers where they get a floor.

        Under ``policy.unknown_vehicle: hold`` a stranger is answered Invalid. Tags are compared without case
        (they are CiString20 in 1.6, identifierString in 2.0.1).
        """
        depot = self.surroundings.depot
        if depot.policy.unknown_vehicle == "floor":
            return True
        return id_tag.lower() in {vehicle.id_tag.lower() for vehicle in depot.vehicles}

    def has_booted(self) -> bool:
        """Whether the charger was ever accepted here, also before the gateway was started anew."""
        return self.surroundings.live.has_booted(self.charger_id)

    def open_transactions(self) -> Sequence[TransactionStarted]:
        """The charger's sessions that have begun and not ended."""
        return self.surroundings.live.open_transactions(self.charger_id)

    def has_ended(self, transaction_id: TransactionId) -> bool:
        """Whether a session is known to be over."""
        return self.surroundings.live.has_ended(self.charger_id, transaction_id)

    def begin_transaction(
        self, *, connector_id: int, id_tag: str, at: datetime, meter_start_kwh: float
    ) -> TransactionStarted:
        """Give a session an id and record it; one that is told again with the same facts keeps the id it has."""
        journal = self.surroundings.journal
        started = journal.find_transaction(
            charger_id=self.charger_id,
            connector_id=connector_id,
            id_tag=id_tag,
            at=at,
            meter_start_kwh=meter_start_kwh,
        )
        if started is None:
            started = TransactionStarted(
                charger_id=self.charger_id,
                received_at=self.now(),
                connector_id=connector_id,
                transaction_id=journal.next_transaction_id(),
                id_tag=id_tag,
                at=at,
                meter_start_kwh=meter_start_kwh,
            )
            self.record(started)
        return started
