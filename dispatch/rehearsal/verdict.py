"""Which promises a night has kept, from what truly happened in it. Pure.

Limits: true power never above a limit that could have been kept. Readiness: who could have left ready did.
Warning: who does not is told an hour ahead, or as soon as it could be known. Journal: nothing is lost. Crash: nothing
of the product ends by an error of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from dispatch.rehearsal.happened import Happened
from dispatch.rehearsal.possible import ready_by_hand
from dispatch.rehearsal.scene import REACTION, Excuse, Guest, Scene
from dispatch.rehearsal.site import Bound, Record, bounds_of
from optimiser.horizon import FloatArray
from optimiser.plan import READY_TOLERANCE_PERCENT

METER_KW = 0.01
"""What counts as above a limit: more than noise of arithmetic, less than any meter shows. [kW]"""
AHEAD = timedelta(minutes=60)
"""How long before a departure somebody must be told that it will not be ready."""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A while without a break in which a limit that could have been kept was not; ``excess_kw`` at most."""

    limit: str
    start: datetime
    end: datetime
    excess_kw: float


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
    by_hand = ready_by_hand(scene, happened.plan, begin=happened.begin)
    truly = {(left.plug, left.vehicle_id, left.at.replace(microsecond=0)): left for left in happened.departed}
    departures = []
    for number, guest in enumerate(scene.guests):
        if guest.is_absent or guest.departure > happened.end:
            continue
        left = truly.get((guest.plug, guest.visit.vehicle_id, guest.departure.replace(microsecond=0)))
        soc_percent = guest.soc_percent if left is None else left.soc_percent
        is_ready = soc_percent >= guest.visit.required_soc_percent - READY_TOLERANCE_PERCENT
        departures.append(
            Departure(
                vehicle_id=guest.visit.vehicle_id,
                at=guest.departure,
                soc_percent=soc_percent,
                required_soc_percent=guest.visit.required_soc_percent,
                possible=is_ready or number in by_hand,
                ready=is_ready,
                announced=is_ready or _is_announced(happened, guest),
            )
        )
    return Verdict(
        violations=tuple(
            v for bound in bounds_of(scene.depot) for v in violations(happened.record, scene, bound)
        ),
        lost_entries=happened.lost_entries,
        departures=tuple(departures),
        crashes=happened.crashes,
    )


def _is_announced(happened: Happened, guest: Guest) -> bool:
    """Whether it was said in time, and then not taken back, that a vehicle would leave short."""
    deadline = guest.departure - AHEAD
    if guest.known_at is not None:
        deadline = max(deadline, guest.known_at + REACTION)
    if deadline >= guest.departure:
        return True  # nobody could have known before it left
    silent = [span for span in happened.scene.silences if span.holds(deadline)]
    deadline = max((deadline, *(span.end + REACTION for span in silent)))
    said = [told for told in happened.told if told.at <= deadline]
    return bool(said) and guest.visit.vehicle_id in said[-1].short


def violations(record: Record, scene: Scene, bound: Bound) -> list[Violation]:
    """Every while in which a limit was passed that could have been kept."""
    if not bound.plugs and not bound.carries_base_load:
        return []
    edges_s, power_kw = _loads(record, scene, bound)
    allowed_kw = _allowed_kw(record, scene, bound, edges_s)
    excess_kw = np.maximum(*power_kw) - allowed_kw
    found: list[Violation] = []
    for index in np.flatnonzero(excess_kw > METER_KW):
        start, end = (record.begin + timedelta(seconds=float(edges_s[index + n])) for n in (0, 1))
        excess = float(excess_kw[index])
        if found and found[-1].end == start:
            start, excess = found[-1].start, max(excess, found[-1].excess_kw)
            found.pop()
        found.append(Violation(limit=bound.name, start=start, end=end, excess_kw=excess))
    return found


def _loads(record: Record, scene: Scene, bound: Bound) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """The instants at which anything changes, and true power at both ends of every interval between them."""
    steps = [*scene.base_load_kw, *scene.limit_kw]
    instants = [start for start, _ in steps]
    instants += [edge for excuse in scene.excuses for edge in (excuse.span.start, excuse.span.end)]
    marks_s = {(instant - record.begin).total_seconds() for instant in instants}
    seen_s = record.edges_s(bound.plugs)
    marks_s = {mark for mark in marks_s if mark >= 0}
    edges_s = np.array(sorted(seen_s | marks_s | {0.0}))
    first_kw, last_kw = record.power_kw(bound.plugs, edges_s)
    if bound.carries_base_load:
        base_kw = _levels(scene.base_load_kw, record, edges_s)
        first_kw, last_kw = first_kw + base_kw, last_kw + base_kw
    return edges_s, (first_kw, last_kw)


def _allowed_kw(record: Record, scene: Scene, bound: Bound, edges_s: FloatArray) -> FloatArray:
    """The limit in every interval, with what nobody can be blamed for; without end where it could not be kept.

    The depot promises to be secure against ``secure_against_forgetful`` chargers: so many have no excuse.
    """
    count = len(edges_s) - 1
    limit_kw = np.full(count, bound.limit_kw or 0.0)
    if bound.limit_kw is None:
        limit_kw = _levels(scene.limit_kw, record, edges_s)
    allowed_kw = limit_kw.copy()
    for excuse in scene.excuses:
        if excuse.charger_id is None and bound.carries_base_load:
            allowed_kw += np.where(_within(excuse, record, edges_s), excuse.kw, 0.0)
    forgetful = [excuse for excuse in scene.excuses if excuse.charger_id is not None]
    added_kw = np.sort(
        np.array([_drawn_kw(record, bound, excuse, edges_s) for excuse in forgetful]).reshape(-1, count),
        axis=0,
    )
    secured = scene.depot.policy.secure_against_forgetful
    allowed_kw += added_kw[: max(0, len(forgetful) - secured)].sum(axis=0)
    wild = [plug for plug in bound.plugs if plug.charger_id in scene.ungoverned]
    helpless_kw = np.maximum(*record.power_kw(wild, edges_s))
    if bound.carries_base_load:
        helpless_kw = helpless_kw + _levels(scene.base_load_kw, record, edges_s)
    return np.where(helpless_kw > limit_kw, np.inf, allowed_kw)


def _drawn_kw(record: Record, bound: Bound, excuse: Excuse, edges_s: FloatArray) -> FloatArray:
    plugs = [plug for plug in bound.plugs if plug.charger_id == excuse.charger_id]
    power_kw = np.maximum(*record.power_kw(plugs, edges_s))
    return np.where(_within(excuse, record, edges_s), power_kw, 0.0)


def _within(excuse: Excuse, record: Record, edges_s: FloatArray) -> npt.NDArray[np.bool_]:
    start_s, end_s = (
        (instant - record.begin).total_seconds() for instant in (excuse.span.start, excuse.span.end)
    )
    within: npt.NDArray[np.bool_] = (edges_s[:-1] >= start_s) & (edges_s[:-1] < end_s)
    return within


def _levels(steps: Sequence[tuple[datetime, float]], record: Record, edges_s: FloatArray) -> FloatArray:
    """A row of steps in every interval."""
    starts_s = np.array([(start - record.begin).total_seconds() for start, _ in steps])
    values = np.array([value for _, value in steps])
    index = np.clip(np.searchsorted(starts_s, edges_s[:-1], side="right") - 1, 0, len(values) - 1)
    levels: FloatArray = values[index]
    return levels


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
