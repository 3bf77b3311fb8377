"""LP optimum → what a charger can take: 0 or at least the minimum current, in the charger's steps.

The rule is nearly free in money but makes a large linear program a hard one, so only the few powers that break
it are decided by branch and bound; then all are cut to the charger's steps, and the little energy that the cut
took is given back where it is cheapest. How far the result is from the optimum is certified by the LP bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimiser.horizon import FloatArray
from optimiser.lp import LinearProgram, Optimum
from optimiser.problem import Problem
from optimiser.units import ROUNDING_SLACK

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

NEIGHBOUR_STEPS = 1
"""How many steps beside those the LP chose are open to a visit with a power below its minimum."""

GOOD_ENOUGH = 1e-3
"""Loss against the optimum, as a share of its money, from which every step of every visit is opened."""

ALL_STEPS_UP_TO_POWERS = 1500
"""Up to so many powers branch and bound can decide them all in a second or two: 25 visits over a night."""

MAX_SHAVING_MOVES = 5000
"""An end to the moves of single levels below a peak; a night of a thousand vans takes some hundreds."""

ENERGY_TOLERANCE_KWH = 1e-6
"""Energy that counts as delivered: the solver's accuracy."""

CAPACITY_TOLERANCE = 1e-7
"""Floating-point noise in a sum of powers, in kW or A."""


def set_points(problem: Problem, program: LinearProgram, optimum: Optimum) -> FloatArray:
    """Grid-side powers (V, T) that chargers can take, within every limit, as near to the optimum as found.

    ``program`` has been solved for ``problem`` with ``optimum``.
    """
    best: FloatArray | None = None
    for power_kw in _attempts(problem, program, optimum):
        if best is None or _score(problem, optimum, power_kw) < _score(problem, optimum, best):
            best = power_kw
        if problem.money(best) - optimum.money <= GOOD_ENOUGH * abs(optimum.money):
            break
    assert best is not None, "there is always a first attempt"
    return best


def _attempts(problem: Problem, program: LinearProgram, optimum: Optimum) -> Iterator[FloatArray]:
    """Set-points from ever more freedom; only small nights have the time for more than the first attempt.

    First the steps are chosen under limits that are one set-point lower and for needs that are one higher: what
    the cut to set-points takes away can then be given back where it is cheap, without passing a peak. Few
    vehicles under a tight peak need more: whose turn it is when has to be decided over the whole night, and
    for some nights the leeway costs more than it saves.
    """
    levels = _Levels(problem)
    careful = LinearProgram(problem.with_leeway())
    sure, open_ = _choices(levels, careful.solve())
    yield _chosen(problem, careful, levels, optimum, sure=sure, open_=open_)
    if levels.usable.sum() <= ALL_STEPS_UP_TO_POWERS:
        none = np.zeros_like(levels.usable)
        for each in (careful, program):
            yield _chosen(problem, each, levels, optimum, sure=none, open_=levels.usable)


def _chosen(
    problem: Problem,
    program: LinearProgram,
    levels: _Levels,
    optimum: Optimum,
    *,
    sure: BoolArray,
    open_: BoolArray,
) -> FloatArray:
    lower_kw, upper_kw = levels.bounds_kw(sure | open_)
    chosen = program.choose(open_, lower_kw=lower_kw, upper_kw=upper_kw)
    if chosen is None:
        chosen = program.polish(*levels.bounds_kw(sure))
    return _Quantiser(problem, levels, chosen.power_kw, optimum.shortfall_kwh).run()


def _score(problem: Problem, optimum: Optimum, power_kw: FloatArray) -> tuple[float, float]:
    """Weighted shortfall, then money. What one set-point leaves of a battery that must be full does not count."""
    one_step_kwh = problem.energy_per_kw().max(axis=1, initial=0.0) * problem.step_kw
    lost_kwh = problem.shortfall_kwh(power_kw) - optimum.shortfall_kwh - one_step_kwh
    return round(float(problem.priority @ np.clip(lost_kwh, 0.0, None)), 3), problem.money(power_kw)


def _choices(levels: _Levels, wished: Optimum) -> tuple[BoolArray, BoolArray]:
    """Where a visit surely draws, and where it is open whether it does; nowhere else. Shape (V, T) each."""
    drawing: BoolArray = np.greater(wished.power_kw, 1e-6)
    sure = levels.usable & (wished.power_kw >= levels.lowest_kw[:, None] - 1e-9)
    undecided = np.any(drawing & ~sure, axis=1, keepdims=True)
    open_ = drawing.copy()
    for distance in range(1, NEIGHBOUR_STEPS + 1):
        open_[:, distance:] |= drawing[:, :-distance]
        open_[:, :-distance] |= drawing[:, distance:]
    return sure, open_ & undecided & levels.usable & ~sure


