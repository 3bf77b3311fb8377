"""Problem → optimum: the linear program of a night. The only user of PuLP.

For visits v and steps t of Δ hours, grid-side power p[v,t] ≥ 0, shortfall s[v] ≥ 0:

    energy     Σ_t η Δ share p[v,t] + s[v] ≥ need[v],   Σ_t η Δ share p[v,t] ≤ room to a full battery
    power      p[v,t] ≤ the smaller of connector and vehicle, 0 where the vehicle is not there
    taper      η p[v,t] ≤ a + m · energy in the battery after step t, for each sloped piece of its charge curve
    limits     Σ_v weight[r,v] p[v,t] ≤ limit[r,t] for the transformer, each feeder and each phase
    peak       mean over a billing interval of (Σ_v p + base load − PV) ≤ peak so far + extra
    money      Σ_t Δ (import · bought[t] + export · unsold[t]) + demand charge · extra

Lexicographic: priority-weighted shortfall first, then money; ties early rather than late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt
import pulp

from optimiser.horizon import FloatArray
from optimiser.problem import Problem

SIMPLEX_UP_TO_VISITS = 200
"""Dual simplex up to here, interior point with crossover above: with a demand charge the LP is massively
degenerate, and dual simplex does not finish at 1000 visits."""

DUAL_FEASIBILITY_TOLERANCE = 1e-9
"""At the solver's default of 1e-7 the degenerate night of 1000 visits stalls on every seed; at 1e-9 on none."""

CHOICE_GAP = 2e-4
"""How near to its optimum a choice of steps is solved, relative: what set-points lose anyhow."""

CHOICE_NODES = 500
"""Nodes of branch and bound for one choice of steps. A count and not a time, so that plans can be repeated."""

TIME_LIMIT_S = 60.0
"""For one solve by one method; the second method has as much again."""

TIE_SHARE = 5e-5
"""The most that ending early may cost, as a share of the highest price: far below the 0.01 % promised."""

STEEP_TIE_SHARE = 5e-3
"""The same while the solver looks for its way: at 1000 vehicles with a demand charge it finds the optimum in
0.6 s instead of 9.6 s, and from there that of :data:`TIE_SHARE` in 0.01 s (two shared cores)."""

NO_LIMIT = 1e9
"""The right-hand side of a row that is not in force."""

SHORTFALL_SLACK_KWH = 1e-6
"""How far the second stage may leave the first one's weighted shortfall: the solver's own accuracy."""


BoolArray = npt.NDArray[np.bool_]
CONTINUOUS, SEMI_CONTINUOUS = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kSemiContinuous

# PuLP 4 makes an expression of a dictionary by a method, PuLP 3 by the constructor.
_expression = getattr(pulp.LpAffineExpression, "from_dict", pulp.LpAffineExpression)


class SolverError(RuntimeError):
    """No method of the solver found an optimum in its time."""


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """An optimum of the LP: ``power_kw`` (V, T), ``shortfall_kwh`` (V,), ``money`` without tie-breaks."""

    power_kw: FloatArray
    shortfall_kwh: FloatArray
    money: float


