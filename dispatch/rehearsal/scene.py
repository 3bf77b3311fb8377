"""The truth of a night: who comes and goes when, what the site draws and may draw, who cannot be reached.

A scene is what physics, chargers and the dispatcher's inputs are made from; the dispatcher sees nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta

from dispatch.simulator.persona import Persona
from optimiser.depot import Depot
from optimiser.horizon import FloatArray, Horizon, TimeError, instant_from_local
from optimiser.night import Night, Visit

REACTION = timedelta(minutes=2)
"""How long a good dispatcher needs to answer what it can know: lower, let settle for half a minute, prove, raise."""
AWAY_IN_REBOOT = timedelta(minutes=1)
"""How long a charger that starts anew cannot be reached."""

BEFORE = timedelta(hours=1)
"""How long before the first arrival a rehearsal begins: the chargers are there, the first profiles are sent."""
AFTER = timedelta(minutes=5)
"""How long after the last departure it ends."""


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A planned visit as it truly goes.

    ``known_at``: from when on its last fault, or the last of its charger, could be known; None: it has none.
    ``known_departure`` is what of the departure could be known before that.
    """

    visit: Visit
    arrival: datetime
    departure: datetime
    soc_percent: float
    known_departure: datetime
    is_absent: bool = False
    known_at: datetime | None = None

    def known(self, at: datetime) -> Guest:
        """The visit with one thing more that could be known at an instant."""
        return replace(self, known_at=at if self.known_at is None else max(at, self.known_at))


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
    """For how long nobody can be blamed for what a fault adds: ``kw`` at the site, or what one charger draws."""

    span: Span
    kw: float = 0.0
    charger_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The truth of a night.

    ``base_load_kw`` and ``limit_kw`` are steps (from when, how much). ``told``: what the depot's folder says from
    an instant on. ``away`` are spans without a socket, ``silences`` without a tick, ``ungoverned`` chargers on
    which no profile has an effect.
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
    ungoverned: frozenset[str] = frozenset()
    excuses: tuple[Excuse, ...] = ()

    def true_night(self) -> Night:
        """The night with those who truly come, when and as full as they do."""
        visits = [
            replace(
                guest.visit,
                arrival=guest.arrival,
                departure=guest.departure,
                arrival_soc_percent=guest.soc_percent,
            )
            for guest in self.guests
            if not guest.is_absent
        ]
        return replace(self.night, visits=tuple(visits))

    def with_guest(self, vehicle_id: str, change: Callable[[Guest], Guest]) -> Scene:
        """The scene with every visit of a vehicle changed."""
        guests = (change(guest) if guest.visit.vehicle_id == vehicle_id else guest for guest in self.guests)
        return replace(self, guests=tuple(guests))

    def known(self, at: datetime, *, charger_id: str | None = None) -> Scene:
        """The scene in which what concerns a charger, or all, could be known at an instant."""

        def told(guest: Guest) -> Guest:
            is_concerned = charger_id in {None, guest.visit.charger_id}
            is_there = at < guest.departure
            return guest.known(at) if is_concerned and is_there else guest

        return replace(self, guests=tuple(map(told, self.guests)))


def plain_scene(depot: Depot, night: Night) -> Scene:
    """A night in which everything goes as it is planned."""
    starts = night.horizon.starts()
    return Scene(
        depot=depot,
        night=night,
        guests=tuple(
            Guest(
                visit=visit,
                arrival=visit.arrival,
                departure=visit.departure,
                soc_percent=visit.arrival_soc_percent,
                known_departure=visit.departure,
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
    """The instant of the night at which the depot's clocks show a time; the first one where they show it twice.

    Raises :class:`TimeError` for a time that the clocks skip.
    """
    first = horizon.local(horizon.start)
    day = first.date() if at >= first.time() else first.date() + timedelta(days=1)
    local = datetime.combine(day, at)
    try:
        return instant_from_local(local, horizon.zone)
    except TimeError:
        first_of_two = local.replace(tzinfo=horizon.zone, fold=0).astimezone(UTC)
        if horizon.local(first_of_two).replace(tzinfo=None) != local:
            raise
        return first_of_two


def level_at(steps: Sequence[tuple[datetime, float]], instant: datetime) -> float:
    """What a row of steps says of an instant; its first step before that."""
    return next((value for start, value in reversed(steps) if start <= instant), steps[0][1])


def changed(
    steps: tuple[tuple[datetime, float], ...], span: Span, change: Callable[[float], float]
) -> tuple[tuple[datetime, float], ...]:
    """A row of steps with every level within a span changed."""
    starts = sorted({span.start, span.end, *(start for start, _ in steps)})
    levels = ((start, level_at(steps, start)) for start in starts)
    return tuple((start, change(level) if span.holds(start) else level) for start, level in levels)


def _steps(starts: Sequence[datetime], values: FloatArray) -> tuple[tuple[datetime, float], ...]:
    return tuple(zip(starts, map(float, values), strict=True))
