"""Which promises a night has kept, from what truly happened in it. Pure.

Limits: true power never above a limit that could have been kept. Readiness: who could have left ready did.
Warning: who does not is told an hour ahead, or as soon as it could be known. Journal: nothing is lost. Crash: nothing
of the product ends by an error of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dispatch.rehearsal.bounds import bounds_of
from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.limits import Violation, violations
from dispatch.rehearsal.possible import Fate, fates
from dispatch.rehearsal.scene import REACTION, Guest, Scene
from optimiser.planned import READY_TOLERANCE_PERCENT

AHEAD = timedelta(minutes=60)
"""How long before a departure somebody must be told that it will not be ready."""


@dataclass(frozen=True, kw_only=True)
class Departure:
    """How a departure went: ``possible`` it was to be ready, ``announced`` in time that it would not be."""

    vehicle_id: str
    at: datetime
    soc_percent: float
    required_soc_percent: float
    possible: bool
    ready: bool
    announced: bool

    @property
    def is_broken(self) -> bool:
        """Whether a promise about it was broken."""
        return (self.possible and not self.ready) or not self.announced


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said of one night; ``crashes`` are the last words of what ended by an error of its own."""

    violations: tuple[Violation, ...]
    lost_entries: int
    departures: tuple[Departure, ...]
    crashes: tuple[str, ...] = ()

    @property
    def ready_possible(self) -> int:
        """Departures that could have been ready."""
        return sum(departure.possible for departure in self.departures)

    @property
    def ready(self) -> int:
        """Those of them that were."""
        return sum(departure.possible and departure.ready for departure in self.departures)

    @property
    def unannounced(self) -> int:
        """Departures that were missed without a warning in time."""
        return sum(not departure.announced for departure in self.departures)

    @property
    def broken(self) -> frozenset[str]:
        """The promises that were broken, by name."""
        return frozenset(
            name
            for name, is_broken in (
                ("limit", bool(self.violations)),
                ("journal", self.lost_entries > 0),
                ("crash", bool(self.crashes)),
                ("ready", self.ready < self.ready_possible),
                ("warning", self.unannounced > 0),
            )
            if is_broken
        )

    @property
    def harm(self) -> tuple[float, ...]:
        """How bad a night was; larger is worse: limits, what was lost, what crashed, who was left."""
        excess_kwh = sum(v.excess_kw * (v.end - v.start).total_seconds() for v in self.violations) / 3600.0
        left = self.ready_possible - self.ready
        return excess_kwh, self.lost_entries, len(self.crashes), left, self.unannounced


def judge(happened: Happened) -> Verdict:
    """The verdict on a night."""
    scene = happened.scene
    leaving = {
        number: _soc_percent(happened, guest)
        for number, guest in enumerate(scene.guests)
        if not guest.is_absent and guest.departure <= happened.end
    }
    missed = {
        number
        for number, soc_percent in leaving.items()
        if soc_percent < scene.guests[number].visit.required_soc_percent - READY_TOLERANCE_PERCENT
    }
    found = fates(happened, missed)
    return Verdict(
        violations=tuple(
            v for bound in bounds_of(scene.depot) for v in violations(happened.record, scene, bound)
        ),
        lost_entries=happened.lost_entries,
        departures=tuple(
            Departure(
                vehicle_id=scene.guests[number].visit.vehicle_id,
                at=scene.guests[number].departure,
                soc_percent=soc_percent,
                required_soc_percent=scene.guests[number].visit.required_soc_percent,
                possible=number not in missed or found[number].possible,
                ready=number not in missed,
                announced=number not in missed
                or _is_announced(happened, scene.guests[number], found[number]),
            )
            for number, soc_percent in leaving.items()
        ),
        crashes=happened.crashes,
    )


def _soc_percent(happened: Happened, guest: Guest) -> float:
    """How full a visitor truly left; as it came if no charger ever saw it."""
    seen = [
        left
        for left in happened.departed
        if (left.plug, left.vehicle_id) == (guest.plug, guest.visit.vehicle_id)
    ]
    return (
        min(seen, key=lambda left: abs(left.at - guest.departure)).soc_percent if seen else guest.soc_percent
    )


def _is_announced(happened: Happened, guest: Guest, fate: Fate) -> bool:
    """Whether it was said in time, and then not taken back, that a vehicle would leave short."""
    learnt_at = guest.known_at if fate.possible else fate.lost_at
    deadline = guest.departure - AHEAD
    if learnt_at is not None:
        deadline = max(deadline, happened.scene.heard_at(learnt_at) + REACTION)
    if deadline >= guest.departure:
        return True  # nobody could have known before it left
    said = [told for told in happened.told if told.at <= deadline]
    return bool(said) and guest.visit.vehicle_id in said[-1].short


def document(verdict: Verdict, scene: Scene) -> dict[str, Any]:
    """What of a verdict is worth reading: what was broken, with instants in the depot's time."""
    local = scene.night.horizon.local
    return {
        "broken": sorted(verdict.broken),
        "limit_violations": [
            {
                "limit": violation.limit,
                "from": local(violation.start).isoformat(timespec="seconds"),
                "to": local(violation.end).isoformat(timespec="seconds"),
                "excess_kw": round(violation.excess_kw, 2),
            }
            for violation in verdict.violations
        ],
        "lost_entries": verdict.lost_entries,
        "crashes": list(verdict.crashes),
        "departures": [
            {
                "vehicle_id": departure.vehicle_id,
                "at": local(departure.at).isoformat(timespec="minutes"),
                "soc_percent": round(departure.soc_percent, 1),
                "required_soc_percent": departure.required_soc_percent,
                "was_possible": departure.possible,
                "was_announced": departure.announced,
            }
            for departure in verdict.departures
            if departure.is_broken
        ],
    }
