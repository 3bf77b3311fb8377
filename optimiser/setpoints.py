"""LP optimum → what a charger can take: 0 or at least the minimum current, in the charger's steps.

A vertex of the linear program breaks that rule about once in every three visits. Those powers are switched off or
lifted to the minimum and the rest is solved again around them, from where the solver stands, a few times over; then
all are cut to the chargers' steps. For few vehicles, where one van more or less decides about a peak, branch and
bound chooses the steps. How far the result is from the optimum is certified by the LP bound.
"""

from __future__ import annotations

import numpy as np

from optimiser.horizon import FloatArray
from optimiser.levels import BoolArray, Levels
from optimiser.lp import LinearProgram, Optimum
from optimiser.problem import Problem
from optimiser.quantiser import Quantiser

ON_FROM = 0.25
"""From this share of the minimum on a power is lifted to it, below it is switched off: a quarter was measured best."""

DIVES = (2, 3, 1, 5)
"""Rounds of switching off and lifting. Two do; where a peak is paid for, one more or less is sometimes luckier."""

POLISHING_ROUNDS = 4
"""How often those who are short in the steps they got are given one step more."""

SHORT_FROM_KWH = 1e-4
"""A shortfall that is none: the solver's accuracy, summed over a night."""

DIVE_AGAIN_UP_TO_POWERS = 6000
"""Up to so many powers the other numbers of rounds are always worth their tenth of a second."""

WORTH_ANOTHER_LOOK = 5e-3
"""Loss from which more dives are made for many vehicles too: in whole amperes 0.3 % are nothing to be had."""

GOOD_ENOUGH = 2e-4
"""Loss against the optimum, as a share of its money, from which more time is spent."""

BAD_ENOUGH = 2.5e-3
"""Loss from which branch and bound may use every step, and not only those beside the optimum's."""

BRANCH_UP_TO_POWERS = 1500
"""Up to so many powers branch and bound can decide them all in a second or two: 25 visits over a night."""


def set_points(
    problem: Problem, program: LinearProgram, optimum: Optimum, *, branching: bool = True
) -> FloatArray:
    """Grid-side powers (V, T) that chargers can take, within every limit, as near to the optimum as found.

    ``program`` has been solved for ``problem`` with ``optimum``. Without ``branching`` a small night takes a tenth of
    the time where it is short, and is a little dearer or shorter.

    The steps are chosen under limits that are one set-point lower and for needs that are one higher: what the cut
    to set-points takes away can then be given back where it is cheap, without passing a peak.
    """
    search = _Search(problem, program, optimum)
    powers = int(search.levels.usable.sum())
    if powers > DIVE_AGAIN_UP_TO_POWERS:
        search.dive(DIVES[0])
        if search.loss() <= WORTH_ANOTHER_LOOK:
            return search.best_kw
    search.look_again()
    for rounds in DIVES:
        if search.loss() > GOOD_ENOUGH:
            search.dive(rounds)
    # What an uncertain night will cost is not known so well that branch and bound would be worth its time.
    if branching and problem.cover is None and powers <= BRANCH_UP_TO_POWERS:
        if search.loss() > GOOD_ENOUGH:
            search.branch(_with_neighbours(optimum.power_kw > 0))
        if search.loss() > BAD_ENOUGH:
            search.branch(search.levels.usable)
    return search.best_kw


