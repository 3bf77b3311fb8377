"""Live state + plan → a new plan for the rest of the night, if the old one no longer gets everybody out.

What is true is compared with what was planned; where a vehicle would miss what it was promised, the rest of the
night is planned again from the next step on: first for the vehicles concerned beside everybody else's unchanged
powers, and only if that leaves them short, for all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from optimiser.accounting import assemble_plan, energy_cost, preconditioned_kwh
from optimiser.depot import Depot
from optimiser.horizon import FloatArray
from optimiser.lp import SolverError
from optimiser.night import Night, Visit
from optimiser.plan import READY_TOLERANCE_PERCENT, Plan, PlannedVisit, Solver
from optimiser.planner import UNSOLVED, Decision, decide
from optimiser.problem import BoolArray, Problem, build_problem
from optimiser.verify import PlanRefusedError, refuse_if_broken

LEAD_S = 120
"""A new plan changes nothing earlier than this from now: the time a push may take. [s]"""


class CannotReplanError(RuntimeError):
    """No new plan was found, or none that stands up to the check; the old one is still what it was."""


@dataclass(frozen=True, kw_only=True)
class LiveVehicle:
    """A vehicle as it stands on a connector now; ``soc_percent`` is None where nobody knows it."""

    charger_id: str
    connector_id: int
    vehicle_id: str
    soc_percent: float | None


def replan(
    depot: Depot, night: Night, plan: Plan, live: Sequence[LiveVehicle], *, now: datetime
) -> Plan | None:
    """A plan of the whole night whose steps from the next one on serve who would otherwise be short.

    ``plan`` is the latest plan of ``night``, ``live`` the vehicles on the connectors. None if nobody falls
    behind what ``plan`` promises by more than ``policy.soc_tolerance_percent``, or nothing is left to plan; so
    a plan that this function returned asks for no other. A vehicle without a known SoC keeps its plan. Raises
    :class:`CannotReplanError`.
    """
    if [_who(visit) for visit in night.visits] != [_who(visit) for visit in plan.visits]:
        raise CannotReplanError("the visits of the night are no longer those of its plan")
    soc_percent = {(v.vehicle_id, v.charger_id, v.connector_id): v.soc_percent for v in live}
    known = [
        soc_percent.get((visit.vehicle_id, visit.charger_id, visit.connector_id))
        if visit.arrival <= now < visit.departure
        else None
        for visit in plan.visits
    ]
    behind = [
        row
        for row, (visit, soc) in enumerate(zip(plan.visits, known, strict=True))
        if soc is not None and _falls_behind(depot, night, plan, row, soc, now=now)
    ]
    first = max(0, math.ceil(plan.horizon.position(now + timedelta(seconds=LEAD_S))))
    if first >= plan.horizon.steps:
        return None
    # Who leaves before the next step cannot be helped any more.
    start = plan.horizon.from_step(first).start
    behind = [row for row in behind if plan.visits[row].departure > start]
    if not behind:
        return None
    rest = _Rest(depot, night, plan, known, first=first, now=now)
    try:
        return rest.replanned(behind)
    except (SolverError, PlanRefusedError) as error:
        raise CannotReplanError(str(error)) from error


def _who(visit: Visit | PlannedVisit) -> tuple[str, str, int, datetime, datetime]:
    return visit.vehicle_id, visit.charger_id, visit.connector_id, visit.arrival, visit.departure


def _falls_behind(
    depot: Depot, night: Night, plan: Plan, row: int, soc_percent: float, *, now: datetime
) -> bool:
    planned = plan.visits[row]
    promised = min(planned.required_soc_percent, planned.planned_soc_percent)
    coming = _gain_percent(depot, night, plan, row, after=now, before=planned.departure)
    return soc_percent + coming < promised - depot.policy.soc_tolerance_percent


def _gain_percent(
    depot: Depot, night: Night, plan: Plan, row: int, *, after: datetime, before: datetime
) -> float:
    """SoC by which a visit's planned powers, less its preconditioning, change it between two instants. [%]"""
    planned, visit = plan.visits[row], night.visits[row]
    vehicle = depot.vehicle(visit.vehicle_id)
    there = plan.horizon.presence(max(after, planned.arrival), max(after, min(before, planned.departure)))
    energy_kwh = float(there @ np.array(planned.power_kw)) * plan.horizon.step_h * vehicle.charge_efficiency
    taken_kwh = preconditioned_kwh(depot, visit, before) - preconditioned_kwh(depot, visit, after)
    return 100.0 * (energy_kwh - taken_kwh) / vehicle.battery_kwh


