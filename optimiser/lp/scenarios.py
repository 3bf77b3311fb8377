"""The night of uncertain arrivals as a linear program: which of them a plan covers, and what it allows for that.

A charger lets its vehicle draw up to a limit. So one limit L[v,t] per visit and step serves every scenario s, and each
scenario has one number of its own, what it leaves its vehicle without. To the rows of the night, with L for p:

    after      R[v,t] = Σ_{u≥t} η Δ share L[v,u], what is allowed from step t on
    scenario   R[v,a+1] + η Δ share[v,a,s] L[v,a] + u[v,s] ≥ need[v,s], with a the step in which v arrives in s
    covered    all scenarios but the dearest, which are left out: their rows are not in force
    harm       Σ priority u[v,s], above all money
    money      Σ_t Δ price · w[v,t] L[v,t] and demand charges, w how likely a vehicle is there in t and not yet full

What no power could give after an arrival is left out of its need. The dearest are found by their prices, the duals
of their rows: the one that saves the most of each visit is left out and the rest solved again, while the nights that
this is tried on are ready as often as asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray
from optimiser.lp.model import NO_LIMIT, NightModel, Terms
from optimiser.lp.program import LinearProgram, dearest_kwh
from optimiser.planned import READY_TOLERANCE_PERCENT
from optimiser.problem import Problem
from optimiser.scenarios import Cover, Scenarios

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

ROUNDS = 10
"""How often scenarios are left out and the rest is solved again, at most."""

HARDER_AT_MOST = 6
"""With so many others that are as late and as needy a scenario still has a row of its own: as many as are left out."""

ONE_IN = 8
"""Of the easy scenarios one stands for so many."""

PRICE_OF_NOTHING = 1e-6
"""A price that is none: the solver's accuracy."""

UNREACHABLE_KWH = 1e-3
"""What may be missing of a need that power and time allow."""

MORE_KWH = 1e-3
"""By how much a later arrival must need less than the latest ones to be a row of its own."""


def covering(problem: Problem) -> Problem:
    """The problem with what is to be covered of its scenarios, in the place of the arrivals that are written.

    Each visit arrives with the least that it is covered for and needs what it then needs, and ``cover`` has what it
    must be allowed after its late arrivals. Who cannot be served whatever is done has that much less to be covered.
    """
    scenarios = problem.scenarios
    if scenarios is None:
        return problem
    program = ScenarioProgram(problem, scenarios)
    covered = program.covered()
    return _covered_problem(problem, scenarios, covered)


@dataclass(frozen=True, kw_only=True)
class Covered:
    """Which scenarios (V, S) a plan covers, and what it allows their vehicles of their needs. [kWh, battery side]

    ``paid_present`` (V, T) is how likely each kW that is allowed is drawn.
    """

    kept: BoolArray
    allowed_kwh: FloatArray
    paid_present: FloatArray


