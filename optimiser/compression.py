"""Powers in few periods: what a charger with room for k of them can be told, at the least loss of energy and money.

One visit after the other is planned again beside all others, who keep their powers, so no limit is passed at any
moment of it. The periods are found exactly for a price of energy, then their edges and levels are moved about for
the last of energy and money. Who comes too short changes places with others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.levels import BoolArray, IntArray, Levels
from optimiser.problem import Problem
from optimiser.segments import best_runs, least_of_runs, sums_of_runs

ENERGY_TOLERANCE_KWH = 1e-6
"""Energy that counts as delivered: the solver's accuracy."""

CAPACITY_TOLERANCE = 1e-7
"""Floating-point noise in a sum of powers, in kW or A."""

WORTH_PER_KWH = 1e6
"""What a kWh that a vehicle needs is worth against money: more than any tariff."""

PRICE_HALVINGS = 12
"""Bisections for the price of energy; by then it is decided to a step of the night more or less."""

FARTHEST_STEPS = 3
"""By how many steps an edge is moved at once."""

MAX_MOVES = 40
"""An end to the moves of one visit; a handful is usual."""

MAX_TRIES = 40
"""How many moves are held against a charge curve before none is thought to fit."""

LEAST_GAIN = 1e-5
"""Money that is worth a move."""

PARTNERS = 6
"""With how many others a visit that comes too short tries to change places."""


def periods_of(power_kw: FloatArray) -> IntArray:
    """Number of periods of every visit's powers (V, T) over the whole night, those of 0 kW included, shape (V,)."""
    changes: IntArray = (np.abs(np.diff(power_kw, axis=1)) > CAPACITY_TOLERANCE).sum(axis=1)
    return changes + 1


def few_periods(
    problem: Problem, power_kw: FloatArray, max_periods: IntArray, *, swapping: bool = True
) -> FloatArray:
    """Set-points (V, T) with at most ``max_periods`` (V,) ≥ 1 periods each, counted over the whole night.

    ``power_kw`` (V, T) are set-points within the limits, and so is the result; no peak is higher than one that is
    paid for already. Visits of one connector share what its charger can hold. Who has few enough periods changes
    only to make room for others. The others get what they had or needed, whichever is less, as far as their periods
    and everybody's limits allow, and the least money for it. Without ``swapping`` nobody makes room for others: a small
    part of the time, and a little more is left behind where many have too many periods.
    """
    night = _Night(problem, power_kw, max_periods)
    tight = np.flatnonzero(periods_of(power_kw) > max_periods)
    # Who has the fewest steps to go to comes first.
    for row in tight[np.argsort(night.levels.usable[tight].sum(axis=1), kind="stable")].tolist():
        night.replan(row)
    for row in tight.tolist() if swapping else ():
        night.change_places(row)
    return night.power_kw