class _Rest:
    """The night from step ``first`` on, with the SoC that each vehicle will have by then."""

    def __init__(
        self,
        depot: Depot,
        night: Night,
        plan: Plan,
        known: Sequence[float | None],
        *,
        first: int,
        now: datetime,
    ) -> None:
        self._depot, self._night, self._plan, self._known = depot, night, plan, known
        self._first, self._now = first, now
        start = plan.horizon.from_step(first).start
        self._rows = [row for row, visit in enumerate(plan.visits) if visit.departure > start]
        self._rest_night = replace(
            night,
            horizon=plan.horizon.from_step(first),
            visits=tuple(self._visit_from(row, start) for row in self._rows),
            import_price_per_kwh=night.import_price_per_kwh[first:],
            export_price_per_kwh=night.export_price_per_kwh[first:],
            base_load_kw=night.base_load_kw[first:],
            site_limit_kw=night.site_limit_kw[first:],
            pv_kw=night.pv_kw[first:],
        )

    def replanned(self, behind: Sequence[int]) -> Plan:
        """The plan with the rest decided anew, for those who are behind or, if that is not enough, for all."""
        problem = build_problem(self._depot, self._rest_night)
        planned_kw = np.array([self._plan.visits[row].power_kw[self._first :] for row in self._rows])
        concerned = np.array([row in set(behind) for row in self._rows])
        free = concerned
        power_kw, decision = self._decided(problem, planned_kw, free)
        tolerance_kwh = problem.battery_kwh[free] * READY_TOLERANCE_PERCENT / 100.0
        if (decision.shortfall_kwh > tolerance_kwh).any():
            free = np.ones_like(concerned)
            power_kw, decision = self._decided(problem, planned_kw, free)
        rest = assemble_plan(self._depot, self._rest_night, power_kw, solver=UNSOLVED, created_at=self._now)
        refuse_if_broken(rest, self._depot, self._rest_night)
        kept_kw = (problem.present * planned_kw)[~free].sum(axis=0)
        decided_cost = rest.cost.total - energy_cost(self._rest_night, kept_kw)
        return self._whole(power_kw, decision.solver(decided_cost), decided_cost=decided_cost, behind=behind)

    def _decided(
        self, problem: Problem, planned_kw: FloatArray, free: BoolArray
    ) -> tuple[FloatArray, Decision]:
        decision = decide(problem.beside(planned_kw, free))
        power_kw = planned_kw.copy()
        power_kw[free] = decision.power_kw
        return power_kw, decision

    def _visit_from(self, row: int, start: datetime) -> Visit:
        """The night's visit with its SoC at the start of the rest, or at its arrival where that is later."""
        visit, planned, soc_percent = self._night.visits[row], self._plan.visits[row], self._known[row]
        if soc_percent is None:
            soc_percent, since = planned.arrival_soc_percent, planned.arrival
        else:
            since = self._now
        gained = _gain_percent(self._depot, self._night, self._plan, row, after=since, before=start)
        return replace(
            visit,
            arrival=max(visit.arrival, start),
            arrival_soc_percent=min(100.0, max(0.0, soc_percent + gained)),
            precondition_kwh=visit.precondition_kwh - preconditioned_kwh(self._depot, visit, start),
        )

    def _whole(
        self, power_kw: FloatArray, solver: Solver, *, decided_cost: float, behind: Sequence[int]
    ) -> Plan:
        """The plan of the whole night: what is past as it was planned, the rest as decided now.

        A visit's SoC at arrival is moved by what the real SoC differs from the plan, so that the SoC planned
        for its departure is the one that can be expected.
        """
        whole_kw = np.array([visit.power_kw for visit in self._plan.visits])
        whole_kw[self._rows, self._first :] = power_kw
        visits = list(self._night.visits)
        for row, rest_visit in zip(self._rows, self._rest_night.visits, strict=True):
            since, until = self._plan.visits[row].arrival, rest_visit.arrival
            gained = _gain_percent(self._depot, self._night, self._plan, row, after=since, before=until)
            visits[row] = replace(visits[row], arrival_soc_percent=rest_visit.arrival_soc_percent - gained)
        plan = assemble_plan(
            self._depot,
            replace(self._night, visits=tuple(visits), warnings=()),
            whole_kw,
            solver=UNSOLVED,
            created_at=self._now,
            baseline=self._plan.baseline,
            warnings=[*self._plan.warnings, *(self._sentence(row) for row in behind)],
        )
        # The certificate is that of what was decided now; the rest of the money is what it is.
        fixed = plan.cost.total - decided_cost
        gap = (decided_cost - solver.lp_bound) / max(abs(plan.cost.total), 1e-9)
        return replace(plan, solver=replace(solver, lp_bound=solver.lp_bound + fixed, gap=gap))

    def _sentence(self, row: int) -> str:
        planned, soc_percent = self._plan.visits[row], self._known[row] or 0.0
        expected = planned.arrival_soc_percent + _gain_percent(
            self._depot, self._night, self._plan, row, after=planned.arrival, before=self._now
        )
        at = self._plan.horizon.local(self._now)
        return (
            f"{planned.vehicle_id} had {soc_percent:.0f} % instead of {expected:.0f} % at {at:%H:%M}: "
            f"planned again from {self._plan.horizon.local(self._rest_night.horizon.start):%H:%M}"
        )
