"""What a plan comes to when vehicles come otherwise than written: nights lived through, many at once.

Nothing is planned in them: every vehicle draws up to what its charger allows while it is there, until it is full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimiser.accounting import energy_cost, preconditioned_kwh
from optimiser.assurance import Assurance
from optimiser.depot import Depot
from optimiser.draws import Draws, Stream, draws, has_spread
from optimiser.horizon import FloatArray
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planned import READY_TOLERANCE_PERCENT

NIGHTS = 1000
"""Nights on which a plan is measured: a readiness of 98 % of one vehicle is then known to half a percent."""


@dataclass(frozen=True, kw_only=True)
class Lived:
    """So many nights: ``final_percent`` (V, N) at departure, ``drawn_kw`` (T, N) the chargers' mean power, grid side."""

    final_percent: FloatArray
    drawn_kw: FloatArray


def lived(depot: Depot, night: Night, power_kw: FloatArray, found: Draws) -> Lived:
    """The nights that draws of ``night`` are where powers (V, T) are allowed.

    Where a charge curve is falling its value after a step holds for the step, which is careful.
    """
    vehicles = [depot.vehicle(visit.vehicle_id) for visit in night.visits]
    battery_kwh = np.array([[vehicle.battery_kwh] for vehicle in vehicles]).reshape(-1, 1)
    efficiency = np.array([[vehicle.charge_efficiency] for vehicle in vehicles]).reshape(-1, 1)
    step_h, step_s = night.horizon.step_h, float(night.horizon.step_s)
    departures_s = [(visit.departure - night.horizon.start).total_seconds() for visit in night.visits]
    until_s = np.array(departures_s).reshape(-1, 1)
    curved = [(row, vehicle.charge_curve) for row, vehicle in enumerate(vehicles)]
    kept_kwh = battery_kwh * found.soc_percent / 100.0
    drawn_kw = np.zeros((night.horizon.steps, found.arrival_s.shape[1]))
    before_kwh = np.zeros_like(battery_kwh)
    for step, start in enumerate(night.horizon.starts()):
        end = start + (night.horizon.end - night.horizon.start) / night.horizon.steps
        taken_kwh = np.array(
            [
                [
                    preconditioned_kwh(depot, visit, min(end, visit.departure))
                    if visit.precondition_kwh
                    else 0.0
                ]
                for visit in night.visits
            ]
        ).reshape(-1, 1)
        kept_kwh = kept_kwh - (taken_kwh - before_kwh)
        before_kwh = taken_kwh
        drawing = np.flatnonzero(power_kw[:, step] > 0)
        if not drawing.size:
            continue
        since_s = np.maximum(step * step_s, found.arrival_s[drawing])
        hours = np.clip(np.minimum((step + 1) * step_s, until_s[drawing]) - since_s, 0.0, None) / 3600.0
        given_kwh = efficiency[drawing] * power_kw[drawing, step, None] * hours
        given_kwh = np.clip(np.minimum(given_kwh, battery_kwh[drawing] - kept_kwh[drawing]), 0.0, None)
        for place, row in enumerate(drawing.tolist()):
            curve = curved[row][1]
            if curve is not None:
                after_percent = 100.0 * (kept_kwh[row] + given_kwh[place]) / battery_kwh[row]
                takes_kw = np.interp(after_percent, curve.soc_percent, curve.max_kw)
                given_kwh[place] = np.minimum(given_kwh[place], takes_kw * hours[place])
        kept_kwh[drawing] += given_kwh
        drawn_kw[step] = (given_kwh / efficiency[drawing]).sum(axis=0) / step_h
    return Lived(final_percent=100.0 * np.clip(kept_kwh, 0.0, None) / battery_kwh, drawn_kw=drawn_kw)


def ready(night: Night, found: Lived) -> FloatArray:
    """Who is ready on which of the nights, (V, N), 0 or 1."""
    required = np.array([[visit.required_soc_percent] for visit in night.visits]).reshape(-1, 1)
    is_ready: FloatArray = (found.final_percent >= required - READY_TOLERANCE_PERCENT).astype(float)
    return is_ready


def assured(plan: Plan, depot: Depot, night: Night) -> Plan:
    """The plan with how sure it is, measured on :data:`NIGHTS` nights drawn afresh; unchanged where all is certain."""
    target = depot.policy.readiness
    if target is None or not has_spread(night):
        return plan
    power_kw = np.array([visit.power_kw for visit in plan.visits])
    found = lived(depot, night, power_kw, draws(night, NIGHTS, stream=Stream.FRESH))
    is_ready = ready(night, found)
    costs = [energy_cost(night, found.drawn_kw[:, number]) for number in range(NIGHTS)]
    return replace(
        plan,
        visits=tuple(
            replace(visit, readiness=round(float(share), 6))
            for visit, share in zip(plan.visits, is_ready.mean(axis=1), strict=True)
        ),
        assurance=Assurance(
            target=target,
            nights=NIGHTS,
            readiness=round(float(is_ready.mean()), 6),
            all_ready=round(float(is_ready.all(axis=0).mean()), 6),
            energy_cost=round(float(np.mean(costs)), 6),
        ),
    )
