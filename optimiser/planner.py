"""Depot and night → plan: problem, optimum, set-points, accounts, check. The street in one function."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from optimiser.accounting import assemble_plan
from optimiser.compression import few_periods, periods_of
from optimiser.depot import Depot
from optimiser.forgetful import forgetful_warnings
from optimiser.fresh_nights import assured
from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram, covering
from optimiser.night import Night
from optimiser.plan import Plan, Solver
from optimiser.problem import Problem, build_problem
from optimiser.setpoints import set_points
from optimiser.verify import refuse_if_broken


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Set-points (V, T) of a problem, the program they came from, and how long that took.

    ``unheld_kwh`` is what they leave behind because chargers cannot hold enough periods.
    """

    problem: Problem
    power_kw: FloatArray
    unheld_kwh: float
    program: LinearProgram
    seconds: float
    is_uncertain: bool = False

    @property
    def shortfall_kwh(self) -> FloatArray:
        """What each visit leaves without, shape (V,). [kWh, battery side]"""
        return self.problem.shortfall_kwh(self.power_kw)

    def solver(self, cost_total: float) -> Solver:
        """How a plan of this cost was found, with the bound for its own shortfall.

        Where arrivals are uncertain the program and its bound are of the cost in the mean of them, and the cost is that
        of the night as written: the bound then is as far below it as the plan is above the optimum in the mean.
        """
        bound = self.program.bound(self.problem, self.shortfall_kwh)
        if self.is_uncertain:
            bound += cost_total - self.problem.money(self.power_kw)
        # Where the plan is optimal, the solver's last digits may put the bound above it.
        lp_bound = min(bound, cost_total)
        return Solver(
            name=self.program.solver_name,
            version=self.program.solver_version,
            proved_optimal=True,
            lp_bound=lp_bound,
            gap=(cost_total - lp_bound) / max(abs(lp_bound), 1e-9),
            seconds=round(self.seconds, 3),
        )


def decide(problem: Problem, *, branching: bool = True, swapping: bool = True) -> Decision:
    """The optimum of a problem in set-points; see :func:`~optimiser.setpoints.set_points`.

    ``swapping``: see :func:`~optimiser.compression.few_periods`.
    """
    began_s = time.perf_counter()
    is_uncertain = problem.scenarios is not None
    problem = covering(problem)
    program = LinearProgram(problem)
    power_kw = set_points(problem, program, program.solve(), branching=branching)
    unheld_kwh = 0.0
    if (periods_of(power_kw) > problem.max_periods).any():
        free_kwh = problem.shortfall_kwh(power_kw).sum()
        power_kw = few_periods(problem, power_kw, problem.max_periods, swapping=swapping)
        unheld_kwh = float(problem.shortfall_kwh(power_kw).sum() - free_kwh)
    return Decision(
        problem=problem,
        power_kw=power_kw,
        unheld_kwh=unheld_kwh,
        program=program,
        seconds=time.perf_counter() - began_s,
        is_uncertain=is_uncertain,
    )


def plan_night(depot: Depot, night: Night, *, created_at: datetime) -> Plan:
    """The cheapest plan that leaves the least behind, in set-points that the chargers can take.

    Never "infeasible": what cannot be delivered is each visit's ``shortfall_kwh``. Raises
    :class:`~optimiser.verify.PlanRefusedError` if the plan does not stand up to the independent check, and
    :class:`~optimiser.lp.SolverError` if no optimum was found in time.
    """
    plan, decision = _planned(depot, night, created_at)
    plan = replace(plan, solver=decision.solver(plan.cost.total))
    refuse_if_broken(plan, depot, night)
    return assured(plan, depot, night)


def plan_uncertified(depot: Depot, night: Night, *, created_at: datetime) -> Plan:
    """The same plan without its certificate, which is a seventh of the time: for studies of many nights.

    ``solver`` of it says nothing. Checked, and raises, as :func:`plan_night`.
    """
    plan, _ = _planned(depot, night, created_at)
    refuse_if_broken(plan, depot, night)
    return plan


def _planned(depot: Depot, night: Night, created_at: datetime) -> tuple[Plan, Decision]:
    decision = decide(build_problem(depot, night))
    warnings = [*_warnings(decision), *forgetful_warnings(depot, night, decision.power_kw)]
    plan = assemble_plan(
        depot, night, decision.power_kw, solver=UNSOLVED, created_at=created_at, warnings=warnings
    )
    return plan, decision


UNHELD_FROM_KWH = 0.05
"""Less is not worth a sentence."""

UNSOLVED = Solver(name="none", version="", proved_optimal=False, lp_bound=0.0, gap=0.0, seconds=0.0)
"""Stands in a plan until its cost is known, which the certificate needs."""


def _warnings(decision: Decision) -> Iterator[str]:
    for capacity in decision.problem.capacities:
        if capacity.overdrawn:
            yield f"{capacity.name}: base load and reserve alone are above the limit in some steps; nothing is charged then"
    if decision.unheld_kwh > UNHELD_FROM_KWH:
        yield (
            f"{decision.unheld_kwh:.1f} kWh are left behind because some chargers can hold few periods of a profile: "
            "see max_periods in their capabilities"
        )
