"""The rest of a night: who is to be expected with how much, what is sure of it, and what can still be decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from optimiser.accounting import is_allowance, preconditioned_kwh
from optimiser.depot import Depot
from optimiser.expected import Expected, Place, soc_percent_at
from optimiser.horizon import FloatArray
from optimiser.levels import Levels
from optimiser.night import Night, Visit
from optimiser.planner import Decision, decide
from optimiser.problem import BoolArray, build_problem

ABOVE_KW = 1e-4
"""A tenth of a watt, or milliampere: what counts as above a limit."""

ABSENT_WEIGHT = 0.01
"""What the shortfall of a vehicle counts that is not there, or asleep, beside those that can be charged."""

HOPELESS_WEIGHT = 0.9
"""What the shortfall of a vehicle counts that cannot be ready any more: who still can does not make room for it."""

UNREACHABLE_KWH = 0.05
"""What a vehicle may be short of what its own time and power allow before others are asked to make room. [kWh]"""


@dataclass(frozen=True, kw_only=True)
class Solved:
    """Powers (V, T) for the rest, who of it was decided anew (V,), and what harm it leaves: weighted kWh."""

    power_kw: FloatArray
    free: BoolArray
    harm_kwh: float
    decision: Decision | None


class Rest:
    """The night from step ``first`` on; everything in it has a row per visit that is not over at ``start``.

    ``rows``: their numbers in the night. ``planned_kw`` (V, T): what the plan gives them, where it can be given.
    ``fixed``: on connectors that are a burden. ``movable``: all others. ``willing``: those of them that make room for
    others, as a fleet rule may say that a visit does not.
    """

    def __init__(
        self,
        depot: Depot,
        night: Night,
        visits: Sequence[Expected],
        *,
        now: datetime,
        start: datetime,
        first: int,
        surely_kw: Mapping[Place, FloatArray],
    ) -> None:
        self.first, self._depot = first, depot
        self.rows = [row for row, one in enumerate(visits) if one.visit.departure > start]
        self.visits = [visits[row] for row in self.rows]
        self.night = replace(
            night,
            horizon=night.horizon.from_step(first),
            visits=tuple(_visit_from(depot, night, one, now=now, start=start) for one in self.visits),
            import_price_per_kwh=night.import_price_per_kwh[first:],
            export_price_per_kwh=night.export_price_per_kwh[first:],
            base_load_kw=night.base_load_kw[first:],
            site_limit_kw=night.site_limit_kw[first:],
            pv_kw=night.pv_kw[first:],
            burden_kw={place: burden_kw[first:] for place, burden_kw in night.burden_kw.items()},
            warnings=(),
        )
        self.problem = build_problem(depot, self.night)
        self.fixed = frozenset(row for row, one in enumerate(self.visits) if one.place in night.burden_kw)
        self.movable = frozenset(range(len(self.visits))) - self.fixed
        self.willing = frozenset(row for row in self.movable if self.visits[row].visit.may_be_overridden)
        self.planned_kw = self._given(depot, surely_kw)
        absent = np.array([one.is_missing or one.is_asleep for one in self.visits], dtype=np.bool_)
        is_hopeless = self.problem.unreachable_kwh() > UNREACHABLE_KWH
        weight = np.where(absent, ABSENT_WEIGHT, np.where(is_hopeless, HOPELESS_WEIGHT, 1.0))
        self.problem = replace(self.problem, priority=weight * self.problem.priority)

    def _given(self, depot: Depot, surely_kw: Mapping[Place, FloatArray]) -> FloatArray:
        """What the plan gives, and what burdened connectors give for sure, while it fits into the battery."""
        present = self.problem.present > 0
        given = np.array([one.power_kw[self.first :] for one in self.visits]).reshape(present.shape)
        for row in self.fixed:
            sure_kw = surely_kw.get(self.visits[row].place)
            given[row] = 0.0 if sure_kw is None else sure_kw[self.first :]
        given = np.where(present, given, 0.0)
        fixed = sorted(self.fixed)
        if not fixed:
            return given
        levels = Levels(build_problem(depot, replace(self.night, burden_kw={})))
        cut_kw = levels.power_kw(levels.cut(given))
        charged_kwh = np.cumsum(self.problem.energy_per_kw() * cut_kw, axis=1)
        fits = charged_kwh <= self.problem.battery_room_kwh[:, None]
        given[fixed] = np.where(fits, cut_kw, 0.0)[fixed]
        for row in fixed:
            given[row] = np.where(self._above_curve(row, given[row]), 0.0, given[row])
        return given

    def final_percent(self, power_kw: FloatArray) -> FloatArray:
        """The SoC at departure that powers (V, T) lead to, shape (V,); who sleeps gains nothing. [%]"""
        problem = self.problem
        awake = np.array([not one.is_asleep for one in self.visits], dtype=float)
        gained_kwh = awake * (problem.energy_per_kw() * power_kw).sum(axis=1)
        taken_kwh = np.array([visit.precondition_kwh for visit in self.night.visits])
        left_kwh = np.clip(problem.arrival_kwh + gained_kwh - taken_kwh, 0.0, None)
        final_percent: FloatArray = 100.0 * left_kwh / problem.battery_kwh
        return final_percent

    def harm_kwh(self, power_kw: FloatArray) -> float:
        """What powers (V, T) leave undone, weighted. [kWh]"""
        return float(self.problem.priority @ self.problem.shortfall_kwh(power_kw))

    # -- whether the plan still holds ---------------------------------------------------------------------------

    def above_limits(self) -> frozenset[int]:
        """Who draws where the plan passes a limit, or the security that it could have."""
        problem, power_kw = self.problem, self._movable_kw()
        above = np.zeros(problem.steps, dtype=np.bool_)
        for capacity in problem.capacities:
            above |= capacity.weight @ power_kw > capacity.limit + ABOVE_KW
        if problem.security is not None:
            asleep = replace(problem.security, kept_kw=np.zeros_like(problem.security.kept_kw))
            above |= asleep.worst_kw(power_kw) > problem.security.limit_kw + ABOVE_KW
        draws = (power_kw > 0) & above
        return frozenset(np.flatnonzero(draws.any(axis=1)).tolist())

    def insecure(self) -> frozenset[int]:
        """Who draws where chargers that forget would pass the limit beside the burdens.

        That alone is no reason to plan again: the plan is within its limits. But a plan that is made anew is secure.
        """
        if self.problem.security is None:
            return frozenset()
        power_kw = self._movable_kw()
        broken = self.problem.security.worst_kw(power_kw) > self.problem.security.limit_kw + ABOVE_KW
        return frozenset(np.flatnonzero(((power_kw > 0) & broken).any(axis=1)).tolist())

    def inadmissible(self) -> frozenset[int]:
        """Whose planned powers do not fit their battery or its charge curve any more: they are fuller than expected."""
        problem = self.problem
        charged_kwh = np.cumsum(problem.energy_per_kw() * self.planned_kw, axis=1)
        room_kwh = problem.battery_room_kwh[:, None] + problem.consumed_kwh
        over: BoolArray = np.array((charged_kwh > room_kwh + 1e-6).any(axis=1))
        # Who may still come emptier is allowed more than fits if it comes as expected.
        over &= ~np.array([is_allowance(self._depot, visit) for visit in self.night.visits], dtype=np.bool_)
        for row in range(problem.visits):
            over[row] |= bool(self._above_curve(row, self.planned_kw[row]).any())
        return frozenset(np.flatnonzero(over).tolist()) & self.movable

    def _above_curve(self, row: int, power_kw: FloatArray) -> BoolArray:
        """Where powers (T,) are more than a visit's battery takes after the step; nowhere without a charge curve."""
        problem, curve = self.problem, self.problem.curves[row]
        if curve is None:
            return np.zeros(problem.steps, dtype=np.bool_)
        charged_kwh = np.cumsum(problem.energy_per_kw()[row] * power_kw) - problem.consumed_kwh[row]
        soc_percent = 100.0 * (problem.arrival_kwh[row] + charged_kwh) / problem.battery_kwh[row]
        allowed_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
        above: BoolArray = (power_kw > 0) & (power_kw * problem.efficiency[row] > allowed_kw + ABOVE_KW)
        return above

    def could_gain_kwh(self, row: int) -> float:
        """What a visit could gain beside the planned powers of all that are there, by limits in kW alone. [kWh]"""
        problem, power_kw = self.problem, self._movable_kw()
        power_kw[[n for n, one in enumerate(self.visits) if one.is_missing or one.is_asleep]] = 0.0
        more_kw = np.full(problem.steps, problem.max_kw[row])
        for capacity in problem.capacities:
            if capacity.weight[row] > 0:
                left = np.clip(capacity.limit - capacity.weight @ power_kw, 0.0, None)
                more_kw = np.minimum(more_kw, left / capacity.weight[row])
        if problem.security is not None:
            drawn_kw = problem.security.drawn_kw(power_kw)
            left_kw = problem.security.headroom_kw(drawn_kw, int(problem.security.charger[row]))
            more_kw = np.minimum(more_kw, np.clip(left_kw, 0.0, None))
        most_kw = np.clip(problem.max_kw[row] - power_kw[row], 0.0, None)
        # Less than the minimum cannot be had by who has nothing.
        usable = (power_kw[row] > 0) | (more_kw >= problem.min_kw[row])
        gained_kwh = (
            problem.energy_per_kw()[row] * np.where(usable, np.minimum(more_kw, most_kw), 0.0)
        ).sum()
        return float(min(gained_kwh, problem.shortfall_kwh(self.planned_kw)[row]))

    def is_improvable(self, solved: Solved, concerned: Collection[int]) -> bool:
        """Whether others could do something for those concerned: their own time and power would allow more."""
        short_kwh = self.problem.shortfall_kwh(solved.power_kw) - self.problem.unreachable_kwh()
        return bool((short_kwh[sorted(concerned)] > UNREACHABLE_KWH).any())

    # -- deciding ----------------------------------------------------------------------------------------------

    def decided(self, free: Collection[int]) -> Solved:
        """The least harm, then least money, with the powers of these rows anew beside all others' unchanged ones."""
        is_free = np.zeros(len(self.visits), dtype=np.bool_)
        is_free[sorted(free)] = True
        power_kw, decision = self.planned_kw.copy(), None
        if is_free.any():
            decision = decide(self.problem.beside(self.planned_kw, is_free), branching=False, swapping=False)
            power_kw[is_free] = decision.power_kw
        return Solved(power_kw=power_kw, free=is_free, harm_kwh=self.harm_kwh(power_kw), decision=decision)

    def _movable_kw(self) -> FloatArray:
        power_kw = self.planned_kw.copy()
        power_kw[sorted(self.fixed)] = 0.0
        return power_kw


def _visit_from(depot: Depot, night: Night, one: Expected, *, now: datetime, start: datetime) -> Visit:
    """A visit with its SoC at the start of the rest, or at its arrival where that is later.

    Who is there is not uncertain any more, but for a SoC that nobody knows.
    """
    is_there = one.live is not None
    is_known = one.live is not None and one.live.soc_percent is not None
    return replace(
        one.visit,
        arrival_sd_minutes=0.0 if is_there else one.visit.arrival_sd_minutes,
        arrival_soc_sd_percent=0.0 if is_known else one.visit.arrival_soc_sd_percent,
        arrival=max(one.visit.arrival, start),
        arrival_soc_percent=soc_percent_at(depot, one, night.horizon, now=now, at=start),
        precondition_kwh=one.visit.precondition_kwh - preconditioned_kwh(depot, one.visit, start),
    )