class _Levels:
    """The set-points of each visit: ``step_kw`` × n for n = 0 or ``lowest`` ≤ n ≤ ``highest``, shape (V,)."""

    def __init__(self, problem: Problem) -> None:
        self._step_kw = problem.step_kw[:, None]
        self.lowest = np.maximum(1, np.ceil(problem.min_kw / problem.step_kw - ROUNDING_SLACK)).astype(
            np.int64
        )
        self.highest = np.floor(problem.max_kw / problem.step_kw + ROUNDING_SLACK).astype(np.int64)
        chargeable = (self.highest >= self.lowest).astype(float)
        self.usable: BoolArray = problem.drawable * chargeable[:, None] > 0
        self.lowest_kw: FloatArray = self.lowest * problem.step_kw
        self.highest_kw: FloatArray = self.highest * problem.step_kw

    def bounds_kw(self, on: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Bounds of the powers (V, T) where each visit draws in exactly the steps in which it is on."""
        return np.where(on, self.lowest_kw[:, None], 0.0), np.where(on, self.highest_kw[:, None], 0.0)

    def cut(self, power_kw: FloatArray) -> IntArray:
        """The level at or below each power, 0 where that is less than the lowest."""
        levels = np.floor(power_kw / self._step_kw + ROUNDING_SLACK).astype(np.int64)
        return np.where(levels >= self.lowest[:, None], levels, 0)


@dataclass(frozen=True, kw_only=True)
class _Raise:
    """So many levels more in a step, and the money they cost."""

    step: int
    levels: int
    paid: float


class _Quantiser:
    """Cuts chosen powers to levels and gives back the energy that the cut took, where it costs the least."""

    def __init__(
        self, problem: Problem, levels: _Levels, chosen_kw: FloatArray, shortfall_kwh: FloatArray
    ) -> None:
        self._problem = problem
        self._bounds = levels
        self._level = levels.cut(chosen_kw)
        self._energy = problem.energy_per_kw() * problem.step_kw[:, None]
        self._movable = np.array([curve is None for curve in problem.curves], dtype=np.bool_)
        self._target_kwh = problem.need_kwh - shortfall_kwh
        self._weights = np.array([capacity.weight for capacity in problem.capacities])
        limits = np.array([capacity.limit for capacity in problem.capacities])
        for row in range(problem.visits):
            self._keep_below_curve(row)
        power_kw = self._power_kw()
        self._slack = limits + CAPACITY_TOLERANCE - self._weights @ power_kw
        self._net_kw = power_kw.sum(axis=0) + problem.net_base_kw
        # A peak up to here is paid for already: by the billing period so far, or by the choice of steps.
        chosen_net_kw = chosen_kw.sum(axis=0) + problem.net_base_kw
        self._paid_peak_kw = max(problem.peak_so_far_kw, float(chosen_net_kw.max()))

    def run(self) -> FloatArray:
        """The powers (V, T)."""
        # Who has the fewest steps to be filled up in comes first: the others can go elsewhere.
        for row in np.lexsort((self._free_levels(), -self._problem.priority)):
            self._give_back(int(row))
            self._trim(int(row))
        before_kw = self._power_kw()
        self._shave()
        return min(before_kw, self._power_kw(), key=self._problem.money)

    def _free_levels(self) -> IntArray:
        """Levels that each visit could take more in the steps it has, alone and below the paid peak, shape (V,)."""
        problem = self._problem
        free_kw = np.clip(self._paid_peak_kw - self._net_kw, 0.0, None)
        free = np.minimum(self._bounds.highest[:, None] - self._level, free_kw / problem.step_kw[:, None])
        levels: IntArray = np.sum(np.floor(np.where(self._level > 0, free, 0.0)), axis=1).astype(np.int64)
        return levels

    def _shave(self) -> None:
        """Moves single levels out of the night's highest step while the peak is one that has to be paid.

        Cutting to steps leaves the steps below a flat peak uneven: filling the low ones lowers the high ones.
        """
        problem = self._problem
        step_kw = problem.step_kw[:, None]
        for _ in range(MAX_SHAVING_MOVES):
            top = int(np.argmax(self._net_kw))
            peak_kw = float(self._net_kw[top])
            if problem.demand_charge_per_kw <= 0 or peak_kw <= problem.peak_so_far_kw:
                return
            takes = (self._level > 0) & (self._level < self._bounds.highest[:, None])
            takes &= (self._level[:, [top]] > self._bounds.lowest[:, None]) & self._movable[:, None]
            takes &= np.isclose(self._energy, self._energy[:, [top]])
            takes &= self._net_kw + step_kw < peak_kw - CAPACITY_TOLERANCE
            for weight, slack in zip(self._weights, self._slack, strict=True):
                takes &= weight[:, None] * step_kw <= slack
            dearer = np.where(
                takes, step_kw * (problem.import_price_per_kwh - problem.import_price_per_kwh[top]), np.inf
            )
            row, step = np.unravel_index(int(np.argmin(dearer)), dearer.shape)
            if not takes[row, step]:
                return
            self._change(int(row), top, -1)
            self._change(int(row), int(step), 1)

    def _power_kw(self) -> FloatArray:
        power_kw: FloatArray = self._level * self._problem.step_kw[:, None]
        return power_kw

    def _delivered_kwh(self, row: int) -> float:
        return float(self._energy[row] @ self._level[row])

    def _give_back(self, row: int) -> None:
        """Raises levels until the visit has what it needs, and on while the grid pays for taking more."""
        while True:
            missing_kwh = self._target_kwh[row] - self._delivered_kwh(row)
            move = next(self._raises(row, missing_kwh), None)
            if move is None or (missing_kwh <= ENERGY_TOLERANCE_KWH and move.paid >= 0):
                return
            self._change(row, move.step, move.levels)

    def _raises(self, row: int, missing_kwh: float) -> Iterator[_Raise]:
        """Allowed raises, the least money per useful kWh first."""
        problem, bounds = self._problem, self._bounds
        current = self._level[row]
        change = np.where(current > 0, 1, bounds.lowest[row])
        allowed = bounds.usable[row] & (current + change <= bounds.highest[row])
        added_kw = change * problem.step_kw[row]
        allowed &= (self._weights[:, [row]] * added_kw <= self._slack).all(axis=0)
        gained_kwh = self._energy[row] * change
        room_kwh = problem.room_kwh[row] - self._delivered_kwh(row)
        allowed &= gained_kwh <= room_kwh + ENERGY_TOLERANCE_KWH
        steps = np.flatnonzero(allowed)
        price = problem.import_price_per_kwh * problem.present[row] * problem.step_h * added_kw
        peak_kw = max(self._paid_peak_kw, float(self._net_kw.max()))
        paid = price + problem.demand_charge_per_kw * np.clip(self._net_kw + added_kw - peak_kw, 0.0, None)
        useful_kwh = (
            np.clip(gained_kwh, None, missing_kwh) if missing_kwh > ENERGY_TOLERANCE_KWH else gained_kwh
        )
        for step in steps[np.argsort(paid[steps] / useful_kwh[steps], kind="stable")]:
            levels = int(change[step])
            if self._below_curve(row, int(step), levels):
                yield _Raise(step=int(step), levels=levels, paid=float(paid[step]))

    def _trim(self, row: int) -> None:
        """Takes back what is more than needed and costs money, the dearest first.

        Switching on a minimum, or the leeway of the choice, may have given too much.
        """
        problem, bounds = self._problem, self._bounds
        for step in np.argsort(-problem.import_price_per_kwh, kind="stable"):
            excess_kwh = self._delivered_kwh(row) - self._target_kwh[row]
            if excess_kwh <= 0 or problem.import_price_per_kwh[step] <= 0:
                return
            level = int(self._level[row, step])
            if level == 0 or self._energy[row, step] <= 0:
                continue
            spare = int((excess_kwh + ENERGY_TOLERANCE_KWH) / self._energy[row, step])
            if spare >= level:
                self._change(row, int(step), -level)
            elif spare > 0:
                self._change(row, int(step), -min(spare, level - int(bounds.lowest[row])))

    def _change(self, row: int, step: int, levels: int) -> None:
        self._level[row, step] += levels
        added_kw = levels * self._problem.step_kw[row]
        self._slack[:, step] -= self._weights[:, row] * added_kw
        self._net_kw[step] += added_kw

    def _below_curve(self, row: int, step: int, levels: int) -> bool:
        if self._problem.curves[row] is None:
            return True
        changed = self._level[row].copy()
        changed[step] += levels
        return bool((self._above_curve_kw(row, changed) <= CAPACITY_TOLERANCE).all())

    def _above_curve_kw(self, row: int, levels: IntArray) -> FloatArray:
        """How far the battery-side power is above the charge curve at the energy after each step. [kW]"""
        problem = self._problem
        curve = problem.curves[row]
        assert curve is not None
        energy_kwh = problem.arrival_kwh[row] + np.cumsum(self._energy[row] * levels)
        soc_percent = 100.0 * energy_kwh / problem.battery_kwh[row]
        allowed_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
        power_kw = levels * problem.step_kw[row] * problem.efficiency[row]
        above_kw: FloatArray = np.where(levels > 0, power_kw - allowed_kw, 0.0)
        return above_kw

    def _keep_below_curve(self, row: int) -> None:
        """Lowers levels, earliest first, until none is above the curve: a curve may dip below its concave hull."""
        if self._problem.curves[row] is None:
            return
        levels = self._level[row]
        while True:
            above = np.flatnonzero(self._above_curve_kw(row, levels) > CAPACITY_TOLERANCE)
            if not above.size:
                return
            step = above[0]
            levels[step] = levels[step] - 1 if levels[step] > self._bounds.lowest[row] else 0
