"""Who left ready, as far as SoC and meters tell: bounds on each vehicle's SoC, never a guess between them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from dispatch.morning.facts import NightFacts
from dispatch.morning.loads import Metered
from dispatch.morning.meters import Minutes
from dispatch.morning.sessions import Session, Span, reading_time
from dispatch.safety import Place
from dispatch.station import MeterReading
from optimiser.depot import Depot
from optimiser.planned import READY_TOLERANCE_PERCENT, PlannedVisit


class State(StrEnum):
    """How a vehicle left, as far as anybody can tell."""

    READY = "ready"
    SHORT = "short"
    CANNOT_TELL = "cannot tell"
    ABSENT = "not seen"
    STILL_THERE = "still there"


class Basis(StrEnum):
    """What a vehicle's SoC is reckoned from."""

    SOC = "its own SoC"
    ENERGY = "its energy, from the SoC it was expected with"
    NOTHING = "nothing"


@dataclass(frozen=True, kw_only=True)
class Departure:
    """One visit: what was planned first and last, and what is known of it.

    ``lowest_percent`` and ``highest_percent`` bound its SoC at departure (or now). ``soc_percent`` is the last that
    the vehicle has told, at ``soc_at``. ``drawn_kwh`` on the grid side.
    """

    visit: PlannedVisit
    first: PlannedVisit
    state: State
    basis: Basis = Basis.NOTHING
    soc_percent: float | None = None
    soc_at: datetime | None = None
    lowest_percent: float | None = None
    highest_percent: float | None = None
    drawn_kwh: float = 0.0
    plugged_in: datetime | None = None
    unplugged: datetime | None = None
    sessions: tuple[Session, ...] = field(default=(), repr=False)

    @property
    def place(self) -> Place:
        """Where it was planned to stand."""
        return Place(self.visit.charger_id, self.visit.connector_id)


def departures(
    depot: Depot,
    facts: NightFacts,
    sessions: Sequence[Session],
    *,
    connectors: Mapping[Place, Metered],
    readings: Mapping[Place, Sequence[MeterReading]],
    online: Mapping[str, Sequence[Span]],
    minutes: Minutes,
    now: datetime,
) -> tuple[Departure, ...]:
    """Every visit of the night's last plan, in the order of departure."""
    visits = facts.plan.visits
    first = {_key(visit): visit for visit in facts.base.visits}
    matched = match(visits, sessions)
    full_kw = {
        Place(charger.id, connector.id): connector.full_power_kw(depot.site.voltage_v)
        for charger, connector in depot.connectors()
    }
    look = _Look(
        depot=depot,
        full_kw=full_kw,
        connectors=connectors,
        readings=readings,
        online=online,
        minutes=minutes,
        now=now,
    )
    found = [
        look.departure(visit, first.get(_key(visit), visit), matched.get(row, ()))
        for row, visit in enumerate(visits)
    ]
    return tuple(sorted(found, key=lambda one: (one.visit.departure, one.visit.vehicle_id)))


def match(visits: Sequence[PlannedVisit], sessions: Iterable[Session]) -> dict[int, list[Session]]:
    """The sessions of every visit, by its number; those that belong to none are left out.

    A session whose tag names a vehicle is that vehicle's, wherever it was plugged in; any other one is of whoever was
    planned there, as every tick takes it to be.
    """
    by_vehicle: dict[str, list[int]] = {}
    by_place: dict[Place, list[int]] = {}
    for row, visit in enumerate(visits):
        by_vehicle.setdefault(visit.vehicle_id, []).append(row)
        by_place.setdefault(Place(visit.charger_id, visit.connector_id), []).append(row)
    found: dict[int, list[Session]] = {}
    for session in sessions:
        named = session.vehicle_id
        rows = by_place.get(session.place, ()) if named is None else by_vehicle.get(named, ())
        possible = [row for row in rows if _may_be(session, visits[row])]
        best = max(possible, key=lambda row: _nearness(session, visits[row]), default=None)
        if best is not None:
            found.setdefault(best, []).append(session)
    return found


