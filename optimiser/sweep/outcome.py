"""What one night comes to under one combination of changes. Runs in any process and depends on nothing but its inputs."""

from __future__ import annotations

from dataclasses import dataclass

from optimiser.depot import Depot
from optimiser.draws import drawn
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.planner import plan_uncertified
from optimiser.sweep.changes import Change, changed
from optimiser.sweep.values import Value
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
    """What all combinations of a sweep have in common."""

    depot: Depot
    nights: tuple[Night, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One row of the table: a value of each change, a night by its place, a seed."""

    chosen: tuple[Value, ...]
    night: int
    seed: int


def outcome(work: Work, combination: Combination) -> Outcome | Failure:
    """Plans one night of a sweep."""
    night = work.nights[combination.night]
    depot, night = changed(work.depot, night, work.changes, combination.chosen)
    night = drawn(night, combination.seed)
    try:
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
