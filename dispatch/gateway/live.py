"""What is known of all chargers now: events go to the journal first, then into the live state."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from dispatch.events import (
    Booted,
    Connected,
    Disconnected,
    Metered,
    StationEvent,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from dispatch.gateway.counting import Counting
from dispatch.gateway.intake import Intake
from dispatch.journal import Journal
from dispatch.station import (
    ChargerState,
    ConnectorState,
    LiveState,
    MeterReading,
    SiteReading,
    Transaction,
    TransactionId,
    VehicleReading,
)
from dispatch.store.entries import Message

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

REMEMBERED = timedelta(days=30)
"""How long ago a transaction may have ended for what a charger still sends of it to be known as old."""
AVAILABLE = "Available"
"""Status of a connector that has no session (1.6 §4.9)."""


class LiveDepot:
    """The live state of the depot's chargers, and the only way in which the gateway writes down what they say.

    Where the journal cannot be written nothing is taken in: what is not written down is not answered either.
    """

    def __init__(
        self,
        charger_ids: Iterable[str],
        *,
        journal: Journal,
        clock: Clock,
        counting: Counting | None = None,
    ) -> None:
        self._chargers = {charger_id: ChargerState(charger_id=charger_id) for charger_id in charger_ids}
        self._intake = Intake(journal, failed=(counting or Counting()).store_failed)
        self._clock = clock
        self._changed = asyncio.Event()
        self._changed_at = datetime.min.replace(tzinfo=UTC)
        self._is_closed = False
        self._site: SiteReading | None = None
        self._vehicles: dict[str, VehicleReading] = {}
        ended = journal.events(since=clock() - REMEMBERED, kinds=("transaction_ended",))
        self._ended = {(e.charger_id, e.transaction_id) for e in ended if isinstance(e, TransactionEnded)}
        self._lost: dict[tuple[str, TransactionId], tuple[Transaction, datetime]] = {}
        self._booted = journal.chargers_booted()
        self._open: defaultdict[str, dict[TransactionId, TransactionStarted]] = defaultdict(dict)
        began = journal.open_transactions()
        for started in began:
            self._apply(started)
        first = min((started.received_at for started in began), default=None)
        if first is not None:  # tags that were shown after their sessions had begun
            for updated in journal.events(since=first, kinds=("transaction_updated",)):
                self._apply(updated)

    def state(self) -> LiveState:
        """The state of all chargers now."""
        return LiveState(
            now=self._clock(),
            chargers=tuple(self._chargers.values()),
            site=self._site,
            vehicles=tuple(self._vehicles.values()),
        )

    def tell_site(self, reading: SiteReading) -> None:
        """Take in what the site's meter shows. It is not kept: after a restart nothing is known of it."""
        reading = reading.model_copy(update={"at": min(reading.at, self._clock())})
        if self._site is None or reading.at >= self._site.at:
            self._site = reading
            self._has_changed(self._clock())

    def tell_vehicle(self, reading: VehicleReading) -> None:
        """Take in what a vehicle's telematics say; that is not kept either."""
        reading = reading.model_copy(update={"at": min(reading.at, self._clock())})
        known = self._vehicles.get(reading.vehicle_id)
        if known is None or reading.at >= known.at:
            self._vehicles[reading.vehicle_id] = reading
            self._has_changed(self._clock())

    def keep(self, message: Message) -> None:
        """Write a raw message down soon."""
        self._intake.note(message)

    def record(self, event: StationEvent) -> None:
        """Write an event down soon, then take it in. A charger is away also where that cannot be written."""
        self._intake.note(event, then=partial(self._take_in, event), in_any_case=event.kind == "disconnected")

    async def written(self) -> None:
        """Wait until what was said just now is written. Raises :class:`dispatch.journal.JournalError`."""
        await self._intake.written()

    def has_booted(self, charger_id: str) -> bool:
        """Whether a charger was ever accepted here, also before the gateway was started anew."""
        return charger_id in self._booted

    def open_transactions(self, charger_id: str) -> list[TransactionStarted]:
        """A charger's sessions that have begun and not ended, oldest first."""
        return list(self._open[charger_id].values())

    def configured(self, charger_id: str, configuration: Mapping[str, str]) -> None:
        """Take in what a charger says of its configuration, beside what it has said before."""
        known = self._chargers[charger_id].configuration
        self._update(charger_id, configuration=known | dict(configuration))

    def clock_found(self, charger_id: str, ahead: timedelta) -> None:
        """Take in how far a charger's clock is ahead: all that it holds was meant for another time."""
        log.info(
            "the clock of %s is %d s ahead: it is spoken to in its own time",
            charger_id,
            ahead.total_seconds(),
        )
        self._update(charger_id, clock_ahead_s=ahead.total_seconds(), clock_found_at=self._clock())
        self._has_changed(self._clock())

    def has_ended(self, charger_id: str, transaction_id: TransactionId) -> bool:
        """Whether a transaction is known to be over."""
        return (charger_id, transaction_id) in self._ended

    async def wait_for_change(self, *, after: datetime, timeout_s: float) -> LiveState:
        """The state as soon as an event later than ``after`` has come, or when the time is over."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._changed_at <= after and not self._is_closed:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self.state()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._wake()

    def _take_in(self, event: StationEvent) -> None:
        self._apply(event)
        # Not when it was received: who has looked since, and not seen it yet, would wait for the next event.
        self._has_changed(self._clock())

    def _has_changed(self, at: datetime) -> None:
        self._changed_at = at
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _apply(self, event: StationEvent) -> None:
        charger_id = event.charger_id
        if charger_id not in self._chargers:
            return  # it is in the journal from a time when the depot had it
        match event:
            case Connected():
                self._update(charger_id, connected_since=event.received_at)
            case Disconnected():
                self._update(charger_id, connected_since=None)
            case Booted():
                self._booted.add(charger_id)
                self._update(
                    charger_id,
                    booted_at=event.received_at,
                    vendor=event.vendor,
                    model=event.model,
                    firmware=event.firmware,
                )
            case StatusChanged():
                self._apply_status(event)
            case TransactionStarted():
                self._start(event)
            case TransactionUpdated():
                self._go_on(event)
            case TransactionEnded():
                self._end(charger_id, event.transaction_id)
            case Metered():
                self._apply_reading(event)

    def _apply_status(self, event: StatusChanged) -> None:
        self._update_connector(event.charger_id, event.connector_id, status=event.status)
        transaction = self._chargers[event.charger_id].connector(event.connector_id).transaction
        at = event.at or event.received_at
        # A charger that lost its transaction in a reboot says so in no other way than this. Others say it when they
        # have only connected anew, and go on: what they measure of it after this brings it back.
        if event.status == AVAILABLE and transaction and at > transaction.started_at:
            self._lost[event.charger_id, transaction.transaction_id] = (
                transaction,
                min(at, event.received_at),
            )
            self._update_connector(event.charger_id, event.connector_id, transaction=None)

    def _apply_reading(self, event: Metered) -> None:
        connector = self._chargers[event.charger_id].connector(event.connector_id)
        if connector.meter is None or _age(event.reading) >= _age(connector.meter):
            self._update_connector(event.charger_id, event.connector_id, meter=event.reading)
        # A session that goes on from before we knew this charger is told by its readings alone.
        if event.transaction_id is None or self.has_ended(event.charger_id, event.transaction_id):
            return
        known = connector.transaction
        if known is not None and known.transaction_id == event.transaction_id:
            return
        new = Transaction(transaction_id=event.transaction_id, started_at=event.reading.at)
        key = (event.charger_id, event.transaction_id)
        transaction, lost_at = self._lost.get(key, (new, datetime.min.replace(tzinfo=UTC)))
        if _age(event.reading) > lost_at:
            self._begin(event.charger_id, event.connector_id, transaction)

    def _start(self, event: TransactionStarted) -> None:
        if not self.has_ended(event.charger_id, event.transaction_id):
            self._open[event.charger_id][event.transaction_id] = event
        transaction = Transaction(
            transaction_id=event.transaction_id,
            id_tag=event.id_tag,
            started_at=min(event.at, event.received_at),  # a clock that is ahead may not be known yet
            meter_start_kwh=event.meter_start_kwh,
        )
        self._begin(event.charger_id, event.connector_id, transaction)

    def _go_on(self, event: TransactionUpdated) -> None:
        """A session that goes on, also one from before we knew this charger; its tag may be told only now."""
        if self.has_ended(event.charger_id, event.transaction_id):
            return
        known = self._chargers[event.charger_id].connector(event.connector_id).transaction
        if known is None or known.transaction_id != event.transaction_id:
            known = Transaction(transaction_id=event.transaction_id, started_at=event.at)
        tag = event.id_tag or known.id_tag
        self._begin(event.charger_id, event.connector_id, known.model_copy(update={"id_tag": tag}))

    def _begin(self, charger_id: str, connector_id: int, transaction: Transaction) -> None:
        """A session on a connector, unless a later one is known there."""
        known = self._chargers[charger_id].connector(connector_id).transaction
        if known is None or known.started_at <= transaction.started_at:
            self._update_connector(charger_id, connector_id, transaction=transaction)

    def _end(self, charger_id: str, transaction_id: TransactionId) -> None:
        self._ended.add((charger_id, transaction_id))
        self._open[charger_id].pop(transaction_id, None)
        for connector in self._chargers[charger_id].connectors:
            if connector.transaction and connector.transaction.transaction_id == transaction_id:
                self._update_connector(charger_id, connector.connector_id, transaction=None)

    def _update(self, charger_id: str, **changes: object) -> None:
        self._chargers[charger_id] = self._chargers[charger_id].model_copy(update=changes)

    def _update_connector(self, charger_id: str, connector_id: int, **changes: object) -> None:
        charger = self._chargers[charger_id]
        connectors = {connector.connector_id: connector for connector in charger.connectors}
        known = connectors.get(connector_id, ConnectorState(connector_id=connector_id))
        connectors[connector_id] = known.model_copy(update=changes)
        self._update(charger_id, connectors=tuple(connectors[number] for number in sorted(connectors)))


def _age(reading: MeterReading) -> datetime:
    """When a reading was taken; not later than it came, so that a clock gone wrong does not hide all later ones."""
    return min(reading.at, reading.received_at)
