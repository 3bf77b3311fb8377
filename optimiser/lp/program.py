"""The questions a night is asked: least harm, least money, nearly as much under other bounds, and how low it goes.

Lexicographic: priority-weighted shortfall first, then money; ties early rather than late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray
from optimiser.lp.live import LiveSolver, SolverError
from optimiser.lp.model import NightModel
from optimiser.problem import Problem

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Bounds = tuple[FloatArray, FloatArray]

HARM_ROW = np.zeros(1, dtype=np.int32)
"""The row of the weighted shortfall is the model's first."""

TIE_SHARE = 5e-5
"""The most that ending early may cost, as a share of the highest price: far below the 0.01 % promised."""

STEEP_TIE_SHARE = 5e-3
"""The same while the solver looks for its way: at 1000 vehicles with a demand charge it finds the optimum in
0.6 s instead of 9.6 s, and from there that of :data:`TIE_SHARE` in 0.01 s (two shared cores)."""

SHORTFALL_SLACK_KWH = 1e-6
"""How far the second stage may leave the first one's weighted shortfall: the solver's own accuracy."""

CHOICE_ROUNDS = 3
"""How often branch and bound is tried again with the rows of security that its last choice broke."""

SECURITY_TOLERANCE_KW = 1e-6
"""How far a limit may be passed before the row that says so is added: the solver's own accuracy."""


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """An optimum of the LP: ``power_kw`` (V, T), ``shortfall_kwh`` (V,), ``money`` without tie-breaks."""

    power_kw: FloatArray
    shortfall_kwh: FloatArray
    money: float


@dataclass(frozen=True, kw_only=True)
class Priced:
    """The least value of a night, and by how much a little more of everything that binds would lower it, per unit.

    ``limit`` (C, T) per unit of each capacity, ``secured`` (T,) per kW of what forgetful chargers leave, ``power``
    (V, T) per kW of highest power, all ≥ 0. ``peak`` (T,) and ``need`` (V,) are by how much a kW more of load and a
    kWh more of need would raise it. They are derivatives: how far they hold is seen by solving again.
    """

    value: float
    limit: FloatArray
    secured: FloatArray
    power: FloatArray
    peak: FloatArray
    need: FloatArray