@dataclass(frozen=True, kw_only=True)
class _Look:
    depot: Depot
    full_kw: Mapping[Place, float]
    connectors: Mapping[Place, Metered]
    readings: Mapping[Place, Sequence[MeterReading]]
    online: Mapping[str, Sequence[Span]]
    minutes: Minutes
    now: datetime

    def departure(self, visit: PlannedVisit, first: PlannedVisit, sessions: Sequence[Session]) -> Departure:
        if not sessions:
            return Departure(visit=visit, first=first, state=self._without_session(visit))
        last = min(visit.departure, self.now)
        told = self._last_soc(sessions, last)
        drawn_kwh, unmetered_h = self._gained(sessions, None, last)
        is_metered = sum(s.overlap_s(s.begin, last) for s in sessions) / 3600.0 > unmetered_h + 1e-9
        basis, from_percent, since = Basis.ENERGY, visit.arrival_soc_percent, None
        if told is not None and told.soc_percent is not None:
            basis, from_percent, since = Basis.SOC, told.soc_percent, reading_time(told)
        gained_kwh, unknown_h = self._gained(sessions, since, last)
        vehicle = self.depot.vehicle(visit.vehicle_id)
        per_kwh = 100.0 * vehicle.charge_efficiency / vehicle.battery_kwh
        lost_percent = 100.0 * self._preconditioned_kwh(visit, since) / vehicle.battery_kwh
        lowest = max(0.0, from_percent + gained_kwh * per_kwh - lost_percent)
        full_kw = max(self.full_kw.get(session.place, 0.0) for session in sessions)
        highest = min(100.0, lowest + unknown_h * full_kw * per_kwh)
        return Departure(
            visit=visit,
            first=first,
            state=self._state(visit, lowest, highest, is_heard_of=basis is Basis.SOC or is_metered),
            basis=basis,
            soc_percent=None if told is None else told.soc_percent,
            soc_at=None if told is None else reading_time(told),
            lowest_percent=min(100.0, lowest),
            highest_percent=max(highest, min(100.0, lowest)),
            drawn_kwh=drawn_kwh,
            plugged_in=min(session.begin for session in sessions),
            unplugged=None if any(s.end is None for s in sessions) else max(s.end for s in sessions if s.end),
            sessions=tuple(sessions),
        )

    def _state(self, visit: PlannedVisit, lowest: float, highest: float, *, is_heard_of: bool) -> State:
        needed = visit.required_soc_percent - READY_TOLERANCE_PERCENT
        if lowest >= needed and is_heard_of:
            return State.READY
        if self.now < visit.departure:
            return State.STILL_THERE
        return State.SHORT if highest < needed and is_heard_of else State.CANNOT_TELL

    def _without_session(self, visit: PlannedVisit) -> State:
        if self.now < visit.departure:
            return State.STILL_THERE if self.now < visit.arrival else State.ABSENT
        spans = self.online.get(visit.charger_id, ())
        was_online = any(
            span.start <= visit.arrival and (span.end is None or span.end >= visit.departure)
            for span in spans
        )
        return State.ABSENT if was_online else State.CANNOT_TELL

    def _last_soc(self, sessions: Sequence[Session], last: datetime) -> MeterReading | None:
        told = [
            reading
            for session in sessions
            for reading in self.readings.get(session.place, ())
            if reading.soc_percent is not None
            and session.begin <= reading_time(reading) <= min(session.until or last, last)
        ]
        return max(told, key=reading_time, default=None)

    def _gained(
        self, sessions: Sequence[Session], since: datetime | None, last: datetime
    ) -> tuple[float, float]:
        """Energy metered from an instant (None: from the beginning) to another [kWh], and the time unknown. [h]"""
        gained_kwh = unknown_s = 0.0
        for session in sessions:
            connector = self.connectors.get(session.place)
            begin = session.begin if since is None else max(session.begin, since)
            end = min(session.until or last, last)
            if connector is not None and begin < end:
                begin_s, end_s = ((at - self.minutes.start).total_seconds() for at in (begin, end))
                one_kwh, one_s = connector.meter.gained_kwh(begin_s, end_s)
                gained_kwh += one_kwh
                unknown_s += one_s
        return gained_kwh, unknown_s / 3600.0

    def _preconditioned_kwh(self, visit: PlannedVisit, since: datetime | None) -> float:
        """What preconditioning takes after an instant: all of it, unless that is near the departure. [kWh]"""
        begins = visit.departure - timedelta(minutes=self.depot.policy.precondition_minutes)
        if since is None or since <= begins:
            return visit.precondition_kwh
        share = (visit.departure - since) / (visit.departure - begins)
        return visit.precondition_kwh * max(0.0, share)


def _key(visit: PlannedVisit) -> tuple[str, str, int, datetime]:
    return visit.vehicle_id, visit.charger_id, visit.connector_id, visit.arrival


def _may_be(session: Session, visit: PlannedVisit) -> bool:
    if session.vehicle_id is not None:
        return session.begin < visit.departure
    return session.overlap_s(visit.arrival, visit.departure) > 0.0


def _nearness(session: Session, visit: PlannedVisit) -> tuple[float, float]:
    apart_s = abs((session.begin - visit.arrival).total_seconds())
    return session.overlap_s(visit.arrival, visit.departure), -apart_s
