"""A plan with its depot and night as arrays, worked out anew for the check: shares nothing with the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from optimiser.depot import Connector, Depot, Vehicle
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What plan and folder say, and what follows from it.

    One entry per visit (V,) have ``vehicles`` to ``begins_s``, when its preconditioning begins. Of shape (V, T) are
    grid-side and battery-side power, ``since_s`` and ``until_s`` (while the vehicle is there in a step, for so many
    ``presence_h`` hours), and what is charged and what preconditioning has taken until then, both on the battery side.

    ``may_differ`` (V,): arrivals that are uncertain and planned for. Their powers are what they may draw, and of that
    is charged what their batteries take until they are full.
    """

    plan: Plan
    depot: Depot
    night: Night
    vehicles: Sequence[Vehicle]
    connectors: Sequence[Connector]
    battery_kwh: FloatArray
    arrival_soc_percent: FloatArray
    precondition_kwh: FloatArray
    begins_s: FloatArray
    power_kw: FloatArray
    battery_kw: FloatArray
    since_s: FloatArray
    until_s: FloatArray
    presence_h: FloatArray
    may_differ: BoolArray
    charged_kwh: FloatArray
    taken_kwh: FloatArray

    @property
    def governed_kw(self) -> FloatArray:
        """The powers (V, T) that count as planned: those of visits that are part of a burden count with it."""
        burdens = self.night.burden_kw
        counts = [(v.charger_id, v.connector_id) not in burdens for v in self.plan.visits]
        return np.array(counts, dtype=float)[:, None] * self.power_kw

    @property
    def drawn_kwh(self) -> FloatArray:
        """What is drawn in every step (V, T), grid side."""
        efficiency = np.array([[vehicle.charge_efficiency] for vehicle in self.vehicles]).reshape(-1, 1)
        taken: FloatArray = np.diff(self.charged_kwh, axis=1, prepend=0.0) / efficiency
        return np.where(self.may_differ[:, None], taken, self.power_kw * self.presence_h)

    def at(self, step: int) -> str:
        """When a step begins, by the depot's clock."""
        return self.clock(step * self.plan.horizon.step_s)

    def clock(self, instant_s: float) -> str:
        """An instant by the depot's clock."""
        horizon = self.plan.horizon
        return horizon.local(horizon.start + timedelta(seconds=instant_s)).strftime("%Y-%m-%d %H:%M")


def worked_out(plan: Plan, depot: Depot, night: Night) -> Facts:
    """The facts of a plan whose visits are the night's."""
    vehicle_of = {vehicle.id: vehicle for vehicle in depot.vehicles}
    connector_of = {(charger.id, plug.id): plug for charger in depot.chargers for plug in charger.connectors}
    vehicles = [vehicle_of[visit.vehicle_id] for visit in plan.visits]
    start, step_s = plan.horizon.start, float(plan.horizon.step_s)
    arrival_s = np.array([(visit.arrival - start).total_seconds() for visit in plan.visits])
    departure_s = np.array([(visit.departure - start).total_seconds() for visit in plan.visits])
    starts_s = np.arange(plan.horizon.steps) * step_s
    since_s = np.maximum(starts_s, arrival_s[:, None])
    until_s = np.minimum(starts_s + step_s, departure_s[:, None])
    hours = np.maximum(until_s - since_s, 0.0) / 3600.0
    power_kw = np.array([visit.power_kw for visit in plan.visits], dtype=float).reshape(hours.shape)
    battery_kw = np.array([[vehicle.charge_efficiency] for vehicle in vehicles]).reshape(-1, 1) * power_kw

    # Preconditioning takes constant power over its minutes before departure, or over a visit that is shorter.
    precondition_kwh = np.array([visit.precondition_kwh for visit in night.visits])
    warming_s = 60.0 * depot.policy.precondition_minutes
    taken_kwh = np.zeros_like(power_kw)
    warmed = precondition_kwh > 0
    lasts_s = np.minimum(warming_s, departure_s - arrival_s)[warmed, None]
    left_s = np.maximum(departure_s[:, None] - until_s, 0.0)[warmed]
    taken_kwh[warmed] = precondition_kwh[warmed, None] * (1.0 - np.minimum(1.0, left_s / lasts_s))
    spreads = [(visit.arrival_sd_minutes, visit.arrival_soc_sd_percent) for visit in night.visits]
    may_differ = np.array([max(spread) > 0 for spread in spreads], dtype=np.bool_)
    may_differ &= depot.policy.readiness is not None
    battery_kwh = np.array([vehicle.battery_kwh for vehicle in vehicles])
    arrival_soc_percent = np.array([visit.arrival_soc_percent for visit in plan.visits])
    charged_kwh = np.cumsum(battery_kw * hours, axis=1)
    room_kwh = battery_kwh * (1.0 - arrival_soc_percent / 100.0)
    for row in np.flatnonzero(may_differ).tolist():
        # What was given above the room at any step so far was not taken: the highest excess until then.
        excess_kwh = charged_kwh[row] - room_kwh[row] - taken_kwh[row]
        charged_kwh[row] -= np.maximum(0.0, np.maximum.accumulate(excess_kwh))
    return Facts(
        plan=plan,
        depot=depot,
        night=night,
        vehicles=vehicles,
        connectors=[connector_of[visit.charger_id, visit.connector_id] for visit in plan.visits],
        battery_kwh=battery_kwh,
        arrival_soc_percent=arrival_soc_percent,
        precondition_kwh=precondition_kwh,
        begins_s=departure_s - warming_s,
        power_kw=power_kw,
        battery_kw=battery_kw,
        since_s=since_s,
        until_s=until_s,
        presence_h=hours,
        may_differ=may_differ,
        charged_kwh=charged_kwh,
        taken_kwh=taken_kwh,
    )