class LinearProgram:
    """The LP of a night, built once; solved, then solved again with other limits from where it stood."""

    def __init__(self, problem: Problem, *, model: NightModel | None = None) -> None:
        self.problem = problem
        self._model = NightModel(problem) if model is None else model
        # One unit of money per kWh is brought to the order of 1: the solver's tolerances are absolute.
        dearest = float(np.abs(problem.import_price_per_kwh).max(initial=0.0))
        self._money_scale = 10.0 / max(dearest, 1e-3)
        self._model.minimise(self._costs(STEEP_TIE_SHARE))
        # At first nobody may be short for any other reason than time and power of its own.
        for column, most in zip(self._model.shortfalls, problem.unreachable_kwh().tolist(), strict=True):
            self._model.variables[column].upBound = most
        self._live = LiveSolver(self._model.model, self._model.variables)
        self._security_rows: dict[int, tuple[int, IntArray]] = {}
        self._bound: Optimum | None = None

    @property
    def solver_name(self) -> str:
        """Name of the solver behind PuLP."""
        return self._live.name

    @property
    def solver_version(self) -> str:
        """Versions of the solver and of PuLP."""
        return self._live.version

    def solve(self) -> Optimum:
        """The least weighted shortfall, the least money for it, early among equals."""
        # From the optimum with steep ties, where the first solve has left it, to that with flat ones.
        if self._settle():
            self._live.set_costs(self._costs(TIE_SHARE))
            if self._settle(only_costs_changed=True):
                return self._with_bound(self._optimum())
        # Somebody cannot be served: find the least harm first, then the least money for exactly that harm.
        self._limit_shortfalls(self.problem.need_kwh)
        harm = np.zeros_like(self._model.money)
        harm[self._model.shortfalls] = self.problem.priority
        self._live.set_costs(harm)
        least = float(self.problem.priority @ self._settled().shortfall_kwh)
        self._limit_harm(least + SHORTFALL_SLACK_KWH)
        for tie_share in (STEEP_TIE_SHARE, TIE_SHARE):
            self._live.set_costs(self._costs(tie_share))
            optimum = self._settled(only_costs_changed=True)
        return self._with_bound(optimum)

    def _with_bound(self, optimum: Optimum) -> Optimum:
        """Notes what the optimum would cost without tie-breaks, which is near from where the solver stands."""
        self._limit_shortfalls(np.minimum(optimum.shortfall_kwh + SHORTFALL_SLACK_KWH, self.problem.need_kwh))
        self._live.set_costs(self._costs(0.0))
        self._bound = replace(optimum, money=self._settled(only_costs_changed=True).money)
        return optimum

    def aim_at(self, problem: Problem) -> None:
        """Takes over other needs and limits of the same visits and steps.

        From now on what they leave without is kept as small as they allow, at any price.
        """
        self.problem = problem
        for family in self._model.families:
            limits = family.limits(problem)
            self._live.bound_rows(family.rows, limits if family.equal else None, limits)
        for row, (step, awake) in self._security_rows.items():
            self._bound_security(row, step, awake)
        spare_kwh = np.clip(problem.most_kwh - problem.need_kwh, 0.0, None)
        self._live.bound_columns(self._model.spares, np.zeros_like(spare_kwh), spare_kwh)
        self._limit_shortfalls(problem.need_kwh)
        self._live.set_costs(self._costs(STEEP_TIE_SHARE) + self._penalties())

    def within(self, bounds_kw: Bounds) -> Optimum | None:
        """The optimum of what was aimed at within lower and upper bounds of the powers, shape (V, T) each.

        From where the solver stands. None if the bounds are more than the limits allow.
        """
        self._bound_powers(bounds_kw)
        return self._optimum() if self._settle() else None

    def choose(self, bounds_kw: Bounds) -> Optimum | None:
        """The same where every power may be 0 as well as within its bounds; None if nothing was found in time.

        This is no linear program any more: it is solved by branch and bound.
        """
        self._bound_powers(bounds_kw)
        either = bounds_kw[0] > 0
        optimum = None
        for _ in range(CHOICE_ROUNDS):
            if not self._live.choose(self._model.powers, either[self._model.places]):
                break
            if not self._add_security_rows():
                optimum = self._optimum()
                break
        self._live.choose_no_more(self._model.powers)
        return optimum

    def bound(self, problem: Problem, shortfall_kwh: FloatArray) -> float:
        """Money below which no plan with at most this shortfall per visit (V,) can come, tie-breaks left out.

        ``problem`` is the one that has been solved.
        """
        known = self._bound
        if known is not None and (shortfall_kwh <= known.shortfall_kwh + SHORTFALL_SLACK_KWH).all():
            return known.money
        self.aim_at(problem)
        highest_kw = np.broadcast_to(problem.max_kw[:, None], problem.present.shape)
        self._bound_powers((np.zeros_like(highest_kw), highest_kw))
        # What the solver's own accuracy lets slip may not make the bound infeasible.
        self._limit_shortfalls(np.minimum(shortfall_kwh + SHORTFALL_SLACK_KWH, problem.need_kwh))
        self._live.set_costs(self._costs(0.0))
        return self._settled().money

    def priced(
        self, problem: Problem, highest_kw: FloatArray, shortfall_kwh: FloatArray | None = None
    ) -> Priced | None:
        """The least money with at most ``shortfall_kwh`` (V,); without that, the least weighted shortfall at any price.

        For other limits of the same visits and steps, and powers up to ``highest_kw`` (V,); tie-breaks left out. None
        if it cannot be done.
        """
        self.aim_at(problem)
        upper_kw = np.broadcast_to(highest_kw[:, None], problem.present.shape)
        self._bound_powers((np.zeros_like(upper_kw), upper_kw))
        if shortfall_kwh is None:
            unit, costs = 1.0, np.zeros_like(self._model.money)
            costs[self._model.shortfalls] = problem.priority
        else:
            self._limit_shortfalls(np.minimum(shortfall_kwh + SHORTFALL_SLACK_KWH, problem.need_kwh))
            unit, costs = self._money_scale, self._costs(0.0)
        self._live.set_costs(costs)
        if not self._settle():
            return None
        values, by_row = self._live.values, self._live.row_prices / unit
        limit, secured = np.zeros((len(problem.capacities), problem.steps)), np.zeros(problem.steps)
        limit[self._model.limit_places] = -by_row[self._model.limit_rows]
        for row, (step, _) in self._security_rows.items():
            secured[step] -= by_row[row]
        peak = np.zeros(problem.steps)
        for demand, rows in zip(problem.demands, self._model.peak_rows, strict=True):
            for (first, stop), row in zip(demand.intervals, rows, strict=True):
                peak[first:stop] -= by_row[row] / (stop - first)
        power = np.zeros_like(problem.present)
        power[self._model.places] = -self._live.column_prices[self._model.powers] / unit
        return Priced(
            value=float(costs @ values) / unit,
            limit=limit.clip(0.0),
            secured=secured.clip(0.0),
            power=power.clip(0.0),
            peak=peak.clip(0.0),
            need=by_row[self._model.energy_rows],
        )

    # -- costs and bounds ----------------------------------------------------------------------------------

    def _costs(self, tie_share: float) -> FloatArray:
        """Scaled money per column; a visit's later steps cost a trifle more than its earlier ones.

        Each visit has a slope of its own: with one common slope equal visits trade places freely and every
        one of them is scattered over the night.
        """
        problem, model = self.problem, self._model
        costs = self._money_scale * model.money
        highest = max(1e-3, float(np.abs(problem.import_price_per_kwh).max(initial=0.0)) * problem.step_h)
        slopes = _slopes(problem.visits) * tie_share * self._money_scale * highest / problem.steps
        rows, steps = model.places
        costs[model.powers] += slopes[rows] * steps * problem.present[rows, steps]
        return costs

    def _penalties(self) -> FloatArray:
        """For each column more scaled money than a kWh can cost by any means."""
        penalties = np.zeros_like(self._model.money)
        penalties[self._model.shortfalls] = self.problem.priority
        penalties *= self._money_scale * dearest_kwh(self.problem)
        return penalties

    def _bound_powers(self, bounds_kw: Bounds) -> None:
        places = self._model.places
        self._live.bound_columns(self._model.powers, bounds_kw[0][places], bounds_kw[1][places])

    def _limit_shortfalls(self, most_kwh: FloatArray) -> None:
        self._live.bound_columns(self._model.shortfalls, np.zeros_like(most_kwh), most_kwh)

    def _limit_harm(self, most: float) -> None:
        self._live.bound_rows(HARM_ROW, None, np.array([most]))

    # -- solving -------------------------------------------------------------------------------------------

    def _settle(self, *, only_costs_changed: bool = False) -> bool:
        """Solves until no row of security is broken; whether the problem is feasible."""
        while self._live.run(only_costs_changed=only_costs_changed):
            if not self._add_security_rows():
                return True
            only_costs_changed = False
        return False

    def _settled(self, *, only_costs_changed: bool = False) -> Optimum:
        if not self._settle(only_costs_changed=only_costs_changed):
            raise SolverError("the linear program has no solution")
        return self._optimum()

    def _add_security_rows(self) -> bool:
        """Adds the rows of security that the last solution breaks: few of the many there are ever bind."""
        secured = self.problem.security
        if secured is None:
            return False
        power_kw, added = self._power_kw(self._live.values), False
        for step, awake in secured.broken(power_kw, SECURITY_TOLERANCE_KW):
            rows, steps = self._model.places
            at_step = np.flatnonzero(steps == step)
            others = at_step[~np.isin(secured.charger[rows[at_step]], awake)].astype(np.int32)
            row = self._live.add_row(self._model.powers[others], np.ones(len(others)))
            self._security_rows[row] = (step, awake)
            self._bound_security(row, step, awake)
            added = True
        return added

    def _bound_security(self, row: int, step: int, awake: IntArray) -> None:
        assert self.problem.security is not None
        most_kw = self.problem.security.most_kw(step, awake)
        self._live.bound_rows(np.array([row], dtype=np.int32), None, np.array([most_kw]))

    def _power_kw(self, values: FloatArray) -> FloatArray:
        power_kw = np.zeros_like(self.problem.present)
        power_kw[self._model.places] = np.clip(values[self._model.powers], 0.0, None)
        return power_kw

    def _optimum(self) -> Optimum:
        values = self._live.values
        return Optimum(
            power_kw=self._power_kw(values),
            shortfall_kwh=np.clip(values[self._model.shortfalls], 0.0, None),
            money=float(self._model.money @ values),
        )


def dearest_kwh(problem: Problem) -> float:
    """More money than a kWh of the least priority above 0 can cost by any means: twice the highest price and a peak."""
    dearest = float(np.abs(problem.import_price_per_kwh).max(initial=0.0))
    peaks = sum(demand.charge_per_kw for demand in problem.demands) / problem.step_h
    least_priority = float(problem.priority[problem.priority > 0].min(initial=1.0))
    weakest = float(problem.efficiency.min(initial=1.0)) * least_priority
    return 2.0 * (dearest + peaks + 1e-2) / weakest


def _slopes(visits: int) -> FloatArray:
    """A slope of its own for each visit, between a half and one, the same on every run."""
    slopes: FloatArray = np.random.default_rng(0).uniform(0.5, 1.0, size=visits)
    return slopes
