"""What is to be expected of every visit now: where it stands, from when on, how full, and what it still gets.

Pure, and without a solver: a plan and what is true beside it. SoC in percent of the usable battery, powers on the
grid side in kW, one per step of the night.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from optimiser.accounting import preconditioned_kwh
from optimiser.depot import Depot
from optimiser.horizon import FloatArray, Horizon
from optimiser.night import Night, Visit
from optimiser.plan import Plan
from optimiser.planned import PlannedVisit

Place = tuple[str, int]
"""A connector: charger id and connector id."""


@dataclass(frozen=True, kw_only=True)
class LiveVehicle:
    """A vehicle as it stands on a connector now; ``soc_percent`` is None where nobody knows it.

    ``since``: when it was plugged in, where that is known. ``is_asleep``: it draws nothing although it may.
    """

    charger_id: str
    connector_id: int
    vehicle_id: str
    soc_percent: float | None
    since: datetime | None = None
    is_asleep: bool = False

    @property
    def place(self) -> Place:
        """Its connector."""
        return self.charger_id, self.connector_id


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A visit as it is to be expected now.

    ``visit``: the night's, on the connector on which it stands or will stand. ``planned``: its row of the plan, None
    for one that the plan does not know. ``power_kw`` (T,): what the plan gives it there. ``live``: the vehicle, where
    it is there. ``is_missing``: it should be there, and its connector is empty. ``is_moved``: its plan was made for
    another connector or another time, so that its powers say nothing.
    """

    visit: Visit
    planned: PlannedVisit | None
    power_kw: FloatArray
    live: LiveVehicle | None = None
    is_missing: bool = False
    is_moved: bool = False

    @property
    def place(self) -> Place:
        """The connector on which it is expected."""
        return self.visit.charger_id, self.visit.connector_id

    @property
    def is_asleep(self) -> bool:
        """Whether it draws nothing although it may; of a vehicle without a known SoC that is no news."""
        return self.live is not None and self.live.is_asleep and self.live.soc_percent is not None


def expected_visits(
    night: Night, plan: Plan, live: Sequence[LiveVehicle], *, vacant: Collection[Place], now: datetime
) -> list[Expected]:
    """Every visit of the night, in its order.

    A plan of the same inputs keeps the connectors that it gave its visits; one of other inputs gives them up to what
    the night says now. Vehicles that stand elsewhere take their visits along, and who is to come there gets the
    connector that they have left, or waits until they leave.
    """
    carried = _carried(night, plan)
    at = {vehicle.place: vehicle for vehicle in live}
    placed = _moved(carried, live, now=now)
    found = []
    for before, after in zip(carried, placed, strict=True):
        is_moved = before.is_moved or (before.place, before.visit.arrival) != (
            after.place,
            after.visit.arrival,
        )
        vehicle = at.get(after.place)
        is_there = vehicle is not None and vehicle.vehicle_id == after.visit.vehicle_id
        visit = after.visit
        due = visit.arrival <= now < visit.departure
        if is_there and vehicle is not None and now < visit.departure:
            early = min(visit.arrival, vehicle.since or now)
            visit = replace(visit, arrival=early)
            found.append(replace(after, visit=visit, live=vehicle, is_moved=is_moved))
        else:
            found.append(replace(after, is_missing=due and after.place in vacant, is_moved=is_moved))
    return found


def gain_percent(
    depot: Depot, visit: Visit, power_kw: FloatArray, horizon: Horizon, *, after: datetime, before: datetime
) -> float:
    """SoC by which powers (T,), less preconditioning, change a visit's between two instants. [%]"""
    vehicle = depot.vehicle(visit.vehicle_id)
    begin = max(after, visit.arrival)
    there = horizon.presence(begin, max(begin, min(before, visit.departure)))
    energy_kwh = float(there @ power_kw) * horizon.step_h * vehicle.charge_efficiency
    taken_kwh = preconditioned_kwh(depot, visit, before) - preconditioned_kwh(depot, visit, after)
    return 100.0 * (energy_kwh - taken_kwh) / vehicle.battery_kwh