class _ScenarioModel(NightModel):
    """A night with the rows of its scenarios. ``scenario_rows`` has those of ``scenario_places`` (visit, scenario)."""

    def __init__(self, problem: Problem, scenarios: Scenarios, need_kwh: FloatArray) -> None:
        super().__init__(problem)
        self._scenarios, self._need_kwh = scenarios, need_kwh
        self._wanted: list[Terms] = []
        self._after: list[Terms] = []
        self.scenario_places: list[tuple[int, int]] = []
        self.without: list[int] = []
        self._counts: list[float] = []
        for visit in np.flatnonzero(need_kwh.max(axis=1) > 0).tolist():
            self._add_scenarios(visit)
        self._add("after", self._after, lambda _: np.zeros(len(self._after)), equal=True)
        wanted = [-need_kwh[place] for place in self.scenario_places]
        self._add("scenario", self._wanted, lambda _: np.array(wanted))
        self.scenario_rows = self.families[-1].rows
        visits = [visit for visit, _ in self.scenario_places]
        added = np.zeros(len(self.variables) - len(self.money))
        self.money = np.concatenate([self.money, added])
        self.money[self.without] = dearest_kwh(problem) * problem.priority[visits] * np.array(self._counts)

    def _add_scenarios(self, visit: int) -> None:
        columns, need_kwh = self._of_visit[visit], self._need_kwh[visit]
        steps = self.places[1][columns.start : columns.stop]
        if not len(steps):
            return
        chosen, counts = _telling(self._scenarios.arrival_h[visit], need_kwh)
        self._counts += counts.tolist()
        arrives = np.floor(self._scenarios.arrival_h[visit] / self.problem.step_h + 1e-9).astype(np.int64)
        arrives = np.clip(arrives, steps[0], steps[-1])
        after = self._after_columns(
            visit, sorted({int(arrives[scenario]) + 1 for scenario in chosen.tolist()})
        )
        written = self.problem.present[visit]
        without = self._columns("without", need_kwh[chosen].tolist())
        for scenario, column in zip(chosen.tolist(), without.tolist(), strict=True):
            step = int(arrives[scenario])
            there = self._scenarios.present(written, row=visit, scenario=scenario)
            power = self.variables[columns.start + step - int(steps[0])]
            terms: Terms = {self.variables[column]: -1.0}
            if there[step] > 0:
                terms[power] = -float(self._energy_per_full_kw[visit] * there[step])
            later = after[step + 1]
            if later is not None:
                terms[self.variables[later]] = -1.0
            self._wanted.append(terms)
            self.scenario_places.append((visit, scenario))
            self.without.append(column)

    def _after_columns(self, visit: int, steps: list[int]) -> dict[int, int | None]:
        """A column for what is allowed from each of these steps on; None from the end of the visit on."""
        columns = self._of_visit[visit]
        first = int(self.places[1][columns.start])
        end = first + len(columns)
        found: dict[int, int | None] = {}
        later: int | None = None
        until = end
        for step in reversed(steps):
            if step >= end:
                found[step] = None
                continue
            (column,) = self._columns("after", [None]).tolist()
            part = range(columns.start + step - first, columns.start + until - first)
            terms = {power: -energy for power, energy in self._energy_terms(part).items()}
            terms[self.variables[column]] = 1.0
            if later is not None:
                terms[self.variables[later]] = -1.0
            self._after.append(terms)
            found[step], later, until = column, column, step
        return found