class _Search:
    """The best set-points found so far, and ways to find better ones."""

    def __init__(self, problem: Problem, program: LinearProgram, optimum: Optimum) -> None:
        self.levels = Levels(problem)
        self.best_kw: FloatArray = np.zeros_like(problem.present)
        self._score = (np.inf, np.inf)
        self._problem, self._program, self._optimum = problem, program, optimum
        self._careful = problem.with_leeway()
        program.aim_at(self._careful)
        self._wished = optimum

    def look_again(self) -> None:
        """Takes the optimum with leeway for what is wished for: worth its time where several dives start from it."""
        lowest_kw, highest_kw = self.levels.bounds_kw(self.levels.usable)
        wished = self._program.within((np.zeros_like(lowest_kw), highest_kw))
        assert wished is not None, "without lower bounds there is a solution: that nobody charges"
        self._wished = wished

    def loss(self) -> float:
        """What the best costs more than the optimum with leeway, as a share; infinite where it leaves more behind.

        The leeway is what steps cost at any rate: every need is met with its last step, every peak a step early.
        """
        short, money = self._score
        return np.inf if short > 0 else (money - self._wished.money) / max(abs(self._wished.money), 1e-9)

    def dive(self, rounds: int) -> None:
        """Switches off and lifts what is below the minimum, and solves again, so many times."""
        levels, program = self.levels, self._program
        usable, lowest_kw = levels.usable, levels.lowest_kw[:, None]
        lower_kw, upper_kw = levels.bounds_kw(usable)
        lower_kw = np.zeros_like(lower_kw)
        dived = self._wished
        for _ in range(rounds):
            chosen_kw = dived.power_kw
            low = usable & (chosen_kw > 0) & (chosen_kw < lowest_kw) & (lower_kw == 0)
            on = _lifted(
                self._careful, levels, chosen_kw, lower_kw > 0, low & (chosen_kw >= ON_FROM * lowest_kw)
            )
            upper_kw = np.where(low & ~on, 0.0, upper_kw)
            found = program.within((np.where(on, lowest_kw, 0.0), upper_kw))
            if found is None:
                # More was lifted than fits: some limits and batteries hold several of them.
                found = program.within((lower_kw, upper_kw))
            else:
                lower_kw = np.where(on, lowest_kw, 0.0)
            assert found is not None, "switching off asks for nothing"
            dived = found
        self._try(self._polished(dived))

    def _polished(self, dived: Optimum) -> FloatArray:
        """Powers (V, T) of which none is below the minimum: those of the dive, solved again in the steps it left.

        Whoever cannot have it all in those gets a step more, as the dive has it or beside those.
        """
        levels, program = self.levels, self._program
        on = levels.usable & (dived.power_kw >= levels.lowest_kw[:, None])
        chosen = program.within(levels.bounds_kw(on))
        for _ in range(POLISHING_ROUNDS):
            assert chosen is not None, "the powers that were left are a solution"
            short = chosen.shortfall_kwh > dived.shortfall_kwh + SHORT_FROM_KWH
            if not short.any():
                break
            open_ = levels.usable & short[:, None] & (_with_neighbours(on) | (dived.power_kw > 0))
            more = _lifted(self._careful, levels, dived.power_kw, on, open_, most=1)
            lifted = program.within(levels.bounds_kw(more))
            if lifted is None:
                break
            on, chosen = more, lifted
        assert chosen is not None, "the powers that were left are a solution"
        return chosen.power_kw

    def branch(self, open_: BoolArray) -> None:
        """Decides by branch and bound who draws when, of the steps that are open (V, T)."""
        chosen = self._program.choose(self.levels.bounds_kw(open_ & self.levels.usable))
        if chosen is not None:
            self._try(chosen.power_kw)

    def _try(self, chosen_kw: FloatArray) -> None:
        problem, optimum = self._problem, self._optimum
        power_kw = Quantiser(problem, self.levels, chosen_kw, optimum.shortfall_kwh).run()
        # What one set-point leaves of a battery that must be full does not count.
        one_step_kwh = problem.energy_per_kw().max(axis=1, initial=0.0) * problem.step_kw
        lost_kwh = problem.shortfall_kwh(power_kw) - optimum.shortfall_kwh - one_step_kwh
        short = round(float(problem.priority @ np.clip(lost_kwh, 0.0, None)), 3)
        self.best_kw, self._score = min(
            (self.best_kw, self._score),
            (power_kw, (short, problem.money(power_kw))),
            key=lambda each: each[1],
        )


def _with_neighbours(on: BoolArray) -> BoolArray:
    """These steps of each visit (V, T), and those beside them."""
    wider = on.copy()
    wider[:, 1:] |= on[:, :-1]
    wider[:, :-1] |= on[:, 1:]
    return wider


def _lifted(
    problem: Problem,
    levels: Levels,
    wished_kw: FloatArray,
    on: BoolArray,
    liftable: BoolArray,
    *,
    most: int = 1000,
) -> BoolArray:
    """Where visits surely draw, (V, T): also where lifting to the minimum fits limits and battery, largest first.

    ``most`` is how many steps each visit gets in addition.
    """
    on = on.copy()
    weights = np.array([capacity.weight for capacity in problem.capacities])
    limits = np.array([capacity.limit for capacity in problem.capacities])
    lowest_kwh = problem.energy_per_kw() * levels.lowest_kw[:, None]
    left = limits - weights @ np.where(on, levels.lowest_kw[:, None], 0.0)
    room_kwh = problem.most_kwh - np.where(on, lowest_kwh, 0.0).sum(axis=1)
    rows, steps = np.nonzero(liftable & ~on)
    added = np.zeros(problem.visits, dtype=np.int64)
    wish = wished_kw[rows, steps] / levels.lowest_kw[rows]
    for place in np.lexsort((problem.import_price_per_kwh[steps], -wish)):
        row, step = rows[place], steps[place]
        if added[row] == most:
            continue
        lowest = weights[:, row] * levels.lowest_kw[row]
        if (lowest <= left[:, step]).all() and lowest_kwh[row, step] <= room_kwh[row]:
            left[:, step] -= lowest
            room_kwh[row] -= lowest_kwh[row, step]
            on[row, step] = True
            added[row] += 1
    return on
