"""The morning report: one value with all that is to be said of a night. Pure; how it is said is not its business."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.evidence import Verdict
from dispatch.morning.climb import Climb, climbs
from dispatch.morning.facts import NightFacts
from dispatch.morning.incidents import Incident, incidents
from dispatch.morning.loads import (
    Course,
    Gap,
    Peak,
    Spent,
    course,
    gaps,
    metered_connectors,
    occupied,
    peaks,
    spent,
)
from dispatch.morning.meters import Minutes
from dispatch.morning.readiness import Departure, State, departures
from dispatch.morning.sessions import Session, online_spans, readings_of, sessions_of
from dispatch.morning.versions import Override, Version, new_versions, overrides, planned_kw
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.plan import Plan


@dataclass(frozen=True, kw_only=True)
class MorningReport:
    """A night as the store knows it at an instant. ``base`` is what it was begun with, ``plan`` its last plan.

    ``planned_kw`` per step of the plan's horizon, by the version in force then. ``has_phase_limits``: there are limits
    that no sum of meters can be held against.
    """

    plan: Plan
    base: Plan
    at: datetime
    departures: tuple[Departure, ...]
    spent: Spent
    peaks: tuple[Peak, ...]
    gaps: tuple[Gap, ...]
    climbs: tuple[Climb, ...]
    versions: tuple[Version, ...]
    overrides: tuple[Override, ...]
    incidents: tuple[Incident, ...]
    has_phase_limits: bool
    course: Course = field(repr=False)
    planned_kw: FloatArray = field(repr=False)

    @property
    def is_over(self) -> bool:
        """Whether every planned departure is past."""
        return all(one.visit.departure <= self.at for one in self.departures)

    @property
    def is_ready_and_proven(self) -> bool:
        """Whether all left ready, every connector is proven, no limit was passed, and nothing was left as it was."""
        return (
            all(one.state is State.READY for one in self.departures)
            and all(climb.is_proven for climb in self.climbs)
            and all(peak.verdict is Verdict.CONFIRMED for peak in self.peaks)
            and not any(incident.needs_a_person for incident in self.incidents)
        )

    def count(self, state: State) -> int:
        """How many departures are in a state."""
        return sum(one.state is state for one in self.departures)


def morning_report(depot: Depot, facts: NightFacts, *, now: datetime) -> MorningReport:
    """What follows from the facts of a night, as of ``now``; what is later than that is not looked at."""
    plan = facts.plan
    minutes = Minutes.of(plan.horizon, until=now)
    sessions = tuple(_tonight(sessions_of(facts.events, depot), plan, now))
    connectors = metered_connectors(depot, facts, sessions, minutes)
    wanted = occupied(plan, sessions, minutes)
    versions = new_versions(facts.versions)
    leaving = departures(
        depot,
        facts,
        sessions,
        connectors=connectors,
        readings=readings_of(facts.events),
        online=online_spans(facts.events),
        minutes=minutes,
        now=now,
    )
    planned_for = {id(session) for one in leaving for session in one.sessions}
    return MorningReport(
        plan=plan,
        base=facts.base,
        at=now,
        departures=leaving,
        spent=spent(depot, plan, connectors, sessions, minutes, wanted=wanted),
        peaks=peaks(depot, plan, connectors, minutes, wanted=wanted),
        gaps=gaps(connectors, minutes, wanted=wanted),
        climbs=climbs(depot, facts),
        versions=versions,
        overrides=overrides(facts, sessions),
        incidents=incidents(
            facts,
            sessions,
            versions=versions,
            strangers=[session for session in sessions if id(session) not in planned_for],
            now=now,
        ),
        has_phase_limits=any(feeder.limit_per_phase_a is not None for feeder in depot.feeders),
        course=course(connectors, minutes, wanted=wanted),
        planned_kw=planned_kw(facts),
    )


def _tonight(sessions: Sequence[Session], plan: Plan, now: datetime) -> Iterator[Session]:
    """Sessions that had to do with the night."""
    for session in sessions:
        is_old = session.until is not None and session.until <= plan.horizon.start
        if not is_old and session.begin < min(now, plan.horizon.end):
            yield session