def _telling(arrival_h: FloatArray, need_kwh: FloatArray) -> tuple[IntArray, FloatArray]:
    """The scenarios (of S) of a visit that a program needs, and for how many each stands.

    All of which few others are as late and as needy, for only these can hold a plan; of the rest, which matter where
    not everybody can be served, one in :data:`ONE_IN` by its need; of those alike one.
    """
    _, first, counts = np.unique(
        np.column_stack([arrival_h, need_kwh])[::-1], axis=0, return_index=True, return_counts=True
    )
    alike = len(need_kwh) - 1 - first
    late, need = arrival_h[alike], need_kwh[alike]
    harder = ((late[None, :] >= late[:, None]) & (need[None, :] >= need[:, None])) @ counts - counts
    holds = (harder <= HARDER_AT_MOST) | (alike == len(need_kwh) - 1)
    rest = np.flatnonzero(~holds)
    rest = rest[np.argsort(need[rest], kind="stable")][ONE_IN // 2 :: ONE_IN]
    chosen = np.sort(np.concatenate([np.flatnonzero(holds), rest]))
    stands_for = np.where(holds, counts, ONE_IN)[chosen]
    wanted = need[chosen] > 0
    return alike[chosen][wanted], stands_for[wanted].astype(float)


class ScenarioProgram(LinearProgram):
    """The program of a night of scenarios, solved again and again with fewer of them."""

    def __init__(self, problem: Problem, scenarios: Scenarios) -> None:
        full_kw = problem.drawable * problem.max_kw[:, None]
        reachable_kwh = _allowed_after_kwh(problem, full_kw, scenarios.arrival_h)
        self._scenarios = scenarios
        self._need_kwh = np.minimum(scenarios.need_kwh, reachable_kwh)
        self._lost = scenarios.need_kwh > reachable_kwh + UNREACHABLE_KWH
        nothing_kwh, unending_kwh = np.zeros_like(problem.present), np.full_like(self._need_kwh, np.inf)
        # With the leeway that set-points take: what could not be held in them would be missing to somebody.
        emptiest = replace(
            problem.with_leeway(),
            paid_present=scenarios.still_drawing(problem.present, nothing_kwh, unending_kwh),
            need_kwh=np.zeros_like(problem.need_kwh),
            arrival_kwh=scenarios.arrival_kwh.min(axis=1),
        )
        self._rows = _ScenarioModel(emptiest, scenarios, self._need_kwh)
        super().__init__(emptiest, model=self._rows)

    def covered(self) -> Covered:
        """Which scenarios are covered: those that cannot be are left out first, then those that save the most."""
        kept = np.ones_like(self._need_kwh, dtype=np.bool_)
        left = self._scenarios.most_spare.copy()
        for visit in np.flatnonzero(self._lost.any(axis=1) & (left > 0)).tolist():
            # The last one is the night as it is written, which is always planned for.
            lost = np.flatnonzero(self._lost[visit, :-1])
            lacking_kwh = self._scenarios.need_kwh[visit, lost] - self._need_kwh[visit, lost]
            kept[visit, lost[np.argsort(-lacking_kwh)][: left[visit]]] = False
        left -= (~kept).sum(axis=1)
        self._leave_out(~kept)
        a_round = -(-int(self._scenarios.most_spare.sum()) // ROUNDS)
        for _ in range(ROUNDS):
            left_out = self._dearest(kept, left, a_round)
            if not left_out.any():
                break
            self._leave_out(left_out)
            if self._readiness() < self._scenarios.readiness:
                # Fewer at once, until one more is one too many.
                self._leave_out(left_out, again=True)
                a_round //= 2
                continue
            kept &= ~left_out
            left -= left_out.sum(axis=1)
        allowed_kwh = self._allowed_kwh(self._scenarios.arrival_h)
        return Covered(
            kept=kept,
            allowed_kwh=np.minimum(self._need_kwh, allowed_kwh),
            paid_present=self._drawn_share(),
        )

    def _allowed_kwh(self, arrival_h: FloatArray) -> FloatArray:
        return _allowed_after_kwh(self.problem, self._power_kw(self._live.values), arrival_h)

    def _readiness(self) -> float:
        """The share of departures that what is now allowed gets ready on nights it was not made for."""
        allowed_kwh = self._allowed_kwh(self._scenarios.tried_h)
        tolerance_kwh = self.problem.battery_kwh[:, None] * READY_TOLERANCE_PERCENT / 100.0
        return float((allowed_kwh >= self._scenarios.tried_kwh - tolerance_kwh).mean())

    def _drawn_share(self) -> FloatArray:
        """How likely each vehicle is there and, by what is now allowed before, not full: half, beside being there."""
        problem, power_kw = self.problem, self._power_kw(self._live.values)
        room_kwh = problem.battery_kwh[:, None] - self._scenarios.arrival_kwh
        shares = self._scenarios.still_drawing(problem.present, problem.energy_per_kw() * power_kw, room_kwh)
        return np.asarray(0.5 * (problem.paid_present + shares))

    def _places(self) -> IntArray:
        return np.array(self._rows.scenario_places, dtype=np.int64).reshape(-1, 2).T

    def _leave_out(self, left_out: BoolArray, *, again: bool = False) -> None:
        """Takes the rows of these scenarios (V, S) out, or in ``again``."""
        visits, scenarios = self._places()
        of_these = left_out[visits, scenarios]
        most = np.where(again, -self._need_kwh[visits, scenarios], NO_LIMIT)[of_these]
        self._live.bound_rows(self._rows.scenario_rows[of_these], None, most)
        self._settled()

    def _dearest(self, kept: BoolArray, left: IntArray, most: int) -> BoolArray:
        """Of ``most`` visits that have some ``left`` (V,) those that save the most."""
        prices = np.zeros_like(self._need_kwh)
        visits, scenarios = self._places()
        prices[visits, scenarios] = -self._live.row_prices[self._rows.scenario_rows]
        prices[~kept] = 0.0
        prices[:, -1] = 0.0
        prices[left <= 0] = 0.0
        saved = np.zeros_like(prices)
        for visit, scenario in np.argwhere(prices > PRICE_OF_NOTHING).tolist():
            saved[visit, scenario] = prices[visit, scenario] * self._lowered_kwh(kept, visit, scenario)
        best = saved.max(axis=1)
        order = np.argsort(-best, kind="stable")[: max(0, most)]
        at_once = -(-int(self._scenarios.most_spare.max(initial=0)) // (2 * ROUNDS))
        left_out = np.zeros_like(kept)
        for visit in order[best[order] > 0].tolist():
            # Where many are to go, the next needy ones with it: they would be the next to hold the plan.
            hardest = np.lexsort((-self._need_kwh[visit], -saved[visit]))
            hardest = hardest[kept[visit, hardest] & (hardest < len(hardest) - 1)]
            left_out[visit, hardest[: min(at_once, int(left[visit]))]] = True
        return left_out

    def _lowered_kwh(self, kept: BoolArray, visit: int, scenario: int) -> float:
        """By how much less must be allowed so late without a scenario: down to the need of the next one as late."""
        arrival_h, need_kwh = self._scenarios.arrival_h[visit], self._need_kwh[visit]
        others = kept[visit] & (arrival_h >= arrival_h[scenario])
        others[scenario] = False
        return float(need_kwh[scenario] - need_kwh[others].max(initial=0.0))


def _allowed_after_kwh(problem: Problem, power_kw: FloatArray, arrival_h: FloatArray) -> FloatArray:
    """What powers (V, T) give each visit after arrivals (V, N), until it is full at the earliest. [kWh, battery side]"""
    energy_kwh = problem.energy_per_kw() * power_kw
    later_kwh = np.cumsum(energy_kwh[:, ::-1], axis=1)[:, ::-1]
    later_kwh = np.column_stack([later_kwh, np.zeros(problem.visits)])
    at = np.clip(arrival_h / problem.step_h, 0.0, problem.steps - 1e-9)
    step = np.floor(at + 1e-9).astype(np.int64)
    rows = np.arange(problem.visits)[:, None]
    written = problem.present[rows, step]
    share = np.divide(
        np.minimum(written, step + 1.0 - at), written, out=np.zeros_like(written), where=written > 0
    )
    allowed_kwh: FloatArray = later_kwh[rows, step + 1] + share * energy_kwh[rows, step]
    return allowed_kwh


def _covered_problem(problem: Problem, scenarios: Scenarios, covered: Covered) -> Problem:
    allowed_kwh = np.where(covered.kept, covered.allowed_kwh, 0.0)
    arrival_kwh = np.where(covered.kept, scenarios.arrival_kwh, np.inf).min(axis=1)
    visits, shares, needs_kwh = [], [], []
    for visit in range(problem.visits):
        written = problem.present[visit]
        most_kwh = 0.0
        for scenario in np.lexsort((-allowed_kwh[visit], -scenarios.arrival_h[visit])).tolist():
            if allowed_kwh[visit, scenario] <= most_kwh + MORE_KWH:
                continue
            most_kwh = float(allowed_kwh[visit, scenario])
            share = scenarios.present(written, row=visit, scenario=scenario)
            if (share < written).any():
                visits.append(visit)
                shares.append(share)
                needs_kwh.append(most_kwh)
    cover = Cover(
        visit=np.array(visits, dtype=np.int64),
        present=np.array(shares).reshape(-1, problem.steps),
        need_kwh=np.array(needs_kwh),
    )
    return replace(
        problem,
        arrival_kwh=arrival_kwh,
        need_kwh=allowed_kwh.max(axis=1),
        paid_present=covered.paid_present,
        scenarios=None,
        cover=cover if visits else None,
    )
