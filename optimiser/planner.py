"""Depot and night → plan: problem, optimum, set-points, accounts, check. The street in one function."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

import numpy as np

from optimiser.accounting import assemble_plan
from optimiser.depot import Depot
from optimiser.lp import LinearProgram
from optimiser.night import Night
from optimiser.plan import Plan, Solver
from optimiser.problem import Problem, build_problem
from optimiser.setpoints import set_points
from optimiser.verify import refuse_if_broken


def plan_night(depot: Depot, night: Night, *, created_at: datetime) -> Plan:
    """The cheapest plan that leaves the least behind, in set-points that the chargers can take.

    Never "infeasible": what cannot be delivered is each visit's ``shortfall_kwh``. Raises
    :class:`~optimiser.verify.PlanRefusedError` if the plan does not stand up to the independent check, and
    :class:`~optimiser.lp.SolverError` if no optimum was found in time.
    """
    began_s = time.perf_counter()
    problem = build_problem(depot, night)
    program = LinearProgram(problem)
    optimum = program.solve()
    plan = assemble_plan(
        depot,
        night,
        set_points(problem, optimum),
        solver=Solver(
            name=program.solver_name,
            version=program.solver_version,
            proved_optimal=True,
            lp_bound=0.0,
            gap=0.0,
            seconds=0.0,
        ),
        created_at=created_at,
        warnings=_warnings(problem),
    )
    lp_bound = program.bound(np.array([visit.shortfall_kwh for visit in plan.visits]))
    # Where the plan is optimal, the solver's last digits may put the bound above it.
    lp_bound = min(lp_bound, plan.cost.total)
    solver = replace(
        plan.solver,
        lp_bound=lp_bound,
        gap=(plan.cost.total - lp_bound) / max(abs(lp_bound), 1e-9),
        seconds=round(time.perf_counter() - began_s, 3),
    )
    plan = replace(plan, solver=solver)
    refuse_if_broken(plan, depot, night)
    return plan


def _warnings(problem: Problem) -> list[str]:
    return [
        f"{capacity.name}: base load and reserve alone are above the limit in some steps; nothing is charged then"
        for capacity in problem.capacities
        if capacity.overdrawn
    ]
