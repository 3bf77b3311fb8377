"""Live state + plan → a new plan for the rest of the night, if the old one no longer holds or no longer serves.

What is true is compared with what was planned. Where a limit would be passed or a vehicle would miss what it was
promised, the rest of the night is planned again: first for the vehicles concerned beside everybody else's unchanged
powers, and for all only if that leaves less undone. Least harm first, then least money, as in any plan.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from optimiser.accounting import assemble_plan, energy_cost, presence
from optimiser.depot import Depot
from optimiser.expected import Expected, LiveVehicle, Place, expected_visits
from optimiser.horizon import FloatArray
from optimiser.lp import SolverError
from optimiser.night import Night
from optimiser.plan import Plan
from optimiser.planned import READY_TOLERANCE_PERCENT
from optimiser.planner import UNSOLVED
from optimiser.replan_words import sentences
from optimiser.rest import Rest, Solved
from optimiser.verify import PlanRefusedError, refuse_if_broken

__all__ = ["LEAD_S", "CannotReplanError", "LiveVehicle", "replan"]

LEAD_S = 120
"""What a new plan raises is counted on from this long after now on: the time a push may take. [s]"""

NARROWS_PER_H = READY_TOLERANCE_PERCENT
"""How fast ``policy.soc_tolerance_percent`` narrows towards a departure: what is behind an hour before it must be made
good within that hour. [% per h]"""

GROWN_KW = 0.1
"""Room that is not worth planning again for those who are short. [kW]"""

LESS_HARM_KWH = 0.1
"""What planning again must save, weighted by priority, for nothing else than to serve those who are short. [kWh]"""


class CannotReplanError(RuntimeError):
    """No new plan was found, or none that stands up to the check; the old one is still what it was."""


def replan(
    depot: Depot,
    night: Night,
    plan: Plan,
    live: Sequence[LiveVehicle],
    *,
    now: datetime,
    vacant: Collection[Place] = (),
    surely_kw: Mapping[Place, FloatArray] | None = None,
) -> Plan | None:
    """A plan of the whole night whose rest holds tonight's limits and serves who would otherwise be short.

    ``plan`` is the latest plan, ``night`` what is true of the night now: its visits, base load, limits and burdens may
    have changed since. ``live`` are the vehicles on the connectors, ``vacant`` connectors without one. ``surely_kw``
    (T,): what a burdened connector gives for sure; 0 where nothing is known.

    None if ``plan`` holds all limits and nobody falls behind what it promises by more than
    ``policy.soc_tolerance_percent``, which narrows towards the departure; so a plan that this function returned asks
    for no other. A vehicle without a known SoC keeps its plan. Raises :class:`CannotReplanError`.
    """
    if night.horizon != plan.horizon:
        raise CannotReplanError("the night has another horizon than its plan")
    start = max(night.horizon.start, now + timedelta(seconds=LEAD_S))
    first = math.floor(night.horizon.position(start))
    if first >= night.horizon.steps:
        return None
    visits = expected_visits(night, plan, live, vacant=vacant, now=now)
    rest = Rest(depot, night, visits, now=now, start=start, first=first, surely_kw=surely_kw or {})
    again = _Again(depot, night, plan, visits, rest, now=now)
    try:
        return again.planned()
    except (SolverError, PlanRefusedError) as error:
        raise CannotReplanError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class _Causes:
    """Rows of the rest that a plan must be made again for. ``refreshed`` need no other power, only the truth told."""

    above: frozenset[int]
    moved: frozenset[int]
    behind: frozenset[int]
    refreshed: frozenset[int]
    hopeful: frozenset[int]

    @property
    def must(self) -> frozenset[int]:
        """Those whose powers cannot stay."""
        return self.above | self.moved | self.behind


class _Again:
    """A night that may have to be planned again."""

    def __init__(
        self,
        depot: Depot,
        night: Night,
        plan: Plan,
        visits: Sequence[Expected],
        rest: Rest,
        *,
        now: datetime,
    ) -> None:
        self._depot, self._night, self._plan, self._visits = depot, night, plan, visits
        self._rest, self._now = rest, now

    def planned(self) -> Plan | None:
        rest, causes = self._rest, self._causes()
        if not (causes.must or causes.refreshed or causes.hopeful):
            return None
        anew = causes.must or causes.refreshed
        solved = rest.decided(causes.must | rest.inadmissible() | rest.insecure() if anew else ())
        if causes.must or causes.hopeful:
            if rest.is_improvable(solved, causes.must | causes.hopeful):
                wider = rest.decided(rest.willing | (causes.must | causes.hopeful) & rest.movable)
                solved = min(solved, wider, key=lambda one: one.harm_kwh + (one is wider) * LESS_HARM_KWH)
            kept = rest.harm_kwh(rest.planned_kw)
            is_better = solved.harm_kwh < kept - LESS_HARM_KWH
            if not (causes.must or causes.refreshed or is_better):
                return None
        return self._whole(solved, causes)

    # -- why ---------------------------------------------------------------------------------------------------

    def _causes(self) -> _Causes:
        rest = self._rest
        final_percent = rest.final_percent(rest.planned_kw)
        behind: set[int] = set()
        refreshed: set[int] = set()
        for row, one in enumerate(rest.visits):
            planned = one.planned
            if planned is None:
                continue
            is_told = one.live is not None and one.live.soc_percent is not None
            promised = min(planned.required_soc_percent, planned.planned_soc_percent)
            is_short = final_percent[row] < promised - self._tolerance_percent(one)
            ready = one.visit.required_soc_percent - READY_TOLERANCE_PERCENT
            if is_short and row in rest.fixed:
                refreshed.add(row)
            elif is_short and is_told:
                (refreshed if one.is_asleep else behind).add(row)
            elif is_told and not planned.is_ready and final_percent[row] >= ready:
                refreshed.add(row)
        moved = {row for row, one in enumerate(rest.visits) if one.is_moved and row not in rest.fixed}
        return _Causes(
            above=rest.above_limits(),
            moved=frozenset(moved),
            behind=frozenset(behind),
            refreshed=frozenset(refreshed),
            hopeful=self._hopeful(final_percent),
        )

    def _tolerance_percent(self, one: Expected) -> float:
        hours = max(1.0, (one.visit.departure - self._now).total_seconds() / 3600.0)
        return min(self._depot.policy.soc_tolerance_percent, NARROWS_PER_H * hours)

    def _hopeful(self, final_percent: FloatArray) -> frozenset[int]:
        """Who is short and could be helped: there is room where it is there, or more room than when it was planned."""
        rest = self._rest
        short = {
            row
            for row, one in enumerate(rest.visits)
            if row in rest.movable
            and not (one.is_missing or one.is_asleep)
            and final_percent[row] < one.visit.required_soc_percent - self._tolerance_percent(one)
        }
        if not short:
            return frozenset()
        if self._has_grown():
            return frozenset(short)
        return frozenset(row for row in short if rest.could_gain_kwh(row) > LESS_HARM_KWH)

    def _has_grown(self) -> bool:
        site, night = self._plan.site, self._night
        burdens_kw = np.array(site.burden_kw) if site.burden_kw else np.zeros(night.horizon.steps)
        before_kw = np.array(site.limit_kw) - np.array(site.base_load_kw) - burdens_kw
        now_kw = night.site_limit_kw - night.base_load_kw - night.burdens_kw
        return bool((now_kw - before_kw)[self._rest.first :].max() > GROWN_KW)

    # -- what comes of it ----------------------------------------------------------------------------------------

    def _whole(self, solved: Solved, causes: _Causes) -> Plan:
        """The plan of the whole night: what is past as it was planned, the rest as decided now.

        A visit's SoC at arrival is moved by what the real SoC differs from the plan, so that the SoC planned for its
        departure is the one that can be expected.
        """
        rest, night, first = self._rest, self._night, self._rest.first
        tonight = assemble_plan(
            self._depot, rest.night, solved.power_kw, solver=UNSOLVED, created_at=self._now
        )
        refuse_if_broken(tonight, self._depot, rest.night)
        whole_kw = np.array([one.power_kw for one in self._visits]).reshape(-1, night.horizon.steps)
        for row, one in enumerate(self._visits):
            if one.is_missing:
                whole_kw[row, :first] = 0.0
        current = math.floor(night.horizon.position(self._now))
        if 0 <= current < first:  # the last minutes of this step: what is lowered is lowered at once
            whole_kw[rest.rows, current] = np.minimum(whole_kw[rest.rows, current], solved.power_kw[:, 0])
        whole_kw[rest.rows, first:] = solved.power_kw
        past = np.arange(night.horizon.steps) < first
        site = self._plan.site
        visits = [one.visit for one in self._visits]
        for row, one in enumerate(self._visits):
            if one.planned is not None:
                visits[row] = replace(visits[row], arrival_soc_percent=one.planned.arrival_soc_percent)
        truth = replace(
            night,
            visits=tuple(visits),
            base_load_kw=np.where(past, site.base_load_kw, night.base_load_kw),
            site_limit_kw=np.where(past, site.limit_kw, night.site_limit_kw),
            warnings=(),
        )
        whole_kwh = (presence(truth) * whole_kw).sum(axis=1) * night.horizon.step_h
        final_percent = rest.final_percent(solved.power_kw)
        for place, row in enumerate(rest.rows):
            vehicle = self._depot.vehicle(visits[row].vehicle_id)
            gained_kwh = whole_kwh[row] * vehicle.charge_efficiency - visits[row].precondition_kwh
            arrived = float(final_percent[place] - 100.0 * gained_kwh / vehicle.battery_kwh)
            visits[row] = replace(visits[row], arrival_soc_percent=arrived)
        said = sentences(
            self._depot, self._plan, rest, solved, final_percent, now=self._now, above=bool(causes.above)
        )
        plan = assemble_plan(
            self._depot,
            replace(truth, visits=tuple(visits)),
            whole_kw,
            solver=UNSOLVED,
            created_at=self._now,
            baseline=self._plan.baseline,
            warnings=[*self._plan.warnings, *said],
        )
        kept_kw = (rest.problem.present * solved.power_kw)[~solved.free].sum(axis=0)
        decided_cost = tonight.cost.total - energy_cost(rest.night, kept_kw)
        if solved.decision is None:
            return replace(plan, solver=self._plan.solver)
        solver = solved.decision.solver(decided_cost)
        # The certificate is that of what was decided now; the rest of the money is what it is.
        fixed = plan.cost.total - decided_cost
        gap = (decided_cost - solver.lp_bound) / max(abs(plan.cost.total), 1e-9)
        return replace(plan, solver=replace(solver, lp_bound=solver.lp_bound + fixed, gap=gap))
