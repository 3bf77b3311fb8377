"""What a table of powers means: energy, SoC, cost, peak, shortfall. Makes the plan out of it.

The same accounting serves the plan and every baseline, so that a comparison is a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from optimiser.cost import Cost, PaidPeak
from optimiser.depot import Depot
from optimiser.draws import is_uncertain
from optimiser.horizon import FloatArray
from optimiser.night import Night, Visit
from optimiser.plan import Plan, Solver, wired
from optimiser.planned import PlannedVisit
from optimiser.series import Series, SiteSeries
from optimiser.tariff import billing_means

DECIMALS = 6
"""Decimals of the numbers in a plan: milliwatts and milliwatt-hours, far below what any meter shows."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """The accounts of a table of powers.

    ``delivered_kwh``, ``required_kwh``, ``shortfall_kwh`` (battery side) and ``planned_soc_percent`` have shape
    (visits,); ``charging_kw`` and each of ``feeder_charging_kw`` (grid side) have shape (steps,).
    """

    cost: Cost
    peak_kw: float
    delivered_kwh: FloatArray
    required_kwh: FloatArray
    shortfall_kwh: FloatArray
    planned_soc_percent: FloatArray
    charging_kw: FloatArray
    feeder_charging_kw: Mapping[str, FloatArray]


def presence(night: Night) -> FloatArray:
    """Share of every step that each visit is there, shape (visits, steps)."""
    shares = [night.horizon.presence(visit.arrival, visit.departure) for visit in night.visits]
    return np.array(shares).reshape(len(night.visits), night.horizon.steps)


def required_kwh(depot: Depot, visit: Visit) -> float:
    """Energy a visit needs on the battery side, preconditioning included; 0 where it arrives with enough. [kWh]"""
    missing_percent = visit.required_soc_percent - visit.arrival_soc_percent
    missing_kwh = depot.vehicle(visit.vehicle_id).battery_kwh * missing_percent / 100.0
    return max(0.0, missing_kwh + visit.precondition_kwh)


def preconditioned_kwh(depot: Depot, visit: Visit, instant: datetime) -> float:
    """What preconditioning has taken out of the battery by an instant. [kWh]

    It takes ``precondition_kwh`` at constant power over the last ``policy.precondition_minutes`` before departure,
    or over the whole visit where that is shorter.
    """
    begins = preconditioning_begins(depot, visit)
    share = (instant - begins) / (visit.departure - begins)
    return visit.precondition_kwh * min(1.0, max(0.0, share))


def preconditioning_begins(depot: Depot, visit: Visit) -> datetime:
    """The instant from which a vehicle is warmed or cooled for its departure."""
    return max(visit.arrival, visit.departure - timedelta(minutes=depot.policy.precondition_minutes))


def consumed_kwh(depot: Depot, night: Night) -> FloatArray:
    """What preconditioning is sure to have taken by the end of every step, shape (visits, steps). [kWh]

    Constant power within each step never brings a battery above full if what is delivered by the end of every
    step is at most the room on arrival and this. A step within which preconditioning begins counts nothing: at
    that instant the battery may be full.
    """
    consumed = np.zeros((len(night.visits), night.horizon.steps))
    starts = [*night.horizon.starts(), night.horizon.end]
    for row, visit in enumerate(night.visits):
        if visit.precondition_kwh > 0:
            begins = preconditioning_begins(depot, visit)
            for step, (start, end) in enumerate(pairwise(starts)):
                if end > begins and not max(start, visit.arrival) < begins:
                    consumed[row, step] = preconditioned_kwh(depot, visit, end)
    return consumed


def account(depot: Depot, night: Night, power_kw: FloatArray) -> Accounts:
    """The accounts of grid-side powers of shape (visits, steps).

    Where a visit is there for part of a step only, energy and cost count that part; limits and the peak
    count the power whole. The SoC planned is that at departure, after preconditioning; a battery that has
    nothing left for it is empty. Who may come otherwise than written is allowed more than that takes: of it counts
    what the vehicle draws until its battery is full (:func:`drawn_until_full`).
    """
    vehicles = [depot.vehicle(visit.vehicle_id) for visit in night.visits]
    battery_kwh = np.array([vehicle.battery_kwh for vehicle in vehicles])
    efficiency = np.array([vehicle.charge_efficiency for vehicle in vehicles])
    arrival_soc_percent = np.array([visit.arrival_soc_percent for visit in night.visits])
    needed = np.array([required_kwh(depot, visit) for visit in night.visits])
    taken_kwh = np.array([visit.precondition_kwh for visit in night.visits])

    drawn_kw = drawn_until_full(depot, night, power_kw)
    delivered = efficiency * drawn_kw.sum(axis=1) * night.horizon.step_h
    charging_kw = power_kw.sum(axis=0)
    net_load_kw = charging_kw + night.base_load_kw - night.pv_kw
    peak_kw = float(billing_means(net_load_kw, depot.tariff.billing_steps(night.horizon)).max())
    energy = energy_cost(night, drawn_kw.sum(axis=0))
    demand = depot.tariff.demand_cost(net_load_kw, night.horizon)
    return Accounts(
        cost=Cost(
            energy=energy,
            demand=demand,
            total=energy + demand,
            currency=depot.currency,
            peaks=paid_peaks(depot, night, net_load_kw),
            classes=depot.tariff.classes,
        ),
        peak_kw=peak_kw,
        delivered_kwh=delivered,
        required_kwh=needed,
        shortfall_kwh=np.clip(needed - delivered, 0.0, None),
        planned_soc_percent=np.clip(
            arrival_soc_percent + 100.0 * (delivered - taken_kwh) / battery_kwh, 0.0, None
        ),
        charging_kw=charging_kw,
        feeder_charging_kw={
            feeder_id: power_kw[rows].sum(axis=0) for feeder_id, rows in _rows_below(depot, night).items()
        },
    )


def is_allowance(depot: Depot, visit: Visit) -> bool:
    """Whether a visit's powers are what it may draw, more than it takes if it comes as written."""
    return depot.policy.readiness is not None and is_uncertain(visit)