class LinearProgram:
    """The LP of a night, built once; solved, then solved again with other bounds from where it stood.

    After :meth:`solve` the live solver is kept: a new set of bounds or costs is a warm start.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._model = pulp.LpProblem("depot_night", pulp.LpMinimize)
        self._powers: dict[tuple[int, int], Any] = {}
        self._shortfalls: list[Any] = []
        self._money_terms: dict[Any, float] = {}
        self._rows = 0
        self._harm_row = -1
        self._shortfall_upper_kwh = problem.need_kwh
        # One unit of money per kWh is brought to the order of 1: the solver's tolerances are absolute.
        dearest = float(np.abs(problem.import_price_per_kwh).max(initial=0.0))
        self._money_scale = 10.0 / max(dearest, 1e-3)
        self._build()

    @property
    def solver_name(self) -> str:
        """Name of the solver behind PuLP."""
        return "HiGHS"

    @property
    def solver_version(self) -> str:
        """Versions of the solver and of PuLP."""
        return f"{self._highs.version()}, PuLP {pulp.__version__}"

    def solve(self) -> Optimum:
        """The least weighted shortfall, the least money for it, early among equals."""
        self._shortfall_upper_kwh = self._unreachable_kwh()
        self._hand_over()
        if self._proved():
            self._set_costs(self._costs(TIE_SHARE))
            return self._run()
        # Somebody cannot be served: find the least harm first, then the least money for exactly that harm.
        self._set_shortfalls(self.problem.need_kwh)
        self._set_costs(dict(self._weighted_shortfalls()))
        least = float(self.problem.priority @ self._run().shortfall_kwh)
        self._set_harm(least + SHORTFALL_SLACK_KWH)
        for tie_share in (STEEP_TIE_SHARE, TIE_SHARE):
            self._set_costs(self._costs(tie_share))
            optimum = self._run()
        return optimum

    def polish(self, lower_kw: FloatArray, upper_kw: FloatArray) -> Optimum:
        """The optimum under other bounds of the powers (V, T), from where the solver stands.

        Such bounds may cost some harm; it is kept as small as they allow, at any price.
        """
        self._bound_powers(lower_kw, upper_kw)
        return self._run()

    def choose(self, either: BoolArray, *, lower_kw: FloatArray, upper_kw: FloatArray) -> Optimum | None:
        """The optimum within bounds (V, T), where the powers of ``either`` (V, T) may be 0 as well.

        This is no linear program any more: it is solved by branch and bound, to :data:`CHOICE_GAP` within
        :data:`CHOICE_NODES` nodes. None if nothing was found.
        """
        self._bound_powers(lower_kw, upper_kw)
        highs, columns = self._highs, self._power_columns
        kinds = np.where(either[self._places], int(SEMI_CONTINUOUS), int(CONTINUOUS)).astype(np.uint8)
        highs.changeColsIntegrality(len(columns), columns, kinds)
        highs.setOptionValue("solver", "choose")
        highs.run()
        found = highs.getInfo().primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        optimum = self._optimum() if found else None
        highs.changeColsIntegrality(len(columns), columns, np.full_like(kinds, int(CONTINUOUS)))
        return optimum

    def _bound_powers(self, lower_kw: FloatArray, upper_kw: FloatArray) -> None:
        self._set_powers(lower_kw, upper_kw)
        self._set_shortfalls(self.problem.need_kwh)
        self._set_harm(np.inf)
        penalty = self._shortfall_penalty()
        harm = {variable: penalty * weight for variable, weight in self._weighted_shortfalls()}
        self._set_costs(self._costs(STEEP_TIE_SHARE) | harm)

    def bound(self, shortfall_kwh: FloatArray) -> float:
        """Money below which no plan with at most this shortfall per visit (V,) can come, tie-breaks left out."""
        problem = self.problem
        self._set_powers(
            np.zeros_like(problem.present), np.broadcast_to(problem.max_kw[:, None], problem.present.shape)
        )
        # What the solver's own accuracy lets slip may not make the bound infeasible.
        self._set_shortfalls(np.minimum(shortfall_kwh + SHORTFALL_SLACK_KWH, problem.need_kwh))
        self._set_harm(np.inf)
        self._set_costs(self._costs(0.0))
        return self._run().money

    # -- building ------------------------------------------------------------------------------------------

    def _build(self) -> None:
        problem = self.problem
        for row, step in zip(*np.nonzero(problem.drawable), strict=True):
            name = f"power_{row}_{step}"
            self._powers[int(row), int(step)] = self._model.add_variable(
                name, 0.0, float(problem.max_kw[row])
            )
        self._shortfalls = [
            self._model.add_variable(f"shortfall_{row}", 0.0, float(need))
            for row, need in enumerate(problem.need_kwh)
        ]
        self._harm_row = self._rows
        self._at_most(dict(self._weighted_shortfalls()), NO_LIMIT, "harm")
        by_visit: list[dict[int, Any]] = [{} for _ in range(problem.visits)]
        by_step: list[dict[int, Any]] = [{} for _ in range(problem.steps)]
        for (row, step), variable in self._powers.items():
            by_visit[row][step] = variable
            by_step[step][row] = variable
        for row, powers in enumerate(by_visit):
            self._add_energy(row, powers)
            self._add_taper(row, powers)
        self._add_limits(by_step)
        self._add_money(by_step)
        self._add_peak(by_step)

    def _at_most(self, terms: dict[Any, float], limit: float, name: str) -> None:
        self._model.addConstraint(_expression(terms) <= float(limit), name)
        self._rows += 1

    def _add_energy(self, row: int, powers: dict[int, Any]) -> None:
        problem = self.problem
        energy = problem.energy_per_kw()[row]
        terms = {variable: float(energy[step]) for step, variable in powers.items()}
        need, room = float(problem.need_kwh[row]), float(problem.room_kwh[row])
        if need > 0:
            missing = {variable: -energy for variable, energy in terms.items()} | {
                self._shortfalls[row]: -1.0
            }
            self._at_most(missing, -need, f"energy_{row}")
        if terms and sum(terms.values()) * problem.max_kw[row] > room:
            self._at_most(terms, room, f"full_{row}")

    def _add_taper(self, row: int, powers: dict[int, Any]) -> None:
        """Keeps the battery-side power below the charge curve at the energy after the step, which is careful.

        The energy is a chain of variables, so that each row has three entries however long the night is.
        """
        problem = self.problem
        pieces = problem.taper_pieces(row)
        energy = problem.energy_per_kw()[row]
        before: Any = None
        for step, power in sorted(powers.items()) if pieces else ():
            after = self._model.add_variable(f"charged_{row}_{step}", 0.0, float(problem.room_kwh[row]))
            chain = {after: 1.0, power: -float(energy[step])} | ({before: -1.0} if before is not None else {})
            self._model.addConstraint(_expression(chain) == 0.0, f"charge_{row}_{step}")
            self._rows += 1
            for number, piece in enumerate(pieces):
                curve = {power: float(problem.efficiency[row]), after: -piece.slope_kw_per_kwh}
                at_arrival_kw = piece.intercept_kw + piece.slope_kw_per_kwh * problem.arrival_kwh[row]
                self._at_most(curve, at_arrival_kw, f"taper_{row}_{step}_{number}")
            before = after

    def _add_limits(self, by_step: list[dict[int, Any]]) -> None:
        for number, capacity in enumerate(self.problem.capacities):
            for step, powers in enumerate(by_step):
                terms = {
                    p: float(capacity.weight[row]) for row, p in powers.items() if capacity.weight[row] > 0
                }
                reach = sum(float(capacity.weight[row] * self.problem.max_kw[row]) for row in powers)
                if terms and reach > capacity.limit[step]:
                    self._at_most(terms, capacity.limit[step], f"limit_{number}_{step}")

    def _add_money(self, by_step: list[dict[int, Any]]) -> None:
        """Energy costs its price; where the roof gives a surplus, its part costs what selling it would bring."""
        problem = self.problem
        for step, powers in enumerate(by_step):
            price = float(problem.import_price_per_kwh[step]) * problem.step_h
            for row, power in powers.items():
                self._money_terms[power] = price * float(problem.present[row, step])
            if powers and problem.surplus_kw[step] > 0:
                unsold = self._model.add_variable(f"unsold_{step}", 0.0, float(problem.surplus_kw[step]))
                drawn = {power: -float(problem.present[row, step]) for row, power in powers.items()}
                self._at_most({unsold: 1.0} | drawn, 0.0, f"roof_{step}")
                export = float(problem.export_price_per_kwh[step]) * problem.step_h
                self._money_terms[unsold] = export - price

    def _add_peak(self, by_step: list[dict[int, Any]]) -> None:
        problem = self.problem
        if problem.demand_charge_per_kw <= 0:
            return
        # The base load alone may already pass the peak so far: that part is paid whatever is charged.
        extra = self._model.add_variable("extra_peak", 0.0, None)
        self._money_terms[extra] = problem.demand_charge_per_kw
        for first in range(0, problem.steps, problem.billing_steps):
            interval = range(first, min(first + problem.billing_steps, problem.steps))
            share = 1.0 / len(interval)
            terms = {power: share for step in interval for power in by_step[step].values()}
            base_kw = float(problem.net_base_kw[interval.start : interval.stop].mean())
            self._at_most(terms | {extra: -1.0}, problem.peak_so_far_kw - base_kw, f"peak_{first}")

    # -- objectives ----------------------------------------------------------------------------------------

    def _costs(self, tie_share: float) -> dict[Any, float]:
        """Scaled money per variable; a visit's later steps cost a trifle more than its earlier ones.

        Each visit has a slope of its own: with one common slope equal visits trade places freely and every
        one of them is scattered over the night.
        """
        problem = self.problem
        costs = {variable: self._money_scale * money for variable, money in self._money_terms.items()}
        highest = max(1e-3, float(np.abs(problem.import_price_per_kwh).max(initial=0.0)) * problem.step_h)
        slopes = _slopes(problem.visits) * tie_share * self._money_scale * highest / problem.steps
        for (row, step), power in self._powers.items():
            costs[power] += float(slopes[row] * step * problem.present[row, step])
        return costs

    def _weighted_shortfalls(self) -> list[tuple[Any, float]]:
        return list(zip(self._shortfalls, self.problem.priority.tolist(), strict=True))

    def _shortfall_penalty(self) -> float:
        """More scaled money than one kWh can cost by any means: highest price plus a peak for one step."""
        problem = self.problem
        dearest = float(np.abs(problem.import_price_per_kwh).max(initial=0.0))
        worst = dearest + problem.demand_charge_per_kw / problem.step_h
        least_priority = float(problem.priority[problem.priority > 0].min(initial=1.0))
        weakest = float(problem.efficiency.min(initial=1.0)) * least_priority
        return 2.0 * self._money_scale * (worst + 1e-2) / weakest

    def _unreachable_kwh(self) -> FloatArray:
        """Shortfall that no limit but the vehicle's own time and power explains, shape (V,)."""
        problem = self.problem
        reachable_kwh = (problem.energy_per_kw() * problem.drawable * problem.max_kw[:, None]).sum(axis=1)
        unreachable_kwh: FloatArray = np.clip(problem.need_kwh - reachable_kwh, 0.0, None)
        return unreachable_kwh

    # -- solving -------------------------------------------------------------------------------------------

    def _hand_over(self) -> None:
        """Gives the model to the solver through PuLP and solves it once; from then on the solver is live."""
        for variable, most in zip(self._shortfalls, self._shortfall_upper_kwh, strict=True):
            variable.upBound = float(most)
        self._model.setObjective(_expression(self._costs(STEEP_TIE_SHARE)))
        options = {"dual_feasibility_tolerance": DUAL_FEASIBILITY_TOLERANCE, "solver": self._methods()[0]}
        self._model.solve(pulp.HiGHS(msg=False, timeLimit=TIME_LIMIT_S, **options))
        self._highs = self._model.solverModel
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("mip_rel_gap", CHOICE_GAP)
        self._highs.setOptionValue("mip_max_nodes", CHOICE_NODES)
        # PuLP 4 hands over the variables that it exports, PuLP 3 all of them, each in an order of its own.
        exported = getattr(self._model, "exported_variables", self._model.variables)()
        self._column_of = {variable.name: column for column, variable in enumerate(exported)}
        self._power_columns = self._columns(self._powers.values())
        self._shortfall_columns = self._columns(self._shortfalls)
        places = np.array(list(self._powers), dtype=np.int32).reshape(-1, 2)
        self._places = (places[:, 0], places[:, 1])

    def _columns(self, variables: Iterable[Any]) -> npt.NDArray[np.int32]:
        return np.array([self._column_of[variable.name] for variable in variables], dtype=np.int32)

    def _methods(self) -> tuple[str, str]:
        return ("simplex", "ipm") if self.problem.visits <= SIMPLEX_UP_TO_VISITS else ("ipm", "simplex")

    def _run(self) -> Optimum:
        """Solves from the basis at hand by simplex; if that stalls, anew by the other method."""
        for method in ("simplex", "ipm"):
            self._highs.setOptionValue("solver", method)
            self._highs.run()
            if self._proved():
                return self._optimum()
        raise SolverError(
            f"no proved optimum: the solver says {self._highs.modelStatusToString(self._status())}"
        )

    def _status(self) -> Any:
        return self._highs.getModelStatus()

    def _proved(self) -> bool:
        # The solver's own status: PuLP calls whatever was at hand when the time was over "Optimal" too.
        return bool(self._status() == highspy.HighsModelStatus.kOptimal)

    def _set_powers(self, lower_kw: FloatArray, upper_kw: FloatArray) -> None:
        columns = self._power_columns
        self._highs.changeColsBounds(len(columns), columns, lower_kw[self._places], upper_kw[self._places])

    def _set_shortfalls(self, upper_kwh: FloatArray) -> None:
        columns = self._shortfall_columns
        self._highs.changeColsBounds(len(columns), columns, np.zeros(len(columns)), upper_kwh)

    def _set_harm(self, most: float) -> None:
        self._highs.changeRowBounds(self._harm_row, -highspy.kHighsInf, most)

    def _set_costs(self, costs: dict[Any, float]) -> None:
        columns = np.arange(len(self._column_of), dtype=np.int32)
        values = np.zeros(len(columns))
        for variable, cost in costs.items():
            values[self._column_of[variable.name]] = cost
        self._highs.changeColsCost(len(columns), columns, values)

    def _optimum(self) -> Optimum:
        problem = self.problem
        values = np.array(self._highs.getSolution().col_value)
        power_kw = np.zeros((problem.visits, problem.steps))
        power_kw[self._places] = np.clip(values[self._power_columns], 0.0, None)
        money = sum(
            cost * values[self._column_of[variable.name]] for variable, cost in self._money_terms.items()
        )
        return Optimum(
            power_kw=power_kw,
            shortfall_kwh=np.clip(values[self._shortfall_columns], 0.0, None),
            money=float(money),
        )


def _slopes(visits: int) -> FloatArray:
    """A slope of its own for each visit, between a half and one, the same on every run."""
    slopes: FloatArray = np.random.default_rng(0).uniform(0.5, 1.0, size=visits)
    return slopes
