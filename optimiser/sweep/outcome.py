"""What one night comes to under one combination of changes. Runs in any process and depends on nothing but its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimiser.accounting import energy_cost
from optimiser.depot import Depot
from optimiser.draws import AS_WRITTEN, Draws, Stream, drawn, draws, has_spread
from optimiser.fresh_nights import lived, ready
from optimiser.horizon import FloatArray
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.planner import plan_uncertified
from optimiser.sweep.changes import Change, changed
from optimiser.sweep.values import Value
from optimiser.tariff import billing_means
from optimiser.verify import PlanRefusedError


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A planned night in figures: departures, money, highest net load, what is left behind on the battery side."""

    ready: int
    departures: int
    energy: float
    demand: float
    total: float
    peak_kw: float
    shortfall_kwh: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a night has no plan: rules that the plan breaks, or what the solver said. Travels between processes."""

    violations: tuple[str, ...] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What all combinations of a sweep have in common.

    ``last`` has the powers of the last night that was planned before it was known, by what decides them: all draws of
    one follow one another.
    """

    depot: Depot
    nights: tuple[Night, ...]
    changes: tuple[Change, ...]
    last: dict[object, FloatArray] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One row of the table: a value of each change, a night by its place, a seed."""

    chosen: tuple[Value, ...]
    night: int
    seed: int


def outcome(work: Work, combination: Combination) -> Outcome | Failure:
    """Plans one night of a sweep.

    A draw is planned by who knows it; with ``policy.readiness`` the night is planned before, and the draw lived through.
    """
    night = work.nights[combination.night]
    depot, night = changed(work.depot, night, work.changes, combination.chosen)
    is_forecast = depot.policy.readiness is not None and has_spread(night)
    try:
        if is_forecast and combination.seed != AS_WRITTEN:
            return _lived_through(work, combination, depot, night)
        night = drawn(night, combination.seed)
        plan = plan_uncertified(depot, night, created_at=night.horizon.start)
    except PlanRefusedError as error:
        return Failure(violations=error.violations)
    except SolverError as error:
        return Failure(said=str(error))
    return Outcome(
        ready=sum(visit.is_ready for visit in plan.visits),
        departures=len(plan.visits),
        energy=plan.cost.energy,
        demand=plan.cost.demand,
        total=plan.cost.total,
        peak_kw=plan.peak_kw,
        shortfall_kwh=plan.shortfall_kwh,
    )


def _lived_through(work: Work, combination: Combination, depot: Depot, night: Night) -> Outcome:
    """One draw of a night under the plan that was made before; what is drawn counts, of every step the mean."""
    planned = (combination.chosen, combination.night)
    if planned not in work.last:
        plan = plan_uncertified(depot, night, created_at=night.horizon.start)
        work.last.clear()
        work.last[planned] = np.array([visit.power_kw for visit in plan.visits])
    all_draws = draws(night, combination.seed, stream=Stream.WHAT_IF)
    one = Draws(arrival_s=all_draws.arrival_s[:, -1:], soc_percent=all_draws.soc_percent[:, -1:])
    found = lived(depot, night, work.last[planned], one)
    drawn_kw = found.drawn_kw[:, 0]
    net_load_kw = drawn_kw + night.base_load_kw - night.pv_kw
    energy, demand = energy_cost(night, drawn_kw), depot.tariff.demand_cost(net_load_kw, night.horizon)
    required = np.array([visit.required_soc_percent for visit in night.visits])
    battery_kwh = np.array([depot.vehicle(visit.vehicle_id).battery_kwh for visit in night.visits])
    missing_kwh = battery_kwh * np.clip(required - found.final_percent[:, 0], 0.0, None) / 100.0
    return Outcome(
        ready=int(ready(night, found).sum()),
        departures=len(night.visits),
        energy=energy,
        demand=demand,
        total=energy + demand,
        peak_kw=float(billing_means(net_load_kw, depot.tariff.billing_steps(night.horizon)).max()),
        shortfall_kwh=float(missing_kwh.sum()),
    )
