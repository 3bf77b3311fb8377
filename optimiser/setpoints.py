"""LP optimum → what a charger can take: 0 or at least the minimum current, in the charger's steps.

A vertex of the linear program breaks that rule about once in every three visits. Those powers are switched off or
lifted to the minimum, the rest is solved again around them from where the solver stands, and all are cut to the
chargers' steps. For few vehicles, where one van more or less decides about a peak, branch and bound chooses the
steps. How far the result is from the optimum is certified by the LP bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.levels import BoolArray, Levels
from optimiser.lp import LinearProgram, Optimum
from optimiser.problem import Problem
from optimiser.quantiser import Quantiser

ON_FROM = 0.25
"""From this share of the minimum on a power is lifted to it, below it is switched off: a quarter was measured best."""

LIFTING_ROUNDS = 4
"""How often those who are short in the steps they got are given one step more."""

SHORT_FROM_KWH = 1e-4
"""A shortfall that is none: the solver's accuracy, summed over a night."""

GOOD_ENOUGH = 1e-3
"""Loss against the optimum, as a share of its money, from which branch and bound is worth its time."""

ALL_STEPS_UP_TO_POWERS = 1500
"""Up to so many powers branch and bound can decide them all in a second or two: 25 visits over a night."""


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

    The steps are chosen under limits that are one set-point lower and for needs that are one higher: what the
    cut to set-points takes away can then be given back where it is cheap, without passing a peak. Few vehicles
    under a tight peak need more: whose turn it is when has to be decided over the whole night, and for some
    nights the leeway costs more than it saves.
    """
    levels = Levels(problem)
    careful = problem.with_leeway()
    chosen_kw = _polished(careful, program, levels, optimum)
    yield Quantiser(problem, levels, chosen_kw, optimum.shortfall_kwh).run()
    if levels.usable.sum() <= ALL_STEPS_UP_TO_POWERS:
        for each in (careful, problem):
            chosen = program.choose(each, levels.bounds_kw(levels.usable))
            if chosen is not None:
                yield Quantiser(problem, levels, chosen.power_kw, optimum.shortfall_kwh).run()


def _polished(problem: Problem, program: LinearProgram, levels: Levels, wished: Optimum) -> FloatArray:
    """Powers (V, T) that keep to the minimum: the optimum's, lifted or switched off, and solved again around that."""
    on = levels.usable & (wished.power_kw >= levels.lowest_kw[:, None])
    chosen: Optimum | None = None
    liftable = wished.power_kw >= ON_FROM * levels.lowest_kw[:, None]
    for _ in range(LIFTING_ROUNDS):
        more = _lifted(problem, levels, wished.power_kw, on, liftable)
        lifted = program.wish(problem, levels.bounds_kw(more))
        if lifted is not None:
            on, chosen = more, lifted
        elif chosen is None:
            chosen = program.wish(problem, levels.bounds_kw(on))
        assert chosen is not None, "what was wished for is a solution"
        short = chosen.shortfall_kwh > wished.shortfall_kwh + SHORT_FROM_KWH
        if not short.any():
            break
        # Whoever cannot have it all in the steps it got needs one more, as wished for or beside those.
        beside = on.copy()
        beside[:, 1:] |= on[:, :-1]
        beside[:, :-1] |= on[:, 1:]
        liftable = (beside | (wished.power_kw > 0)) & short[:, None]
    assert chosen is not None, "there is at least one round"
    return chosen.power_kw


def _lifted(
    problem: Problem, levels: Levels, wished_kw: FloatArray, on: BoolArray, liftable: BoolArray
) -> BoolArray:
    """Where visits draw, (V, T): also where the minimum fits limits and battery, one step for each visit."""
    on = on.copy()
    weights = np.array([capacity.weight for capacity in problem.capacities])
    limits = np.array([capacity.limit for capacity in problem.capacities])
    lowest_kwh = problem.energy_per_kw() * levels.lowest_kw[:, None]
    left = limits - weights @ np.where(on, levels.lowest_kw[:, None], 0.0)
    room_kwh = problem.room_kwh - np.where(on, lowest_kwh, 0.0).sum(axis=1)
    rows, steps = np.nonzero(liftable & levels.usable & ~on)
    share = wished_kw[rows, steps] / levels.lowest_kw[rows]
    served = np.zeros(problem.visits, dtype=np.bool_)
    for place in np.lexsort((problem.import_price_per_kwh[steps], -share)):
        row, step = rows[place], steps[place]
        lowest = weights[:, row] * levels.lowest_kw[row]
        if share[place] < ON_FROM and served[row]:
            continue
        if (lowest > left[:, step]).any() or lowest_kwh[row, step] > room_kwh[row]:
            continue
        left[:, step] -= lowest
        room_kwh[row] -= lowest_kwh[row, step]
        on[row, step] = served[row] = True
    return on


def _score(problem: Problem, optimum: Optimum, power_kw: FloatArray) -> tuple[float, float]:
    """Weighted shortfall, then money. What one set-point leaves of a battery that must be full does not count."""
    one_step_kwh = problem.energy_per_kw().max(axis=1, initial=0.0) * problem.step_kw
    lost_kwh = problem.shortfall_kwh(power_kw) - optimum.shortfall_kwh - one_step_kwh
    return round(float(problem.priority @ np.clip(lost_kwh, 0.0, None)), 3), problem.money(power_kw)
