"""The night as a linear program in PuLP, row by row.

For visits v and steps t of Δ hours, grid-side power p[v,t] ≥ 0, shortfall s[v] ≥ 0, energy to spare o[v] ≥ 0:

    energy     Σ_t η Δ share p[v,t] + s[v] − o[v] = need[v],   o[v] ≤ room to a full battery − need[v]
    late       Σ_t η Δ share[r,t] p[v,t] + s[v] ≥ need[r], for each late arrival r of v that is to be covered
    power      p[v,t] ≤ the smaller of connector and vehicle, no p where the vehicle is not there
    full       Σ_{u≤t} η Δ share p[v,u] ≤ room + what preconditioning has consumed until t
    taper      η p[v,t] ≤ a + m · energy in the battery after step t, for each sloped piece of its charge curve
    total      y[g,t] = Σ p[v,t] over the visits of group g, which count alike towards every limit
    limits     Σ_g weight[r,g] y[g,t] ≤ limit[r,t] for the transformer, each feeder and each phase
    peak       mean over a billing interval of (Σ_g y + base load − PV) ≤ peak so far + extra
    money      Σ_t Δ (import · bought[t] + export · unsold[t]) + Σ demand charge · extra
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pulp

from optimiser.horizon import FloatArray
from optimiser.problem import Problem

IntArray = npt.NDArray[np.int32]
Terms = dict[Any, float]
Limits = Callable[[Problem], FloatArray]

NO_LIMIT = 1e9
"""The right-hand side of a row that is not in force."""

# PuLP 4 makes an expression of a dictionary by a method, PuLP 3 by the constructor.
_expression = getattr(pulp.LpAffineExpression, "from_dict", pulp.LpAffineExpression)


@dataclass(frozen=True, kw_only=True)
class Family:
    """Rows of one kind: ``rows`` their numbers, ``limits`` their right-hand sides for any night of this shape."""

    rows: IntArray
    limits: Limits
    equal: bool


class NightModel:
    """A problem written down in PuLP. Columns are numbered as they are added, and so are rows.

    ``powers`` are the first columns, in the order of ``places`` (visit, step); ``shortfalls`` and ``spares``
    follow, one per visit. ``money`` is the cost of every column, shape (columns,). ``energy_rows`` has a row per
    visit, ``limit_rows`` one per ``limit_places`` (capacity, step), ``peak_rows`` one per demand and interval.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.model = pulp.LpProblem("depot_night", pulp.LpMinimize)
        self.variables: list[Any] = []
        self.families: list[Family] = []
        self.peak_rows: list[IntArray] = []
        self._rows = 0
        self._money: dict[int, float] = {}
        self.places = np.nonzero(problem.drawable)
        self._energy_per_kw = problem.energy_per_kw()
        self._energy_per_full_kw = problem.efficiency * problem.step_h
        highest = problem.max_kw[self.places[0]].tolist()
        self.powers = self._columns("power", highest)
        self.shortfalls = self._columns("shortfall", problem.need_kwh.tolist())
        self.spares = self._columns("spare", (problem.most_kwh - problem.need_kwh).clip(0.0).tolist())
        # The powers of a visit are neighbours, from its first step to its last.
        edges = np.searchsorted(self.places[0], np.arange(problem.visits + 1))
        self._of_visit = [range(*pair) for pair in pairwise(edges.tolist())]
        self._add_harm()
        self._add_energy()
        self._add_late()
        self._add_full()
        self._add_taper()
        groups, weights = like_visits(problem)
        self._totals = self._add_totals(groups)
        self._add_limits(weights)
        self._add_energy_costs()
        for number, demand in enumerate(problem.demands):
            self._add_peak(number, demand.charge_per_kw)
        self.money = np.zeros(len(self.variables))
        self.money[list(self._money)] = list(self._money.values())

    def totals(self, step: int) -> list[Any]:
        """The columns of the groups' totals in a step."""
        return [totals[step] for totals in self._totals if step in totals]

    def minimise(self, costs: FloatArray) -> None:
        """Makes these costs, one per column, the objective."""
        self.model.setObjective(_expression(dict(zip(self.variables, costs.tolist(), strict=True))))

    # -- columns and rows ----------------------------------------------------------------------------------

    def _columns(self, name: str, highest: Sequence[float | None], *, lowest: float = 0.0) -> IntArray:
        first, add = len(self.variables), self.model.add_variable
        self.variables += [add(f"{name}_{n}", lowest, most) for n, most in enumerate(highest)]
        return np.arange(first, len(self.variables), dtype=np.int32)

    def _add(self, name: str, rows: Iterable[Terms], limits: Limits, *, equal: bool = False) -> None:
        """One row for each sum of terms: at most, or exactly, what ``limits`` says for the problem."""
        first, add = self._rows, self.model.addConstraint
        for terms, limit in zip(rows, limits(self.problem).tolist(), strict=True):
            left = _expression(terms)
            add(left == limit if equal else left <= limit, f"{name}_{self._rows}")
            self._rows += 1
        numbers = np.arange(first, self._rows, dtype=np.int32)
        self.families.append(Family(rows=numbers, limits=limits, equal=equal))

    def _terms(self, columns: Iterable[int], factor: float) -> Terms:
        variables = self.variables
        return dict.fromkeys([variables[column] for column in columns], factor)

    def _energy_terms(self, columns: range) -> Terms:
        rows, steps = self.places
        part = slice(columns.start, columns.stop)
        energy = self._energy_per_kw[rows[part], steps[part]]
        return dict(zip(self.variables[columns.start : columns.stop], energy.tolist(), strict=True))

    # -- vehicles ------------------------------------------------------------------------------------------

    def _add_harm(self) -> None:
        """The priority-weighted shortfall, row 0. It gets its limit while money is looked for."""
        weighted = zip(self.shortfalls.tolist(), self.problem.priority.tolist(), strict=True)
        terms = {self.variables[column]: weight for column, weight in weighted}
        self._add("harm", [terms], lambda _: np.array([NO_LIMIT]))

    def _add_energy(self) -> None:
        rows = [
            self._energy_terms(columns) | {self.variables[short]: 1.0, self.variables[spare]: -1.0}
            for columns, short, spare in zip(self._of_visit, self.shortfalls, self.spares, strict=True)
        ]
        self._add("energy", rows, lambda problem: problem.need_kwh, equal=True)
        self.energy_rows = self.families[-1].rows

    def _add_late(self) -> None:
        """What a visit is allowed after each late arrival, from the latest on: each is the one before and a little more."""
        cover = self.problem.cover
        if cover is None:
            return
        after = self._columns("after", [None] * len(cover.visit))
        chain, late = [], []
        for row, (visit, column) in enumerate(zip(cover.visit.tolist(), after.tolist(), strict=True)):
            is_next = row > 0 and cover.visit[row - 1] == visit
            more = cover.present[row] - (cover.present[row - 1] if is_next else 0.0)
            terms = self._visit_terms(visit, -self._energy_per_full_kw[visit] * more)
            terms[self.variables[column]] = 1.0
            if is_next:
                terms[self.variables[column - 1]] = -1.0
            chain.append(terms)
            late.append({self.variables[column]: -1.0, self.variables[self.shortfalls[visit]]: -1.0})
        self._add("after", chain, lambda _: np.zeros(len(chain)), equal=True)
        self._add("late", late, lambda problem: -_cover_kwh(problem))

    def _visit_terms(self, visit: int, factors: FloatArray) -> Terms:
        """The powers of a visit with a factor (T,) each, where that is not 0."""
        columns = self._of_visit[visit]
        steps = self.places[1][columns.start : columns.stop]
        pairs = zip(columns, factors[steps].tolist(), strict=True)
        return {self.variables[column]: factor for column, factor in pairs if factor}

    def _add_full(self) -> None:
        """A battery that is preconditioned at the end has no room before for what that will consume."""
        problem = self.problem
        rows, places = [], []
        tight = problem.need_kwh > problem.room_kwh
        for visit in np.flatnonzero(tight | (problem.consumed_kwh[:, -1] > 0)):
            columns = self._of_visit[visit]
            terms = list(self._energy_terms(columns).items())
            for count, column in enumerate(columns, start=1):
                step = int(self.places[1][column])
                if tight[visit] or problem.consumed_kwh[visit, step] < problem.consumed_kwh[visit, -1]:
                    rows.append(dict(terms[:count]))
                    places.append((int(visit), step))
        visits, steps = np.array(places, dtype=np.int32).reshape(-1, 2).T

        def limits(problem: Problem) -> FloatArray:
            return np.asarray(problem.battery_room_kwh[visits] + problem.consumed_kwh[visits, steps])

        self._add("full", rows, limits)

    def _add_taper(self) -> None:
        """Keeps the battery-side power below the charge curve at the energy after the step, which is careful.

        The energy is a chain of variables, so that each row has three entries however long the night is.
        """
        problem = self.problem
        chain, curve, visits, pieces = [], [], [], []
        consumed: list[float] = []
        for visit, columns in enumerate(self._of_visit):
            sloped = problem.taper_pieces(visit)
            if not sloped:
                continue
            highest = [float(problem.battery_room_kwh[visit])] * len(columns)
            # A battery that preconditioning finds empty takes no more out of it than there is; the curve is level there.
            lowest = -float(problem.arrival_kwh[visit] + problem.consumed_kwh[visit, -1])
            charged = self._columns(f"charged_{visit}", highest, lowest=lowest)
            energy = list(self._energy_terms(columns).items())
            before: Terms = {}
            consumed_before = 0.0
            for column, after, (power, energy_kwh) in zip(columns, charged, energy, strict=True):
                now = problem.consumed_kwh[visit, self.places[1][column]]
                chain.append({self.variables[after]: 1.0, power: -energy_kwh} | before)
                consumed.append(consumed_before - now)
                before, consumed_before = {self.variables[after]: -1.0}, now
                for piece in sloped:
                    curve.append(
                        {
                            power: float(problem.efficiency[visit]),
                            self.variables[after]: -piece.slope_kw_per_kwh,
                        }
                    )
                    visits.append(visit)
                    pieces.append(piece.intercept_kw + piece.slope_kw_per_kwh * problem.arrival_kwh[visit])
        at_arrival_kw, of_visit = np.array(pieces), np.array(visits, dtype=np.int32)
        self._add("charge", chain, lambda _: np.array(consumed), equal=True)
        self._add(
            "taper",
            curve,
            lambda problem: np.clip(at_arrival_kw - problem.curve_margin_kw[of_visit], 0.0, None),
        )

    # -- site ----------------------------------------------------------------------------------------------

    def _add_totals(self, groups: IntArray) -> list[dict[int, Any]]:
        """A variable for what each group draws in each step, which limits, peaks and money are made of."""
        rows, steps = self.places
        totals: list[dict[int, Any]] = []
        terms: list[Terms] = []
        for group in range(int(groups.max(initial=-1)) + 1):
            of_group = np.flatnonzero(groups[rows] == group)
            of_group = of_group[np.argsort(steps[of_group], kind="stable")]
            totals.append({})
            if not of_group.size:
                continue
            present, first = np.unique(steps[of_group], return_index=True)
            columns = self._columns(f"total_{group}", [None] * len(present))
            for step, column, powers in zip(present, columns, np.split(of_group, first[1:]), strict=True):
                totals[group][int(step)] = self.variables[column]
                terms.append(self._terms(powers.tolist(), 1.0) | {self.variables[column]: -1.0})
        self._add("total", terms, lambda _: np.zeros(len(terms)), equal=True)
        return totals

    def _add_limits(self, weights: FloatArray) -> None:
        """``weights`` (limits, groups): what one kW of a group counts towards each limit."""
        rows, places = [], []
        for number, of_group in enumerate(weights.tolist()):
            for step in range(self.problem.steps):
                terms = {
                    totals[step]: weight
                    for totals, weight in zip(self._totals, of_group, strict=True)
                    if weight > 0 and step in totals
                }
                if terms:
                    rows.append(terms)
                    places.append((number, step))
        numbers, steps = np.array(places, dtype=np.int32).reshape(-1, 2).T

        def limits(problem: Problem) -> FloatArray:
            everything = np.array([capacity.limit for capacity in problem.capacities])
            return np.asarray(everything[numbers, steps])

        self._add("limit", rows, limits)
        self.limit_rows, self.limit_places = self.families[-1].rows, (numbers, steps)

    def _add_energy_costs(self) -> None:
        """Energy costs its price; where the roof gives a surplus, its part costs what selling it would bring.

        A vehicle that is there for a part of a step pays for that part of its power only.
        """
        problem = self.problem
        column_of = {id(variable): column for column, variable in enumerate(self.variables)}
        dear_roof = (problem.export_price_per_kwh > problem.import_price_per_kwh) & (problem.surplus_kw > 0)
        price = np.where(dear_roof, self._mean_price(), problem.import_price_per_kwh) * problem.step_h
        rows, steps = self.places
        absent = 1.0 - problem.paid_present[rows, steps]
        for column in np.flatnonzero(absent > 0):
            self._money[int(column)] = -float(price[steps[column]] * absent[column])
        roof: list[Terms] = []
        for step in range(problem.steps):
            totals = self.totals(step)
            for total in totals:
                self._money[column_of[id(total)]] = float(price[step])
            if totals and problem.surplus_kw[step] > 0 and not dear_roof[step]:
                (unsold,) = self._columns(f"unsold_{step}", [float(problem.surplus_kw[step])])
                away = np.flatnonzero((steps == step) & (absent > 0))
                drawn = dict.fromkeys(totals, -1.0) | {
                    self.variables[column]: float(absent[column]) for column in away
                }
                roof.append({self.variables[unsold]: 1.0} | drawn)
                export = float(problem.export_price_per_kwh[step]) * problem.step_h
                self._money[int(unsold)] = export - float(price[step])
        self._add("roof", roof, lambda _: np.zeros(len(roof)))

    def _mean_price(self) -> FloatArray:
        """Price per step of all that can be drawn in it: where selling brings more than buying costs, the first kWh

        are the dear ones. No linear program can say so; the line to the last kWh is the nearest from below.
        """
        problem = self.problem
        most_kw = np.minimum(problem.max_kw @ problem.paid_present, problem.capacities[0].limit)
        roof_kw = np.minimum(problem.surplus_kw, most_kw)
        worth = roof_kw * problem.export_price_per_kwh + (most_kw - roof_kw) * problem.import_price_per_kwh
        return np.divide(worth, most_kw, out=problem.export_price_per_kwh.copy(), where=most_kw > 0)

    def _add_peak(self, number: int, charge_per_kw: float) -> None:
        # The base load alone may already pass the peak so far: that part is paid whatever is charged.
        (extra,) = self._columns(f"extra_peak_{number}", [None])
        self._money[int(extra)] = charge_per_kw
        rows = []
        for first, stop in self.problem.demands[number].intervals:
            totals = [total for step in range(first, stop) for total in self.totals(step)]
            rows.append(dict.fromkeys(totals, 1.0 / (stop - first)) | {self.variables[extra]: -1.0})

        def limits(problem: Problem) -> FloatArray:
            demand = problem.demands[number]
            base = [problem.net_base_kw[first:stop].mean() for first, stop in demand.intervals]
            return demand.so_far_kw - np.array(base)

        self._add(f"peak_{number}", rows, limits)
        self.peak_rows.append(self.families[-1].rows)


def _cover_kwh(problem: Problem) -> FloatArray:
    assert problem.cover is not None, "a night that is to be covered is aimed at with what covers it"
    return problem.cover.need_kwh


def like_visits(problem: Problem) -> tuple[IntArray, FloatArray]:
    """The group (V,) of each visit that counts alike towards every limit, and the weights (limits, groups)."""
    weights = np.array([capacity.weight for capacity in problem.capacities])
    unlike, group = np.unique(np.round(weights, 9), axis=1, return_inverse=True)
    return group.reshape(-1).astype(np.int32), unlike
