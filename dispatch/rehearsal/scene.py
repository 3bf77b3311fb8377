"""The truth of a night: who comes and goes when, what the site draws and may draw, who cannot be reached.

A scene is what physics, chargers and the dispatcher's inputs are made from; the dispatcher sees nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from dispatch.rehearsal.faults import Fault
from dispatch.rehearsal.happenings import Happening
from dispatch.rehearsal.site import Plug
from dispatch.simulator.persona import Persona
from optimiser.depot import Depot, Vehicle
from optimiser.horizon import FloatArray, Horizon, TimeError
from optimiser.night import Night, Visit

REACTION = timedelta(minutes=2)
"""How long a good dispatcher needs to answer what it can know: lower, let settle for half a minute, prove, raise."""
METER_INTERVAL = timedelta(minutes=15)
"""Between two meter readings of a charge point, as at many depots."""
AWAY_IN_REBOOT = timedelta(minutes=1)
"""How long a charger that starts anew cannot be reached."""

BEFORE = timedelta(hours=1)
"""How long before the first arrival a rehearsal begins: the chargers are there, the first profiles are sent."""
AFTER = timedelta(minutes=5)
"""How long after the last departure it ends."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A planned visit as it truly goes: of what vehicle, where, when, and how full it comes.

    It falls asleep after ``sleeps_after_s`` of waiting, None: never. ``known_at``: from when on its last fault, or the
    last of its charger, could be known; None: it has none.
    """

    visit: Visit
    vehicle: Vehicle
    plug: Plug
    arrival: datetime
    departure: datetime
    soc_percent: float
    sleeps_after_s: float | None = None
    is_absent: bool = False
    known_at: datetime | None = None

    def known(self, at: datetime) -> Guest:
        """The visit with one thing more that could be known at an instant."""
        return replace(self, known_at=at if self.known_at is None else max(at, self.known_at))


@dataclass(frozen=True, kw_only=True)
class Stranger:
    """A vehicle that nobody knows, on a connector for a while; it takes whatever it gets."""

    vehicle: Vehicle
    plug: Plug
    arrival: datetime
    departure: datetime


@dataclass(frozen=True, kw_only=True)
class Span:
    """A while: from ``start`` up to ``end``."""

    start: datetime
    end: datetime

    def holds(self, instant: datetime) -> bool:
        """Whether an instant lies in it."""
        return self.start <= instant < self.end


@dataclass(frozen=True, kw_only=True)
class Excuse:
    """For how long nobody can be blamed for what a fault adds: ``kw`` at the site, or what one charger draws.

    Where a fault shows when the charger draws, it is for ``after_first_draw`` from the first that it draws in the span.
    """

    span: Span
    kw: float = 0.0
    charger_id: str | None = None
    after_first_draw: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The truth of a night.

    ``base_load_kw`` and ``limit_kw`` are steps (from when, how much). ``told``: what the depot's folder says from
    an instant on. ``away`` are spans without a socket, ``silences`` without a tick, ``unmetered`` without a reading of
    the site's meter; ``ungoverned`` are chargers on which no profile has an effect, ``happenings`` what else happens to
    chargers and processes. ``learnt``: when something could be known, in the order in which it was added; ``faults``:
    what was added, with when it could be known first.
    """

    depot: Depot
    night: Night
    guests: tuple[Guest, ...]
    base_load_kw: tuple[tuple[datetime, float], ...]
    limit_kw: tuple[tuple[datetime, float], ...]
    told: tuple[tuple[datetime, Night], ...]
    personas: Mapping[str, Persona] = field(default_factory=dict)
    reboots: tuple[tuple[datetime, str], ...] = ()
    away: tuple[tuple[str, Span], ...] = ()
    silences: tuple[Span, ...] = ()
    unmetered: tuple[Span, ...] = ()
    ungoverned: frozenset[str] = frozenset()
    excuses: tuple[Excuse, ...] = ()
    strangers: tuple[Stranger, ...] = ()
    learnt: tuple[datetime, ...] = ()
    faults: tuple[tuple[datetime, Fault], ...] = ()
    happenings: tuple[Happening, ...] = ()

    def true_depot(self) -> Depot:
        """The depot with those vehicles that truly come, strangers included."""
        truly = {guest.vehicle.id: guest.vehicle for guest in self.guests}
        known = (truly.get(vehicle.id, vehicle) for vehicle in self.depot.vehicles)
        return replace(self.depot, vehicles=(*known, *(stranger.vehicle for stranger in self.strangers)))

    def true_night(self) -> Night:
        """The night with those who truly come, strangers included: where, when and as full as they do."""
        visits = [
            replace(
                guest.visit,
                charger_id=guest.plug.charger_id,
                connector_id=guest.plug.connector_id,
                arrival=guest.arrival,
                departure=guest.departure,
                arrival_soc_percent=guest.soc_percent,
            )
            for guest in self.guests
            if not guest.is_absent
        ]
        strangers = [
            Visit(
                vehicle_id=stranger.vehicle.id,
                charger_id=stranger.plug.charger_id,
                connector_id=stranger.plug.connector_id,
                arrival=stranger.arrival,
                departure=stranger.departure,
                arrival_soc_percent=0.0,
                required_soc_percent=0.0,
            )
            for stranger in self.strangers
        ]
        return replace(self.night, visits=(*visits, *strangers))

    def heard_at(self, at: datetime) -> datetime:
        """When the dispatcher hears of something: at once, or at its first turn after a silence at the latest."""
        turn = timedelta(minutes=self.depot.policy.tick_minutes)
        return max((at, *(span.end + turn for span in self.silences if span.holds(at))))

    def there(self, plug: Plug, span: Span) -> list[Guest | Stranger]:
        """Who truly stands at a connector in a while."""
        coming: list[Guest | Stranger] = [guest for guest in self.guests if not guest.is_absent]
        coming += self.strangers
        here = (other for other in coming if other.plug == plug)
        return [other for other in here if other.arrival < span.end and span.start < other.departure]

    def free_plugs(self, span: Span) -> list[Plug]:
        """The connectors at which nobody stands in a while."""
        plugs = (Plug(charger.id, connector.id) for charger, connector in self.depot.connectors())
        return [plug for plug in plugs if not self.there(plug, span)]

    def sleeps_after_s(self) -> dict[str, float]:
        """After how long of waiting the vehicles fall asleep that do."""
        after = {guest.vehicle.id: guest.sleeps_after_s for guest in self.guests}
        return {vehicle_id: seconds for vehicle_id, seconds in after.items() if seconds is not None}

    def with_guest(
        self, vehicle_id: str, change: Callable[[Guest], Guest], *, known: Callable[[Guest], datetime]
    ) -> Scene:
        """The scene with every visit of a vehicle changed, which could be ``known`` then of a changed visit."""
        changed_to = {
            number: (new := change(guest)).known(known(new))
            for number, guest in enumerate(self.guests)
            if guest.visit.vehicle_id == vehicle_id
        }
        guests = (changed_to.get(number, guest) for number, guest in enumerate(self.guests))
        learnt = (known(guest) for guest in changed_to.values())
        return replace(self, guests=tuple(guests), learnt=(*self.learnt, *learnt))

    def known(self, at: datetime, *, charger_id: str | None = None) -> Scene:
        """The scene in which what concerns a charger, or all, could be known at an instant."""

        def told(guest: Guest) -> Guest:
            is_concerned = charger_id in {None, guest.plug.charger_id}
            is_there = at < guest.departure
            return guest.known(at) if is_concerned and is_there else guest

        return replace(self, guests=tuple(map(told, self.guests)), learnt=(*self.learnt, at))


