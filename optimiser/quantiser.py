"""Chosen powers → levels: cut down to set-points, and the energy that the cut took given back where it is cheap.

No limit is passed at any moment of it: every raise is checked against the limits, security and charge curves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.late import LateNeeds
from optimiser.levels import IntArray, Levels
from optimiser.peaks import Peak, peaks_of
from optimiser.problem import Problem

MAX_SHAVING_MOVES = 5000
"""An end to the moves of single levels below a peak; a night of a thousand vans takes some hundreds."""

ENERGY_TOLERANCE_KWH = 1e-6
"""Energy that counts as delivered: the solver's accuracy."""

CAPACITY_TOLERANCE = 1e-7
"""Floating-point noise in a sum of powers, in kW or A."""


PRICE_DECIMALS = 5
"""Decimals of a price per kWh that make a difference between two steps."""


@dataclass(frozen=True, kw_only=True)
class _Raise:
    """One level more in a step, and the money it costs."""

    step: int
    paid: float


class Quantiser:
    """Set-points for chosen powers (V, T), which aim at what ``shortfall_kwh`` (V,) leaves of the needs."""

    def __init__(
        self, problem: Problem, levels: Levels, chosen_kw: FloatArray, shortfall_kwh: FloatArray
    ) -> None:
        self._problem = problem
        self._levels = levels
        self._level = levels.cut(chosen_kw)
        self._energy = problem.energy_per_kw()
        self._target_kwh = problem.need_kwh - shortfall_kwh
        self._late = LateNeeds(problem, shortfall_kwh)
        self._room_kwh = np.minimum(
            problem.battery_room_kwh[:, None] + problem.consumed_kwh, problem.room_kwh[:, None]
        )
        if problem.cover is not None:
            self._room_kwh[problem.cover.visit] = problem.most_kwh[problem.cover.visit, None]
        self._paid_to_take = bool(
            min(problem.import_price_per_kwh.min(), problem.export_price_per_kwh.min()) < 0
        )
        self._preconditioned = problem.consumed_kwh[:, -1] > 0
        self._curved = np.array([curve is not None for curve in problem.curves], dtype=np.bool_)
        for row in np.flatnonzero(self._curved):
            self._keep_below_curve(int(row))
        self._power_kw = levels.power_kw(self._level)
        self._drawn_kw = (problem.paid_present * self._power_kw).sum(axis=0)
        self._delivered_kwh = (self._energy * self._power_kw).sum(axis=1)
        self._weights = np.array([capacity.weight for capacity in problem.capacities])
        limits = np.array([capacity.limit for capacity in problem.capacities])
        self._slack = limits + CAPACITY_TOLERANCE - self._weights @ self._power_kw
        self._charger_kw = None if problem.security is None else problem.security.drawn_kw(self._power_kw)
        self._peaks = peaks_of(problem, chosen_kw)
        net_kw = self._power_kw.sum(axis=0) + problem.net_base_kw
        for peak in self._peaks:
            peak.set_net_load(net_kw)

    def run(self) -> FloatArray:
        """The powers (V, T)."""
        # Who has the fewest steps to be filled up in comes first: the others can go elsewhere.
        for row in np.lexsort((self._free_kw(), -self._problem.priority)):
            self._give_back(int(row))
            self._trim(int(row))
        before_kw = self._power_kw.copy()
        for peak in self._peaks:
            self._shave(peak)
        return min(before_kw, self._power_kw, key=self._problem.money)

    def _free_kw(self) -> FloatArray:
        """What each visit could take more in the steps it has, alone and below the peaks paid for, shape (V,)."""
        free_kw = np.where(self._level > 0, self._levels.highest_kw[:, None] - self._power_kw, 0.0)
        for peak in self._peaks:
            free_kw = np.minimum(free_kw, np.clip(peak.free_kw(), 0.0, None))
        total_kw: FloatArray = free_kw.sum(axis=1)
        return total_kw

    # -- energy --------------------------------------------------------------------------------------------

    def _give_back(self, row: int) -> None:
        """Raises levels until the visit has what it needs, and on while the grid pays for taking more."""
        for late in self._late.of(row):
            while (missing_kwh := late.missing_kwh(self._power_kw[row])) > ENERGY_TOLERANCE_KWH:
                move = next(self._raises(row, missing_kwh, late.energy), None)
                if move is None:
                    break
                self._change(row, move.step, 1)
        while True:
            missing_kwh = float(self._target_kwh[row] - self._delivered_kwh[row])
            if missing_kwh <= ENERGY_TOLERANCE_KWH and not self._paid_to_take:
                return
            move = next(self._raises(row, missing_kwh, self._energy[row]), None)
            if move is None or (missing_kwh <= ENERGY_TOLERANCE_KWH and move.paid >= 0):
                return
            self._change(row, move.step, 1)

    def _raises(self, row: int, missing_kwh: float, energy_per_kw: FloatArray) -> Iterator[_Raise]:
        """Allowed raises by one level, the least money per useful kWh first: where a kW gives any of what is missing."""
        problem, levels = self._problem, self._levels
        level = self._level[row]
        added_kw = levels.kw[row, level + 1] - self._power_kw[row]
        gained_kwh = self._energy[row] * added_kw
        room_kwh = float(self._room_kwh[row, -1] - self._delivered_kwh[row])
        allowed = levels.usable[row] & (level < levels.highest[row]) & (energy_per_kw > 0)
        allowed &= (self._weights[:, [row]] * added_kw <= self._slack).all(axis=0)
        allowed &= gained_kwh <= room_kwh + ENERGY_TOLERANCE_KWH
        if problem.security is not None and self._charger_kw is not None:
            charger = int(problem.security.charger[row])
            headroom_kw = problem.security.headroom_kw(self._charger_kw, charger)
            allowed &= added_kw <= headroom_kw + CAPACITY_TOLERANCE
        steps = np.flatnonzero(allowed)
        paid = problem.price_per_kwh(self._drawn_kw) * problem.paid_present[row] * problem.step_h * added_kw
        for peak in self._peaks:
            paid = paid + peak.extra_cost(added_kw)
        useful_kwh = energy_per_kw * added_kw
        if missing_kwh > ENERGY_TOLERANCE_KWH:
            useful_kwh = np.clip(useful_kwh, None, missing_kwh)
        # What costs the same to a hundredth of a percent is the same: then the raise that adds no period comes first.
        price = np.round(paid[steps] / useful_kwh[steps], PRICE_DECIMALS)
        for step in steps[np.lexsort((_added_periods(level)[steps], price))]:
            if self._fits_battery(row, int(step)):
                yield _Raise(step=int(step), paid=float(paid[step]))

    def _trim(self, row: int) -> None:
        """Takes back what is more than needed and costs money, the dearest first.

        Switching on a minimum, or the leeway of the choice, may have given too much.
        """
        price = self._problem.price_per_kwh(self._drawn_kw)
        energy, kw = self._energy[row], self._levels.kw[row]
        on = np.flatnonzero((self._level[row] > 0) & (energy > 0) & (price > 0))
        for step in on[np.argsort(-price[on], kind="stable")].tolist():
            spare_kwh = float(self._delivered_kwh[row] - self._target_kwh[row]) + ENERGY_TOLERANCE_KWH
            for late in self._late.of(row):
                if late.energy[step] > 0:
                    kept_kwh = ENERGY_TOLERANCE_KWH - late.missing_kwh(self._power_kw[row])
                    spare_kwh = min(spare_kwh, kept_kwh * float(energy[step] / late.energy[step]))
            if spare_kwh <= ENERGY_TOLERANCE_KWH:
                return
            level = int(self._level[row, step])
            # The lowest level that the visit could do with: at least 1, or 0 if it needs none of this step.
            enough_kw = self._power_kw[row, step] - spare_kwh / energy[step]
            lower = 0 if enough_kw <= 0 else int(np.searchsorted(kw[: level + 1], enough_kw))
            if lower < level:
                self._change(row, step, lower - level)

    # -- peaks ---------------------------------------------------------------------------------------------

    def _shave(self, peak: Peak) -> None:
        """Moves single levels out of the highest interval while its peak is one that has to be paid.

        Cutting to steps leaves the steps below a flat peak uneven: filling the low ones lowers the high ones.
        """
        for _ in range(MAX_SHAVING_MOVES):
            moves = [self._move_out_of(int(step), peak) for step in peak.highest_steps()]
            found = [move for move in moves if move is not None]
            if not found:
                return
            _, row, top, step = min(found)
            self._change(row, top, -1)
            self._change(row, step, 1)

    def _move_out_of(self, top: int, peak: Peak) -> tuple[float, int, int, int] | None:
        """The cheapest move of one level out of a step: its cost, the visit, the step and where it goes."""
        problem, kw = self._problem, self._levels.kw
        movable = (self._level[:, top] > 1) & ~self._curved & ~self._preconditioned
        rows = np.flatnonzero(movable)
        if problem.security is not None or not rows.size:
            return None
        level = self._level[rows]
        up_kw = np.take_along_axis(kw[rows], level + 1, axis=1) - self._power_kw[rows]
        down_kw = self._power_kw[rows, top] - kw[rows, self._level[rows, top] - 1]
        takes = (
            (level > 0) & (level < self._levels.highest[rows][:, None]) & np.isclose(up_kw, down_kw[:, None])
        )
        takes &= np.isclose(self._energy[rows], self._energy[rows, top][:, None])
        for each in self._peaks:
            takes &= each.takes(up_kw) if each is peak else up_kw <= each.free_kw()
        for weight, slack in zip(self._weights[:, rows], self._slack, strict=True):
            takes &= weight[:, None] * up_kw <= slack
        takes[:, top] = False
        takes &= self._late.may_move(rows, top)
        price = problem.import_price_per_kwh
        dearer = np.where(takes, down_kw[:, None] * (price - price[top]), np.inf)
        place, step = np.unravel_index(int(np.argmin(dearer)), dearer.shape)
        if not takes[place, step]:
            return None
        return float(dearer[place, step]), int(rows[place]), top, int(step)

    # -- one change, and what it may not break ---------------------------------------------------------------

    def _change(self, row: int, step: int, levels: int) -> None:
        self._level[row, step] += levels
        before_kw = self._power_kw[row, step]
        power_kw = self._levels.kw[row, self._level[row, step]]
        added_kw = float(power_kw - before_kw)
        self._power_kw[row, step] = power_kw
        self._drawn_kw[step] += self._problem.paid_present[row, step] * added_kw
        self._delivered_kwh[row] += self._energy[row, step] * added_kw
        self._slack[:, step] -= self._weights[:, row] * added_kw
        if self._problem.security is not None and self._charger_kw is not None:
            self._charger_kw[self._problem.security.charger[row], step] += added_kw
        for peak in self._peaks:
            peak.change(step, added_kw)

    def _fits_battery(self, row: int, step: int) -> bool:
        """Whether one level more in a step keeps the battery below full and the power below the charge curve."""
        if not self._curved[row] and not self._preconditioned[row]:
            return True
        level = self._level[row].copy()
        level[step] += 1
        charged_kwh = np.cumsum(self._energy[row] * self._levels.kw[row, level])
        if (charged_kwh > self._room_kwh[row] + ENERGY_TOLERANCE_KWH).any():
            return False
        return not self._curved[row] or bool((self._above_curve_kw(row, level) <= CAPACITY_TOLERANCE).all())

    def _above_curve_kw(self, row: int, level: IntArray) -> FloatArray:
        """How far the battery-side power is above the charge curve at the energy after each step. [kW]"""
        problem = self._problem
        curve = problem.curves[row]
        assert curve is not None
        power_kw = self._levels.kw[row, level]
        charged_kwh = np.cumsum(self._energy[row] * power_kw) - problem.consumed_kwh[row]
        soc_percent = 100.0 * (problem.arrival_kwh[row] + charged_kwh) / problem.battery_kwh[row]
        allowed_kw = np.interp(soc_percent, curve.soc_percent, curve.max_kw)
        above_kw: FloatArray = np.where(level > 0, power_kw * problem.efficiency[row] - allowed_kw, 0.0)
        return above_kw

    def _keep_below_curve(self, row: int) -> None:
        """Lowers levels, earliest first, until none is above the curve: a curve may dip below its concave hull."""
        level = self._level[row]
        while True:
            above = np.flatnonzero(self._above_curve_kw(row, level) > CAPACITY_TOLERANCE)
            if not above.size:
                return
            level[above[0]] -= 1


def _added_periods(level: IntArray) -> IntArray:
    """How many periods more a visit's levels (T,) have if one step, each for itself, is raised by a level."""
    before = np.concatenate(([0], level[:-1]))
    after = np.concatenate((level[1:], [0]))
    now = (level != before).astype(np.int64) + (level != after)
    added: IntArray = (level + 1 != before).astype(np.int64) + (level + 1 != after) - now
    return added
