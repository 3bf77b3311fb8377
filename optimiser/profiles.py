"""Neutral charging profiles: what each connector is allowed over the night. No OCPP in it.

A profile is made from a plan, its neighbours of equal limit merged, cut down to the periods a charger can
hold. Whatever is done to it here, a limit is never above the plan's power.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from optimiser.display import Card, Printed, counted
from optimiser.horizon import Horizon
from optimiser.plan import Plan
from optimiser.planned import PlannedConnector, PlannedVisit
from optimiser.segments import best_runs, least_of_runs, sums_of_runs
from optimiser.units import current_a_from_kw, floor_to_step

LIMIT_STEP_A = 0.1
"""OCPP carries one decimal of an ampere (1.6 schema ``multipleOf`` 0.1)."""
LIMIT_STEP_KW = 0.001
"""Limits in power are sent in whole watts."""
IDLE_SHARE = 1e-3
"""What an hour in which no vehicle is planned counts beside one in which one is."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """A limit from ``start`` to ``end`` (half-open, UTC).

    ``limit_kw`` is the grid-side power it allows, ``limit_a`` the current per phase on ``phases`` phases
    (None and 0 on DC). Both are cut down to what OCPP can carry.
    """

    start: datetime
    end: datetime
    limit_kw: float
    limit_a: float | None
    phases: int


@dataclass(frozen=True, kw_only=True, repr=False)
class ChargingProfile(Printed):
    """What one connector is allowed from the first period's start to the last one's end, without gaps.

    ``lost_kwh`` is what it allows less than the plan because a charger takes no more periods, grid side.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> tonight = opt.plan(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> opt.charging_profiles(tonight)[0]
    ChargingProfile of CP01/1: ... periods, times in UTC
      2025-11-10 11:00  0.0 kW, 0 A × 3
    ...
    """

    charger_id: str
    connector_id: int
    periods: tuple[Period, ...]
    lost_kwh: float = 0.0

    @property
    def start(self) -> datetime:
        """Start of the first period."""
        return self.periods[0].start

    @property
    def end(self) -> datetime:
        """End of the last period."""
        return self.periods[-1].end

    def to_document(self, horizon: Horizon) -> dict[str, Any]:
        """The profile for JSON; instants in the horizon's local time with their offset."""
        return {
            "charger_id": self.charger_id,
            "connector_id": self.connector_id,
            "periods": [
                {
                    "start": horizon.local(period.start).isoformat(),
                    "end": horizon.local(period.end).isoformat(),
                    "limit_kw": period.limit_kw,
                    "limit_a": period.limit_a,
                    "phases": period.phases,
                }
                for period in self.periods
            ],
        }

    def _card(self) -> Card:
        return Card(
            title=f"ChargingProfile of {self.charger_id}/{self.connector_id}: "
            f"{counted(len(self.periods), 'period')}, times in UTC",
            facts=(
                *((f"{period.start:%Y-%m-%d %H:%M}", _limit_text(period)) for period in self.periods),
                *([("lost", f"{self.lost_kwh:,.1f} kWh for want of periods")] if self.lost_kwh > 0 else []),
            ),
        )


def charging_profiles(plan: Plan) -> tuple[ChargingProfile, ...]:
    """One profile per connector of the plan over its horizon, in the order of ``depot.yaml``.

    A connector is allowed what its visits are planned to draw, and nothing where no visit is planned. A plan
    stored before plans named their connectors has those that are visited, and limits in kW alone.
    """
    visits: dict[tuple[str, int], list[PlannedVisit]] = {}
    for visit in plan.visits:
        visits.setdefault((visit.charger_id, visit.connector_id), []).append(visit)
    edges = [*plan.horizon.starts(), plan.horizon.end]
    return tuple(
        ChargingProfile(
            charger_id=connector.charger_id,
            connector_id=connector.connector_id,
            periods=merged(
                _drawn_periods(
                    edges, visits.get((connector.charger_id, connector.connector_id), []), connector
                )
            ),
        )
        for connector in plan.connectors
    )


def merged(periods: Sequence[Period]) -> tuple[Period, ...]:
    """The same limits in as few periods as possible."""
    result: list[Period] = []
    for period in periods:
        if result and _same_limit(result[-1], period):
            result[-1] = replace(result[-1], end=period.end)
        else:
            result.append(period)
    return tuple(result)


def compressed(
    profile: ChargingProfile, max_periods: int, *, counted: Sequence[tuple[datetime, datetime]] | None = None
) -> ChargingProfile:
    """The profile in at most ``max_periods`` periods, never above the original at any instant.

    Neighbours share the lowest of their limits, so a limit is always one of the plan's own: 0, or what a charger
    can hold. Of all ways to do that it is the one that loses the least energy, in the spans (start, end) that are
    ``counted``: where vehicles are planned to be, or everywhere if not given. ``lost_kwh`` says how much.
    """
    periods = profile.periods
    if len(periods) <= max_periods:
        return profile
    limit_kw = np.array([period.limit_kw for period in periods])
    whole_h = np.array([_hours(period.start, period.end) for period in periods])
    counted_h = whole_h if counted is None else np.array([_overlap_h(period, counted) for period in periods])
    # Idle hours count a trifle, so that a limit for nobody is given up only for what a vehicle waits for.
    worth_h = counted_h + IDLE_SHARE * (whole_h - counted_h)
    phases = np.array([float(period.phases) for period in periods])
    is_mixed = least_of_runs(phases) < -least_of_runs(-phases)
    shared_kw = np.where(is_mixed, 0.0, least_of_runs(limit_kw))
    loss = sums_of_runs(limit_kw * worth_h) - shared_kw * sums_of_runs(worth_h)
    runs = best_runs(loss, max_periods)
    lost_kwh = sum(
        float((limit_kw[first:end] - shared_kw[first, end - 1]) @ counted_h[first:end]) for first, end in runs
    )
    shared = merged([_shared(periods[first:end]) for first, end in runs])
    return replace(profile, periods=shared, lost_kwh=profile.lost_kwh + lost_kwh)


def _shared(periods: Sequence[Period]) -> Period:
    """One period instead of several, at the lowest of their limits.

    For different numbers of phases it allows nothing: what is low enough for one vehicle in kW may be too high for
    another in amperes.
    """
    lowest = min(periods, key=lambda period: period.limit_kw)
    if len({period.phases for period in periods}) > 1:
        lowest = replace(lowest, limit_kw=0.0, limit_a=None if lowest.limit_a is None else 0.0)
    return replace(lowest, start=periods[0].start, end=periods[-1].end)


def _overlap_h(period: Period, spans: Sequence[tuple[datetime, datetime]]) -> float:
    return sum(max(0.0, _hours(max(start, period.start), min(end, period.end))) for start, end in spans)


def _hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600.0


def _limit_text(period: Period) -> str:
    text = f"{period.limit_kw:,.1f} kW"
    return text if period.limit_a is None else f"{text}, {period.limit_a:g} A × {period.phases}"


def _drawn_periods(
    edges: Sequence[datetime], visits: Sequence[PlannedVisit], connector: PlannedConnector
) -> list[Period]:
    """What the visits of a connector draw, in a period for every change; ``edges`` are both ends of every step."""
    # Two visits may share a step at the change from one vehicle to the next; a plan never powers both.
    drawing = [max(drawn) for drawn in zip(*(_phases_by_step(visit) for visit in visits), strict=True)]
    drawing = drawing or [(0.0, 0)] * (len(edges) - 1)
    changes = [0, *(step for step in range(1, len(drawing)) if drawing[step] != drawing[step - 1])]
    periods: list[Period] = []
    for first, end in pairwise([*changes, len(drawing)]):
        power_kw, vehicle_phases = drawing[first]
        phases = vehicle_phases if power_kw > 0 else connector.phases
        limit_kw, limit_a = _limits(power_kw, phases=phases, voltage_v=connector.voltage_v)
        periods.append(
            Period(start=edges[first], end=edges[end], limit_kw=limit_kw, limit_a=limit_a, phases=phases)
        )
    return periods


def _phases_by_step(visit: PlannedVisit) -> list[tuple[float, int]]:
    return [(power_kw, visit.phases) for power_kw in visit.power_kw]


def _limits(power_kw: float, *, phases: int, voltage_v: float) -> tuple[float, float | None]:
    limit_kw = floor_to_step(power_kw, LIMIT_STEP_KW)
    if phases == 0:
        return limit_kw, None
    return limit_kw, floor_to_step(
        current_a_from_kw(power_kw, phases=phases, voltage_v=voltage_v), LIMIT_STEP_A
    )


def _same_limit(one: Period, other: Period) -> bool:
    if one.limit_kw == other.limit_kw == 0.0:
        return True
    return (one.limit_kw, one.limit_a, one.phases) == (other.limit_kw, other.limit_a, other.phases)