def plain_scene(depot: Depot, night: Night) -> Scene:
    """A night in which everything goes as it is planned."""
    starts = night.horizon.starts()
    return Scene(
        depot=depot,
        night=night,
        guests=tuple(
            Guest(
                visit=visit,
                vehicle=depot.vehicle(visit.vehicle_id),
                plug=Plug(visit.charger_id, visit.connector_id),
                arrival=visit.arrival,
                departure=visit.departure,
                soc_percent=visit.arrival_soc_percent,
            )
            for visit in night.visits
        ),
        base_load_kw=_steps(starts, night.base_load_kw),
        limit_kw=_steps(starts, night.site_limit_kw),
        told=((starts[0], night),),
    )


def bounds(scene: Scene) -> tuple[datetime, datetime]:
    """From when to when a rehearsal goes."""
    horizon = scene.night.horizon
    first = min((guest.visit.arrival for guest in scene.guests), default=horizon.start)
    last = max((guest.departure for guest in scene.guests), default=horizon.end)
    begin = max(horizon.start, first - BEFORE)
    return begin.replace(minute=0, second=0, microsecond=0), last + AFTER


def instant_of(horizon: Horizon, at: time) -> datetime:
    """The instant of the night at which the depot's clocks show a time; where they show it twice, the first one.

    A time with an offset is the one of the two that has it. Raises :class:`TimeError` for a time that the clocks
    skip, for an offset that they do not have then, and for a time after the night's end.
    """
    first = horizon.local(horizon.start)
    wall = at.replace(tzinfo=None)
    day = first.date() if wall >= first.time() else first.date() + timedelta(days=1)
    local = datetime.combine(day, wall)
    shown = {fold: local.replace(tzinfo=horizon.zone, fold=fold) for fold in (0, 1)}
    instants = [
        moment.astimezone(UTC)
        for moment in shown.values()
        if horizon.local(moment.astimezone(UTC)).replace(tzinfo=None) == local
        and at.utcoffset() in {None, moment.utcoffset()}
    ]
    if not instants:
        raise TimeError(f"the clocks of {horizon.timezone} never show {at.isoformat('minutes')} on {day}")
    if instants[0] >= horizon.end:
        raise TimeError(f"the night ends at {horizon.local(horizon.end):%H:%M} on {day}")
    return instants[0]


def level_at(steps: Sequence[tuple[datetime, float]], instant: datetime) -> float:
    """What a row of steps says of an instant; its first step before that."""
    return next((value for start, value in reversed(steps) if start <= instant), steps[0][1])


def site_reading_kw(scene: Scene, now: datetime, *, charging_kw: float = 0.0) -> float | None:
    """What the site's meter shows: the building and what is charged beside it; None while it gives no readings. [kW]

    Without ``charging_kw`` it is that of a meter which sees the building alone.
    """
    if any(span.holds(now) for span in scene.unmetered):
        return None
    return level_at(scene.base_load_kw, now) + charging_kw


def changed(
    steps: tuple[tuple[datetime, float], ...], span: Span, change: Callable[[float], float]
) -> tuple[tuple[datetime, float], ...]:
    """A row of steps with every level within a span changed."""
    starts = sorted({span.start, span.end, *(start for start, _ in steps)})
    levels = ((start, level_at(steps, start)) for start in starts)
    return tuple((start, change(level) if span.holds(start) else level) for start, level in levels)


def _steps(starts: Sequence[datetime], values: FloatArray) -> tuple[tuple[datetime, float], ...]:
    return tuple(zip(starts, map(float, values), strict=True))