def drawn_until_full(depot: Depot, night: Night, power_kw: FloatArray) -> FloatArray:
    """Mean power per step, grid side, (visits, steps), that is drawn of what is allowed; at no step's end above full."""
    drawn_kw: FloatArray = power_kw * presence(night)
    for row, visit in enumerate(night.visits):
        if not is_allowance(depot, visit):
            continue
        vehicle = depot.vehicle(visit.vehicle_id)
        kwh_per_kw = vehicle.charge_efficiency * night.horizon.step_h
        room_kwh = vehicle.battery_kwh * (100.0 - visit.arrival_soc_percent) / 100.0
        charged_kwh = 0.0
        for step, start in enumerate(night.horizon.starts()):
            end = min(visit.departure, start + timedelta(seconds=night.horizon.step_s))
            full_kwh = room_kwh + (preconditioned_kwh(depot, visit, end) if visit.precondition_kwh else 0.0)
            before_kwh = charged_kwh
            charged_kwh = max(before_kwh, min(full_kwh, before_kwh + kwh_per_kw * drawn_kw[row, step]))
            drawn_kw[row, step] = (charged_kwh - before_kwh) / kwh_per_kw
    return drawn_kw


def energy_cost(night: Night, drawn_kw: FloatArray) -> float:
    """Money for the chargers' mean power per step, shape (steps,).

    Power that the roof gives beyond the base load costs what selling it would have brought.
    """
    surplus_kw = np.clip(night.pv_kw - night.base_load_kw, 0.0, None)
    from_roof_kw = np.minimum(drawn_kw, surplus_kw)
    bought = night.import_price_per_kwh * (drawn_kw - from_roof_kw)
    unsold = night.export_price_per_kwh * from_roof_kw
    return float((bought + unsold).sum() * night.horizon.step_h)


def paid_peaks(depot: Depot, night: Night, net_load_kw: FloatArray) -> tuple[PaidPeak, ...]:
    """Every peak of a net load (steps,) that has a demand charge, and the money for it."""
    return tuple(
        PaidPeak(
            name=demand.name,
            charge_per_kw=demand.charge_per_kw,
            so_far_kw=demand.so_far_kw,
            peak_kw=_rounded(demand.peak_kw(net_load_kw)),
            money=demand.cost(net_load_kw),
        )
        for demand in depot.tariff.demands(night.horizon)
    )


def assemble_plan(
    depot: Depot,
    night: Night,
    power_kw: FloatArray,
    *,
    solver: Solver,
    created_at: datetime,
    baseline: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> Plan:
    """The plan that a table of powers (visits, steps) is. Warnings of the night come first."""
    power_kw = np.round(power_kw, DECIMALS)
    accounts = account(depot, night, power_kw)
    visits = tuple(
        PlannedVisit(
            vehicle_id=visit.vehicle_id,
            charger_id=visit.charger_id,
            connector_id=visit.connector_id,
            arrival=visit.arrival,
            departure=visit.departure,
            arrival_soc_percent=visit.arrival_soc_percent,
            required_soc_percent=visit.required_soc_percent,
            planned_soc_percent=_rounded(accounts.planned_soc_percent[row]),
            required_kwh=_rounded(accounts.required_kwh[row]),
            delivered_kwh=_rounded(accounts.delivered_kwh[row]),
            shortfall_kwh=_rounded(accounts.shortfall_kwh[row]),
            power_kw=tuple(power_kw[row].tolist()),
            precondition_kwh=visit.precondition_kwh,
            earliest_start=visit.earliest_start,
            decided=visit.decided,
        )
        for row, visit in enumerate(night.visits)
    )
    plan = Plan(
        depot=depot.name,
        night=night.date,
        created_at=created_at,
        inputs_sha256=night.inputs_sha256,
        horizon=night.horizon,
        visits=visits,
        site=SiteSeries(
            limit_kw=_rounded_row(night.site_limit_kw),
            base_load_kw=_rounded_row(night.base_load_kw),
            charging_kw=_rounded_row(accounts.charging_kw),
            pv_kw=_rounded_row(night.pv_kw),
            import_price_per_kwh=_rounded_row(night.import_price_per_kwh),
            burden_kw=_rounded_row(night.burdens_kw) if night.burden_kw else (),
        ),
        feeders={
            feeder.id: Series(
                limit_kw=None if feeder.limit_kw is None else (feeder.limit_kw,) * night.horizon.steps,
                charging_kw=_rounded_row(accounts.feeder_charging_kw[feeder.id]),
            )
            for feeder in depot.feeders
        },
        cost=accounts.cost,
        peak_kw=_rounded(accounts.peak_kw),
        solver=solver,
        baseline=baseline or {},
        warnings=(*night.warnings, *warnings),
    )
    return wired(plan, depot)


def _rows_below(depot: Depot, night: Night) -> dict[str, list[int]]:
    """Rows of the visits whose charger hangs below each feeder, by feeder."""
    rows: dict[str, list[int]] = {feeder.id: [] for feeder in depot.feeders}
    for row, visit in enumerate(night.visits):
        for feeder_id in depot.feeder_path(depot.charger(visit.charger_id)):
            rows[feeder_id].append(row)
    return rows


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)


def _rounded_row(values: FloatArray) -> tuple[float, ...]:
    return tuple(np.round(values, DECIMALS).tolist())
