"""Who was plugged in where and when, and when each charger's socket was open: events put in order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dispatch.events import (
    Connected,
    Disconnected,
    Metered,
    StationEvent,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from dispatch.safety import Place
from dispatch.station import MeterReading, TransactionId
from optimiser.depot import Depot


@dataclass(frozen=True, kw_only=True)
class Session:
    """One transaction. ``vehicle_id`` is told by its tag, None where that says nothing.

    ``end`` is None where nobody told it; ``until`` is the latest that it can have gone on: its end, or when the next
    one began there. Register readings in kWh, None where the charger did not say.
    """

    place: Place
    transaction_id: TransactionId
    begin: datetime
    id_tag: str | None = None
    vehicle_id: str | None = None
    end: datetime | None = None
    until: datetime | None = None
    end_reason: str | None = None
    meter_start_kwh: float | None = None
    meter_stop_kwh: float | None = None

    def overlap_s(self, begin: datetime, end: datetime) -> float:
        """How long it went on between two instants; one that nobody told the end of, until the second. [s]"""
        last = end if self.until is None else min(self.until, end)
        return max(0.0, (last - max(self.begin, begin)).total_seconds())


@dataclass(frozen=True, kw_only=True)
class Span:
    """From an instant until before another; ``end`` None: it goes on."""

    start: datetime
    end: datetime | None


def sessions_of(events: Iterable[StationEvent], depot: Depot) -> tuple[Session, ...]:
    """Every transaction that was told of, in the order of their beginnings.

    One that was never seen to begin begins with the first that is heard of it.
    """
    by_tag = {vehicle.id_tag.lower(): vehicle.id for vehicle in depot.vehicles}
    found: dict[tuple[str, TransactionId], Session] = {}
    for event in events:
        match event:
            case TransactionStarted() | TransactionUpdated():
                key = (event.charger_id, event.transaction_id)
                known = found.get(key) or _begun(
                    event.charger_id, event.connector_id, event.transaction_id, event.at
                )
                start_kwh = getattr(event, "meter_start_kwh", None)
                found[key] = replace(
                    known,
                    begin=min(known.begin, event.at),
                    id_tag=event.id_tag or known.id_tag,
                    meter_start_kwh=known.meter_start_kwh if start_kwh is None else start_kwh,
                )
            case Metered(transaction_id=transaction_id) if transaction_id is not None:
                key = (event.charger_id, transaction_id)
                if key not in found:
                    at = reading_time(event.reading)
                    found[key] = _begun(event.charger_id, event.connector_id, transaction_id, at)
            case TransactionEnded():
                key = (event.charger_id, event.transaction_id)
                if key in found:
                    found[key] = replace(
                        found[key],
                        end=max(event.at, found[key].begin),
                        end_reason=event.reason,
                        meter_stop_kwh=event.meter_stop_kwh,
                    )
            case _:
                pass
    named = [replace(s, vehicle_id=by_tag.get((s.id_tag or "").lower())) for s in found.values()]
    return tuple(sorted(_with_ends(named), key=lambda session: session.begin))


def by_place(sessions: Iterable[Session]) -> dict[Place, list[Session]]:
    """The sessions of every connector that had any, in the order of their beginnings."""
    found: dict[Place, list[Session]] = {}
    for session in sessions:
        found.setdefault(session.place, []).append(session)
    return found


def readings_of(events: Iterable[StationEvent]) -> dict[Place, list[MeterReading]]:
    """What every connector measured, in the order of the samples' own times."""
    found: dict[Place, list[MeterReading]] = {}
    for event in events:
        if isinstance(event, Metered):
            found.setdefault(Place(event.charger_id, event.connector_id), []).append(event.reading)
    for readings in found.values():
        readings.sort(key=reading_time)
    return found


def reading_time(reading: MeterReading) -> datetime:
    """When a reading was taken; not later than it came, for a charger's clock may be ahead."""
    return min(reading.at, reading.received_at)


def online_spans(events: Iterable[StationEvent]) -> dict[str, list[Span]]:
    """When the socket of every charger was open."""
    found: dict[str, list[Span]] = {}
    for event in events:
        spans = found.setdefault(event.charger_id, [])
        is_open = bool(spans) and spans[-1].end is None
        if isinstance(event, Connected) and not is_open:
            spans.append(Span(start=event.received_at, end=None))
        elif isinstance(event, Disconnected) and is_open:
            spans[-1] = replace(spans[-1], end=event.received_at)
    return found


def _begun(charger_id: str, connector_id: int, transaction_id: TransactionId, at: datetime) -> Session:
    return Session(place=Place(charger_id, connector_id), transaction_id=transaction_id, begin=at)


def _with_ends(sessions: Sequence[Session]) -> Iterator[Session]:
    """Sessions with the latest that each can have gone on: a connector serves one at a time."""
    following: dict[Place, datetime] = {}
    for session in sorted(sessions, key=lambda session: session.begin, reverse=True):
        next_begin = following.get(session.place)
        ends = [instant for instant in (session.end, next_begin) if instant is not None]
        yield replace(session, until=min(ends, default=None))
        following[session.place] = session.begin
