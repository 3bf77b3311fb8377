"""Who may leave short although it is planned ready: by what its connector is sure to let through. Pure.

The night is planned by what is likely; people are warned by what is sure. Where a charger does all that it was told
the two are the same, and nothing is said here. What the next look may show to be nothing is not told at once, for
nobody reads warnings that come and go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from dispatch.composite import Limit, effective
from dispatch.occupants import Occupant
from dispatch.overnight.shares import taken_kw
from dispatch.report import Leaving, Risk, Wait
from dispatch.safety import Place
from dispatch.station import LiveState, ProfileKind
from dispatch.tracks import Track
from dispatch.validate import Difference, Grade
from optimiser.depot import Depot, Vehicle
from optimiser.plan import Plan
from optimiser.planned import READY_TOLERANCE_PERCENT, PlannedVisit

AHEAD = timedelta(minutes=60)
"""So long before a departure somebody has to know of it at the latest, to do something about it."""
TICKS_AHEAD = 2
"""So many ticks before that nothing waits any more: one of them may fail, and the next is to be in time."""
SLIGHT_PERCENT = 0.5
"""SoC below what counts as ready that is told only when the departure is near: hours ahead, what is still to be planned
anew moves it by as much. [%]"""
STANDS = timedelta(minutes=5)
"""So long after the first look the second one counts: chargers that have started anew have sessions and plans again by
then, and call for several ticks within a minute."""
OCCUPIED = frozenset({"Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing", "Occupied"})
"""Status of a connector on which somebody stands (OCPP 1.6 §7.7; 2.0.1 knows only the last)."""


def risks_of(
    tracks: Sequence[Track],
    there: Mapping[Place, Occupant],
    plan: Plan,
    *,
    depot: Depot,
    live: LiveState,
    ended: Mapping[Place, datetime],
) -> tuple[Risk, ...]:
    """Everybody who is surely given less than is planned, where that is too little.

    ``ended`` is when the last session of a connector without one has ended, where there was one.
    """
    behind = _behind(tracks, there, plan, live.now)
    return (*behind, *_without_session(there, plan, depot=depot, live=live, ended=ended))


def left_alone(there: Mapping[Place, Occupant], plan: Plan, live: LiveState) -> list[PlannedVisit]:
    """Who is due and planned ready on a connector that is occupied and in no session, so that nobody is charged."""
    elsewhere = {occupant.vehicle.id for occupant in there.values()}

    def is_alone(visit: PlannedVisit) -> bool:
        state = live.charger(visit.charger_id).connector(visit.connector_id)
        is_due = visit.arrival <= live.now < visit.departure and visit.vehicle_id not in elsewhere
        return is_due and visit.is_ready and state.transaction is None and state.status in OCCUPIED

    return [visit for visit in plan.visits if is_alone(visit)]


def told(
    risks: Sequence[Risk], *, doubted: Mapping[Leaving, datetime] | None, now: datetime, every: timedelta
) -> tuple[Risk, ...]:
    """The risks that are to be told now; ``every``: from one tick to the next.

    ``doubted`` is who was at risk or planned short by the tick before, told or not, and since when. Where nobody
    remembers, as in a tick that stands alone, nothing waits for a second look.
    """
    near = now + AHEAD + TICKS_AHEAD * every

    def is_due(risk: Risk) -> bool:
        if risk.wait is Wait.NOTHING or risk.departure <= near:
            return True
        since = now if doubted is None else doubted.get((risk.vehicle_id, risk.departure), now)
        is_seen_again = doubted is None or since <= now - STANDS
        return risk.wait is Wait.SECOND_LOOK and is_seen_again

    return tuple(risk for risk in risks if is_due(risk))


def _behind(
    tracks: Sequence[Track], there: Mapping[Place, Occupant], plan: Plan, now: datetime
) -> tuple[Risk, ...]:
    """Who stands on a connector that does less than is planned.

    What it holds is sure, and no more than it shows; a vehicle of which nobody knows how full it is keeps its plan.
    """
    found = []
    for track in tracks:
        occupant = there.get(track.place)
        if occupant is None or occupant.visit is None or occupant.soc_percent is None:
            continue
        visit, why = occupant.visit, _behind_because(track, now)
        if why is None or not visit.is_ready or visit.departure <= now:
            continue
        lost_kwh = _planned_kwh(visit, plan, now) - _sure_kwh(track, occupant, plan, now)
        found.append(_risk(track.place, visit, occupant.vehicle, lost_kwh, *why))
    return tuple(risk for risk in found if risk is not None)


def _without_session(
    there: Mapping[Place, Occupant],
    plan: Plan,
    *,
    depot: Depot,
    live: LiveState,
    ended: Mapping[Place, datetime],
) -> tuple[Risk, ...]:
    """Who is left alone: given what was planned until the session ended, and nothing since."""
    found = []
    for visit in left_alone(there, plan, live):
        place = Place(visit.charger_id, visit.connector_id)
        until = max(visit.arrival, ended.get(place, visit.arrival))
        lost_kwh = _planned_kwh(visit, plan, until)
        because = "is occupied, and charges nobody: no session runs"
        vehicle = depot.vehicle(visit.vehicle_id)
        found.append(_risk(place, visit, vehicle, lost_kwh, because, Wait.SECOND_LOOK))
    return tuple(risk for risk in found if risk is not None)


def _risk(  # noqa: PLR0917  # who, and by how much and why
    place: Place, visit: PlannedVisit, vehicle: Vehicle, lost_kwh: float, because: str, wait: Wait
) -> Risk | None:
    """The risk of somebody who is given so much less than planned, None where that is enough. [kWh, grid side]"""
    lost_kwh *= visit.taken_share * vehicle.charge_efficiency
    soc_percent = visit.planned_soc_percent - 100.0 * lost_kwh / vehicle.battery_kwh
    missing_percent = visit.required_soc_percent - READY_TOLERANCE_PERCENT - soc_percent
    if missing_percent <= 0:
        return None
    return Risk(
        place=place,
        vehicle_id=vehicle.id,
        departure=visit.departure,
        soc_percent=max(0.0, soc_percent),
        required_soc_percent=visit.required_soc_percent,
        because=because,
        wait=Wait.DEPARTURE if missing_percent <= SLIGHT_PERCENT else wait,
    )


def _behind_because(track: Track, now: datetime) -> tuple[str, Wait] | None:
    """Why a connector may do less than is planned, and how sure that is; None where it is sure to do as planned."""
    if (
        track.comparison is not None
        and track.comparison.grade is Grade.LOWER
        and track.comparison.differences
    ):
        return f"allows less than it was told: {track.comparison.sentence}", Wait.NOTHING
    if not track.missing(now):
        # A relative profile is about now alone, and is written anew when its plan changes.
        is_about_now = any(profile.kind is ProfileKind.RELATIVE for profile in track.held)
        if is_about_now:
            return None
        # The next piece is written when its time comes, and where it is not, that is missing then.
        return "takes its plan only in part", Wait.DEPARTURE if track.is_piecewise else Wait.NOTHING
    if not track.is_connected:
        return "is out of reach, and goes on with what it has", Wait.NOTHING
    if track.held_back is not None:
        return track.held_back.sentence, Wait.SECOND_LOOK
    return "has not taken its plan", Wait.SECOND_LOOK


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