class _Night:
    """The powers of all visits, of which one after the other is planned anew."""

    def __init__(self, problem: Problem, power_kw: FloatArray, max_periods: IntArray) -> None:
        self.levels = Levels(problem)
        self.power_kw = power_kw.copy()
        self._problem = problem
        self._max_periods = max_periods
        self._energy = problem.energy_per_kw()
        self._target_kwh = np.minimum((self._energy * power_kw).sum(axis=1), problem.need_kwh)
        self._weights = np.array([capacity.weight for capacity in problem.capacities])
        limits = np.array([capacity.limit for capacity in problem.capacities])
        self._slack = limits + CAPACITY_TOLERANCE - self._weights @ power_kw
        self._charger_kw = None if problem.security is None else problem.security.drawn_kw(power_kw)
        self._drawn_kw = (problem.paid_present * power_kw).sum(axis=0)
        self._net_kw = power_kw.sum(axis=0) + problem.net_base_kw
        self._cost_before = [self._cost(row) for row in range(problem.visits)]
        self._paid_kw = [max(demand.so_far_kw, demand.peak_kw(self._net_kw)) for demand in problem.demands]

    def replan(self, row: int) -> None:
        """Plans a visit anew beside all others."""
        kept = self._level(row)
        self._set(row, np.zeros_like(kept))
        visit = self._visit(row)
        starts = [visit.lowered(kept), visit.priced()]
        if visit.takes(kept):
            starts.append(kept)
        self._set(row, min((visit.improved(start) for start in starts), key=visit.cost))

    def change_places(self, row: int) -> None:
        """Lets a visit that comes too short go before another one, while both together are better off by that."""
        for other in self._partners(row):
            if self._cost(row) <= self._cost_before[row] + LEAST_GAIN:
                return
            both = (row, other)
            before = [self._level(each) for each in both]
            cost = sum(map(self._cost, both))
            self._set(other, np.zeros_like(before[1]))
            self.replan(row)
            visit = self._visit(other)
            starts = [visit.lowered(np.minimum(before[1], visit.ceiling)), visit.priced()]
            self._set(other, min((visit.improved(start) for start in starts), key=visit.cost))
            if sum(map(self._cost, both)) > cost:
                for each, level in zip(both, before, strict=True):
                    self._set(each, level)

    def _partners(self, row: int) -> list[int]:
        """Those who draw the most where a visit could draw more: they have what it needs."""
        wanted = self.levels.usable[row] & (self._level(row) < self.levels.highest[row])
        drawn_kwh = (self._energy * self.power_kw * wanted).sum(axis=1)
        drawn_kwh[row] = 0.0
        order = np.argsort(-drawn_kwh, kind="stable")[:PARTNERS]
        return [int(other) for other in order if drawn_kwh[other] > 0]

    def _missing_kwh(self, row: int) -> float:
        return max(0.0, float(self._target_kwh[row] - self._energy[row] @ self.power_kw[row]))

    def _cost(self, row: int) -> float:
        price = self._problem.import_price_per_kwh * self._problem.paid_present[row] * self._problem.step_h
        return float(price @ self.power_kw[row]) + WORTH_PER_KWH * self._missing_kwh(row)

    def _level(self, row: int) -> IntArray:
        kw = self.levels.kw[row, : self.levels.highest[row] + 1]
        level: IntArray = np.searchsorted(kw, self.power_kw[row] + CAPACITY_TOLERANCE, side="right") - 1
        return level

    def _set(self, row: int, level: IntArray) -> None:
        power_kw = self.levels.kw[row, level]
        added_kw = power_kw - self.power_kw[row]
        self.power_kw[row] = power_kw
        self._slack -= self._weights[:, [row]] * added_kw
        self._drawn_kw += self._problem.paid_present[row] * added_kw
        self._net_kw += added_kw
        if self._problem.security is not None and self._charger_kw is not None:
            self._charger_kw[self._problem.security.charger[row]] += added_kw

    def _visit(self, row: int) -> _Visit:
        """A visit that draws nothing yet beside all others."""
        problem = self._problem
        weight = self._weights[:, row]
        left_kw = np.min(self._slack[weight > 0] / weight[weight > 0, None], axis=0, initial=np.inf)
        if problem.security is not None and self._charger_kw is not None:
            charger = int(problem.security.charger[row])
            headroom_kw = problem.security.headroom_kw(self._charger_kw, charger)
            left_kw = np.minimum(left_kw, headroom_kw + CAPACITY_TOLERANCE)
        for demand, paid_kw in zip(problem.demands, self._paid_kw, strict=True):
            for first, stop in demand.intervals:
                free_kw = paid_kw + CAPACITY_TOLERANCE - self._net_kw[first:stop].mean()
                left_kw[first:stop] = np.minimum(left_kw[first:stop], free_kw)
        kw = self.levels.kw[row, : self.levels.highest[row] + 1]
        below = np.clip(np.searchsorted(kw, left_kw, side="right") - 1, 0, None)
        is_spare = self._drawn_kw < problem.surplus_kw
        price_per_kwh = np.where(is_spare, problem.export_price_per_kwh, problem.import_price_per_kwh)
        return _Visit(
            problem=problem,
            row=row,
            most=int(self._max_periods[row]),
            target_kwh=float(self._target_kwh[row]),
            kw=kw,
            ceiling=np.where(self.levels.usable[row], below, 0),
            energy=self._energy[row],
            paid_per_kw=price_per_kwh * problem.paid_present[row] * problem.step_h,
        )


