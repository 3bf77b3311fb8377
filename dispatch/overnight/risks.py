"""Who may leave short although it is planned ready: by what its connector is sure to let through. Pure.

The night is planned by what is likely; people are warned by what is sure. Where a charger does all that it was told
the two are the same, and nothing is said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np

from dispatch.composite import Limit, effective
from dispatch.occupants import Occupant
from dispatch.overnight.shares import taken_kw
from dispatch.report import Risk
from dispatch.safety import Place
from dispatch.station import ProfileKind
from dispatch.tracks import Track
from dispatch.validate import Difference, Grade
from optimiser.plan import Plan
from optimiser.planned import READY_TOLERANCE_PERCENT, PlannedVisit


def risks_of(
    tracks: Sequence[Track], there: Mapping[Place, Occupant], plan: Plan, *, now: datetime
) -> tuple[Risk, ...]:
    """Everybody who stands on a connector that does less than is planned, where that is too little.

    What it holds is sure, and no more than it shows; a vehicle of which nobody knows how full it is keeps its plan.
    """
    found = []
    for track in tracks:
        occupant = there.get(track.place)
        if occupant is None or occupant.visit is None or occupant.soc_percent is None:
            continue
        visit, because = occupant.visit, _behind_because(track, now)
        if because is None or not visit.is_ready or visit.departure <= now:
            continue
        lost_kwh = _planned_kwh(visit, plan, now) - _sure_kwh(track, occupant, plan, now)
        vehicle = occupant.vehicle
        lost_kwh *= visit.taken_share * vehicle.charge_efficiency
        soc_percent = visit.planned_soc_percent - 100.0 * lost_kwh / vehicle.battery_kwh
        if soc_percent < visit.required_soc_percent - READY_TOLERANCE_PERCENT:
            found.append(
                Risk(
                    place=track.place,
                    vehicle_id=vehicle.id,
                    departure=visit.departure,
                    soc_percent=max(0.0, soc_percent),
                    required_soc_percent=visit.required_soc_percent,
                    because=because,
                )
            )
    return tuple(found)


def _behind_because(track: Track, now: datetime) -> str | None:
    """Why a connector may do less than is planned; None where it is sure to do that."""
    if (
        track.comparison is not None
        and track.comparison.grade is Grade.LOWER
        and track.comparison.differences
    ):
        return f"allows less than it was told: {track.comparison.sentence}"
    if not track.missing(now):
        # A relative profile is about now alone, and is written anew when its plan changes.
        is_about_now = any(profile.kind is ProfileKind.RELATIVE for profile in track.held)
        return None if is_about_now else "takes its plan only in part"
    if not track.is_connected:
        return "is out of reach, and goes on with what it has"
    if track.held_back is not None:
        return track.held_back.sentence
    return "has not taken its plan"


def _planned_kwh(visit: PlannedVisit, plan: Plan, now: datetime) -> float:
    """What a visit is still to be given. [kWh, grid side]"""
    there = plan.horizon.presence(max(now, visit.arrival), max(now, visit.departure))
    return float(there @ np.array(visit.power_kw)) * plan.horizon.step_h


def _sure_kwh(track: Track, occupant: Occupant, plan: Plan, now: datetime) -> float:
    """What the connector lets through until then. [kWh, grid side]"""
    assert occupant.visit is not None
    end = min(occupant.visit.departure, plan.horizon.end)
    if end <= now:
        return 0.0
    segments = effective(track.held, transaction_id=track.transaction_id, start=now, end=end)
    less = [] if track.comparison is None else [d for d in track.comparison.differences if not d.is_higher]
    edges = {now, end, *(one.start for one in segments)}
    edges |= {edge for one in less for edge in (one.start, one.end) if now < edge < end}
    sure_kwh = 0.0
    for since, until in pairwise(sorted(edges)):
        held = next(one.limit for one in reversed(segments) if one.start <= since)
        limit = _shown(held, less, since)
        hours = (until - since).total_seconds() / 3600.0
        sure_kwh += taken_kw(limit, track.wiring, occupant.vehicle) * hours
    return sure_kwh


def _shown(held: Limit | None, less: Sequence[Difference], instant: datetime) -> Limit | None:
    """The limit that a connector shows instead of the one that it holds, where it shows less."""
    return next((one.said for one in less if one.start <= instant < one.end), held)
