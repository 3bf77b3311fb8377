"""What each re-plan changed: who got more, who paid for it with energy or with time, and the overrides sent. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from dispatch.evidence import Command, Layer
from dispatch.morning.facts import NightFacts, StoredPlan
from dispatch.morning.sessions import Session
from dispatch.safety import Place
from dispatch.station import Outcome, TransactionId
from optimiser.horizon import FloatArray
from optimiser.plan import Plan
from optimiser.planned import PlannedVisit

WORTH_SAYING_KWH = 0.05
"""A change that would be shown as 0.0 kWh is none. [kWh]"""


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a new version changed for one visit. ``more_kwh`` on the battery side, below 0 where it gets less.

    ``later_kwh`` (grid side): what is taken from it at some time and given back at another.
    """

    visit: PlannedVisit
    before: PlannedVisit
    more_kwh: float
    later_kwh: float

    @property
    def loses_its_departure(self) -> bool:
        """Whether it was to leave ready before, and is not now."""
        return self.before.is_ready and not self.visit.is_ready


@dataclass(frozen=True, kw_only=True)
class Version:
    """One new version of the night's plan: why, who gets more, who pays, and the ``money`` that it costs more."""

    at: datetime
    is_replan: bool
    because: tuple[str, ...]
    gains: tuple[Share, ...]
    pays: tuple[Share, ...]
    money: float


@dataclass(frozen=True, kw_only=True)
class Override:
    """A profile of its own for a running transaction: when it was sent first and last, and what came of it."""

    place: Place
    vehicle_id: str | None
    transaction_id: TransactionId | None
    first_at: datetime
    last_at: datetime
    count: int
    until: datetime | None
    outcome: Outcome | None
    reason: str


def new_versions(versions: Sequence[StoredPlan]) -> tuple[Version, ...]:
    """Every version after the first beside the one before it."""
    return tuple(_changed(before.plan, after) for before, after in pairwise(versions))


def overrides(facts: NightFacts, sessions: Sequence[Session]) -> tuple[Override, ...]:
    """Every transaction that was given a profile of its own, in the order of the first."""
    groups: dict[tuple[str, TransactionId | None], list[Command]] = {}
    for command in facts.commands:
        if command.layer is Layer.OVERRIDE:
            groups.setdefault((command.charger_id, command.profile.transaction_id), []).append(command)
    return tuple(_override(group, facts.plan, sessions) for group in groups.values())


def in_force(facts: NightFacts) -> tuple[tuple[datetime, Plan], ...]:
    """From when each version was the night's plan; the one that the night was begun with has no beginning.

    A plan that says it was made after its night is that of a night that was rehearsed later.
    """
    start, end = facts.plan.horizon.start, facts.plan.horizon.end
    found = [(start, facts.base)]
    for version in facts.versions:
        created_at = version.plan.created_at
        if start < created_at < end:
            found.append((created_at, version.plan))
    return tuple(sorted(found, key=lambda one: one[0]))


def planned_kw(facts: NightFacts) -> FloatArray:
    """What was planned for all vehicles together, in every step by the version in force then. [kW]"""
    horizon = facts.plan.horizon
    power_kw = np.zeros(horizon.steps)
    for since, plan in in_force(facts):
        first = max(0, int(np.ceil(horizon.position(since))))
        power_kw[first:] = np.asarray(plan.site.charging_kw)[first:]
    return power_kw


def _changed(before: Plan, after: StoredPlan) -> Version:
    plan = after.plan
    old = {_key(visit): visit for visit in before.visits}
    shares = [_share(old[_key(visit)], visit, plan) for visit in plan.visits if _key(visit) in old]
    return Version(
        at=plan.created_at,
        is_replan=after.kind == "replan",
        because=tuple(warning for warning in plan.warnings if warning not in before.warnings),
        gains=tuple(share for share in shares if share.more_kwh >= WORTH_SAYING_KWH),
        pays=tuple(
            share
            for share in shares
            if share.more_kwh < WORTH_SAYING_KWH and max(-share.more_kwh, share.later_kwh) >= WORTH_SAYING_KWH
        ),
        money=plan.cost.total - before.cost.total,
    )


def _share(before: PlannedVisit, after: PlannedVisit, plan: Plan) -> Share:
    there = plan.horizon.presence(after.arrival, after.departure) * plan.horizon.step_h
    change_kwh = (np.asarray(after.power_kw) - np.asarray(before.power_kw)) * there
    taken_kwh, given_kwh = (float(abs(change_kwh[part].sum())) for part in (change_kwh < 0, change_kwh > 0))
    return Share(
        visit=after,
        before=before,
        more_kwh=after.delivered_kwh - before.delivered_kwh,
        later_kwh=min(taken_kwh, given_kwh),
    )


def _override(commands: Sequence[Command], plan: Plan, sessions: Sequence[Session]) -> Override:
    first, last = commands[0], commands[-1]
    place = Place(last.charger_id, last.profile.connector_id)
    return Override(
        place=place,
        vehicle_id=_vehicle(last, place, plan, sessions),
        transaction_id=last.profile.transaction_id,
        first_at=first.at,
        last_at=last.at,
        count=len(commands),
        until=last.profile.valid_to,
        outcome=last.outcome,
        reason=last.reason,
    )


def _vehicle(command: Command, place: Place, plan: Plan, sessions: Sequence[Session]) -> str | None:
    for session in sessions:
        is_its = (session.place, session.transaction_id) == (place, command.profile.transaction_id)
        if is_its and session.vehicle_id is not None:
            return session.vehicle_id
    planned = (
        visit.vehicle_id
        for visit in plan.visits
        if Place(visit.charger_id, visit.connector_id) == place
        and visit.arrival <= command.at < visit.departure
    )
    return next(planned, None)


def _key(visit: PlannedVisit) -> tuple[str, str, int, datetime]:
    return visit.vehicle_id, visit.charger_id, visit.connector_id, visit.arrival