@dataclass(frozen=True, kw_only=True)
class _Visit:
    """One visit beside all others: what it may draw, what that gives and costs.

    ``ceiling`` (T,) is the highest level (a place in ``kw``) that limits and paid peaks leave in every step;
    ``energy`` and ``paid_per_kw`` (T,) what a kW gives the battery and costs.
    """

    problem: Problem
    row: int
    most: int
    target_kwh: float
    kw: FloatArray
    ceiling: IntArray
    energy: FloatArray
    paid_per_kw: FloatArray

    @cached_property
    def highest(self) -> IntArray:
        """The highest level that every run of steps may have, from its first (row) to its last (column)."""
        return least_of_runs(self.ceiling.astype(float)).astype(np.int64)

    @cached_property
    def room_kwh(self) -> FloatArray:
        """What the battery may have taken by the end of every step, shape (T,)."""
        problem, row = self.problem, self.row
        room_kwh = np.minimum(
            problem.battery_room_kwh[row] + problem.consumed_kwh[row], problem.room_kwh[row]
        )
        return np.asarray(room_kwh + ENERGY_TOLERANCE_KWH)

    # -- what levels are worth -----------------------------------------------------------------------------

    def cost(self, level: IntArray) -> float:
        """Money for levels (T,), and far more for what they miss."""
        power_kw = self.kw[level]
        return float(self._cost(power_kw @ self.energy, power_kw @ self.paid_per_kw))

    def _cost(self, given_kwh: FloatArray, paid: FloatArray) -> FloatArray:
        missing_kwh = np.clip(self.target_kwh - ENERGY_TOLERANCE_KWH - given_kwh, 0.0, None)
        return paid + WORTH_PER_KWH * missing_kwh

    def takes(self, level: IntArray) -> bool:
        """Whether levels (T,) keep to the limits, the battery and the number of periods."""
        is_few = np.count_nonzero(np.diff(level)) < self.most
        return bool(is_few and (level <= self.ceiling).all()) and self._fits_battery(level)

    def _fits_battery(self, level: IntArray, until: int | None = None) -> bool:
        """Whether the battery takes levels (T,), or those of the steps before ``until``."""
        fits = (self._above_curve_kw(level) <= CAPACITY_TOLERANCE) & self._is_below_full(level)
        return bool(fits[:until].all())

    def _is_below_full(self, level: IntArray) -> BoolArray:
        fits: BoolArray = np.cumsum(self.energy * self.kw[level]) <= self.room_kwh
        return fits

    def _above_curve_kw(self, level: IntArray) -> FloatArray:
        """How far the battery-side power is above the charge curve at the energy after each step. [kW]"""
        problem, row = self.problem, self.row
        curve = problem.curves[row]
        if curve is None:
            return np.zeros(len(level))
        power_kw = self.kw[level]
        battery_kwh = problem.arrival_kwh[row] + np.cumsum(self.energy * power_kw) - problem.consumed_kwh[row]
        allowed_kw = np.interp(
            100.0 * battery_kwh / problem.battery_kwh[row], curve.soc_percent, curve.max_kw
        )
        above_kw: FloatArray = np.where(level > 0, power_kw * problem.efficiency[row] - allowed_kw, 0.0)
        return above_kw

    # -- where to start ------------------------------------------------------------------------------------

    def lowered(self, level: IntArray) -> IntArray:
        """Levels (T,) in few enough runs, nowhere above those given, with the least energy lost."""
        least = least_of_runs(level.astype(float)).astype(np.int64)
        lost_kwh = sums_of_runs(self.kw[level] * self.energy) - self.kw[least] * sums_of_runs(self.energy)
        runs = [(a, b, int(least[a, b - 1])) for a, b in best_runs(lost_kwh, self.most)]
        return self._within_battery(_filled(len(level), runs))

    def priced(self) -> IntArray:
        """Levels (T,) in few enough runs, the cheapest for their energy, and enough of it if there is enough."""
        paid = self.kw[self.highest] * sums_of_runs(self.paid_per_kw)
        given_kwh = self.kw[self.highest] * sums_of_runs(self.energy)

        def at(worth_per_kwh: float) -> IntArray:
            loss = np.minimum(0.0, paid - worth_per_kwh * given_kwh)
            runs = best_runs(loss, self.most)
            chosen = [(a, b, int(self.highest[a, b - 1])) for a, b in runs if loss[a, b - 1] < 0]
            return _filled(len(self.ceiling), chosen)

        efficiency = float(self.problem.efficiency[self.row])
        dearest = float(np.abs(self.problem.import_price_per_kwh).max()) / efficiency
        low, high = -dearest, 10.0 * dearest + 1.0
        found = at(high)
        for _ in range(PRICE_HALVINGS):
            middle = (low + high) / 2.0
            tried = at(middle)
            if self.kw[tried] @ self.energy < self.target_kwh - ENERGY_TOLERANCE_KWH:
                low = middle
            else:
                found, high = tried, middle
        return self._within_battery(found)

    def _within_battery(self, level: IntArray) -> IntArray:
        """Lowers whole runs, the first that the battery cannot take first, as little as it needs."""
        edges = np.flatnonzero(np.diff(level)) + 1
        for begin, end in pairwise([0, *edges.tolist(), len(level)]):
            fine, high = -1, int(level[begin])
            tried = level.copy()
            # What is too high stays too high at any level above: lower power leaves more room and a higher curve.
            while fine < high:
                middle = high if fine < 0 and high == level[begin] else (fine + high + 1) // 2
                tried[begin:end] = middle
                if self._fits_battery(tried, until=end):
                    fine = middle
                else:
                    high = middle - 1
            level = level.copy()
            level[begin:end] = max(fine, 0)
        return level

    # -- moves ---------------------------------------------------------------------------------------------

    def improved(self, level: IntArray) -> IntArray:
        """Levels (T,) of no more runs, at least as good: edges and levels are moved while that makes them better."""
        cost = self.cost(level)
        for _ in range(MAX_MOVES):
            better = next(
                (found for pairs in (False, True) for found in self._better(level, cost, pairs=pairs)), None
            )
            if better is None:
                break
            level, cost = better, self.cost(better)
        return level

    def _better(self, level: IntArray, cost: float, *, pairs: bool) -> Iterator[IntArray]:
        """What costs less and fits, the best first, after a move or two and with one run closing the energy."""
        edges, values = self._closed(*_moved(level, len(self.kw) - 1, pairs=pairs))
        given_kwh, paid = self._sums(edges, values, self.energy), self._sums(edges, values, self.paid_per_kw)
        costs = np.where(given_kwh <= self.room_kwh[-1], self._cost(given_kwh, paid), np.inf)
        better = np.flatnonzero(costs < cost - LEAST_GAIN)
        for place in better[np.argsort(costs[better], kind="stable")][:MAX_TRIES]:
            tried = np.repeat(values[place], np.diff(edges[place]))
            if self._fits_battery(tried):
                yield tried

    def _sums(self, edges: IntArray, values: IntArray, per_kw: FloatArray) -> FloatArray:
        """What runs come to, of something that every step has per kW."""
        until = np.concatenate([[0.0], np.cumsum(per_kw)])
        sums: FloatArray = (self.kw[values] * np.diff(until[edges], axis=1)).sum(axis=1)
        return sums

    def _closed(self, edges: IntArray, values: IntArray) -> tuple[IntArray, IntArray]:
        """Those within the limits, each as it is and with every one of its runs at the level that closes the energy."""
        begin, width = edges[:, :-1], np.diff(edges, axis=1)
        last = len(self.energy) - 1
        at_most = self.highest[begin.clip(0, last), (edges[:, 1:] - 1).clip(0, last)]
        at_most = np.where(width > 0, at_most, len(self.kw) - 1)
        ok = (width >= 0).all(axis=1) & (values >= 0).all(axis=1) & ((values > at_most).sum(axis=1) <= 1)
        edges, values, at_most = edges[ok], values[ok], at_most[ok]
        until_kwh = np.concatenate([[0.0], np.cumsum(self.energy)])
        per_kw = np.diff(until_kwh[edges], axis=1)
        missing_kwh = self.target_kwh - ENERGY_TOLERANCE_KWH - (self.kw[values] * per_kw).sum(axis=1)
        wanted_kw = self.kw[values] + missing_kwh[:, None] / np.maximum(per_kw, ENERGY_TOLERANCE_KWH)
        closing = np.minimum(np.searchsorted(self.kw, wanted_kw), at_most)
        runs = values.shape[1]
        each = np.broadcast_to(np.eye(runs, dtype=np.bool_), (len(values), runs, runs))
        closed = np.where(each, closing[:, :, None], values[:, None, :]).reshape(-1, runs)
        values = np.concatenate([values, closed])
        at_most = np.concatenate([at_most, np.repeat(at_most, runs, axis=0)])
        edges = np.concatenate([edges, np.repeat(edges, runs, axis=0)])
        ok = (values <= at_most).all(axis=1)
        return edges[ok], values[ok]


