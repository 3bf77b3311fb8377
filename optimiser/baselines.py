"""What the same night would be without a plan: plug-and-charge, as the same kind of plan.

Knows how a vehicle charges that nobody steers; knows no price and no limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optimiser.accounting import assemble_plan, consumed_kwh, presence, required_kwh
from optimiser.depot import Depot, Vehicle, power_range
from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit
from optimiser.plan import Plan, Solver
from optimiser.series import LIMIT_SLACK_KW

PLUG_AND_CHARGE = "plug-and-charge"

TAPER_STEP_H = 1.0 / 60.0
"""How long a tapering battery is taken to draw one power. [h]

A bus gains at most 1 % SoC in a minute at full power, over which its taper bends by less than 5 %.
"""


def plug_and_charge(depot: Depot, night: Night) -> Plan:
    """The night in which every vehicle draws all it can from arrival until it has its required SoC.

    Blind to every limit, so it may pass them; never more energy than required, so that its cost compares
    with that of a plan which serves everybody. In a vehicle's last step it draws for a part of the step only:
    that is a lower mean power there. What preconditioning needs is charged at once as far as the battery has room,
    and the rest when it makes room.

    >>> import optimiser as opt
    >>> depot = opt.load_depot("data/parcel-12")
    >>> unplanned = opt.plug_and_charge(depot, opt.load_night("data/parcel-12", "2025-11-10"))
    >>> round(unplanned.peak_kw, 1), unplanned.site.headroom_kw < 0
    (50.3, True)
    """
    there = presence(night)
    consumed = consumed_kwh(depot, night)
    power_kw = np.zeros_like(there)
    taken: dict[tuple[str, int], FloatArray] = {}
    for row in sorted(range(len(night.visits)), key=lambda row: night.visits[row].arrival):
        visit = night.visits[row]
        # A connector serves one vehicle at a time: the next one waits out the step its predecessor still draws in.
        before = taken.setdefault((visit.charger_id, visit.connector_id), np.zeros(night.horizon.steps))
        free = np.where(before > 0.0, 0.0, there[row])
        power_kw[row] = _drawn_kw(_battery(depot, visit), free, consumed[row], step_h=night.horizon.step_h)
        before += power_kw[row]
    return assemble_plan(
        depot,
        night,
        power_kw,
        # Nothing was optimised: there is no bound to be near to.
        solver=Solver(
            name=PLUG_AND_CHARGE, version="1", proved_optimal=False, lp_bound=0.0, gap=0.0, seconds=0.0
        ),
        created_at=night.horizon.start,  # it follows from the night alone, whenever it is worked out
    )


def compare(plan: Plan, baseline: Plan) -> dict[str, Any]:
    """The figures of a baseline beside a plan, for ``plan.baseline``.

    ``saved`` is what the plan costs less, in the depot's currency; ``peaks_kw`` are those that have a demand charge,
    by its name; ``ready`` counts vehicles;
    ``minutes_above_limit`` those in which base load and charging pass the site's limit.
    """
    return {
        "name": baseline.solver.name,
        "cost": {
            "energy": baseline.cost.energy,
            "demand": baseline.cost.demand,
            "total": baseline.cost.total,
        },
        "saved": baseline.cost.total - plan.cost.total,
        "peak_kw": baseline.peak_kw,
        "peaks_kw": {peak.name: peak.peak_kw for peak in baseline.cost.peaks},
        "ready": sum(visit.is_ready for visit in baseline.visits),
        "shortfall_kwh": baseline.shortfall_kwh,
        "delivered_kwh": sum(visit.delivered_kwh for visit in baseline.visits),
        "minutes_above_limit": minutes_above_limit(baseline),
        "charging_kw": list(baseline.site.charging_kw),
    }


def minutes_above_limit(plan: Plan) -> int:
    """Minutes of the night in which base load and charging together pass the site's limit."""
    above = np.asarray(plan.site.load_kw) > np.asarray(plan.site.limit_kw) + LIMIT_SLACK_KW
    return int(above.sum()) * plan.horizon.step_s // 60


@dataclass(frozen=True, kw_only=True)
class _Battery:
    """A vehicle on its connector. ``max_kw`` on the grid side, ``required_kwh`` on the battery side."""

    vehicle: Vehicle
    arrival_soc_percent: float
    max_kw: float
    required_kwh: float

    @property
    def room_kwh(self) -> float:
        """What fits into the battery on arrival. [kWh]"""
        return self.vehicle.battery_kwh * (100.0 - self.arrival_soc_percent) / 100.0

    def accepts_kw(self, charged_kwh: float) -> float:
        """Battery-side power after some energy has been charged, net of what was consumed. [kW]"""
        steady_kw = self.max_kw * self.vehicle.charge_efficiency
        curve = self.vehicle.charge_curve
        if curve is None:
            return steady_kw
        soc_percent = self.arrival_soc_percent + 100.0 * charged_kwh / self.vehicle.battery_kwh
        return min(steady_kw, float(np.interp(soc_percent, curve.soc_percent, curve.max_kw)))


def _battery(depot: Depot, visit: Visit) -> _Battery:
    vehicle = depot.vehicle(visit.vehicle_id)
    connector = depot.connector(visit.charger_id, visit.connector_id)
    return _Battery(
        vehicle=vehicle,
        arrival_soc_percent=visit.arrival_soc_percent,
        max_kw=power_range(connector, vehicle, voltage_v=depot.site.voltage_v).max_kw,
        required_kwh=required_kwh(depot, visit),
    )


def _drawn_kw(battery: _Battery, free: FloatArray, consumed_kwh: FloatArray, *, step_h: float) -> FloatArray:
    """Mean grid-side power of every step over the part ``free`` of it that the vehicle can use. [kW]"""
    power_kw = np.zeros(len(free))
    charged_kwh = 0.0
    for step in np.flatnonzero(free):
        duration_h = float(free[step]) * step_h
        gone_kwh = float(consumed_kwh[step])
        gained_kwh = _gained_kwh(battery, charged_kwh, gone_kwh, duration_h)
        power_kw[step] = gained_kwh / duration_h / battery.vehicle.charge_efficiency
        charged_kwh += gained_kwh
        if charged_kwh >= battery.required_kwh:
            break
    return power_kw


def _gained_kwh(battery: _Battery, charged_kwh: float, gone_kwh: float, duration_h: float) -> float:
    """Battery-side energy of a stretch of unsteered charging, none beyond the need or a full battery. [kWh]"""
    tapers = battery.vehicle.charge_curve is not None
    slices = int(np.ceil(duration_h / TAPER_STEP_H)) if tapers else 1
    gained_kwh = 0.0
    for _ in range(slices):
        gained_kwh += battery.accepts_kw(charged_kwh + gained_kwh - gone_kwh) * duration_h / slices
    most_kwh = min(battery.required_kwh, battery.room_kwh + gone_kwh)
    return min(gained_kwh, max(0.0, most_kwh - charged_kwh))