def soc_percent_at(depot: Depot, one: Expected, horizon: Horizon, *, now: datetime, at: datetime) -> float:
    """The SoC with which a visit is to be reckoned at an instant from now on, or at its arrival where that is later.

    From what is told of it; else from what it was to arrive with and what its plan gives it. [%]
    """
    visit = one.visit
    soc_percent, since = visit.arrival_soc_percent, visit.arrival
    if one.live is not None and one.live.soc_percent is not None:
        soc_percent, since = one.live.soc_percent, now
    elif one.planned is not None and not one.is_missing and visit.arrival <= now:
        soc_percent = one.planned.arrival_soc_percent
    if one.is_missing or at <= since:
        return min(100.0, max(0.0, soc_percent))
    power_kw = np.zeros_like(one.power_kw) if one.is_asleep else one.power_kw
    gained = gain_percent(depot, visit, power_kw, horizon, after=since, before=at)
    return min(100.0, max(0.0, soc_percent + gained))


def _carried(night: Night, plan: Plan) -> list[Expected]:
    """The night's visits with what the plan has for them: the first of a vehicle's for its first, and so on."""
    is_same = plan.inputs_sha256 == night.inputs_sha256
    planned_of: dict[str, list[PlannedVisit]] = {}
    for planned in plan.visits:
        planned_of.setdefault(planned.vehicle_id, []).append(planned)
    carried = []
    for visit in night.visits:
        rows = planned_of.get(visit.vehicle_id, [])
        if not rows:
            nothing_kw = np.zeros(night.horizon.steps)
            carried.append(Expected(visit=visit, planned=None, power_kw=nothing_kw, is_moved=True))
            continue
        row = rows.pop(0)
        now = (
            replace(_at(visit, (row.charger_id, row.connector_id)), arrival=row.arrival) if is_same else visit
        )
        is_moved = _where_and_when(row) != _where_and_when(now)
        power_kw = np.array(row.power_kw)
        if is_moved:
            power_kw[night.horizon.presence(now.arrival, now.departure) == 0] = 0.0
        carried.append(Expected(visit=now, planned=row, power_kw=power_kw, is_moved=is_moved))
    return carried


def _where_and_when(visit: Visit | PlannedVisit) -> tuple[str, int, datetime, datetime]:
    return visit.charger_id, visit.connector_id, visit.arrival, visit.departure


def _moved(carried: Sequence[Expected], live: Sequence[LiveVehicle], *, now: datetime) -> list[Expected]:
    """The visits with those on other connectors than planned moved there, and those whose connectors they take."""
    placed = list(carried)
    standing: Mapping[Place, LiveVehicle] = {vehicle.place: vehicle for vehicle in live}
    for vehicle in live:
        row = _row_of(placed, vehicle, now=now)
        if row is None or placed[row].place == vehicle.place:
            continue
        left = placed[row].place
        placed[row] = replace(placed[row], visit=_at(placed[row].visit, vehicle.place))
        mine = placed[row].visit
        for other, one in enumerate(placed):
            if other == row or one.place != vehicle.place or not _overlap(mine, one.visit, now=now):
                continue
            if left not in standing or standing[left].vehicle_id == one.visit.vehicle_id:
                placed[other] = replace(one, visit=_at(one.visit, left))
            else:
                placed[other] = replace(one, visit=_after(one.visit, mine))
    return placed


def _row_of(placed: Sequence[Expected], vehicle: LiveVehicle, *, now: datetime) -> int | None:
    """The visit that a vehicle is there for: the first of its own that is not over."""
    rows = [
        (one.visit.departure, row)
        for row, one in enumerate(placed)
        if one.visit.vehicle_id == vehicle.vehicle_id and now < one.visit.departure
    ]
    return min(rows)[1] if rows else None


def _at(visit: Visit, place: Place) -> Visit:
    return replace(visit, charger_id=place[0], connector_id=place[1])


def _overlap(mine: Visit, other: Visit, *, now: datetime) -> bool:
    """Whether another is to be there while mine is, from now on."""
    return max(other.arrival, now) < mine.departure and other.departure > now


def _after(visit: Visit, mine: Visit) -> Visit:
    """A visit that can only begin when mine is over; a minute before its end, if at all."""
    latest = visit.departure - timedelta(minutes=1)
    return replace(visit, arrival=max(visit.arrival, min(mine.departure, latest)))