def _filled(steps: int, runs: Iterable[tuple[int, int, int]]) -> IntArray:
    level = np.zeros(steps, dtype=np.int64)
    for begin, end, number in runs:
        level[begin:end] = number
    return level


def _moved(level: IntArray, highest: int, *, pairs: bool) -> tuple[IntArray, IntArray]:
    """Edges (N, R + 1) and levels (N, R) of the runs of levels (T,): an edge or a level moved, or two edges."""
    inner = np.flatnonzero(np.diff(level)) + 1
    edges = np.concatenate([[0], inner, [len(level)]])
    values = level[edges[:-1]]
    count = len(edges) + len(values)
    units = np.eye(count, dtype=np.int64)
    moves = _times(units[1 : len(edges) - 1], range(1, FARTHEST_STEPS + 1))
    if pairs:
        one, other = np.triu_indices(len(moves))
        moves = moves[one] + moves[other]
    else:
        moves = np.concatenate([moves, _times(units[len(edges) :], 2 ** np.arange(highest.bit_length()))])
    found = np.concatenate([edges, values]) + np.concatenate([moves, np.zeros((1, count), dtype=np.int64)])
    return found[:, : len(edges)], np.minimum(found[:, len(edges) :], highest)


def _times(units: IntArray, distances: Iterable[int]) -> IntArray:
    moves = [sign * distance * units for distance in distances for sign in (-1, 1)]
    return np.concatenate(moves) if moves else units[:0]
